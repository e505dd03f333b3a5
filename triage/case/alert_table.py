"""The table of alerts as the engine writes it: each once, no more than its rule allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import apsw
import orjson

from triage.alert import Alert, AlertMaker, alert_id, bucket_of
from triage.case import risk
from triage.case.evidence_tables import store_events
from triage.case.schema import count, next_change
from triage.case.tables import ROOT, root_of
from triage.engine.result import StoredEvent
from triage.engine.sequence import Match
from triage.risk import contributions
from triage.rules import Rule
from triage.sources import Block

# The signs keep SQLite from planning the statement anew for each value.
_ROOT = root_of("+?1", "+?2")


class AlertTable:
    """Writes alerts inside the transaction that is open; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, db: apsw.Connection, clock: Callable[[], int]) -> None:
        self._db = db
        self._clock = clock
        self._maker = AlertMaker()

    def add(
        self, matches: Sequence[Match], rules: Mapping[str, Rule], block: Block | None
    ) -> tuple[list[str], int, int]:
        """Make alerts of matches; ``block`` completed them, None: time alone did.

        The ids of their alerts, new or known, how many are new, and how many further ones only
        count, beyond their rule's max_signals."""
        found: list[str] = []
        new = 0
        full: dict[tuple[str, int], list[str]] = {}  # beyond max_signals, by rule and interval
        evidence: list[StoredEvent] = []
        links: list[tuple[str, int, str]] = []
        for match in matches:
            rule = rules[match.rule_id]
            events = [stored.event() for stored in match.events]
            id_ = alert_id(rule.rule_id, [event.id for event in events])
            known = self._db.execute("SELECT superseded FROM alert WHERE id = ?", (id_,)).fetchone()
            if known is not None:
                if known[0]:
                    self._db.execute(
                        "UPDATE alert SET superseded = 0, change = ? WHERE id = ?",
                        (next_change(self._db), id_),
                    )
                found.append(id_)
                continue
            interval = rule.rule_id, bucket_of(rule, max(event.order for event in events)[0])
            if interval in full or self._full(interval, rule.max_signals):
                full.setdefault(interval, []).append(id_)
                continue
            alert = self._maker.make(id_, events, rule, self._clock())
            self.insert(alert, late=block is not None and _is_late(match, block))
            scores = contributions(
                alert.doc, alert.host, alert.user, alert.risk_score, alert.threat
            )
            risk.add(self._db, alert.id, alert.rule_id, alert.time, scores)
            evidence += match.events
            links += [(id_, stage, event.id) for stage, event in enumerate(events)]
            found.append(id_)
            new += 1
        store_events(self._db, evidence)
        self._db.executemany("INSERT OR IGNORE INTO alert_event VALUES (?, ?, ?)", links)
        return found, new, sum(self._collapse(*one) for one in full.items())

    def _full(self, interval: tuple[str, int], max_signals: int) -> bool:
        have = count(
            self._db,
            "SELECT count(*) FROM alert WHERE rule_id = ? AND bucket = ? AND NOT superseded",
            interval,
        )
        return have >= max_signals

    def _collapse(self, interval: tuple[str, int], ids: Sequence[str]) -> int:
        """Count alerts beyond the rule's max_signals on the interval's last one, each once; how
        many are new."""
        before = self._db.total_changes()
        self._db.executemany(
            "INSERT OR IGNORE INTO collapsed VALUES (?, ?, ?)", [(id_, *interval) for id_ in ids]
        )
        fresh = self._db.total_changes() - before
        if fresh:
            self._db.execute(
                "UPDATE alert SET collapsed = collapsed + ?, change = ? WHERE id ="
                " (SELECT id FROM alert WHERE rule_id = ? AND bucket = ?"
                "  ORDER BY time DESC, id LIMIT 1)",
                (fresh, next_change(self._db), *interval),
            )
        return fresh

    def insert(self, alert: Alert, *, late: bool = False) -> None:
        """Write a new alert, and where its process tree begins, as far as it is known by now."""
        # Not afterwards: a change would write all of a long row again.
        process = alert.host, alert.entity_id
        known = count(self._db, "SELECT 1 FROM process WHERE (host, entity_id) = (?, ?)", process)
        root = self._db.execute(_ROOT, process).fetchone() if known else None
        self._db.execute(
            "INSERT INTO alert (id, change, rule_id, rule_name, severity, risk_score, time,"
            " created, bucket, host, user, process, entity_id, reason, parent, destination,"
            " threat, root_id, root, doc, late)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                alert.id,
                next_change(self._db),
                alert.rule_id,
                alert.rule_name,
                alert.severity,
                alert.risk_score,
                alert.time,
                self._clock(),
                alert.bucket,
                alert.host,
                alert.user,
                alert.process,
                alert.entity_id,
                alert.reason,
                alert.parent,
                alert.destination,
                alert.threat,
                *(root or (alert.entity_id, alert.process)),
                orjson.dumps(alert.doc, default=str),
                late,
            ),
        )

    def set_root(self, alert_id: str) -> None:
        """Say again where the process tree of an alert begins: more may be known by now."""
        self._db.execute(
            f"UPDATE alert SET (root_id, root) = ({ROOT}) WHERE id = ?1 AND EXISTS"  # noqa: S608 - own text
            " (SELECT 1 FROM process p WHERE p.host = alert.host"
            " AND p.entity_id = alert.entity_id)",
            (alert_id,),
        )

    def supersede(self, match: Match) -> None:
        """A late event changed what matched: the alert stays, marked."""
        self._db.execute(
            "UPDATE alert SET superseded = 1, change = ? WHERE id = ?",
            (
                next_change(self._db),
                alert_id(match.rule_id, [event.id for event in match.events]),
            ),
        )


def _is_late(match: Match, block: Block) -> bool:
    """Whether a match's last event was read before the block that completes it: an event came late,
    and the alert with it."""
    last = max(match.events, key=lambda event: event.order)
    _, _, source, position = last.order
    if source != block.source:
        return True
    try:
        record = block.records[block.positions.index(position)]
    except ValueError:
        return True
    # A log of that name may have been rotated since: its events lay at the same places.
    if last.record == record:
        return False
    return StoredEvent.of_record(block.format, record, last.order, last.host).id != last.id
