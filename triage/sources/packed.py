"""Logs within archives: unpacked once into files that only this process sees.

What is unpacked is followed and read again like any other file, by place. A log within an archive
is named ``archive.zip!folder/log.json``, in archives within archives once more; what one stream
(gz, zst, bz2, xz) holds has the name of its file. Names only name: nothing is written by them.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
import tempfile
import threading
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import IO

from triage.sources.archive import ERRORS, entries, kind, words
from triage.sources.scratch import Scratch

MAX_RATIO = 200  # unpacked bytes for each packed one…
RATIO_FLOOR = 64 << 20  # …beyond so many bytes
MAX_TOTAL = 64 << 30  # unpacked bytes of one archive
MAX_LOGS = 20_000  # in one archive
MAX_DEPTH = 5  # archives within archives
_FREE = 256 << 20  # bytes left free where it is unpacked to
_PARTS = re.compile(r"(.+)\.(\d{3})")  # big.zip.001, big.zip.002…


@dataclass(frozen=True, slots=True)
class Log:
    """A log within an archive."""

    path: str  # the archive's, and the names within it after "!"
    file: str  # where it lies unpacked
    key: tuple[int, int]  # device and a number in place of an inode, the same in every run


@dataclass(slots=True)
class Unpacked:
    """What an archive holds."""

    logs: list[Log] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)  # path: what could not be unpacked
    whole: bool = True  # False where it ends too early: it may still be written


class _LimitError(Exception):
    """An archive that unpacks to more than is good."""


State = tuple[int, int, int]  # of a file: inode, size, time of its last change in ns


class Spool:
    """Archives that were unpacked, each once as long as it does not change."""

    def __init__(self) -> None:
        self._scratch = Scratch()
        self._known: dict[str, tuple[State, Unpacked | None]] = {}
        self._lock = threading.RLock()  # a pane reads again while the follower unpacks

    def look(self, path: str) -> Unpacked | None:
        """What the archive at ``path`` holds; None where it is none. Raises OSError."""
        with self._lock:
            return self._look(path)

    def sweep(self) -> None:
        """Remove what processes that were killed have unpacked; only the first call looks."""
        self._scratch.sweep()

    def is_plain(self, path: str, state: State) -> bool:
        """Whether a file is known to be no archive, nor part of one, as long as its state is so."""
        return self._known.get(path) == (state, None) and not _PARTS.fullmatch(path)

    def forget_missing(self, present: Container[str]) -> None:
        """Remove what was unpacked of archives that are not there any more; ``present`` are."""
        with self._lock:
            for path in [path for path in self._known if path not in present]:
                if not os.path.exists(path):  # a pane may have looked at one that lies elsewhere
                    _, unpacked = self._known.pop(path)
                    if unpacked is not None:
                        self._drop(unpacked)

    def _look(self, path: str) -> Unpacked | None:
        parts = parts_of(path)
        states = [os.stat(part) for part in parts]
        now = (states[0].st_ino, sum(s.st_size for s in states), max(s.st_mtime_ns for s in states))
        known = self._known.get(path)
        if known is not None and known[0] == now:
            return known[1]
        if known is not None and known[1] is not None:
            self._drop(known[1])
        found: Unpacked | None = None
        if name := kind(path):
            found = Unpacked()
            with _Joined(parts) as source:
                budget = _Budget(now[1], self._scratch.free)
                key = (states[0].st_dev, states[0].st_ino)
                _unpack(source, name, path, 1, _Job(found, budget, self._scratch.file, key))
        self._known[path] = (now, found)
        return found

    def file(self, source: str) -> str:
        """The file to open for a log's path: itself, or where it lies unpacked. Raises OSError."""
        if os.path.exists(source) and not kind(source):
            return source
        for match in re.finditer(r"!|\Z", source):
            path = source[: match.start()]
            if os.path.isfile(path):
                found = self.look(path)
                for log in found.logs if found else ():
                    if log.path == source:
                        return log.file
        return source

    def _drop(self, unpacked: Unpacked) -> None:
        for log in unpacked.logs:
            try:
                os.unlink(log.file)
            except OSError:
                continue


SPOOL = Spool()  # of this process: what was unpacked to be followed is there to be read again


def parts_of(path: str) -> list[str]:
    """The files that make up ``path``: itself, or all parts where it is the first of some."""
    match = _PARTS.fullmatch(path)
    if match is None or int(match[2]) != 1:
        return [path]
    parts = [path]
    while os.path.isfile(following := f"{match[1]}.{len(parts) + 1:03}"):
        parts.append(following)
    return parts


def is_later_part(path: str) -> bool:
    """Whether a file is the second or a later part of an archive that is split."""
    match = _PARTS.fullmatch(path)
    return match is not None and int(match[2]) > 1 and bool(kind(f"{match[1]}.001"))


class _Joined(io.RawIOBase):
    """The parts of a split file as one that can be sought in."""

    def __init__(self, paths: list[str]) -> None:
        self._files: list[IO[bytes]] = []
        self._at = 0
        try:
            for path in paths:
                self._files.append(open(path, "rb"))  # noqa: SIM115 - closed with this
        except OSError:
            self.close()
            raise
        self._sizes = [os.fstat(file.fileno()).st_size for file in self._files]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, sum(self._sizes))[whence])
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        at = self._at
        for file, size in zip(self._files, self._sizes, strict=True):
            if at < size:
                data = os.pread(file.fileno(), min(len(buffer), size - at), at)
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            at -= size
        return 0

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


class _Budget:
    """How much one archive may still unpack to."""

    def __init__(self, packed: int, free: Callable[[], int]) -> None:
        self._packed = packed
        self._free = free
        self._total = 0

    def spend(self, count: int) -> None:
        """Count bytes; raises _LimitError."""
        before = self._total
        self._total += count
        if self._total > max(RATIO_FLOOR, self._packed * MAX_RATIO):
            raise _LimitError(
                f"more than {MAX_RATIO} times its size when unpacked; if it is no bomb, unpack it "
                "first"
            )
        if self._total > MAX_TOTAL:
            raise _LimitError(f"more than {MAX_TOTAL >> 30} GiB when unpacked; unpack it first")
        if before // (64 << 20) != self._total // (64 << 20) and self._free() < _FREE:
            where = tempfile.gettempdir()
            raise _LimitError(f"no room in {where} to unpack it; free some, or set TMPDIR")


@dataclass(frozen=True, slots=True)
class _Job:
    found: Unpacked
    budget: _Budget
    file: Callable[[], str]
    key: tuple[int, int]  # device and inode of the archive


def _unpack(source: io.RawIOBase, name: str, path: str, depth: int, job: _Job) -> None:
    """Unpack what ``source`` holds; problems are kept, not raised."""
    file: IO[bytes] = io.BufferedReader(source, 1 << 20)
    entry = path
    seen: dict[str, int] = {}  # path: how many were named so
    try:
        for inner, problem, content in entries(file, name):
            entry = f"{path}!{inner}" if inner else path
            named = entry
            while entry in seen:  # two of one name are two logs
                seen[named] += 1
                entry = f"{named}'{seen[named]}"
            seen[entry] = 1
            if len(job.found.logs) + len(job.found.problems) >= MAX_LOGS:
                raise _LimitError(f"more than {MAX_LOGS:,} logs in one archive; unpack it first")
            if content is None:
                job.found.problems[entry] = problem
                continue
            try:
                _keep(content, entry, depth, job)
            except ERRORS as error:
                if name != "zip":
                    raise
                # The next entry of a zip is found without this one.
                job.found.problems[entry] = f"damaged zip: {words(error)}; the rest is read"
        entry = path
    except _LimitError as error:
        job.found.problems[entry] = f"packed with {name}: {error}"
    except ERRORS as error:
        if isinstance(error, EOFError | tarfile.ReadError):
            job.found.whole = False
        job.found.problems[entry] = f"damaged {name}: {words(error)}; what was before it is read"


def _keep(content: Iterator[bytes], path: str, depth: int, job: _Job) -> None:
    """One entry to a file of its own, and what is packed in it once more."""
    target = job.file()
    failed: Exception | None = None
    with open(target, "xb", opener=_private) as out:
        try:
            for chunk in content:
                job.budget.spend(len(chunk))
                out.write(chunk)
        except _LimitError:
            os.unlink(target)
            raise
        except ERRORS as error:
            failed = error
    name = kind(target)
    if not name:
        number = int.from_bytes(
            hashlib.blake2b(
                f"{job.key[1]}!{path}".encode(errors="surrogateescape"), digest_size=7
            ).digest()
        )
        key = job.key if "!" not in path else (job.key[0], number)
        job.found.logs.append(Log(path, target, key))
    elif depth >= MAX_DEPTH:
        os.unlink(target)
        job.found.problems[path] = f"packed more than {MAX_DEPTH} times; unpack it first"
    else:
        with _Joined([target]) as inner:
            os.unlink(target)
            _unpack(inner, name, path, depth + 1, job)
    if failed is not None:
        raise failed


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
