"""The engine's side of a case: one transaction a block, with all the block brought about."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import apsw
import orjson

from triage.case.alert_table import AlertTable
from triage.case.blocks import BlockIndex, BlockRow
from triage.case.evidence_tables import (
    store_contacts,
    store_events,
    store_processes,
    store_rejects,
    store_suppressed,
)
from triage.case.faults import told
from triage.case.incidents import Incidents
from triage.case.permit import engine_may
from triage.case.schema import (
    MEMORY,
    connect,
    count,
    next_change,
    stored_path,
    told_path,
    transaction,
)
from triage.case.switches import ON, switches
from triage.case.telling import Telling
from triage.engine.blocks import KnownBlock
from triage.engine.result import BlockResult, Hit, StoredEvent, Suppression
from triage.engine.sequence import Advance
from triage.event import Event
from triage.failpoints import fail_point
from triage.rules import Rule
from triage.sources import Block, Position

# Ids are as good as random, so what a block writes lies all over the case's trees: with SQLite's
# usual 2 MB nearly all of it is read from disk first and written back at once.
_CACHE = 8_000  # KiB


@dataclass(frozen=True, slots=True)
class Committed:
    """What a block changed in the case."""

    found: tuple[str, ...]  # ids of the block's alerts, new or known
    new: int  # of them new
    collapsed: int  # further ones, beyond a rule's max_signals


class CaseWriter(Telling):
    """The engine's connection to its case; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, path: str, clock: Callable[[], int]) -> None:
        super().__init__(connect(path))
        self._db.execute(f"PRAGMA cache_size = -{_CACHE}")
        self._db.authorizer = engine_may
        self._clock = clock
        # The journal's end when it was last asked, and the rules switched up to there.
        self._switched: tuple[int, dict[str, bool]] = (-1, {})
        self._alerts = AlertTable(self._db, clock)
        self._incidents = Incidents(self._db, self._alerts.insert, clock)
        self.blocks = BlockIndex(self._db)
        self._keeps = path != MEMORY  # a case that is gone at the end needs no place to go on from

    @property
    def connection(self) -> apsw.Connection:
        """The open connection, for reading what was written."""
        return self._db

    def close(self) -> None:
        """Close the connection; what is committed is in the case, whether or not this works."""
        try:
            self._db.close(True)
        except apsw.Error:
            return  # what it could not tidy up the next one will

    # What a new engine takes up -----------------------------------------------------------------

    def positions(self) -> dict[str, Position]:
        """How far each generation of each file was read, by generation."""
        rows = self._db.execute("SELECT generation, state FROM position")
        return {generation: Position(**json.loads(state)) for generation, state in rows}

    def forget_places(self, present: Container[str], before: int) -> None:
        """Let go of the places in logs that were last written before an instant (ns), but for the
        generations that are ``present``."""
        with transaction(self._db):
            rows = self._db.execute("SELECT generation FROM position WHERE at < ?", (before,))
            gone = [row for row in rows if row[0] not in present]
            self._db.executemany("DELETE FROM position WHERE generation = ?", gone)

    def open_hits(self, rules: Mapping[str, Rule]) -> list[Hit]:
        """The hits of sequences still open; those of rules that changed since are let go."""
        hits: list[Hit] = []
        rows = self._db.execute(
            "SELECT rule_id, fingerprint, key, stages, e.id, time, tiebreaker, source, position,"
            " host, doc FROM open_hit JOIN event e ON e.id = event_id"
        )
        stale: set[tuple[str, str]] = set()
        for rule_id, fingerprint, key, stages, id_, time, tiebreaker, source, at, host, doc in rows:
            rule = rules.get(rule_id)
            if rule is None or rule.fingerprint != fingerprint:
                stale.add((rule_id, fingerprint))
                continue
            order = (time, tiebreaker, told_path(source), at)
            event = StoredEvent(id_, order, host, doc)
            hits.append(Hit(rule_id, key, tuple(orjson.loads(stages)), event))
        with transaction(self._db):
            self._db.executemany(
                "DELETE FROM open_hit WHERE rule_id = ? AND fingerprint = ?", stale
            )
        return hits

    def switched(self) -> dict[str, bool]:
        """Rules that people switched off or on in this case, by id; asking is cheap."""
        with told():
            end = count(self._db, "SELECT coalesce(max(id), 0) FROM journal")
            if end != self._switched[0]:
                found = {id_: one.action == ON for id_, one in switches(self._db).items()}
                self._switched = (end, found)
        return self._switched[1]

    # A block ------------------------------------------------------------------------------------

    def commit(
        self,
        block: Block,
        result: BlockResult,
        advance: Advance,
        rules: Mapping[str, Rule],
        known: KnownBlock | None = None,
    ) -> Committed:
        """Write all that a block brought about, and where to go on behind it, or nothing.

        ``known``: the block as far as records wait in it."""
        row = self.blocks.row(block, result, known)
        with transaction(self._db):
            if self._keeps:
                # First: an alert's process tree begins at one of them.
                store_processes(self._db, result)
            found, new, collapsed = self._alerts.add(advance.matches, rules, block)
            for match in advance.superseded:
                self._alerts.supersede(match)
            store_suppressed(self._db, result.suppressed)
            store_rejects(self._db, result.rejects)
            if self._keeps:
                self._keep(block, result, advance, rules, row)
            incidents = self._incidents.settle()
            fail_point("before_commit")
        fail_point("after_commit")
        self.blocks.wrote(block, row)
        return Committed((*found, *incidents), new + len(incidents), collapsed)

    def commit_confirmed(self, advance: Advance, rules: Mapping[str, Rule]) -> Committed:
        """Write what time alone has confirmed, and what follows from decisions made meanwhile."""
        with transaction(self._db):
            found, new, collapsed = self._alerts.add(advance.matches, rules, None)
            incidents = self._incidents.settle()
        return Committed((*found, *incidents), new + len(incidents), collapsed)

    def commit_released(
        self, advance: Advance, released: Sequence[Suppression], rules: Mapping[str, Rule]
    ) -> None:
        """Write that exceptions cover events of open sequences: they wait no longer."""
        with transaction(self._db):
            self._alerts.add(advance.matches, rules, None)
            store_suppressed(self._db, released)
            self._forget(advance.evicted)

    def _keep(
        self,
        block: Block,
        result: BlockResult,
        advance: Advance,
        rules: Mapping[str, Rule],
        row: BlockRow | None,
    ) -> None:
        at = self._clock()
        for message in block.gaps:
            self._db.execute(
                "INSERT INTO gap (at, source, message) VALUES (?, ?, ?)",
                (at, stored_path(block.source), message),
            )
        store_contacts(self._db, result)
        self.blocks.follow_name(block.position)
        if row is not None:
            self.blocks.write(block, row)
        store_events(self._db, [hit.event for hit in advance.kept])
        self._db.executemany(
            "INSERT OR REPLACE INTO open_hit VALUES (?, ?, ?, ?, ?)",
            [
                (
                    hit.rule_id,
                    rules[hit.rule_id].fingerprint,
                    hit.key,
                    hit.event.id,
                    orjson.dumps(hit.stages).decode(),
                )
                for hit in advance.kept
            ],
        )
        self._forget(advance.evicted)
        self._db.execute(
            "INSERT OR REPLACE INTO position VALUES (?, ?, ?)",
            (block.position.generation, json.dumps(asdict(block.position)), at),
        )

    def _forget(self, hits: Iterable[Hit]) -> None:
        self._db.executemany(
            "DELETE FROM open_hit WHERE rule_id = ? AND key = ? AND event_id = ?",
            [(hit.rule_id, hit.key, hit.event.id) for hit in hits],
        )

    # Incidents ----------------------------------------------------------------------------------

    def use_incidents(self, rules: Sequence[Rule]) -> None:
        """The risk rules in force."""
        with transaction(self._db):
            self._incidents.use(rules)

    def incidents_due(self) -> bool:
        """Whether scores changed since incidents were last worked out."""
        return self._incidents.due()

    def incidents_holding(self, alert_ids: set[str]) -> set[str]:
        """The incidents that one of these alerts is part of, by id."""
        return self._incidents.holding(alert_ids)

    # Around alerts ------------------------------------------------------------------------------

    def ungathered(self, lately: int, before: int) -> list[str]:
        """The alerts, by time, whose surroundings are to be kept: those from before ``lately`` (ns)
        of which nothing is kept yet, and those from before ``before`` of which not all is."""
        rows = self._db.execute(
            "SELECT id FROM alert WHERE gathered <> 1 AND time < ? AND (gathered = 0 OR time < ?)"
            " ORDER BY time",
            (lately, before),
        )
        return [row[0] for row in rows]

    def gather(self, id_: str, events: Iterable[tuple[Event, str]], *, whole: bool) -> None:
        """Keep the events (each with its host) that lie around an alert; ``whole``: whether they
        are all that are ever to be kept."""
        with transaction(self._db):
            store_events(
                self._db,
                [
                    StoredEvent(event.id, event.order, host, orjson.dumps(event.doc, default=str))
                    for event, host in events
                ],
            )
            before = self._db.execute("SELECT root_id FROM alert WHERE id = ?", (id_,)).fetchone()
            # Logs come in any order: ancestors may have become known since.
            self._alerts.set_root(id_)
            self._db.execute(
                "UPDATE alert SET gathered = ?, change = iif(root_id = ?, change, ?) WHERE id = ?",
                (1 if whole else 2, *(before or ("",)), next_change(self._db), id_),
            )
