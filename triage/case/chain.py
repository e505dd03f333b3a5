"""The chain of the journal: each entry's hash covers the entry and the hash before it.

Whoever changes, removes or slips in an entry would have to write all later ones anew, and
:mod:`triage.case.verify` says where that was not done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

# (alert id, state before, state after), the states as JSON texts.
Change = tuple[str, str, str]

_GUARDS = """
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END;
CREATE TRIGGER journal_delete BEFORE DELETE ON journal
  BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END;
CREATE TRIGGER journal_replace BEFORE INSERT ON journal
  WHEN EXISTS (SELECT 1 FROM journal WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END;
CREATE TRIGGER journal_change_update BEFORE UPDATE ON journal_change
  BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END;
CREATE TRIGGER journal_change_delete BEFORE DELETE ON journal_change
  BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END;
CREATE TRIGGER journal_change_replace BEFORE INSERT ON journal_change
  WHEN EXISTS (SELECT 1 FROM journal_change
    WHERE journal_id = NEW.journal_id AND alert_id = NEW.alert_id)
  BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END;
"""


@dataclass(frozen=True, slots=True)
class Link:
    """A journal entry as it is stored, with its changes and its hash."""

    id: int
    at: int  # ns
    who: str
    action: str
    detail: str  # JSON
    undoes: int | None
    changes: tuple[Change, ...]  # by alert id
    hash: str  # hexadecimal; "" in a case from before the chain

    def follows(self, before: str) -> str:
        """The hash this entry must have behind one whose hash is ``before`` ("" at the start)."""
        content = [self.id, self.at, self.who, self.action, self.detail, self.undoes, self.changes]
        digest = hashlib.blake2b(digest_size=32, person=b"triage-journal-1")
        digest.update(before.encode())
        digest.update(orjson.dumps(content))
        return digest.hexdigest()


def append(
    connection: apsw.Connection,
    at: int,
    who: str,
    action: str,
    detail: dict[str, Any],
    changes: Sequence[tuple[str, dict[str, Any], dict[str, Any]]],
    undoes: int | None = None,
) -> int:
    """Add an entry with what it changed, (alert id, before, after) each; gives its id.

    To be called inside the transaction that makes the changes: both or neither.
    """
    last = connection.execute("SELECT id, hash FROM journal ORDER BY id DESC LIMIT 1").fetchone()
    id_, before = (last[0] + 1, last[1]) if last else (1, "")
    texts = sorted((alert, _json(old), _json(new)) for alert, old, new in changes)
    link = Link(id_, at, who, action, _json(detail), undoes, tuple(texts), "")
    connection.execute(
        "INSERT INTO journal (id, at, who, action, detail, undoes, hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (id_, at, who, action, link.detail, undoes, link.follows(before)),
    )
    connection.executemany(
        "INSERT INTO journal_change VALUES (?, ?, ?, ?)", [(id_, *text) for text in texts]
    )
    return id_


def links(connection: apsw.Connection) -> Iterator[Link]:
    """The entries in order, as they are stored."""
    rows = connection.execute(
        "SELECT id, at, who, action, detail, undoes, hash FROM journal ORDER BY id"
    )
    for id_, at, who, action, detail, undoes, mark in rows:
        changes = connection.execute(
            "SELECT alert_id, before, after FROM journal_change WHERE journal_id = ?"
            " ORDER BY alert_id",
            (id_,),
        )
        yield Link(id_, at, who, action, detail, undoes, tuple(changes), mark)


def install(connection: apsw.Connection) -> None:
    """The schema's step: chain what a case already has, then let nothing of it change."""
    connection.execute("ALTER TABLE journal ADD COLUMN hash TEXT NOT NULL DEFAULT ''")
    before = ""
    for link in list(links(connection)):
        before = link.follows(before)
        connection.execute("UPDATE journal SET hash = ? WHERE id = ?", (before, link.id))
    connection.execute(_GUARDS)


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
