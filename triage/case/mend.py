"""Mending: a damaged case is kept aside, and what can be read of it goes into a new one.

The new case has no places in logs, so that the engine reads them from their begin: it makes again
what is lost, and finds again, by their ids, the alerts that are there with what people decided.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw

from triage.case.lock import EngineLock
from triage.case.schema import connect, count, transaction
from triage.times import iso

# What the engine makes of the logs once more; kept, some of it would count twice.
REBUILT = frozenset(
    {"position", "block", "open_hit", "reject", "contact", "resolved", "source", "engine", "rule"}
    | {"rule_tag", "problem", "risk_due"}
)
_SLICE = 64  # whole numbers of a key that are read at once where a table is damaged
_DIGITS = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of a damaged case."""

    kept_as: str  # where the damaged file lies now
    alerts: int
    decisions: int  # entries of the journal
    torn: tuple[str, ...]  # tables of which something could not be read


def mark(path: str, why: str) -> None:
    """Note that the case at ``path`` is damaged, for the next start."""
    try:
        Path(f"{path}-damaged").write_text(why, "utf-8")
    except OSError:
        return  # the next one will find it out as this one did


def marked(path: str) -> str:
    """What an engine noted of the case's damage; "" where nothing."""
    try:
        return Path(f"{path}-damaged").read_text("utf-8", "replace")[:500] or "damaged"
    except OSError:
        return ""


def damage(path: str) -> str:
    """Why the case at ``path`` has to be mended; "" where it need not, or is no case at all."""
    if told := marked(path):
        return told
    if not os.path.isfile(path) or not os.path.getsize(path):
        return ""
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            count(connection, "SELECT count(*) FROM sqlite_schema")
        finally:
            connection.close(True)
    except apsw.NotADBError as error:
        # Any file may be named by mistake; that an engine has worked on this one shows its lock.
        return str(error) if os.path.exists(f"{path}-lock") else ""
    except apsw.CorruptError as error:
        return str(error)
    except apsw.Error:
        return ""  # something else is wrong with it, and will be told
    return ""


def mend(path: str, why: str, now: int) -> Mended:
    """Keep the case at ``path`` aside and put a new one in its place, with what can be read.

    ``now`` in ns since 1970. Raises CaseHeldError while an engine follows into it, and TriageError
    or OSError where a new case can not be made; the damaged one is then where it was.
    """
    fresh = f"{path}.mending"
    kept_as = f"{path}.damaged-{iso(now)[:19].replace(':', '').replace('-', '')}"
    with EngineLock(path):
        for leftover in (fresh, f"{fresh}-wal", f"{fresh}-shm"):
            Path(leftover).unlink(missing_ok=True)
        new = connect(fresh)
        try:
            torn = _salvage(path, new)
            with transaction(new):
                new.execute(
                    "INSERT INTO gap (at, source, message) VALUES (?, ?, ?)",
                    (
                        now,
                        path,
                        f"the case was damaged ({why}); it was made anew from the logs, the damaged"
                        f" file is kept as {kept_as}",
                    ),
                )
            alerts = count(new, "SELECT count(*) FROM alert")
            decisions = count(new, "SELECT count(*) FROM journal")
            new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            new.close(True)
        os.replace(path, kept_as)
        if os.path.exists(f"{path}-wal"):
            os.replace(f"{path}-wal", f"{kept_as}-wal")
        Path(f"{path}-shm").unlink(missing_ok=True)
        os.replace(fresh, path)
        Path(f"{path}-damaged").unlink(missing_ok=True)
    return Mended(kept_as, alerts, decisions, torn)


def _salvage(path: str, new: apsw.Connection) -> tuple[str, ...]:
    """Copy what can be read; the tables of which something could not."""
    tables = _tables(new)
    try:
        old = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error:
        return tuple(tables)
    torn: list[str] = []
    try:
        have = _tables(old)
        torn += [one for one in tables if one not in have or not _copy(old, new, one)]
    except apsw.Error:
        return tuple(tables)  # not even its list of tables can be read
    finally:
        old.close(True)
    with transaction(new):
        new.execute(
            "UPDATE meta SET value = max(value + 0,"
            " (SELECT coalesce(max(change), 0) FROM alert)) WHERE key = 'change'"
        )
    return tuple(torn)


def _tables(connection: apsw.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return [name for (name,) in rows if name not in REBUILT and not name.startswith("sqlite_")]


def _copy(old: apsw.Connection, new: apsw.Connection, table: str) -> bool:
    """Copy a table as far as it can be read; True where that is all of it."""
    known = {name for name, _, _ in _columns(old, table)}
    columns = [one for one in _columns(new, table) if one[0] in known]
    names = ", ".join(f'"{name}"' for name, _, _ in columns)
    keys = [place for place, (_, _, key) in enumerate(columns) if key]
    first = min((one for one in columns if one[2]), key=lambda one: one[2])
    order = ", ".join(f'"{columns[place][0]}" {{0}}' for place in keys)
    whole = True

    def rows(where: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """From both ends, as far as it goes."""
        nonlocal whole
        seen: set[tuple[Any, ...]] = set()
        for direction in ("ASC", "DESC"):
            question = f'SELECT {names} FROM "{table}" {where} ORDER BY {order.format(direction)}'  # noqa: S608 - own names
            try:
                for row in old.execute(question, values):
                    key = tuple(row[place] for place in keys)
                    if key not in seen:
                        seen.add(key)
                        yield row
                return
            except apsw.Error:
                whole = False

    holders = ", ".join("?" * len(columns))
    taken: set[tuple[Any, ...]] = set()
    with transaction(new):
        for where, values in _slices(old, table, first[0], first[1]):
            for row in rows(where, values):
                key = tuple(row[place] for place in keys)
                if key in taken:
                    continue
                taken.add(key)
                if table == "meta":
                    new.execute("DELETE FROM meta WHERE key = ?", key)
                new.execute(f'INSERT INTO "{table}" ({names}) VALUES ({holders})', row)  # noqa: S608 - own names
            if where == "" and whole:
                break
    return whole


def _columns(connection: apsw.Connection, table: str) -> list[tuple[str, str, int]]:
    """Name, type and place in the key (from 1; 0: not in it) of a table's columns."""
    rows = connection.execute(f'PRAGMA table_info("{table}")')
    return [(name, kind, key) for _, name, kind, _, _, key in rows]


def _slices(
    old: apsw.Connection, table: str, column: str, kind: str
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """All of a table, then parts of it by its key: damage in one part hides no other."""
    yield "", ()
    if kind == "INTEGER":
        try:
            last = count(old, f'SELECT max("{column}") FROM "{table}"')  # noqa: S608 - own names
        except (apsw.Error, TypeError):
            last = 1_000 * _SLICE
        for start in range(0, last + 1, _SLICE):
            yield f'WHERE "{column}" BETWEEN ? AND ?', (start, start + _SLICE - 1)
        return
    marks = ["", *(a + b for a in _DIGITS for b in _DIGITS), "g"]
    for low, high in pairwise(marks):
        yield f'WHERE "{column}" >= ? AND "{column}" < ?', (low, high)
