"""Kept: what was read of rule files, kept for the next start, which need not read it again.

TOML and EQL are the largest part of what many rules cost to load. What they say is known by the
hash of the file's bytes, so that a changed file is never taken for what it was. It is JSON: tables
that go through the same reader as those of a rule file, and queries that are judged as the parser
judges them, so that whatever is found here can do no more than a rule file could. Where anything is
wrong with it, it is as if nothing were kept.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from triage.eql import Query, parse
from triage.eql.plain import PlainQuery, edition, from_plain, to_plain

Tables = dict[str, Any]

_SUFFIX = ".rules"
_FORM = b"triage rules 1"  # goes into every hash: another form of file is none of ours
_HASH_BYTES = 32
_WORTH = 1 << 18  # bytes of rule files not kept yet, from which on they are worth writing
_MOST_BYTES = 1 << 26  # of a file
_MOST_FILES = 4  # one for each set of folders that rules are loaded from


class _Said(msgspec.Struct, frozen=True, array_like=True):
    """What a rule file says, as it is kept."""

    tables: Tables
    query: PlainQuery | None


_DECODER = msgspec.json.Decoder(dict[str, _Said])


@dataclass(slots=True)
class Entry:
    """What a rule file says."""

    tables: Tables
    plain: PlainQuery | None = None  # its query as it was kept; None: not kept
    sound: Query | None = None  # its query, once it is known that nothing is wrong with it

    def query(self, text: str) -> Query:
        """The query of the rule, whose text this is; EqlError as :func:`triage.eql.parse`."""
        if self.plain is not None:
            try:
                return from_plain(self.plain, text)
            except ValueError:
                self.plain = None
        return parse(text)

    def json(self) -> bytes:
        """As JSON; b"" where that can not say it, as with dates."""
        if self.plain is None and self.sound is not None:
            self.plain = to_plain(self.sound)
        try:
            body = msgspec.json.encode(_Said(self.tables, self.plain))
            same = msgspec.json.decode(body, type=_Said).tables == self.tables
        except (TypeError, ValueError, RecursionError):
            return b""
        return body if same else b""


class Kept:
    """What the rule files below some ``paths`` say, kept in ``folder`` (None: nowhere)."""

    def __init__(self, folder: Path | None, paths: Sequence[Path]) -> None:
        names = "\0".join(os.path.abspath(path) for path in paths)
        mark = _hash(names.encode("utf-8", "surrogateescape")).hex()
        self._file = None if folder is None else folder / f"{mark}{_SUFFIX}"
        self._known = {} if self._file is None else _read(self._file)
        self._used: dict[str, Entry] = {}
        self._fresh: dict[str, int] = {}  # bytes of the files that were not known

    def entry(self, content: bytes, read: Callable[[], Tables]) -> Entry:
        """What a file with this content says; ``read`` gives the tables that are not known."""
        mark = _hash(content).hex()
        said = self._known.get(mark)
        if said is not None:
            entry = Entry(said.tables, said.query)
        else:
            entry = Entry(read())
            self._fresh[mark] = len(content)
        self._used[mark] = entry
        return entry

    def save(self) -> None:
        """Keep what was used, where enough of it is new; where it can not be kept, it is not."""
        if self._file is None or sum(self._fresh.values()) < _WORTH:
            return
        kept = {mark: body for mark, entry in self._used.items() if (body := entry.json())}
        if sum(size for mark, size in self._fresh.items() if mark in kept) < _WORTH:
            return
        body = msgspec.json.encode({mark: msgspec.Raw(one) for mark, one in kept.items()})
        if len(body) < _MOST_BYTES - _HASH_BYTES:
            _write(self._file, _seal(body) + body)


def cache_fault(folder: Path) -> str:
    """Why what lies in a folder is not to be believed; "" where it is the user's alone, or not
    there."""
    try:
        status = os.lstat(folder)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISDIR(status.st_mode):
        return "it is no folder"
    if os.name == "posix" and status.st_uid != os.geteuid():
        return "it belongs to somebody else"
    if os.name == "posix" and status.st_mode & 0o077:
        return "others may look into it"
    return ""


def _hash(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_HASH_BYTES, person=_FORM).digest()


def _seal(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_HASH_BYTES, person=_FORM, key=edition()).digest()


def _read(path: Path) -> dict[str, _Said]:
    """What a file holds; nothing where it is not ours, or not as it was written."""
    if cache_fault(path.parent):
        return {}
    # Neither a link nor a pipe, which would block; Windows has neither flag.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and status.st_uid != os.geteuid():
                return {}
            content = file.read(min(status.st_size, _MOST_BYTES))
    except OSError:
        return {}
    body = memoryview(content)[_HASH_BYTES:]
    if content[:_HASH_BYTES] != _seal(body):
        return {}
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError):
        return {}


def _write(path: Path, content: bytes) -> None:
    """Put a whole file in the place of what was there, and let go of the oldest others."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if cache_fault(folder):
            return
        number, name = tempfile.mkstemp(_SUFFIX, "new-", folder)
        try:
            with open(number, "wb") as file:
                file.write(content)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
        files = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda one: one.stat().st_mtime_ns)
        for old in files[:-_MOST_FILES]:
            old.unlink()
    except OSError:
        return  # a full or read-only disk; `triage doctor` tells
