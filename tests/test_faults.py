"""The k-th call fails, for every k: no alert is lost once the fault is over, and it is told.

As SQLite's own tests do it: for k = 1, 2, 3 … until a run passes in which nothing failed, with the
k-th call failing once, and with all from the k-th on failing until it is mended. A stride makes
that quick; ``TRIAGE_FAULTS=1`` takes every k.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests import events, evtx_file
from triage.case.faults import CaseDamagedError
from triage.case.mend import damage, mend
from triage.case.read import CaseReader
from triage.case.write import CaseWriter
from triage.run import Config, Engine, follow
from triage.sources import Follower, evtx
from triage.sources.evtx_process import Item

PAIRS = 8
STRIDE = int(os.environ.get("TRIAGE_FAULTS", "23"))


class Fault:
    """Counts calls and fails the k-th, or all from the k-th on, until it is mended."""

    def __init__(self, k: int, error: Callable[[], Exception], persistent: bool) -> None:
        self.struck = 0
        self._left = k
        self._error = error
        self._persistent = persistent
        self._mended = False

    def __call__(self) -> None:
        self._left -= 1
        due = self._left == 0 or (self._left < 0 and self._persistent)
        if due and not self._mended:
            self.struck += 1
            raise self._error()

    def mend(self) -> None:
        self._mended = True


class Stop(threading.Event):
    """Does not sleep: the third time somebody waits, what is wrong is mended."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault
        self._waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self._waits += 1
        if self._waits == 3:
            self._fault.mend()
        return self.is_set()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs whose sequences reach from one to the other, their rule, and an empty case."""
    folder = tmp_path_factory.mktemp("faults")
    events.write_rule(folder / "rules" / "beacon.toml", max_signals=1000)
    starts = [events.start(n, f"p{n}", "beacon.exe") for n in range(PAIRS)]
    connects = [events.connect(n + 20, f"p{n}", "beacon.exe") for n in range(PAIRS)]
    events.write(folder / "logs" / "a.ndjson", starts)
    events.write(folder / "logs" / "b.ndjson", connects)
    CaseWriter(str(folder / "empty.triage"), lambda: 0).close()
    return folder


@pytest.fixture(scope="module")
def expected(place: Path) -> set[str]:
    follower = Follower([place / "logs"], once=True)
    engine = Engine(Config((place / "rules",), place / "no"), ":memory:", follower)
    found = {id_ for block in follower.poll() for id_ in engine.take(block).found}
    engine.close()
    assert len(found) == PAIRS
    return found


def check(case: Path, logs: Path, expected: set[str]) -> None:
    """All alerts are there, and every log counts as read to its end."""
    reader = CaseReader(str(case))
    assert {row.id for row in reader.alerts()} == expected
    writer = CaseWriter(str(case), lambda: 0)
    offsets = {one.path: one.offset for one in writer.positions().values()}
    for log in logs.iterdir():
        assert offsets[str(log)] == log.stat().st_size
    assert reader.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    writer.close()
    reader.close()


def follow_once(place: Path, case: Path, stop: threading.Event) -> list[str]:
    """An engine's life until it is live; what it told."""
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Follower, "wait", lambda _self, _seconds: stop.set())
        config = Config((place / "rules",), place / "no")
        follow(config, str(case), [str(place / "logs")], stop, tell=told.append)
    return told


# The case -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("persistent", [False, True], ids=["once", "persistently"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lambda: apsw.BusyError("database is locked"), "case held by another program"),
        (lambda: apsw.FullError("database or disk is full"), "case disk full"),
        (lambda: apsw.IOError("disk I/O error"), "case disk error"),
    ],
    ids=["BUSY", "FULL", "IOERR"],
)
def test_the_kth_statement_of_the_case_fails(
    place: Path,
    tmp_path: Path,
    expected: set[str],
    error: Callable[[], Exception],
    words: str,
    persistent: bool,
) -> None:
    for k in itertools.count(1, STRIDE):
        fault = Fault(k, error, persistent)
        case = tmp_path / f"{k}.triage"
        shutil.copy(place / "empty.triage", case)
        with statements(fault):
            told = follow_once(place, case, Stop(fault))
        assert told in ([], [words, ""])
        check(case, place / "logs", expected)
        if not fault.struck:
            assert k > 50  # the faults did fall into the work
            return


def test_the_kth_statement_finds_the_case_damaged(
    place: Path, tmp_path: Path, expected: set[str]
) -> None:
    for k in itertools.count(1, STRIDE):
        fault = Fault(k, lambda: apsw.CorruptError("database disk image is malformed"), True)
        case = tmp_path / f"{k}.triage"
        shutil.copy(place / "empty.triage", case)
        # What the engine says of itself may be left unsaid; all else must not go on.
        with statements(fault), suppress(CaseDamagedError):
            follow_once(place, case, Stop(fault))
        if not fault.struck:
            return
        if why := damage(str(case)):  # as the next start does
            mend(str(case), why, 0)
        follow_once(place, case, threading.Event())
        check(case, place / "logs", expected)


@pytest.mark.parametrize("persistent", [False, True], ids=["once", "persistently"])
@pytest.mark.parametrize(
    "error",
    [lambda: apsw.FullError("no room"), lambda: apsw.IOError("broken")],
    ids=["FULL", "IOERR"],
)
def test_the_kth_write_to_the_disk_fails(
    place: Path,
    tmp_path: Path,
    expected: set[str],
    error: Callable[[], Exception],
    persistent: bool,
) -> None:
    """Below SQLite, so that it does itself what it does when a disk fails."""
    for k in itertools.count(1, STRIDE):
        fault = Fault(k, error, persistent)
        case = tmp_path / f"{k}.triage"
        shutil.copy(place / "empty.triage", case)
        with writes(fault):
            told = follow_once(place, case, Stop(fault))
        assert len(told) in (0, 2)
        assert not told or told[-1] == ""
        check(case, place / "logs", expected)
        if not fault.struck:
            assert k > 20
            return


@contextmanager
def statements(fault: Fault) -> Iterator[None]:
    """Calls ``fault`` before every statement of every connection made meanwhile."""

    def trace(_cursor: Any, _sql: str, _values: Any) -> bool:
        fault()
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = trace

    apsw.connection_hooks.append(hook)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(hook)


@contextmanager
def writes(fault: Fault) -> Iterator[None]:
    """Calls ``fault`` before everything that is written to disk meanwhile."""
    before = apsw.vfs_names()[0]
    disk = _Disk(fault, before)
    apsw.set_default_vfs("faulty")
    try:
        yield
    finally:
        apsw.set_default_vfs(before)
        disk.unregister()


class _Disk(apsw.VFS):
    def __init__(self, fault: Fault, base: str) -> None:
        super().__init__("faulty", base)
        self._fault = fault
        self._base = base

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self._fault, self._base, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, fault: Fault, base: str, name: Any, flags: list[int]) -> None:
        super().__init__(base, name, flags)
        self._fault = fault

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._fault()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._fault()
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        self._fault()
        super().xTruncate(size)


# The logs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("persistent", [False, True], ids=["once", "persistently"])
@pytest.mark.parametrize("code", ["EIO", "ESTALE", "EINTR", "EMFILE"])
def test_the_kth_call_that_reads_logs_fails(
    place: Path, tmp_path: Path, expected: set[str], code: str, persistent: bool
) -> None:
    number = getattr(errno, code)
    for k in itertools.count(1, STRIDE):
        fault = Fault(k, lambda: OSError(number, os.strerror(number)), persistent)
        case = tmp_path / f"{k}.triage"
        shutil.copy(place / "empty.triage", case)
        logs = tmp_path / str(k)
        logs.mkdir()
        follower = Follower([logs], clock=itertools.count(0, 10).__next__)  # 10 s between looks
        engine = Engine(Config((place / "rules",), place / "no"), str(case), follower)
        seen: set[str] = set()
        with reads(fault, str(logs)):
            for look in range(8):
                for whole in (place / "logs").iterdir():  # a line at first, then a few more
                    lines = whole.read_bytes().splitlines(keepends=True)
                    (logs / whole.name).write_bytes(b"".join(lines[: 1 + 3 * look]))
                for block in follower.poll():
                    engine.take(block)
                seen |= {one.reason for one in follower.sources()}
                if look == 4:
                    fault.mend()
        engine.close()
        check(case, logs, expected)
        if not fault.struck:
            assert k > 10
            return
        if persistent:
            assert os.strerror(number) in seen


def test_an_evtx_whose_disk_fails_half_way_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.evtx").write_bytes(evtx_file.evtx(map(evtx_file.process, range(1, 101))))
    real = evtx.read_records
    failures = iter([30, 0, 60])  # records after which reading fails, one time after the other

    def failing(*given: Any) -> Iterator[Item]:
        left = next(failures, 1000)
        for item in real(*given):
            if left == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            left -= 1
            yield item

    monkeypatch.setattr(evtx, "read_records", failing)
    follower = Follower([tmp_path], clock=itertools.count(0, 10).__next__)
    numbers: list[int] = []
    for _ in range(4):
        numbers += [number for block in follower.poll() for number in block.positions]
    follower.close()
    assert numbers == list(range(1, 101))


@contextmanager
def reads(fault: Fault, folder: str) -> Iterator[None]:
    """Calls ``fault`` before every look at the folder, and at what lies in it."""

    def failing(name: str, only_paths: bool) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(what: Any, *more: Any, **named: Any) -> Any:
            if not only_paths or (isinstance(what, str) and what.startswith(folder)):
                fault()
            return real(what, *more, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name, only_paths in (("open", True), ("stat", True), ("scandir", True),
                                 ("pread", False), ("fstat", False)):  # fmt: skip
            patch.setattr(os, name, failing(name, only_paths))
        yield
