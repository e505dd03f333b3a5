"""Packed logs are read as if they lay there unpacked; bombs, damage and odd names cost nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.common import LOGS, read
from triage.sources import Follower, Position, read_range


def _zip(data: bytes, name: str = "folder/a log", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def _tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("folder/a log")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _members(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """The same in two streams behind each other, as a logger that appends writes it."""
    return lambda data: pack(data[: len(data) // 2]) + pack(data[len(data) // 2 :])


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "gz twice": _members(gzip.compress),
    "bz2": bz2.compress,
    "bz2 twice": _members(bz2.compress),
    "xz": lzma.compress,
    "xz twice": _members(lzma.compress),
    "zst": zstandard.compress,
    "zst twice": _members(zstandard.compress),
    "zip": _zip,
    "zip stored": lambda data: _zip(data, method=zipfile.ZIP_STORED),
    "zip bzip2": lambda data: _zip(data, method=zipfile.ZIP_BZIP2),
    "tar": _tar,
}
SAMPLES = ["wevtutil.xml", "evtx_dump.ndjson", "getwinevent_5.json", "kibana.csv", "es_search.json"]


def _lines(count: int, start: int = 0) -> bytes:
    return b"".join(
        orjson.dumps({"@timestamp": f"2026-03-02T09:{i // 60:02}:{i % 60:02}Z", "event": {"n": i}})
        + b"\n"
        for i in range(start, start + count)
    )


def _numbers(follower: Follower, positions: dict[str, Position]) -> list[int]:
    found = []
    for block in follower.poll():
        positions[block.position.generation] = block.position
        found += [orjson.loads(record)["event"]["n"] for record in block.records]
    return found


@pytest.mark.parametrize("name", SAMPLES)
@given(wrappers=st.lists(st.sampled_from(sorted(WRAPPERS)), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_any_wrapping_gives_the_same_events(name: str, wrappers: list[str]) -> None:
    packed = (LOGS / name).read_bytes()
    for wrapper in wrappers:
        packed = WRAPPERS[wrapper](packed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noname"
        path.write_bytes(packed)
        assert read(path) == read(LOGS / name)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_f30_records_are_read_again_by_place_and_not_twice_after_a_restart(
    wrapper: str, tmp_path: Path
) -> None:
    path = tmp_path / "noname"
    path.write_bytes(WRAPPERS[wrapper](_lines(90)))
    positions: dict[str, Position] = {}
    follower = Follower([tmp_path])
    (block,) = list(follower.poll())
    positions[block.position.generation] = block.position
    follower.close()
    again = read_range(block.source, block.format, block.positions[3], block.positions[5])
    assert list(again) == list(zip(block.positions, block.records, strict=True))[3:6]
    second = Follower([tmp_path], positions)
    assert list(second.poll()) == []
    assert [state.path for state in second.sources()] == [block.source]
    second.close()


@pytest.mark.parametrize("stopped", [True, False])
def test_f11_a_log_packed_after_its_rotation_is_not_read_again(
    stopped: bool, tmp_path: Path
) -> None:
    now = 0.0
    positions: dict[str, Position] = {}
    log = tmp_path / "x.log"
    log.write_bytes(_lines(50))
    follower = Follower([tmp_path], clock=lambda: now)
    assert _numbers(follower, positions) == list(range(50))
    if stopped:
        follower.close()
    # Ten more come before it is packed and a new one begins.
    (tmp_path / "x.log.1.gz").write_bytes(gzip.compress(_lines(60)))
    log.unlink()
    log.write_bytes(_lines(5, start=100))
    if stopped:
        follower = Follower([tmp_path], positions, clock=lambda: now)
    found = []
    for _ in range(6):
        now += 2.0
        found += _numbers(follower, positions)
    assert sorted(found) == [*range(50, 60), *range(100, 105)]
    follower.close()
    third = Follower([tmp_path], positions)
    assert _numbers(third, positions) == []
    third.close()


def test_f30_an_archive_still_being_written_is_waited_for(tmp_path: Path) -> None:
    now = 0.0
    positions: dict[str, Position] = {}
    path = tmp_path / "x.gz"
    whole = gzip.compress(_lines(2000))
    path.write_bytes(whole[: len(whole) // 2])
    follower = Follower([tmp_path], clock=lambda: now)
    assert _numbers(follower, positions) == []
    (state,) = follower.sources()
    assert "waiting for the rest" in state.reason
    path.write_bytes(whole)
    now += 2.0
    assert _numbers(follower, positions) == list(range(2000))
    follower.close()


@pytest.mark.parametrize("packed", [False, True])
def test_f30_the_inode_of_an_archive_that_is_gone_may_be_anothers(
    packed: bool, tmp_path: Path
) -> None:
    now = 0.0
    positions: dict[str, Position] = {}
    follower = Follower([tmp_path], clock=lambda: now)
    archive, other = tmp_path / "x.gz", tmp_path / "y"
    archive.write_bytes(gzip.compress(_lines(50)))
    assert _numbers(follower, positions) == list(range(50))
    found: list[int] = []
    gaps: list[str] = []
    # What a rename over it and a reuse of its inode come to: the same inode, another log.
    archive.rename(other)
    other.write_bytes(gzip.compress(_lines(9, 100)) if packed else _lines(9, start=100))
    now += 2.0
    for block in follower.poll():
        found += [orjson.loads(record)["event"]["n"] for record in block.records]
        gaps += block.gaps
    assert found == list(range(100, 109))
    assert gaps == []
    follower.close()


@pytest.mark.parametrize("wrapper", ["gz", "bz2", "xz", "zst", "tar"])
def test_what_is_before_the_damage_is_read(wrapper: str, tmp_path: Path) -> None:
    packed = WRAPPERS[wrapper](
        b"".join(
            # Chance does not pack: so that some of it lies before the damage.
            _lines(500)
            + b'{"@timestamp":"2026-03-02T10:00:00Z","event":{"n":"%b"}}\n'
            % os.urandom(200_000).hex().encode()
            for _ in range(6)
        )
    )
    path = tmp_path / "noname"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    docs, _ = read(path)
    assert len(docs) >= 2 * 501
    follower = Follower([path], once=True)
    list(follower.poll())
    reasons = [state.reason for state in follower.sources() if state.state == "unreadable"]
    follower.close()
    assert len(reasons) == 1
    assert "what was before it is read" in reasons[0]


def test_a_split_archive_is_read_from_its_first_part(tmp_path: Path) -> None:
    packed = _zip(_lines(3000), method=zipfile.ZIP_STORED)
    third = len(packed) // 3 + 1
    for number in range(3):
        part = packed[number * third : (number + 1) * third]
        (tmp_path / f"big.zip.{number + 1:03}").write_bytes(part)
    follower = Follower([tmp_path], once=True)
    assert _numbers(follower, {}) == list(range(3000))
    assert [state.path for state in follower.sources()] == [f"{tmp_path}/big.zip.001!folder/a log"]
    follower.close()


def test_a_locked_entry_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("open", _lines(3))
        archive.writestr("shut", _lines(3))
    packed = bytearray(out.getvalue())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.rindex(mark) + at] |= 1
    (tmp_path / "a.zip").write_bytes(packed)
    follower = Follower([tmp_path], once=True)
    assert _numbers(follower, {}) == [0, 1, 2]
    states = {state.path.partition("!")[2]: state.reason for state in follower.sources()}
    follower.close()
    assert states == {"open": "", "shut": "locked with a password; unpack it first"}


def test_t15_names_in_an_archive_only_name(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    out = io.BytesIO()
    names = ["../../out", "/etc/out", "a\x1b[2Jb", "same", "same"]
    with zipfile.ZipFile(out, "w") as archive:
        for number, name in enumerate(names):
            with warnings.catch_warnings(action="ignore"):  # two are of one name
                archive.writestr(name, _lines(1, start=number))
    (folder / "a.zip").write_bytes(out.getvalue())
    before = set(tmp_path.rglob("*"))
    follower = Follower([folder], once=True)
    assert sorted(_numbers(follower, {})) == [0, 1, 2, 3, 4]
    assert len({state.path for state in follower.sources()}) == 5
    follower.close()
    assert set(tmp_path.rglob("*")) == before


BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
from triage.sources import Follower
follower = Follower([sys.argv[1]], once=True)
print(sum(len(block.records) for block in follower.poll()))
for state in follower.sources():
    print(state.state, state.reason)
"""


def _bombs() -> dict[str, bytes]:
    zeros = bytes(64 << 20)
    member = gzip.compress(zeros, 6)
    nested = _lines(3)
    for _ in range(8):
        nested = _zip(nested)
    return {
        "many": member * 4,
        "within": _zip(gzip.compress(member * 4)),
        "nested": nested,
        "zst": zstandard.compress(zeros) * 4,
        "xz": lzma.compress(zeros, preset=0) * 4,
    }


def test_t11_bombs_are_refused_in_bounded_memory_and_leave_nothing(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    for name, bomb in _bombs().items():
        path = tmp_path / name
        path.write_bytes(bomb)
        done = subprocess.run(
            [sys.executable, "-c", BOUNDED, str(path)],
            env=os.environ | {"TMPDIR": str(spool)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        count, *states = done.stdout.splitlines()
        assert count == "0"
        says = "more than 5 times" if name == "nested" else "more than 200 times its size"
        assert any(state.startswith("unreadable") and says in state for state in states), states
        assert list(spool.iterdir()) == []


WATCHING = """
import sys
from triage.sources import Follower
follower = Follower([sys.argv[1]])
print(sum(len(block.records) for block in follower.poll()), flush=True)
sys.stdin.read()
"""


def _watching(path: Path, spool: Path) -> subprocess.Popen[str]:
    """A process that has unpacked an archive and lives on."""
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHING, str(path)],
        env=os.environ | {"TMPDIR": str(spool)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "5\n"
    return process


def test_what_a_killed_process_unpacked_goes_with_the_next_start(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    archive = tmp_path / "x.gz"
    archive.write_bytes(gzip.compress(_lines(5)))
    living, killed = _watching(archive, spool), _watching(archive, spool)
    mine = spool / "triage-unpacked-notes"  # somebody's own folder
    mine.mkdir()
    (mine / "important").write_text("kept")
    before = set(spool.iterdir())
    killed.kill()
    killed.wait()
    third = _watching(archive, spool)
    after = set(spool.iterdir())
    assert len(before - after) == 1  # the killed one's; the living one's and the notes stay
    assert len(after) == 3
    for process in (living, third):
        process.communicate("")
        assert process.returncode == 0
    assert set(spool.iterdir()) == {mine}
    assert (mine / "important").read_text() == "kept"
