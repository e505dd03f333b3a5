"""The case file: one SQLite database that holds all that is known and decided."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from triage import seal
from triage.case import tables
from triage.case.faults import CaseDamagedError, CaseUnavailableError, meaning, told
from triage.errors import TriageError

MEMORY = ":memory:"
_READ_AND_MAKE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


def connect(path: str) -> apsw.Connection:
    """The case at ``path``, made (readable by its owner only) where it does not exist yet.

    ``":memory:"`` gives a case that is gone with its connection; what of it does not fit into a few
    megabytes lies in a file without a name, so that alerts can be many. Raises TriageError where
    the file cannot be opened, is no case, or was made by a newer triage. In a sealed process it is
    open for reading only, and not made.
    """
    reading_only = seal.sealed()
    if path != MEMORY and not reading_only:
        _precreate(Path(path))
    flags = apsw.SQLITE_OPEN_READONLY if reading_only else _READ_AND_MAKE
    try:
        connection = apsw.Connection("" if path == MEMORY else path, flags=flags)
        try:
            connection.set_busy_timeout(10_000)
            if not reading_only:
                _set_up(connection, path)
        except BaseException:
            connection.close(True)  # it may hold the case, and somebody will try again
            raise
    except apsw.NotADBError as error:
        raise TriageError(f"{path} is not a case file; choose another with --case") from error
    except CaseUnavailableError as error:
        raise CaseUnavailableError(error.words, path) from error
    except CaseDamagedError as error:
        raise CaseDamagedError(f"{path}: {error}") from error
    except apsw.CantOpenError as error:
        raise TriageError(f"{path} cannot be opened as a case file: {error}") from error
    except apsw.Error as error:
        what = meaning(error)
        if isinstance(what, CaseUnavailableError):
            raise CaseUnavailableError(what.words, path) from error
        kind = CaseDamagedError if isinstance(what, CaseDamagedError) else TriageError
        raise kind(f"{path}: {what}") from error
    return connection


def _precreate(path: Path) -> None:
    # SQLite would make it by the umask; a case holds other people's command lines.
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise TriageError(f"{path} is a folder; --case takes a file") from None
    except OSError as error:
        raise TriageError(
            f"the case file {path} cannot be made ({error.strerror}); choose another with --case"
        ) from error


def _set_up(connection: apsw.Connection, path: str) -> None:
    # What a passing case needs to undo is what one block changed: that fits into memory.
    connection.execute(f"PRAGMA journal_mode = {'MEMORY' if path == MEMORY else 'WAL'}")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = OFF")
    with transaction(connection):
        _prepare(connection, path)


def _prepare(connection: apsw.Connection, path: str) -> None:
    version = connection.pragma("user_version")
    if version == tables.VERSION:
        return
    if version > tables.VERSION:
        raise TriageError(f"{path} was made by a newer triage (case version {version}); update")
    for step in tables.STEPS[version:]:
        if isinstance(step, str):
            connection.execute(step)
        else:
            step(connection)
    connection.pragma("user_version", tables.VERSION)


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All or nothing. It takes the write lock at once: a reader that turns writer later could find
    its snapshot outdated, which no waiting mends.

    Raises CaseUnavailableError where it may be tried again, CaseDamagedError."""
    with told():
        _roll_back(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise


def _roll_back(connection: apsw.Connection) -> None:
    """Leave the transaction that is open, if one is: a full disk has ended it already."""
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except apsw.Error:
            return  # the next one begins with this; what led here is what has to be told


def next_change(connection: apsw.Connection) -> int:
    """The next value of the case's change counter, inside a transaction."""
    return count(
        connection, "UPDATE meta SET value = value + 1 WHERE key = 'change' RETURNING value"
    )


def count(connection: apsw.Connection, question: str, values: tuple[Any, ...] = ()) -> int:
    """The one number a question is answered with, 0 where there is no answer."""
    row = connection.execute(question, values).fetchone()
    return int(row[0]) if row else 0


def stored_path(path: str) -> str | bytes:
    """A log's path as a value of the database: bytes where its name is no UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def told_path(value: str | bytes) -> str:
    """The path again, as Python names files."""
    return os.fsdecode(value)
