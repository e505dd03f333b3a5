"""Rows of alerts as lists and boards show them: all of a case, or those that have something in
common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from sys import intern
from typing import Any

from triage.case.model import HARMLESS, STEP_CLOSED, AlertRow, ThreatCount
from triage.case.opened import OpenCase
from triage.case.schema import count

ROW = (
    "id, change, rule_id, rule_name, severity, risk_score, time, created, host, user, process,"
    " entity_id, reason, collapsed, superseded, status, close_reason, assignee, decided_by,"
    " decided_at, notes, tags, parent, destination, threat, root_id, root, late"
)
# Columns whose texts come again and again: kept once, a hundred thousand rows take half the room.
_SHARED = [
    ROW.split(", ").index(name)
    for name in (
        *("rule_id", "rule_name", "severity", "host", "user", "process", "entity_id", "status"),
        *("close_reason", "assignee", "decided_by", "parent", "destination", "threat"),
        *("root_id", "root"),
    )
]


class AlertRows(OpenCase):
    """What a case answers with rows of alerts."""

    def alerts(self, after: int = 0) -> list[AlertRow]:
        """The alerts whose rows changed after change number ``after``, oldest change first."""
        if not after:
            # All of them: one pass over the table. By the index it takes twenty times as long.
            everything = self._db.execute(f"SELECT {ROW} FROM alert NOT INDEXED")  # noqa: S608 - own columns
            return sorted(self._rows(everything), key=lambda row: row.change)
        rows = self._db.execute(
            f"SELECT {ROW} FROM alert WHERE change > ? ORDER BY change",  # noqa: S608 - own columns
            (after,),
        )
        return self._rows(rows)

    def newest_alerts(self, limit: int) -> list[AlertRow]:
        """The newest alerts, newest first."""
        rows = self._db.execute(
            f"SELECT {ROW} FROM alert ORDER BY time DESC LIMIT ?",  # noqa: S608 - own columns
            (limit,),
        )
        return self._rows(rows)

    def alert_slices(self, size: int) -> Iterator[list[AlertRow]]:
        """All alerts, some at a time, in no order: for whoever has other things to do between."""
        rows = self._db.execute(f"SELECT {ROW} FROM alert NOT INDEXED")  # noqa: S608 - own columns
        while found := list(islice(rows, size)):
            yield self._rows(found)

    def alert_ids(self, size: int) -> Iterator[list[str]]:
        """The ids of all alerts, newest first, some at a time."""
        rows = self._db.execute("SELECT id FROM alert ORDER BY time DESC")
        ids = [row[0] for row in rows]
        for start in range(0, len(ids), size):
            yield ids[start : start + size]

    def alert_count(self) -> int:
        """How many alerts there are."""
        return count(self._db, "SELECT count(*) FROM alert")

    def alerts_on(self, host: str, limit: int) -> list[AlertRow]:
        """The newest alerts on a host, newest first."""
        rows = self._db.execute(
            f"SELECT {ROW} FROM alert WHERE host = ? ORDER BY time DESC LIMIT ?",  # noqa: S608 - own columns
            (host, limit),
        )
        return self._rows(rows)

    def alerts_between(
        self, host: str, start: int, end: int, limit: int = 5000, newest: bool = False
    ) -> list[AlertRow]:
        """The alerts on a host ("": on any) between two instants (ns, inclusive), oldest first;
        where there are more than ``limit``, the oldest or the ``newest``."""
        where = "host = ?1 AND" if host else "?1 = '' AND"
        rows = self._db.execute(
            f"SELECT {ROW} FROM alert WHERE {where} time BETWEEN ?2 AND ?3"  # noqa: S608 - own columns
            f" ORDER BY time {'DESC' if newest else ''} LIMIT ?4",
            (host, start, end, limit),
        )
        found = self._rows(rows)
        return found[::-1] if newest else found

    def alerts_like(
        self, row: AlertRow, column: str, value: str, limit: int, same_host: bool = False
    ) -> list[AlertRow]:
        """The alerts with ``value`` in a column ("host", "user", "root_id", "destination"), the
        nearest to ``row`` in time first; with ``same_host`` only those of its host."""
        if not value:
            return []
        if column not in ("host", "user", "root_id", "destination"):
            raise ValueError(column)
        where = "host = ?2 AND" if same_host else "?2 IS NOT NULL AND"
        rows = self._db.execute(
            f"SELECT {ROW} FROM alert WHERE {where} {column} = ?1"  # noqa: S608 - own columns
            " ORDER BY abs(time - ?3), id LIMIT ?4",
            (value, row.host, row.time, limit),
        )
        return self._rows(rows)

    def alerts_of_hash(self, sha256: str, near: int, limit: int) -> list[AlertRow]:
        """The alerts whose process has this hash, the nearest to an instant (ns) first."""
        if not sha256:
            return []
        columns = ", ".join(f"alert.{name.strip()}" for name in ROW.split(","))
        rows = self._db.execute(
            f"SELECT {columns} FROM alert JOIN process p ON p.host = alert.host"  # noqa: S608 - own columns
            " AND p.entity_id = alert.entity_id WHERE p.sha256 = ?"
            " ORDER BY abs(alert.time - ?), alert.id LIMIT ?",
            (sha256, near, limit),
        )
        return self._rows(rows)

    def alerts_by_process(self, host: str) -> dict[str, int]:
        """How many alerts each process of a host has, by entity id."""
        rows = self._db.execute(
            "SELECT entity_id, count(*) FROM alert WHERE host = ? GROUP BY entity_id", (host,)
        )
        return dict(rows)

    def alert_of_rule(self, rule_id: str) -> str:
        """The id of an alert of a rule, one of its newest; "" where it has none."""
        found = self._db.execute(
            "SELECT id FROM alert WHERE rule_id = ? ORDER BY bucket DESC LIMIT 1", (rule_id,)
        ).fetchone()
        return found[0] if found else ""

    def members(self, incident_id: str, limit: int = 200) -> list[AlertRow]:
        """The newest alerts that an incident is made of, oldest first; none of any other alert."""
        rows = self._db.execute(
            f"SELECT {ROW} FROM alert WHERE id IN (SELECT alert_id FROM incident_alert"  # noqa: S608 - own columns
            " WHERE incident_id = ?) ORDER BY time DESC, id LIMIT ?",
            (incident_id, limit),
        )
        return self._rows(rows)[::-1]

    def incidents_with(self, alert_id: str) -> list[AlertRow]:
        """The incidents that stand and that an alert is part of."""
        rows = self._db.execute(
            f"SELECT {ROW} FROM alert WHERE NOT superseded AND id IN (SELECT incident_id"  # noqa: S608 - own columns
            " FROM incident_alert WHERE alert_id = ?) ORDER BY time, id",
            (alert_id,),
        )
        return self._rows(rows)

    def threat_counts(self) -> list[ThreatCount]:
        """The alerts that stand, by the tactics and techniques of their rules and by severity."""
        harmless = ", ".join(f"'{reason}'" for reason in HARMLESS)
        rows = self._db.execute(
            "SELECT threat, severity, sum(1 + collapsed), sum(status <> 'closed') FROM alert"  # noqa: S608 - own words
            f" WHERE NOT superseded AND close_reason NOT IN ({harmless}) AND threat <> ''"
            " GROUP BY threat, severity"
        )
        return [ThreatCount(*row) for row in rows]

    def _rows(self, rows: Iterable[tuple[Any, ...]]) -> list[AlertRow]:
        # Few alerts have marks, or are incidents: asked for apart, that costs the others nothing.
        marks = {
            alert_id: (steps, closed)
            for alert_id, steps, closed in self._db.execute(
                "SELECT alert_id, max(steps), sum(outcome IN (?, ?)) FROM tick GROUP BY alert_id",
                STEP_CLOSED,
            )
        }
        whose = dict(self._db.execute("SELECT alert_id, kind FROM incident"))
        found: list[AlertRow] = []
        for row in rows:
            told = list(row)
            for place in _SHARED:
                told[place] = intern(told[place])
            told[14] = bool(told[14])  # superseded
            told[21] = tuple(told[21].split("\n")) if told[21] else ()  # tags
            told[-1] = bool(told[-1])  # late
            told += (*marks.get(told[0], (0, 0)), whose.get(told[0], ""))
            found.append(AlertRow(*told))
        return found
