"""Rules that people switched off or on in a case: the journal's last word on each that stands."""

from __future__ import annotations

import apsw
import orjson

from triage.case.model import JournalEntry

ON, OFF = "rule_on", "rule_off"


def switches(connection: apsw.Connection) -> dict[str, JournalEntry]:
    """By rule id, the newest entry that nobody took back; a rule nobody touched is not in it."""
    rows = connection.execute(
        "SELECT id, at, who, action, detail FROM journal j WHERE action IN (?, ?)"
        " AND NOT EXISTS (SELECT 1 FROM journal u WHERE u.undoes = j.id) ORDER BY id",
        (ON, OFF),
    )
    found: dict[str, JournalEntry] = {}
    for id_, at, who, action, detail in rows:
        entry = JournalEntry(id_, at, who, action, orjson.loads(detail), None)
        found[str(entry.detail.get("rule_id", ""))] = entry
    return found
