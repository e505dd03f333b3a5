"""What the engine says of itself: its state, the logs it reads, the rules in force, and what is
wrong with any of them."""

from __future__ import annotations

from typing import Any

import orjson

from triage.case.model import EngineState, JournalEntry, RuleState, SourceState
from triage.case.opened import OpenCase
from triage.case.schema import count, stored_path, told_path
from triage.case.switches import switches
from triage.errors import Reject


class EngineWord(OpenCase):
    """What a case tells of the engine, its logs and its rules."""

    def engine(self) -> EngineState:
        """What the engine last said of itself."""
        found = self._db.execute("SELECT value FROM engine WHERE key = 'state'").fetchone()
        return EngineState(**orjson.loads(found[0])) if found else EngineState()

    def sources(self) -> list[SourceState]:
        """The logs the engine follows, by path."""
        rows = self._db.execute(
            "SELECT path, format, state, reason, offset, size, events, rejects, lag, behind_since,"
            " rate, error, coalesce(gaps, 0) FROM source LEFT JOIN"
            " (SELECT source, count(*) AS gaps FROM gap GROUP BY source) ON source = path"
            " ORDER BY path"
        )
        return [SourceState(told_path(row[0]), *row[1:]) for row in rows]

    def source_states(self) -> tuple[dict[str, int], int]:
        """How many logs are in each state, and since when (ns) one has been behind; 0: none is."""
        states = dict(self._db.execute("SELECT state, count(*) FROM source GROUP BY state"))
        return states, count(
            self._db, "SELECT coalesce(min(behind_since), 0) FROM source WHERE behind_since > 0"
        )

    def rules(self) -> list[RuleState]:
        """The loaded rules by name, each with its alerts and suppressed events."""
        rows = self._db.execute(
            "SELECT rule_id, name, severity, path, runnable, reason, coalesce(alerts, 0),"
            " coalesce(kept_out, 0), coalesce(open, 0), coalesce(closed, 0), coalesce(fp, 0),"
            " enabled, threat FROM rule LEFT JOIN (SELECT rule_id, count(*) AS alerts,"
            " sum(status <> 'closed') AS open, sum(status = 'closed') AS closed,"
            " sum(status = 'closed' AND close_reason = 'false_positive') AS fp"
            # The sign keeps SQLite from the index, by which it fetches each row by itself.
            " FROM alert GROUP BY +rule_id) USING (rule_id)"
            " LEFT JOIN (SELECT rule_id, count(*) AS kept_out FROM suppressed"
            " GROUP BY rule_id) USING (rule_id) ORDER BY name"
        )
        return [_rule_state(row) for row in rows]

    def switches(self) -> dict[str, JournalEntry]:
        """By rule id, who switched it off or on in this case, and why."""
        return switches(self._db)

    def costs(self) -> dict[str, float]:
        """Seconds that each rule takes of an event, by rule id, as the engine last sampled it."""
        found = self._db.execute("SELECT value FROM engine WHERE key = 'costs'").fetchone()
        return orjson.loads(found[0]) if found else {}

    def problems(self) -> list[tuple[str, int, int, str, str]]:
        """What is wrong in rules and exception lists: (path, line, column, severity, message)."""
        return list(
            self._db.execute(
                'SELECT path, line, "column", severity, message FROM problem ORDER BY id'
            )
        )

    def rejects(self, limit: int = 500, source: str = "") -> list[Reject]:
        """The newest records that could not be read, of all logs or one."""
        where, values = ("WHERE source = ?", (stored_path(source),)) if source else ("", ())
        rows = self._db.execute(
            "SELECT source, position, length, reason, excerpt FROM reject"  # noqa: S608 - own text
            f" {where} ORDER BY id DESC LIMIT ?",
            (*values, limit),
        )
        return [Reject(told_path(row[0]), *row[1:]) for row in rows]

    def reject_count(self) -> int:
        """How many records could not be read, in all."""
        return count(self._db, "SELECT count(*) FROM reject")

    def gaps(self) -> list[tuple[int, str, str]]:
        """Places where a log lost something before it was read: (at ns, source, message)."""
        rows = self._db.execute("SELECT at, source, message FROM gap ORDER BY id")
        return [(at, told_path(source), message) for at, source, message in rows]


def _rule_state(row: tuple[Any, ...]) -> RuleState:
    values = list(row)
    values[4], values[11] = bool(values[4]), bool(values[11])  # runnable, enabled
    return RuleState(*values)
