"""Incidents: alerts made of alerts, where the risk of one user or host crosses a rule's threshold.

They follow from the scores of the case alone: however its alerts came in, whatever was read twice,
late or after a restart, the same incidents stand in the end. One that no longer follows, since a
late event replaced an alert or somebody closed it as nothing, is marked superseded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from triage.alert import Alert
from triage.case import risk
from triage.case.schema import next_change
from triage.incident import Member, Part, build, crossings, incident_id
from triage.rules import Rule

_MAX_EVENTS = 300  # of its alerts, kept as an incident's evidence


@dataclass(frozen=True, slots=True)
class _Due:
    """An entity whose scores changed."""

    kind: str
    entity: str
    since: int  # ns: time of the earliest alert whose score changed
    until: int  # ns: of the latest


class Incidents:
    """Works out the incidents of a case in its engine's transactions.

    ``insert`` writes a new alert; ``clock`` gives nanoseconds since 1970.
    """

    def __init__(
        self, connection: apsw.Connection, insert: Callable[[Alert], None], clock: Callable[[], int]
    ) -> None:
        self._db = connection
        self._insert = insert
        self._clock = clock
        self._rules: tuple[Rule, ...] = ()

    def use(self, rules: Sequence[Rule]) -> None:
        """The risk rules in force; where they are others than the case knows, all is looked at."""
        self._rules = tuple(rules)
        told = "\n".join(sorted(f"{rule.rule_id} {rule.incident!r}" for rule in rules))
        row = self._db.execute("SELECT value FROM meta WHERE key = 'incidents'").fetchone()
        if row is None or row[0] != told:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('incidents', ?)", (told,))
            risk.all_due(self._db)

    def due(self) -> bool:
        """Whether there is anything to work out."""
        row = self._db.execute("SELECT EXISTS (SELECT 1 FROM risk_due)").fetchone()
        return bool(row and row[0])

    def settle(self) -> list[str]:
        """Work out what changed, inside a transaction; the ids of new incidents."""
        rows: list[Any] = self._db.execute(
            "SELECT kind, entity, since, until FROM risk_due"
        ).fetchall()
        if not rows:
            return []
        self._db.execute("DELETE FROM risk_due")
        new: list[str] = []
        for row in rows:
            for rule in self._rules:
                new += self._work_out(rule, _Due(*row))
        return new

    def holding(self, alert_ids: set[str]) -> set[str]:
        """The incidents that one of these alerts is part of."""
        rows = self._db.execute("SELECT incident_id, alert_id FROM incident_alert")
        return {incident for incident, alert in rows if alert in alert_ids}

    # One rule and one entity ----------------------------------------------------------------------

    def _work_out(self, rule: Rule, due: _Due) -> list[str]:
        incident = rule.incident
        if incident is None:
            return []
        # What was told before the first change stays, and is quiet for a window from then on.
        told: Any = self._standing(rule, due, "<").fetchone()
        quiet_until = max(due.since, told[1] + incident.window) if told else due.since
        later = {crossing: id_ for id_, crossing in self._standing(rule, due, ">=")}
        new: list[str] = []
        kept: set[str] = set()
        end: int | None = None
        for parts in crossings(
            self._parts(due, quiet_until - incident.window), incident, quiet_until
        ):
            crossing = parts[-1].time
            id_ = incident_id(rule, due.kind, due.entity, crossing)
            kept.add(id_)
            if self._tell(rule, due, parts, id_):
                new.append(id_)
            if crossing > due.until and crossing in later:
                end = crossing  # from here on nothing changed
                break
        for crossing, id_ in later.items():
            if id_ not in kept and (end is None or crossing < end):
                self._db.execute(
                    "UPDATE alert SET superseded = 1, change = ? WHERE id = ?",
                    (next_change(self._db), id_),
                )
        return new

    def _standing(self, rule: Rule, due: _Due, side: str) -> apsw.Cursor:
        """The incidents of a rule and entity that stand, told before the change or since: (id,
        crossing), the newest first."""
        return self._db.execute(
            "SELECT i.alert_id, crossing FROM incident i JOIN alert a ON a.id = i.alert_id"  # noqa: S608 - one of two signs
            " WHERE i.rule_id = ? AND kind = ? AND entity = ? AND NOT superseded"
            f" AND crossing {side} ? ORDER BY crossing DESC",
            (rule.rule_id, due.kind, due.entity, due.since),
        )

    def _parts(self, due: _Due, after: int) -> Iterator[Part]:
        # All at once: what is found is written in between.
        rows: list[Any] = self._db.execute(
            "SELECT time, alert_id, score, rule_id, tactics FROM risk"
            " WHERE kind = ? AND entity = ? AND time > ? AND counts ORDER BY time, alert_id",
            (due.kind, due.entity, after),
        ).fetchall()
        for time, alert_id, score, rule_id, tactics in rows:
            yield Part(time, alert_id, score, rule_id, tuple(tactics.split()))

    def _tell(self, rule: Rule, due: _Due, parts: Sequence[Part], id_: str) -> bool:
        """Make the incident's alert, or bring it up to date; True where it is new."""
        known: Any = self._db.execute(
            "SELECT created, superseded, doc FROM alert WHERE id = ?", (id_,)
        ).fetchone()
        name: Any = self._db.execute(
            "SELECT name FROM risk WHERE kind = ? AND entity = ? AND alert_id = ?",
            (due.kind, due.entity, parts[-1].alert_id),
        ).fetchone()
        made = known[0] if known else self._clock()
        alert = build(rule, due.kind, name[0], self._members(parts), made)
        if known is None:
            self._insert(alert)
        elif known[1] or orjson.loads(known[2]) != orjson.loads(orjson.dumps(alert.doc)):
            self._db.execute(
                "UPDATE alert SET superseded = 0, change = ?, time = ?, risk_score = ?, host = ?,"
                " user = ?, entity_id = ?, reason = ?, threat = ?, doc = ? WHERE id = ?",
                (
                    next_change(self._db),
                    alert.time,
                    alert.risk_score,
                    alert.host,
                    alert.user,
                    alert.entity_id,
                    alert.reason,
                    alert.threat,
                    orjson.dumps(alert.doc),
                    id_,
                ),
            )
        else:
            return False
        self._link(rule, due, parts, id_)
        return known is None

    def _link(self, rule: Rule, due: _Due, parts: Sequence[Part], id_: str) -> None:
        """Keep of what an incident is made: its alerts, and their events as its evidence."""
        self._db.execute(
            "INSERT OR REPLACE INTO incident VALUES (?, ?, ?, ?, ?)",
            (id_, rule.rule_id, due.kind, due.entity, parts[-1].time),
        )
        self._db.execute("DELETE FROM incident_alert WHERE incident_id = ?", (id_,))
        self._db.executemany(
            "INSERT INTO incident_alert VALUES (?, ?)", [(id_, part.alert_id) for part in parts]
        )
        self._db.execute("DELETE FROM alert_event WHERE alert_id = ?", (id_,))
        self._db.execute(
            "INSERT INTO alert_event SELECT ?1, row_number() OVER (ORDER BY time, id) - 1, id FROM"
            " (SELECT DISTINCT e.id, e.time FROM incident_alert i JOIN alert_event m"
            "  ON m.alert_id = i.alert_id JOIN event e ON e.id = m.event_id"
            "  WHERE i.incident_id = ?1 ORDER BY e.time DESC LIMIT ?2)",
            (id_, _MAX_EVENTS),
        )

    def _members(self, parts: Sequence[Part]) -> list[Member]:
        members: list[Member] = []
        rules: set[str] = set()
        for part in parts:
            # A document is long, and what is wanted of it is the same for all alerts of a rule.
            doc = "doc" if part.rule_id not in rules else "'{}'"
            rules.add(part.rule_id)
            row: Any = self._db.execute(
                f"SELECT rule_name, host, user, entity_id, {doc} FROM alert WHERE id = ?",  # noqa: S608 - one of two words
                (part.alert_id,),
            ).fetchone()
            rule_name, host, user, entity_id, body = row
            members.append(Member(part, rule_name, host, user, entity_id, orjson.loads(body)))
        return members
