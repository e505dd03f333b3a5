"""A case open for reading: the connection, whether it changed, and facts about the whole of it."""

from __future__ import annotations

from typing import Any

import apsw
import orjson

from triage.case.schema import connect, count, told_path
from triage.event import Event


class OpenCase:
    """A connection to a case that only reads."""

    def __init__(self, case: str | apsw.Connection) -> None:
        self._db = connect(case) if isinstance(case, str) else case
        self._seen_version = -1

    @property
    def connection(self) -> apsw.Connection:
        """The connection underneath, for questions nobody asked before."""
        return self._db

    def close(self) -> None:
        self._db.close()

    def changed(self) -> bool:
        """True when another connection committed since the last call; asking is cheap."""
        version = self._db.pragma("data_version")
        fresh: bool = version != self._seen_version
        self._seen_version = version
        return fresh

    def meta(self, key: str) -> str:
        """A fact about the case ("roots", "change"); "" where it is not set."""
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else ""

    def journal_end(self) -> int:
        """The id of the newest journal entry, 0 where there is none: the state a decision is made
        on is what the journal said up to there."""
        return count(self._db, "SELECT coalesce(max(id), 0) FROM journal")

    def people(self) -> list[str]:
        """Who decided or was assigned anything in this case, by name."""
        rows = self._db.execute(
            "SELECT who FROM journal UNION SELECT assignee FROM alert WHERE assignee <> ''"
        )
        return [row[0] for row in rows]


def stored_event(row: tuple[Any, ...]) -> Event:
    """The event of a row (id, time, tiebreaker, source, position, doc)."""
    id_, time, tiebreaker, source, position, doc = row
    return Event(id_, (time, tiebreaker, told_path(source), position), orjson.loads(doc))
