"""What the engine's connection to a case may do: not what only people do."""

from __future__ import annotations

import apsw

# What only people write. The engine's connection cannot: whatever a log says, it decides nothing.
_PEOPLES_TABLES = frozenset({"journal", "journal_change", "note", "tick"})
_PEOPLES_COLUMNS = frozenset(
    {"status", "close_reason", "assignee", "decided_by", "decided_at", "notes", "tags"}
)
_WRITES = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})


def engine_may(
    operation: int, table: str | None, column: str | None, _database: str | None, _in: str | None
) -> int:
    """SQLite asks for each statement that it prepares; the answer is SQLITE_OK or SQLITE_DENY."""
    if operation not in _WRITES:
        return apsw.SQLITE_OK
    decides = table in _PEOPLES_TABLES or (
        table == "alert" and (operation == apsw.SQLITE_DELETE or column in _PEOPLES_COLUMNS)
    )
    return apsw.SQLITE_DENY if decides else apsw.SQLITE_OK
