"""The engine's side of a case: one transaction a block, with all the block brought about."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import apsw
import orjson

from triage import attack
from triage.alert import Alert, alert_id, bucket_of, build
from triage.case import risk
from triage.case.blocks import BlockIndex, BlockRow
from triage.case.faults import told
from triage.case.incidents import Incidents
from triage.case.model import EngineState, SourceState
from triage.case.schema import (
    MEMORY,
    ROOT,
    connect,
    count,
    next_change,
    stored_path,
    told_path,
    transaction,
)
from triage.case.switches import ON, switches
from triage.engine.blocks import KnownBlock
from triage.engine.match import BlockResult, Hit, StoredEvent, Suppression
from triage.engine.sequence import Advance, Match
from triage.errors import Problem
from triage.event import Event
from triage.failpoints import fail_point
from triage.risk import contributions
from triage.rules import Rule
from triage.sources import Block, Position
from triage.text import encodable

# What only people write. The engine's connection cannot: whatever a log says, it decides nothing.
_PEOPLES_TABLES = frozenset({"journal", "journal_change", "note", "tick"})
_PEOPLES_COLUMNS = frozenset(
    {"status", "close_reason", "assignee", "decided_by", "decided_at", "notes", "tags"}
)
_WRITES = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})


def _engine_may(
    operation: int, table: str | None, column: str | None, _database: str | None, _in: str | None
) -> int:
    """SQLite asks for each statement that it prepares."""
    if operation not in _WRITES:
        return apsw.SQLITE_OK
    decides = table in _PEOPLES_TABLES or (
        table == "alert" and (operation == apsw.SQLITE_DELETE or column in _PEOPLES_COLUMNS)
    )
    return apsw.SQLITE_DENY if decides else apsw.SQLITE_OK


@dataclass(frozen=True, slots=True)
class Committed:
    """What a block changed in the case."""

    found: tuple[str, ...]  # ids of the block's alerts, new or known
    new: int  # of them new
    collapsed: int  # further ones, beyond a rule's max_signals


class CaseWriter:
    """The engine's connection to its case; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, path: str, clock: Callable[[], int]) -> None:
        self._db = connect(path)
        self._db.authorizer = _engine_may
        self._clock = clock
        self._told: dict[str, SourceState] = {}  # the logs as last said
        # The journal's end when it was last asked, and the rules switched up to there.
        self._switched: tuple[int, dict[str, bool]] = (-1, {})
        self._incidents = Incidents(self._db, self._insert, clock)
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
                self._processes(result)  # first: an alert's process tree begins at one of them
            found, new, collapsed = self._alerts(advance.matches, rules, block)
            for match in advance.superseded:
                self._supersede(match)
            self._suppress(result.suppressed)
            for reject in result.rejects:
                self._db.execute(
                    "INSERT OR IGNORE INTO reject (source, position, length, reason, excerpt)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (
                        stored_path(reject.source),
                        reject.position,
                        reject.length,
                        reject.reason,
                        reject.excerpt,
                    ),
                )
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
            found, new, collapsed = self._alerts(advance.matches, rules, None)
            incidents = self._incidents.settle()
        return Committed((*found, *incidents), new + len(incidents), collapsed)

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

    def commit_released(
        self, advance: Advance, released: Sequence[Suppression], rules: Mapping[str, Rule]
    ) -> None:
        """Write that exceptions cover events of open sequences: they wait no longer."""
        with transaction(self._db):
            self._alerts(advance.matches, rules, None)
            self._suppress(released)
            self._forget(advance.evicted)

    def _forget(self, hits: Iterable[Hit]) -> None:
        self._db.executemany(
            "DELETE FROM open_hit WHERE rule_id = ? AND key = ? AND event_id = ?",
            [(hit.rule_id, hit.key, hit.event.id) for hit in hits],
        )

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
        self._db.executemany(
            "INSERT INTO contact VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " count = count + excluded.count, first = min(first, excluded.first),"
            " last = max(last, excluded.last)",
            result.contacts,
        )
        self._db.executemany(
            "INSERT INTO resolved VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " last = max(last, excluded.last)",
            result.resolved,
        )
        self.blocks.follow_name(block.position)
        if row is not None:
            self.blocks.write(block, row)
        for hit in advance.kept:
            self._store(hit.event)
            self._db.execute(
                "INSERT OR REPLACE INTO open_hit VALUES (?, ?, ?, ?, ?)",
                (
                    hit.rule_id,
                    rules[hit.rule_id].fingerprint,
                    hit.key,
                    hit.event.id,
                    orjson.dumps(hit.stages).decode(),
                ),
            )
        self._forget(advance.evicted)
        self._db.execute(
            "INSERT OR REPLACE INTO position VALUES (?, ?, ?)",
            (block.position.generation, json.dumps(asdict(block.position)), at),
        )

    def _alerts(
        self, matches: Sequence[Match], rules: Mapping[str, Rule], block: Block | None
    ) -> tuple[list[str], int, int]:
        found: list[str] = []
        new = 0
        full: dict[tuple[str, int], list[str]] = {}  # beyond max_signals, by rule and interval
        for match in matches:
            rule = rules[match.rule_id]
            id_ = alert_id(rule.rule_id, [event.id for event in match.events])
            known = self._db.execute("SELECT superseded FROM alert WHERE id = ?", (id_,)).fetchone()
            if known is not None:
                if known[0]:
                    self._db.execute(
                        "UPDATE alert SET superseded = 0, change = ? WHERE id = ?",
                        (next_change(self._db), id_),
                    )
                found.append(id_)
                continue
            interval = rule.rule_id, bucket_of(match, rule)
            if interval in full or self._full(interval, rule.max_signals):
                full.setdefault(interval, []).append(id_)
                continue
            alert = build(match, rule, self._clock())
            self._insert(alert, late=block is not None and _is_late(match, block))
            scores = contributions(alert.doc, alert.host, alert.user, alert.risk_score)
            risk.add(self._db, alert.id, alert.rule_id, alert.time, scores)
            for stage, event in enumerate(match.events):
                self._store(event)
                self._db.execute(
                    "INSERT OR IGNORE INTO alert_event VALUES (?, ?, ?)", (id_, stage, event.id)
                )
            found.append(id_)
            new += 1
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

    def _insert(self, alert: Alert, *, late: bool = False) -> None:
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
                alert.entity_id,
                alert.process,
                orjson.dumps(alert.doc, default=str),
                late,
            ),
        )
        self._root(alert.id)

    def _root(self, alert_id: str) -> None:
        """Say where the process tree of an alert begins, as far as it is known by now."""
        self._db.execute(
            f"UPDATE alert SET (root_id, root) = ({ROOT}) WHERE id = ?1 AND EXISTS"  # noqa: S608 - own text
            " (SELECT 1 FROM process p WHERE p.host = alert.host"
            " AND p.entity_id = alert.entity_id)",
            (alert_id,),
        )

    def _supersede(self, match: Match) -> None:
        self._db.execute(
            "UPDATE alert SET superseded = 1, change = ? WHERE id = ?",
            (
                next_change(self._db),
                alert_id(match.rule_id, [event.id for event in match.events]),
            ),
        )

    def _suppress(self, suppressed: Sequence[Suppression]) -> None:
        for one in suppressed:
            self._store(one.event)
            self._db.execute(
                "INSERT OR IGNORE INTO suppressed VALUES (?, ?, ?, ?, ?)",
                (one.item_id, one.rule_id, one.event.id, one.event.order[0], one.event.host),
            )

    def _store(self, event: StoredEvent) -> None:
        time, tiebreaker, source, position = event.order
        self._db.execute(
            # Of two exports of one record the one with the finer time stays, as in the sequences.
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " (time, tiebreaker, source, position, host, doc) = (excluded.time,"
            " excluded.tiebreaker, excluded.source, excluded.position, excluded.host, excluded.doc)"
            " WHERE excluded.time > time",
            (event.id, time, tiebreaker, stored_path(source), position, event.host, event.body),
        )

    def _processes(self, result: BlockResult) -> None:
        # A log read newest first tells of a process's end before its start: either may come first.
        self._db.executemany(
            f"INSERT INTO process VALUES ({', '.join('?' * 21)})"  # noqa: S608 - own text
            " ON CONFLICT (host, entity_id) DO UPDATE SET"
            " (parent_entity_id, pid, parent_pid, name, executable, command_line, parent_name,"
            "  parent_executable, parent_command_line, user, start, sha256, integrity,"
            "  sha1, md5, imphash, signer, signature) ="
            " (excluded.parent_entity_id, excluded.pid, excluded.parent_pid, excluded.name,"
            "  excluded.executable, excluded.command_line, excluded.parent_name,"
            "  excluded.parent_executable, excluded.parent_command_line, excluded.user,"
            "  excluded.start, excluded.sha256, excluded.integrity, excluded.sha1, excluded.md5,"
            "  excluded.imphash, excluded.signer, excluded.signature) WHERE start = 0",
            [change.values for change in result.processes if not change.ended],
        )
        self._db.executemany(
            f"INSERT INTO process VALUES ({', '.join('?' * 21)})"  # noqa: S608 - own text
            ' ON CONFLICT (host, entity_id) DO UPDATE SET "end" = excluded."end"',
            [change.values for change in result.processes if change.ended],
        )

    # Around alerts ------------------------------------------------------------------------------

    def ungathered(self, before: int) -> list[str]:
        """The alerts from before an instant (ns) whose surroundings are not kept yet, by time."""
        rows = self._db.execute(
            "SELECT id FROM alert WHERE gathered = 0 AND time < ? ORDER BY time", (before,)
        )
        return [row[0] for row in rows]

    def gather(self, id_: str, events: Iterable[tuple[Event, str]]) -> None:
        """Keep the events (each with its host) that lie around an alert."""
        with transaction(self._db):
            for event, host in events:
                body = orjson.dumps(event.doc, default=str)
                self._store(StoredEvent(event.id, event.order, host, body))
            before = self._db.execute("SELECT root_id FROM alert WHERE id = ?", (id_,)).fetchone()
            self._root(id_)  # logs come in any order: ancestors may have become known since
            self._db.execute(
                "UPDATE alert SET gathered = 1, change = iif(root_id = ?, change, ?) WHERE id = ?",
                (*(before or ("",)), next_change(self._db), id_),
            )

    # The engine's word of itself ----------------------------------------------------------------

    def say(self, state: EngineState, sources: Sequence[SourceState] = ()) -> None:
        """Tell the console how the engine and each of its logs fare."""
        with transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO engine VALUES ('state', ?)",
                (orjson.dumps(asdict(state)).decode(),),
            )
            said = {source.path: source for source in sources}
            self._say_sources(said)
        self._told = said  # only now: what was not committed has to be said again

    def _say_sources(self, sources: dict[str, SourceState]) -> None:
        """Write what is new of the logs: there may be thousands, and most rest."""
        if not self._told:
            self._db.execute("DELETE FROM source")
        self._db.executemany(
            "DELETE FROM source WHERE path = ?",
            [(stored_path(path),) for path in self._told if path not in sources],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    stored_path(one.path),
                    one.format,
                    one.state,
                    one.reason,
                    one.offset,
                    one.size,
                    one.events,
                    one.rejects,
                    one.lag,
                    one.behind_since,
                    one.rate,
                    encodable(one.error),
                )
                for one in sources.values()
                if self._told.get(one.path) != one
            ],
        )

    def say_rules(self, rules: Iterable[Rule], problems: Iterable[Problem]) -> None:
        """Tell the console which rules are loaded and what is wrong with them."""
        rules = list(rules)
        with transaction(self._db):
            self._db.execute("DELETE FROM rule")
            self._db.execute("DELETE FROM rule_tag")
            self._db.execute("DELETE FROM problem")
            self._db.executemany(
                "INSERT OR REPLACE INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        r.rule_id,
                        r.name,
                        r.severity,
                        encodable(r.path),
                        _runs(r),
                        r.reason,
                        r.enabled,
                        attack.ids(r.parameters.get("threat")),
                    )
                    for r in rules
                ],
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO rule_tag VALUES (?, ?)",
                [(rule.rule_id, tag) for rule in rules for tag in rule.tags],
            )
            self._db.executemany(
                'INSERT INTO problem (path, line, "column", severity, message)'
                " VALUES (?, ?, ?, ?, ?)",
                [
                    (encodable(p.path), p.line, p.column, p.severity, encodable(p.message))
                    for p in problems
                ],
            )

    def say_costs(self, costs: Mapping[str, float]) -> None:
        """Tell the console what rules cost: seconds a sampled event, by rule id."""
        with transaction(self._db):
            self._db.execute(
                "INSERT OR REPLACE INTO engine VALUES ('costs', ?)", (orjson.dumps(costs).decode(),)
            )

    def switched(self) -> dict[str, bool]:
        """Rules that people switched off or on in this case, by id; asking is cheap."""
        with told():
            end = count(self._db, "SELECT coalesce(max(id), 0) FROM journal")
            if end != self._switched[0]:
                found = {id_: one.action == ON for id_, one in switches(self._db).items()}
                self._switched = (end, found)
        return self._switched[1]

    def set_meta(self, key: str, value: str) -> None:
        """Keep a fact about the case."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, encodable(value)))


def _runs(rule: Rule) -> bool:
    return rule.runnable or rule.incident is not None


def _is_late(match: Match, block: Block) -> bool:
    """Whether a match's last event was read before the block that completes it: an event came late,
    and the alert with it."""
    last = max(match.events, key=lambda event: event.order)
    _, _, source, position = last.order
    if source != block.source or position not in block.positions:
        return True
    # A log of that name may have been rotated since: its events lay at the same places.
    record = block.records[block.positions.index(position)]
    return StoredEvent.of_record(block.format, record, last.order, last.host).id != last.id
