"""Reading a case: what the console, the panes and the exports ask it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from operator import itemgetter
from sys import intern
from typing import Any

import apsw
import orjson

from triage.case.model import (
    HARMLESS,
    STEP_CLOSED,
    AlertDetail,
    AlertRow,
    Contacts,
    EngineState,
    JournalEntry,
    MatchedEvent,
    Note,
    Process,
    RuleState,
    SourceState,
    ThreatCount,
    Tick,
)
from triage.case.schema import connect, count, stored_path, told_path
from triage.case.switches import switches
from triage.errors import Reject
from triage.event import Event
from triage.fields import Doc, values

_ROW = (
    "id, change, rule_id, rule_name, severity, risk_score, time, created, host, user, process,"
    " entity_id, reason, collapsed, superseded, status, close_reason, assignee, decided_by,"
    " decided_at, notes, tags, parent, destination, threat, root_id, root, late"
)
# Columns whose texts come again and again: kept once, a hundred thousand rows take half the room.
_SHARED = [
    place
    for place, name in enumerate(_ROW.split(", "))
    if name
    in (
        *("rule_id", "rule_name", "severity", "host", "user", "process", "status", "close_reason"),
        *(
            "assignee",
            "decided_by",
            "parent",
            "destination",
            "threat",
            "root",
            "entity_id",
            "root_id",
        ),
    )
]
_PROCESS = (
    "host, entity_id, parent_entity_id, pid, parent_pid, name, executable, command_line,"
    ' parent_name, parent_executable, parent_command_line, user, start, "end", sha256, integrity,'
    " sha1, md5, imphash, signer, signature"
)

_LATEST = (1 << 63) - 1  # ns: no instant is later
_MOST_NEAR = 4_000  # blocks each side of an instant that are thought of


class CaseReader:
    """A case open for reading; every answer is a frozen value of its own moment."""

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

    # Alerts -------------------------------------------------------------------------------------

    def alerts(self, after: int = 0) -> list[AlertRow]:
        """The alerts whose rows changed after change number ``after``, oldest change first."""
        if not after:
            # All of them: one pass over the table. By the index it takes twenty times as long.
            everything = self._db.execute(f"SELECT {_ROW} FROM alert NOT INDEXED")  # noqa: S608 - own columns
            return sorted(self._alert_rows(everything), key=lambda row: row.change)
        rows = self._db.execute(
            f"SELECT {_ROW} FROM alert WHERE change > ? ORDER BY change",  # noqa: S608 - own columns
            (after,),
        )
        return self._alert_rows(rows)

    def newest_alerts(self, limit: int) -> list[AlertRow]:
        """The newest alerts, newest first."""
        rows = self._db.execute(
            f"SELECT {_ROW} FROM alert ORDER BY time DESC LIMIT ?",  # noqa: S608 - own columns
            (limit,),
        )
        return self._alert_rows(rows)

    def alert_slices(self, size: int) -> Iterator[list[AlertRow]]:
        """All alerts, some at a time, in no order: for whoever has other things to do between."""
        rows = self._db.execute(f"SELECT {_ROW} FROM alert NOT INDEXED")  # noqa: S608 - own columns
        while found := list(islice(rows, size)):
            yield self._alert_rows(found)

    def alert_count(self) -> int:
        """How many alerts there are."""
        return count(self._db, "SELECT count(*) FROM alert")

    def field_values(
        self, alert_ids: Iterable[str], fields: Iterable[str]
    ) -> dict[str, dict[str, tuple[str, ...]]]:
        """The values of document fields, by field and alert id; of an alert of several events, also
        of those."""
        names = tuple(fields)
        found: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in names}
        for alert_id in alert_ids:
            row = self._db.execute("SELECT doc FROM alert WHERE id = ?", (alert_id,)).fetchone()
            if row is None:
                continue
            docs: list[Doc] = [orjson.loads(row[0])]
            if "kibana.alert.group.id" in docs[0]:
                docs += [matched.event.doc for matched in self.matched(alert_id)]
            for name in names:
                told = dict.fromkeys(str(one) for doc in docs for one in values(doc, name))
                if told:
                    found[name][alert_id] = tuple(map(intern, told))
        return found

    def alert_ids(self, size: int) -> Iterator[list[str]]:
        """The ids of all alerts, newest first, some at a time."""
        rows = self._db.execute("SELECT id FROM alert ORDER BY time DESC")
        ids = [row[0] for row in rows]
        for start in range(0, len(ids), size):
            yield ids[start : start + size]

    def alerts_on(self, host: str, limit: int) -> list[AlertRow]:
        """The newest alerts on a host, newest first."""
        rows = self._db.execute(
            f"SELECT {_ROW} FROM alert WHERE host = ? ORDER BY time DESC LIMIT ?",  # noqa: S608 - own columns
            (host, limit),
        )
        return self._alert_rows(rows)

    def alerts_between(
        self, host: str, start: int, end: int, limit: int = 5000, newest: bool = False
    ) -> list[AlertRow]:
        """The alerts on a host ("": on any) between two instants (ns, inclusive), oldest first;
        where there are more than ``limit``, the oldest or the ``newest``."""
        where = "host = ?1 AND" if host else "?1 = '' AND"
        rows = self._db.execute(
            f"SELECT {_ROW} FROM alert WHERE {where} time BETWEEN ?2 AND ?3"  # noqa: S608 - own columns
            f" ORDER BY time {'DESC' if newest else ''} LIMIT ?4",
            (host, start, end, limit),
        )
        found = self._alert_rows(rows)
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
            f"SELECT {_ROW} FROM alert WHERE {where} {column} = ?1"  # noqa: S608 - own columns
            " ORDER BY abs(time - ?3), id LIMIT ?4",
            (value, row.host, row.time, limit),
        )
        return self._alert_rows(rows)

    def alerts_of_hash(self, sha256: str, near: int, limit: int) -> list[AlertRow]:
        """The alerts whose process has this hash, the nearest to an instant (ns) first."""
        if not sha256:
            return []
        columns = ", ".join(f"alert.{name.strip()}" for name in _ROW.split(","))
        rows = self._db.execute(
            f"SELECT {columns} FROM alert JOIN process p ON p.host = alert.host"  # noqa: S608 - own columns
            " AND p.entity_id = alert.entity_id WHERE p.sha256 = ?"
            " ORDER BY abs(alert.time - ?), alert.id LIMIT ?",
            (sha256, near, limit),
        )
        return self._alert_rows(rows)

    def members(self, incident_id: str, limit: int = 200) -> list[AlertRow]:
        """The newest alerts that an incident is made of, oldest first; none of any other alert."""
        rows = self._db.execute(
            f"SELECT {_ROW} FROM alert WHERE id IN (SELECT alert_id FROM incident_alert"  # noqa: S608 - own columns
            " WHERE incident_id = ?) ORDER BY time DESC, id LIMIT ?",
            (incident_id, limit),
        )
        return self._alert_rows(rows)[::-1]

    def incidents_with(self, alert_id: str) -> list[AlertRow]:
        """The incidents that stand and that an alert is part of."""
        rows = self._db.execute(
            f"SELECT {_ROW} FROM alert WHERE NOT superseded AND id IN (SELECT incident_id"  # noqa: S608 - own columns
            " FROM incident_alert WHERE alert_id = ?) ORDER BY time, id",
            (alert_id,),
        )
        return self._alert_rows(rows)

    def alert(self, alert_id: str) -> AlertDetail | None:
        """All that is known of one alert, None where there is none of that id."""
        found = self._db.execute(
            f"SELECT doc, {_ROW} FROM alert WHERE id = ?",  # noqa: S608 - own columns
            (alert_id,),
        ).fetchone()
        if found is None:
            return None
        return AlertDetail(
            row=self._alert_rows([found[1:]])[0],
            doc=orjson.loads(found[0]),
            matched=tuple(self.matched(alert_id)),
            notes=tuple(
                Note(*row)
                for row in self._db.execute(
                    "SELECT id, at, who, body FROM note WHERE alert_id = ? AND NOT removed"
                    " ORDER BY id",
                    (alert_id,),
                )
            ),
            ticks={
                row[0]: Tick(*row)
                for row in self._db.execute(
                    "SELECT step_id, at, who, outcome, note, steps FROM tick WHERE alert_id = ?",
                    (alert_id,),
                )
            },
            history=tuple(self.history(alert_id)),
        )

    def _alert_rows(self, rows: Iterable[tuple[Any, ...]]) -> list[AlertRow]:
        # Few alerts have marks: asked for apart, they cost the others nothing.
        marks = {
            alert_id: (steps, closed)
            for alert_id, steps, closed in self._db.execute(
                "SELECT alert_id, max(steps), sum(outcome IN (?, ?)) FROM tick GROUP BY alert_id",
                STEP_CLOSED,
            )
        }
        found: list[AlertRow] = []
        for row in rows:
            told = list(row)
            for place in _SHARED:
                told[place] = intern(told[place])
            told[14] = bool(told[14])  # superseded
            told[21] = tuple(told[21].split("\n")) if told[21] else ()  # tags
            told[-1] = bool(told[-1])  # late
            told += marks.get(told[0], (0, 0))
            found.append(AlertRow(*told))
        return found

    def marks(self) -> dict[str, dict[str, Tick]]:
        """What people said of response steps: by alert id, then by step id."""
        found: dict[str, dict[str, Tick]] = {}
        for alert_id, *mark in self._db.execute(
            "SELECT alert_id, step_id, at, who, outcome, note, steps FROM tick"
        ):
            found.setdefault(alert_id, {})[mark[0]] = Tick(*mark)
        return found

    def documents(self, alert_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The alert documents of ``alert_ids``, in that order, with today's workflow state and the
        documents of the matched events under ``triage.events``; ``triage.late`` and
        ``triage.superseded`` where they hold."""
        for alert_id in alert_ids:
            found = self._db.execute(
                "SELECT doc, status, close_reason, assignee, tags, late, superseded FROM alert"
                " WHERE id = ?",
                (alert_id,),
            ).fetchone()
            if found is None:
                continue
            doc: dict[str, Any] = orjson.loads(found[0])
            doc["kibana.alert.workflow_status"] = found[1]
            if found[2]:
                doc["kibana.alert.workflow_reason"] = found[2]
            if found[3]:
                doc["kibana.alert.workflow_assignee_ids"] = [found[3]]
            if found[4]:
                doc["kibana.alert.workflow_tags"] = found[4].split("\n")
            if found[5]:
                doc["triage.late"] = True
            if found[6]:
                doc["triage.superseded"] = True
            doc["triage.events"] = [matched.event.doc for matched in self.matched(alert_id)]
            yield doc

    def matched(self, alert_id: str) -> Iterator[MatchedEvent]:
        """The events that made an alert, by stage."""
        rows = self._db.execute(
            "SELECT stage, e.id, time, tiebreaker, source, position, doc FROM alert_event"
            " JOIN event e ON e.id = event_id WHERE alert_id = ? ORDER BY stage",
            (alert_id,),
        )
        for stage, *event in rows:
            yield MatchedEvent(stage, _event(event))

    def history(self, alert_id: str) -> Iterator[JournalEntry]:
        """What was done to an alert, oldest first."""
        rows = self._db.execute(
            "SELECT id, at, who, action, detail, undoes FROM journal WHERE id IN"
            " (SELECT journal_id FROM journal_change WHERE alert_id = ?) ORDER BY id",
            (alert_id,),
        )
        for id_, at, who, action, detail, undoes in rows:
            yield JournalEntry(id_, at, who, action, orjson.loads(detail), undoes)

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

    def alert_of_rule(self, rule_id: str) -> str:
        """The id of an alert of a rule, one of its newest; "" where it has none."""
        found = self._db.execute(
            "SELECT id FROM alert WHERE rule_id = ? ORDER BY bucket DESC LIMIT 1", (rule_id,)
        ).fetchone()
        return found[0] if found else ""

    def rule_alerts(self, rule_id: str) -> Iterator[tuple[AlertRow, list[Event]]]:
        """Every alert of a rule with its matched events: what an exception would be tried on."""
        rows = list(
            self._db.execute(
                f"SELECT {_ROW} FROM alert WHERE rule_id = ? ORDER BY time DESC",  # noqa: S608 - own columns
                (rule_id,),
            )
        )
        for alert in self._alert_rows(rows):
            yield alert, [matched.event for matched in self.matched(alert.id)]

    def gathered(self, alert_id: str) -> bool:
        """Whether the case keeps what lay around an alert: then no log need be read again."""
        found = self._db.execute("SELECT gathered FROM alert WHERE id = ?", (alert_id,)).fetchone()
        return bool(found and found[0])

    # Around an alert ----------------------------------------------------------------------------

    def events(self, host: str, start: int, end: int, limit: int = 2000) -> list[Event]:
        """The events kept as evidence for ``host`` between two instants (ns, inclusive)."""
        rows = self._db.execute(
            "SELECT id, time, tiebreaker, source, position, doc FROM event"
            " WHERE host = ? AND time BETWEEN ? AND ? ORDER BY time, tiebreaker LIMIT ?",
            (host, start, end, limit),
        )
        return [_event(row) for row in rows]

    def process(self, host: str, entity_id: str) -> Process | None:
        """The process of that entity id on that host."""
        found = self._db.execute(
            f"SELECT {_PROCESS} FROM process WHERE host = ? AND entity_id = ?",  # noqa: S608 - own columns
            (host, entity_id),
        ).fetchone()
        return Process(*found) if found else None

    def children(self, host: str, entity_id: str, limit: int = 200) -> list[Process]:
        """The processes that one started, oldest first."""
        rows = self._db.execute(
            f"SELECT {_PROCESS} FROM process WHERE host = ? AND parent_entity_id = ?"  # noqa: S608 - own columns
            " ORDER BY start, pid LIMIT ?",
            (host, entity_id, limit),
        )
        return [Process(*row) for row in rows]

    def processes(self, host: str, near: int, limit: int) -> list[Process]:
        """The processes of a host, oldest first; of more than ``limit`` those that started nearest
        to the instant ``near`` (ns)."""
        rows = self._db.execute(
            f"SELECT {_PROCESS} FROM process WHERE host = ?"  # noqa: S608 - own columns
            " ORDER BY abs(start - ?) LIMIT ?",
            (host, near, limit),
        )
        return sorted((Process(*row) for row in rows), key=lambda one: (one.start, one.pid))

    def process_count(self, host: str) -> int:
        """How many processes of a host are known."""
        return count(self._db, "SELECT count(*) FROM process WHERE host = ?", (host,))

    def contacts(self, address: str, before: int) -> list[Contacts]:
        """Who talked with an address before an instant (ns), the most frequent first."""
        rows = self._db.execute(
            "SELECT host, sum(count), max(last) < ?1, min(first), max(min(last, ?1)) FROM contact"
            " WHERE address = ?2 AND first < ?1 GROUP BY host ORDER BY 2 DESC, host",
            (before, address),
        )
        return [Contacts(host, n, bool(sure), a, b) for host, n, sure, a, b in rows]

    def names(self, host: str, address: str) -> list[str]:
        """The names a host was told for an address, the latest first."""
        rows = self._db.execute(
            "SELECT name FROM resolved WHERE host = ? AND address = ? ORDER BY last DESC LIMIT 8",
            (host, address),
        )
        return [row[0] for row in rows]

    def alerts_by_process(self, host: str) -> dict[str, int]:
        """How many alerts each process of a host has, by entity id."""
        rows = self._db.execute(
            "SELECT entity_id, count(*) FROM alert WHERE host = ? GROUP BY entity_id", (host,)
        )
        return dict(rows)

    def evidence(self) -> Iterator[Event]:
        """All events kept in the case, in order: what there still is of logs that are gone."""
        for row in self._db.execute(
            "SELECT id, time, tiebreaker, source, position, doc FROM event"
            " ORDER BY time, tiebreaker"
        ):
            yield _event(row)

    def blocks(
        self, host: str = "", start: int | None = None, end: int | None = None
    ) -> list[tuple[str, str, int, int]]:
        """Where events of ``host`` ("": of any) between two instants (ns, None: without a limit)
        lie: (source, format, first, last), the earliest first."""
        # First by the index alone: a block's row is long, and half of them begin before the end.
        rows = self._db.execute(
            "WITH hit AS MATERIALIZED (SELECT generation, first FROM block INDEXED BY block_time"
            "  WHERE min_time <= ? AND max_time >= ?)"
            " SELECT source, format, first, last, hosts FROM hit JOIN block USING"
            " (generation, first) WHERE events > 0 ORDER BY min_time",
            (_LATEST if end is None else end, -_LATEST if start is None else start),
        )
        return [
            (told_path(row[0]), *row[1:4])
            for row in rows
            if not host or host in orjson.loads(row[4])
        ]

    def blocks_near(
        self, host: str, middle: int, window: int
    ) -> Iterator[tuple[int, tuple[str, str, int, int]]]:
        """Where events of ``host`` lie around an instant (ns), up to ``window`` ns away: how far
        (ns), and the place as in :meth:`blocks`; the nearest first as far as blocks are short."""
        ask = (
            "SELECT source, format, first, last, hosts, min_time, max_time FROM block"
            " INDEXED BY block_time WHERE events > 0 AND "
        )
        over = self._db.execute(f"{ask} min_time <= ? AND max_time >= ?", (middle, middle))
        later = self._db.execute(
            f"{ask} min_time > ? AND min_time <= ? ORDER BY min_time LIMIT {_MOST_NEAR}",
            (middle, middle + window),
        )
        before = self._db.execute(
            f"{ask} min_time <= ? AND min_time >= ? AND max_time < ? ORDER BY min_time DESC"
            f" LIMIT {_MOST_NEAR}",
            (middle, middle - 2 * window, middle),
        )
        sides = (
            ((max(row[5] - middle, middle - row[6], 0), row) for row in rows)
            for rows in map(list, (over, later, before))  # no open cursor while others write
        )
        for far, row in merge(*sides, key=itemgetter(0)):
            if far <= window and host in orjson.loads(row[4]):
                yield far, (told_path(row[0]), *row[1:4])

    # The engine and its rules -------------------------------------------------------------------

    def meta(self, key: str) -> str:
        """A fact about the case ("roots", "change"); "" where it is not set."""
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else ""

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

    def threat_counts(self) -> list[ThreatCount]:
        """The alerts that stand, by the tactics and techniques of their rules and by severity."""
        harmless = ", ".join(f"'{reason}'" for reason in HARMLESS)
        rows = self._db.execute(
            "SELECT threat, severity, sum(1 + collapsed), sum(status <> 'closed') FROM alert"  # noqa: S608 - own words
            f" WHERE NOT superseded AND close_reason NOT IN ({harmless}) AND threat <> ''"
            " GROUP BY threat, severity"
        )
        return [ThreatCount(*row) for row in rows]

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


def _event(row: Any) -> Event:
    id_, time, tiebreaker, source, position, doc = row
    return Event(id_, (time, tiebreaker, told_path(source), position), orjson.loads(doc))
