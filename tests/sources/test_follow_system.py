"""Following files, the side of the system: what else lies in a folder, what fails, how much."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.sources.following import Watch, append, line, lines, texts
from triage.sources import BLOCK_BYTES, Follower, hints
from triage.sources.mounts import file_systems
from triage.sources.opened import MAX_OPEN


def test_f18_symlinked_file_is_followed_once_and_its_switch_noticed(
    log: Path, watch: Watch, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    append(one, lines(1))
    append(two, lines(2))
    log.symlink_to(one)
    log.with_name("again").symlink_to(one)
    assert watch.poll() == texts(1)
    log.with_name("again").unlink()
    log.unlink()
    append(one, lines(3))
    log.symlink_to(two)
    assert sorted(watch.poll(5)) == texts(2, 3)


def test_f18_symlinked_folders_are_not_followed(log: Path, watch: Watch, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    append(outside / "x", lines(1))
    (log.parent / "loop").symlink_to(log.parent)
    (log.parent / "out").symlink_to(outside)
    append(log, lines(2))
    assert watch.poll() == texts(2)
    skipped = [one for one in watch.follower.sources() if one.state == "skipped"]
    assert [(Path(one.path).name, "name it" in one.reason) for one in skipped] == [
        ("loop", True),
        ("out", True),
    ]


def test_f19_hard_links_and_overlapping_roots_are_one_generation(log: Path, tmp_path: Path) -> None:
    log.parent.mkdir()
    append(log, lines(1))
    os.link(log, log.with_name("link"))
    watch = Watch(log.parent, tmp_path, log)
    assert watch.poll() == texts(1)
    assert watch.poll() == []
    watch.follower.close()


def test_f20_new_folders_and_files_are_found_by_the_scan_alone(log: Path, watch: Watch) -> None:
    watch.poll()
    deep = log.parent / "x" / "y" / "z"
    deep.mkdir(parents=True)
    append(deep / "new", lines(1))
    assert watch.poll() == texts(1)


def test_f21_an_undecodable_file_name_is_followed(log: Path, watch: Watch) -> None:
    name = os.fsdecode(os.fsencode(log.parent) + b"/caf\xe9.ndjson")
    with open(name, "wb") as file:
        file.write(lines(1))
    assert watch.poll() == texts(1)
    assert watch.blocks[0].source == name
    again = watch.restart(log.parent)
    with open(name, "ab") as file:
        file.write(lines(2))
    assert again.poll() == texts(2)
    again.follower.close()


def test_f22_permission_denied_is_shown_and_retried() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o777)
    child = os.fork()
    if child == 0:  # root may read anything, so the child is nobody
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            _read_what_is_denied_at_first(folder / "log")
        except BaseException:  # noqa: BLE001 - the parent tells of it
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    shutil.rmtree(folder)
    assert os.waitstatus_to_exitcode(status) == 0


def _read_what_is_denied_at_first(log: Path) -> None:
    log.write_bytes(lines(1))
    log.chmod(0)
    watch = Watch(log.parent)
    assert watch.poll() == []
    assert watch.state(log) == "unreadable"
    log.chmod(0o600)
    assert watch.poll() == texts(1)
    assert watch.state(log) == "idle"


def test_f23_pipes_devices_and_the_kernels_own_files_are_skipped(log: Path, watch: Watch) -> None:
    os.mkfifo(log.with_name("pipe"))
    (log.parent / "null").symlink_to("/dev/null")
    (log.parent / "environment").symlink_to("/proc/self/environ")
    append(log, lines(1))
    assert watch.poll() == texts(1)
    assert [state.path for state in watch.follower.sources()] == [str(log)]


def test_f28_more_files_than_may_be_open_are_all_followed(log: Path, watch: Watch) -> None:
    count = MAX_OPEN + 60
    for number in range(count):
        append(log.parent / f"{number:04}", lines(number))
    before = len(os.listdir("/proc/self/fd"))
    assert watch.poll() == texts(*range(count))
    assert len(os.listdir("/proc/self/fd")) - before <= MAX_OPEN
    for number in range(count):
        append(log.parent / f"{number:04}", lines(number + count))
    assert sorted(watch.poll()) == sorted(texts(*range(count, 2 * count)))


def test_f28_a_file_that_is_not_open_is_found_under_its_new_name(log: Path, watch: Watch) -> None:
    for number in range(MAX_OPEN + 10):
        append(log.parent / f"{number:04}", lines(number))
    watch.poll()
    (log.parent / "0000").rename(log.parent / "rotated")
    append(log.parent / "rotated", lines(-1))
    assert watch.poll() == texts(-1)


def test_f29_fairness_a_large_file_does_not_starve_others(log: Path, watch: Watch) -> None:
    append(log.with_name("a-large"), lines(*range(60_000)))
    append(log.with_name("z-small"), lines(1))
    watch.poll()
    order = [Path(block.source).name for block in watch.blocks]
    assert order.index("z-small") == 1
    assert order.count("a-large") > 3


def test_f20_the_system_wakes_a_sleeper_and_an_undecodable_name_only_ends_that_for_a_while(
    log: Path, watch: Watch
) -> None:
    append(log, lines(1))
    watch.poll()
    timer = threading.Timer(0.3, append, (log, lines(2)))
    timer.start()
    woken = watch.follower.wait(20)
    timer.join()
    assert woken
    watch.now += 0.2  # too early for a scan: the notice alone makes it look
    assert [r.decode() for b in watch.follower.poll() for r in b.records] == texts(2)
    assert watch.follower.polling == ""
    with open(os.fsencode(log.parent) + b"/caf\xe9", "wb") as file:
        file.write(lines(3))
    assert watch.follower.wait(20)  # the notices have come to an end, which is news too
    assert watch.follower.polling.startswith(f"no notices of changes in {log.parent}: ")
    assert texts(3) == watch.poll()
    written = 0
    while not (watch.follower.wait(0.2) and not watch.follower.polling):  # asked for again
        written += 1
        assert written < 200
        append(log, lines(4))
    assert watch.poll() == texts(*[4] * written)


def test_f29_newest_first_reads_each_file_to_its_end_and_what_is_appended_before_the_rest(
    tmp_path: Path,
) -> None:
    line = b'{"@timestamp": "2026-01-01T00:00:00Z", "message": "%s"}\n' % (b"x" * 900)
    for age, name in enumerate(("b", "a", "c")):
        path = tmp_path / f"{name}.ndjson"
        path.write_bytes(line * 3000)  # several blocks
        os.utime(path, (2_000_000_000 - age, 2_000_000_000 - age))
    now = 0.0
    follower = Follower([tmp_path], newest_first=True, clock=lambda: now)
    names: list[str] = []
    for block in follower.poll():
        if not names:  # what waits for its turn counts as not read yet
            size = 3000 * len(line)
            assert [(one.state, one.size) for one in follower.sources()] == [("reading", size)] * 3
        names.append(Path(block.source).stem)
        if names.count("a") == 1 and names[-1] == "a":
            with (tmp_path / "b.ndjson").open("ab") as file:
                file.write(line)
            now += 1.5  # time for another look at the folder
    follower.close()
    begun = [name for place, name in enumerate(names) if name != names[place - 1] or not place]
    assert begun == ["b", "a", "b", "a", "c"]
    assert len(names) > 9


def test_f24_on_a_network_changes_are_found_by_looking_and_it_is_said(
    log: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = os.stat(log.parent).st_dev
    table = log.parent.parent / "mountinfo"
    table.write_text(
        f"22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        f"36 22 {os.major(device)}:{os.minor(device)} / /logs rw - nfs4 server:/logs rw,vers=4.2\n"
    )
    assert file_systems(str(table))[device] == "nfs4"
    assert file_systems(str(table.parent / "none")) == {}
    monkeypatch.setattr(hints, "file_systems", lambda: file_systems(str(table)))
    remote = Watch(log.parent)
    assert remote.follower.polling == f"{log.parent} is on nfs4"
    append(log, lines(1))
    assert remote.poll() == texts(1)
    append(log, lines(2))
    assert remote.follower.wait(0) is False
    assert remote.poll() == texts(2)
    remote.follower.close()


class Faulty:
    """Reading by place that fails for one file, as a disk or a server does."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._inode, self._read = path.stat().st_ino, os.pread
        self.error = 0
        monkeypatch.setattr(os, "pread", self)

    def __call__(self, fd: int, length: int, offset: int) -> bytes:
        if self.error and os.fstat(fd).st_ino == self._inode:
            raise OSError(self.error, os.strerror(self.error))
        return self._read(fd, length, offset)


@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE, errno.ENOMEM])
def test_f26_a_log_that_can_not_be_read_is_said_so_and_the_others_go_on(
    error: int, log: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = log.with_name("other")
    append(log, lines(1))
    append(other, lines(2))
    assert sorted(watch.poll()) == texts(1, 2)
    faulty = Faulty(log, monkeypatch)
    faulty.error = error
    append(log, lines(3))
    append(other, lines(4))
    assert watch.poll(3) == texts(4)
    (state,) = [one for one in watch.follower.sources() if one.path == str(log)]
    assert (state.state, state.reason) == ("unreadable", os.strerror(error))
    faulty.error = 0
    assert watch.poll() == texts(3)
    assert watch.state(log) == "idle"


def test_f24_a_stale_handle_is_opened_anew(
    log: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, lines(1))
    assert watch.poll() == texts(1)
    faulty, open_ = Faulty(log, monkeypatch), os.open
    faulty.error = errno.ESTALE

    def reopened(path: str, flags: int) -> int:
        faulty.error = 0
        return open_(path, flags)

    monkeypatch.setattr(os, "open", reopened)
    append(log, lines(2))
    assert watch.poll(2) == texts(2)


def test_f27_nothing_is_read_ahead_of_a_slow_engine_and_the_lag_is_told(
    log: Path, watch: Watch
) -> None:
    body = lines(*range(100_000))
    append(log, body)
    append(log.with_name("other"), body)
    polling = watch.follower.poll()
    first = 0
    for taken in range(1, 5):
        first += len(next(polling).records)
        sources = watch.follower.sources()
        assert sum(one.offset for one in sources) <= taken * BLOCK_BYTES
        assert {one.state for one in sources} == {"reading"}
        assert sum(one.size for one in sources) == 2 * len(body)
    # However long that took: all of it comes.
    assert first + sum(len(block.records) for block in polling) == 200_000


def test_f32_no_clock_on_the_wall_is_looked_at(
    log: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden() -> float:
        raise AssertionError("the time of day was asked for")

    monkeypatch.setattr(time, "time", forbidden)
    monkeypatch.setattr(time, "time_ns", forbidden)
    append(log, lines(1) + line(2).encode())
    os.utime(log, (4_000_000_000, 4_000_000_000))  # written in the future
    assert watch.poll() == texts(1)
    log.rename(log.with_name("rotated"))
    append(log, lines(3))
    os.utime(log, (1, 1))
    assert sorted(watch.poll(8)) == texts(2, 3)
