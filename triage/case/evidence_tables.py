"""What a block leaves in a case besides alerts: events, processes, contacts, rejects; each once.

All of it is written inside the transaction that is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from triage.case.schema import stored_path
from triage.engine.result import BlockResult, StoredEvent, Suppression
from triage.errors import Reject


def store_events(db: apsw.Connection, events: Iterable[StoredEvent]) -> None:
    """Keep events as evidence."""
    db.executemany(
        # Of two exports of one record the one with the finer time stays, as in the sequences.
        "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " (time, tiebreaker, source, position, host, doc) = (excluded.time,"
        " excluded.tiebreaker, excluded.source, excluded.position, excluded.host, excluded.doc)"
        " WHERE excluded.time > time",
        [_row(event) for event in events],
    )


def _row(event: StoredEvent) -> tuple[str | int | bytes, ...]:
    time, tiebreaker, source, position = event.order
    return event.id, time, tiebreaker, stored_path(source), position, event.host, event.body


def store_suppressed(db: apsw.Connection, suppressed: Sequence[Suppression]) -> None:
    """Keep the events that exceptions kept from a rule."""
    store_events(db, [one.event for one in suppressed])
    db.executemany(
        "INSERT OR IGNORE INTO suppressed VALUES (?, ?, ?, ?, ?)",
        [
            (one.item_id, one.rule_id, one.event.id, one.event.order[0], one.event.host)
            for one in suppressed
        ],
    )


def store_processes(db: apsw.Connection, result: BlockResult) -> None:
    """Keep the starts and ends of processes in a block."""
    # A log read newest first tells of a process's end before its start: either may come first.
    db.executemany(
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
    db.executemany(
        f"INSERT INTO process VALUES ({', '.join('?' * 21)})"  # noqa: S608 - own text
        ' ON CONFLICT (host, entity_id) DO UPDATE SET "end" = excluded."end"',
        [change.values for change in result.processes if change.ended],
    )


def store_contacts(db: apsw.Connection, result: BlockResult) -> None:
    """Count who talked to which address in a block, and keep the names of DNS answers."""
    db.executemany(
        "INSERT INTO contact VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " count = count + excluded.count, first = min(first, excluded.first),"
        " last = max(last, excluded.last)",
        result.contacts,
    )
    db.executemany(
        "INSERT INTO resolved VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " last = max(last, excluded.last)",
        result.resolved,
    )


def store_rejects(db: apsw.Connection, rejects: Iterable[Reject]) -> None:
    """Keep the records that could not be read."""
    for reject in rejects:
        db.execute(
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
