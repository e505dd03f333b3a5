"""The analyst's side of a case: decisions, notes and ticks, each journalled, each with one undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from triage.case.model import CLOSE_REASONS, JournalEntry
from triage.case.schema import connect, next_change, transaction
from triage.errors import TriageError

_STATE = ("status", "close_reason", "assignee", "decided_by", "decided_at")


@dataclass(frozen=True, slots=True)
class Done:
    """What a decision did: the journal entry, and the alerts it changed."""

    entry: int  # journal id, 0 where nothing had to change
    alerts: tuple[str, ...]


class Decisions:
    """Writes one person's decisions; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, case: str | apsw.Connection, who: str, clock: Callable[[], int]) -> None:
        self._db = connect(case) if isinstance(case, str) else case
        self._who = who
        self._clock = clock

    def close_case(self) -> None:
        """Close the connection to the case file."""
        self._db.close()

    def acknowledge(self, alert_ids: Iterable[str]) -> Done:
        """Take the alerts into work: acknowledged, and assigned to whoever did it."""
        change = {"status": "acknowledged", "close_reason": "", "assignee": self._who}
        return self._decide("acknowledge", alert_ids, change, {})

    def close(self, alert_ids: Iterable[str], reason: str) -> Done:
        """Close the alerts for a reason of CLOSE_REASONS; raises TriageError for another."""
        if reason not in CLOSE_REASONS:
            raise TriageError(f"{reason!r} is no reason to close; take {', '.join(CLOSE_REASONS)}")
        change = {"status": "closed", "close_reason": reason}
        return self._decide("close", alert_ids, change, {"reason": reason})

    def reopen(self, alert_ids: Iterable[str]) -> Done:
        """Back to open, assigned to nobody."""
        change = {"status": "open", "close_reason": "", "assignee": ""}
        return self._decide("reopen", alert_ids, change, {})

    def except_(self, alert_ids: Iterable[str], exception: dict[str, Any]) -> Done:
        """Close the alerts an exception covers as false positives, in one entry.

        ``exception`` says which: ``path`` of the list, ``item_id``, ``name`` and ``reason``; it
        comes back from :meth:`undo`, whose caller takes the item out of the list again.
        """
        change = {"status": "closed", "close_reason": "false_positive"}
        return self._decide("except", alert_ids, change, exception, always=True)

    def note(self, alert_ids: Sequence[str], body: str) -> Done:
        """Add a note to each alert."""
        with transaction(self._db):
            at = self._clock()
            entry = self._journal(at, "note", {"body": body}, None)
            for alert_id in alert_ids:
                self._db.execute(
                    "INSERT INTO note (alert_id, at, who, body) VALUES (?, ?, ?, ?)",
                    (alert_id, at, self._who, body),
                )
                note_id = self._db.last_insert_rowid()
                self._touch(alert_id, "notes = notes + 1")
                self._record(entry, alert_id, {}, {"note": note_id})
        return Done(entry, tuple(alert_ids))

    def tick(self, alert_id: str, step_id: str, text: str, done: bool) -> Done:
        """Mark a checklist step as done or not; ``text`` is the step's, for the history."""
        with transaction(self._db):
            at = self._clock()
            before = self._db.execute(
                "SELECT at, who FROM tick WHERE alert_id = ? AND step_id = ?", (alert_id, step_id)
            ).fetchone()
            if bool(before) == done:
                return Done(0, ())
            entry = self._journal(at, "tick" if done else "untick", {"step": text}, None)
            after = [at, self._who] if done else None
            self._set_tick(alert_id, step_id, after)
            self._record(entry, alert_id, {"tick": [step_id, before]}, {"tick": [step_id, after]})
            self._touch(alert_id, "notes = notes")
        return Done(entry, (alert_id,))

    def undo(self) -> JournalEntry | None:
        """Take back this person's newest decision that is not taken back yet.

        Returns the entry that was undone, None where there is none left. An alert that somebody
        else changed since keeps their decision.
        """
        with transaction(self._db):
            found = self._db.execute(
                "SELECT id, at, who, action, detail FROM journal j"
                " WHERE who = ? AND action <> 'undo'"
                " AND NOT EXISTS (SELECT 1 FROM journal u WHERE u.undoes = j.id)"
                " ORDER BY id DESC LIMIT 1",
                (self._who,),
            ).fetchone()
            if found is None:
                return None
            entry = JournalEntry(
                id=found[0],
                at=found[1],
                who=found[2],
                action=found[3],
                detail=orjson.loads(found[4]),
                undoes=None,
            )
            detail = {"action": entry.action}
            undone = self._journal(self._clock(), "undo", detail, entry.id)
            changes = list(
                self._db.execute(
                    "SELECT alert_id, before, after FROM journal_change WHERE journal_id = ?",
                    (entry.id,),
                )
            )
            for alert_id, before, after in changes:
                self._revert(undone, alert_id, orjson.loads(before), orjson.loads(after))
        return entry

    # --------------------------------------------------------------------------------------------

    def _decide(
        self,
        action: str,
        alert_ids: Iterable[str],
        change: dict[str, Any],
        detail: dict[str, Any],
        always: bool = False,
    ) -> Done:
        changed: list[str] = []
        with transaction(self._db):
            at = self._clock()
            states = [(alert_id, self._state(alert_id)) for alert_id in alert_ids]
            todo = [
                (alert_id, state)
                for alert_id, state in states
                if state and any(state[name] != value for name, value in change.items())
            ]
            if not todo and not always:
                return Done(0, ())
            entry = self._journal(at, action, detail, None)
            for alert_id, before in todo:
                after = {**before, **change, "decided_by": self._who, "decided_at": at}
                self._set_state(alert_id, after)
                self._record(entry, alert_id, {"state": before}, {"state": after})
                changed.append(alert_id)
        return Done(entry, tuple(changed))

    def _revert(
        self, entry: int, alert_id: str, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        if "state" in after and self._state(alert_id) == after["state"]:
            self._set_state(alert_id, before["state"])
        if "note" in after:
            self._db.execute("UPDATE note SET removed = 1 WHERE id = ?", (after["note"],))
            self._touch(alert_id, "notes = notes - 1")
        if "tick" in after:
            self._set_tick(alert_id, *before["tick"])
            self._touch(alert_id, "notes = notes")
        self._record(entry, alert_id, after, before)

    def _state(self, alert_id: str) -> dict[str, Any]:
        found = self._db.execute(
            f"SELECT {', '.join(_STATE)} FROM alert WHERE id = ?",  # noqa: S608 - own columns
            (alert_id,),
        ).fetchone()
        return dict(zip(_STATE, found, strict=True)) if found else {}

    def _set_state(self, alert_id: str, state: dict[str, Any]) -> None:
        self._db.execute(
            f"UPDATE alert SET change = ?, {' = ?, '.join(_STATE)} = ? WHERE id = ?",  # noqa: S608 - own columns
            (next_change(self._db), *(state[name] for name in _STATE), alert_id),
        )

    def _set_tick(self, alert_id: str, step_id: str, mark: Sequence[Any] | None) -> None:
        self._db.execute("DELETE FROM tick WHERE alert_id = ? AND step_id = ?", (alert_id, step_id))
        if mark:
            self._db.execute("INSERT INTO tick VALUES (?, ?, ?, ?)", (alert_id, step_id, *mark))

    def _touch(self, alert_id: str, assignment: str) -> None:
        self._db.execute(
            f"UPDATE alert SET change = ?, {assignment} WHERE id = ?",  # noqa: S608 - own words
            (next_change(self._db), alert_id),
        )

    def _journal(self, at: int, action: str, detail: dict[str, Any], undoes: int | None) -> int:
        self._db.execute(
            "INSERT INTO journal (at, who, action, detail, undoes) VALUES (?, ?, ?, ?, ?)",
            (at, self._who, action, orjson.dumps(detail).decode(), undoes),
        )
        return self._db.last_insert_rowid()

    def _record(
        self, entry: int, alert_id: str, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        self._db.execute(
            "INSERT INTO journal_change VALUES (?, ?, ?, ?)",
            (entry, alert_id, orjson.dumps(before).decode(), orjson.dumps(after).decode()),
        )
