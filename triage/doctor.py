"""Doctor: whether this machine and a case file are fit for work, and what to do where not.

A check takes what was found and judges it; gathering what there is stands apart from judging.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import apsw

from triage.case.lock import holder
from triage.case.read import CaseReader
from triage.case.tables import VERSION
from triage.rules import cache_fault
from triage.sources.hints import Hints
from triage.sources.opened import MAX_OPEN
from triage.times import SECOND

MIN_PYTHON = (3, 11)
MIN_COLUMNS, MIN_LINES = 80, 24
MIN_SQLITE = (3, 50, 0)
# Below this a race of two connections may corrupt a database in WAL mode
# (sqlite.org/wal.html#walresetbug); the fix was brought back to 3.50.7.
_WAL_RESET_FIXED = (3, 51, 3)
_WAL_RESET_BACKPORTS = frozenset({(3, 50, 7)})
_WITHDRAWN = frozenset({(3, 52, 0)})
_DISK_LEAST, _DISK_LITTLE = 100_000_000, 1_000_000_000  # bytes free
_WAL_LARGE = 256_000_000  # bytes
_WATCHES_FEW = 8_192
_SPARE_FILES = 64  # open files besides the logs: case, console, rules
_SILENT = 15 * SECOND  # an engine speaks twice a second
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"})


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``state`` is "ok", "warning" (works, yet look at it) or "problem"."""

    name: str
    state: str
    found: str  # in words
    advice: str = ""  # what to do; "" where nothing is


def machine(folder: Path, cache: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """The checks of this machine; cases are kept in ``folder``, what makes starts quicker in
    ``cache``."""
    yield python(sys.version_info[:3])
    columns, lines = shutil.get_terminal_size()
    yield terminal(sys.stdout.isatty(), columns, lines, environ)
    yield encoding(sys.stdout.encoding)
    yield sqlite(_numbers(apsw.sqlite_lib_version()))
    yield from disk(folder)
    yield rule_cache(cache)
    yield notices(_notice_seconds(), _inotify("max_user_watches"))
    if (limit := _open_files()) is not None:
        yield open_files(limit)


def python(version: tuple[int, ...]) -> Check:
    """The interpreter's version."""
    word = ".".join(map(str, version))
    if version >= MIN_PYTHON:
        return Check("Python", "ok", word)
    return Check("Python", "problem", word, "install Python 3.11 or newer, and triage in it")


def terminal(is_terminal: bool, columns: int, lines: int, environ: Mapping[str, str]) -> Check:
    """What the console would have to show itself on."""
    kind = environ.get("TERM", "")
    if not is_terminal:
        return Check("terminal", "ok", "the output is no terminal; the console needs one")
    if kind in ("", "dumb", "unknown"):
        advice = "use a terminal program that can place text, or `triage hunt`; is TERM right?"
        return Check("terminal", "problem", f"TERM is {kind or 'not set'}", advice)
    found = f"{columns}x{lines}, {_colours(environ)}"
    if columns < MIN_COLUMNS or lines < MIN_LINES:
        advice = f"make it {MIN_COLUMNS}x{MIN_LINES} or larger; 120x36 shows list and preview"
        return Check("terminal", "warning", found, advice)
    return Check("terminal", "ok", found)


def _colours(environ: Mapping[str, str]) -> str:
    if environ.get("NO_COLOR"):
        return "without colours (NO_COLOR is set)"
    if environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256" in environ.get("TERM", "") else "16 colours"


def encoding(name: str) -> Check:
    """How text goes to the terminal."""
    if name.lower().replace("-", "") == "utf8":
        return Check("text", "ok", "UTF-8")
    return Check("text", "problem", f"the output is {name}", "set LANG=C.UTF-8, or PYTHONUTF8=1")


def sqlite(version: tuple[int, ...]) -> Check:
    """The SQLite that keeps cases: it comes inside apsw."""
    word = ".".join(map(str, version))
    advice = "pip install --upgrade apsw"
    if version < MIN_SQLITE:
        least = ".".join(map(str, MIN_SQLITE))
        return Check("SQLite", "problem", f"{word}, older than {least}", advice)
    if version in _WITHDRAWN:
        return Check("SQLite", "problem", f"{word}, which its makers withdrew", advice)
    if version < _WAL_RESET_FIXED and version not in _WAL_RESET_BACKPORTS:
        found = f"{word}, which may corrupt a case on rare occasions (WAL-reset bug)"
        return Check("SQLite", "problem", found, advice)
    return Check("SQLite", "ok", word)


def disk(folder: Path) -> Iterator[Check]:
    """Room and kind of the file system that ``folder`` is, or would be, on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        found = f"{folder}: {error.strerror or error}"
        yield Check("disk", "problem", found, "choose another place with --case FILE")
        return
    yield disk_room(free, folder)
    if not os.access(folder, os.W_OK):
        advice = "make it writable for you, or choose another place with --case FILE"
        yield Check("folder", "problem", f"{folder} can not be written to", advice)
    kind = _file_system(folder)
    if kind in _NETWORK:
        advice = "SQLite can not share a case safely over a network: keep it on a local disk"
        yield Check("file system", "problem", f"{folder} lies on {kind}", advice)


def disk_room(free: int, folder: Path) -> Check:
    """Whether ``free`` bytes are enough for a case in ``folder``."""
    found = f"{free / 1e9:,.1f} GB free in {folder}"
    if free < _DISK_LEAST:
        advice = "free some space: a full disk stops the engine (nothing is lost, it waits)"
        return Check("disk", "problem", found, advice)
    if free < _DISK_LITTLE:
        return Check("disk", "warning", found, "a case takes a few percent of its logs' size")
    return Check("disk", "ok", found)


def rule_cache(folder: Path) -> Check:
    """Whether what was read of rules can be kept for the next start."""
    fault = cache_fault(folder)
    if not fault and folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        fault = "it can not be written to"
    if fault:
        found = f"{folder} is not used: {fault}"
        advice = f"many rules load slower; make it yours alone: chmod 700 {folder}, or remove it"
        return Check("rule cache", "warning", found, advice)
    size = sum(path.stat().st_size for path in folder.iterdir()) if folder.exists() else 0
    return Check("rule cache", "ok", f"{size / 1e6:,.1f} MB in {folder}")


def notices(seconds: float | None, watches: int | None) -> Check:
    """Whether the system tells of changed files (``seconds`` it took), and of how many."""
    limit = "" if watches is None else f", for up to {watches:,} folders"
    sysctl = "sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512"
    if seconds is None:
        advice = "logs are looked at once a second instead"
        if watches is not None:
            advice += f"; if other programs use up the limits: {sysctl}"
        return Check("change notices", "warning", f"none came{limit}", advice)
    found = f"after {seconds * 1000:.0f} ms{limit}"
    if watches is not None and watches < _WATCHES_FEW:
        return Check("change notices", "warning", found, f"for large folders: {sysctl}")
    return Check("change notices", "ok", found)


def open_files(limit: int) -> Check:
    """How many files a process may hold open."""
    found = f"{limit:,} at once"
    if limit < MAX_OPEN + _SPARE_FILES:
        return Check("open files", "problem", found, "raise the limit: ulimit -n 1024")
    return Check("open files", "ok", found)


# A case -------------------------------------------------------------------------------------------


def case(path: Path, now: int) -> Iterator[Check]:
    """The checks of a case file; nothing is written to it. ``now`` in ns since 1970."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        found = f"{path}: {error.strerror or error}"
        yield Check("case", "problem", found, "check the path; `triage watch` says where it keeps")
        return
    if not stat.S_ISREG(mode):
        yield Check("case", "problem", f"{path} is no file", "name the case file itself")
        return
    yield from disk(path.resolve().parent)
    if os.name == "posix" and mode & 0o077:
        advice = f"it holds other people's command lines: chmod 600 {path}"
        yield Check("access", "warning", f"others may read {path}", advice)
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(10_000)
        version = int(connection.pragma("user_version"))
    except apsw.NotADBError:
        yield Check("case", "problem", f"{path} is no case file", "choose the right file")
        return
    except apsw.CantOpenError as error:
        yield Check("case", "problem", f"{path}: {error}", "check who may read it and its folder")
        return
    except apsw.Error as error:
        yield Check("case", "problem", f"{path}: {error}", _recover(path))
        return
    try:
        yield schema(version, path)
        yield integrity(connection, path)
        yield engine(path, CaseReader(connection), now) if version == VERSION else _no_engine(path)
        if version == VERSION:
            yield logs(CaseReader(connection))
    except apsw.Error as error:
        yield Check("case", "problem", f"{path}: {error}", _recover(path))
    finally:
        connection.close()
    yield wal(path)


def schema(version: int, path: Path) -> Check:
    """Whether this triage knows the case's tables."""
    if version == VERSION:
        return Check("case version", "ok", str(version))
    if version > VERSION:
        found = f"{version}, made by a newer triage (this one knows {VERSION})"
        return Check("case version", "problem", found, "update triage")
    if version:
        found = f"{version}; brought up to {VERSION} when it is opened next"
        return Check("case version", "ok", found)
    advice = "choose another file with --case"
    return Check("case version", "problem", f"{path} holds no case", advice)


def integrity(connection: apsw.Connection, path: Path) -> Check:
    """What SQLite finds when it reads all of the file."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    if found == ["ok"]:
        return Check("integrity", "ok", f"all {path.stat().st_size / 1e6:,.1f} MB are sound")
    return Check("integrity", "problem", "; ".join(found)[:300], _recover(path))


def _recover(path: Path) -> str:
    return (
        f"end its console; then `triage watch LOGS --case {path} --rebuild` keeps this file aside"
        " and makes the case anew from the logs, with the decisions that can be read"
    )


def engine(path: Path, reader: CaseReader, now: int) -> Check:
    """Who follows logs into the case, and what it last said."""
    pid = _holder(path)
    if pid is None:
        return _no_engine(path)
    said = reader.engine()
    found = f"process {pid or '(unknown)'} follows logs into it, {said.state or 'starting'}"
    if said.at and now - said.at > _SILENT:
        seconds = (now - said.at) // SECOND
        advice = f"if it does not come back, end process {pid}; a console starts another"
        return Check("engine", "warning", f"{found}, silent for {seconds:,} s", advice)
    if said.message:
        return Check("engine", "warning", f"{found}: {said.message}", "see ! in the console")
    return Check("engine", "ok", found)


def _no_engine(path: Path) -> Check:
    pid = _holder(path)
    found = "none follows logs into it now" if pid is None else f"process {pid} holds it"
    return Check("engine", "ok", found)


def _holder(path: Path) -> int | None:
    # Asking makes the lock file; a case nobody ever followed into has none, and stays so.
    return holder(str(path)) if Path(f"{path}-lock").exists() else None


def logs(reader: CaseReader) -> Check:
    """Whether the logs of the case could be read."""
    bad = [one for one in reader.sources() if one.state in ("refused", "unreadable")]
    total = len(reader.sources())
    rejects = reader.reject_count()
    found = f"{total:,} logs, {len(bad):,} of them not read; {rejects:,} records not read"
    if bad:
        return Check("logs", "warning", found, f"{bad[0].path}: {bad[0].reason}; ! shows all")
    return Check("logs", "warning" if rejects else "ok", found, "! shows which" if rejects else "")


def wal(path: Path) -> Check:
    """The size of what SQLite has yet to write into the file itself."""
    try:
        size = Path(f"{path}-wal").stat().st_size
    except OSError:
        size = 0
    found = f"{size / 1e6:,.1f} MB"
    if size > _WAL_LARGE:
        advice = "close consoles and exports that keep the case open; the next start shrinks it"
        return Check("write-ahead log", "warning", found, advice)
    return Check("write-ahead log", "ok", found)


# What there is ------------------------------------------------------------------------------------


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _notice_seconds() -> float | None:
    """How long the system takes to tell of a new file; None where it does not in two seconds."""
    with tempfile.TemporaryDirectory() as folder:
        hints = Hints([folder])
        try:
            hints.wait(0.1)  # the first wait starts it
            began = time.monotonic()
            for number in range(20):
                Path(folder, f"{number}.log").touch()
                if hints.wait(0.1):
                    return time.monotonic() - began
            return None
        finally:
            hints.close()


def _inotify(name: str) -> int | None:
    try:
        return int(Path("/proc/sys/fs/inotify", name).read_text("ascii"))
    except (OSError, ValueError):
        return None


def _open_files() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _file_system(folder: Path) -> str:
    """The type of the file system of ``folder``; "" where the system does not tell."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return ""
    place = folder.resolve()
    best = ("", "")
    for _, at, kind, *_ in mounts:
        at = at.replace("\\040", " ")
        if place.is_relative_to(at) and len(at) >= len(best[0]):
            best = (at, kind)
    return best[1]
