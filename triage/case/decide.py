"""The analyst's side of a case: decisions, notes and ticks, each journalled, each with one undo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from triage.case import chain
from triage.case.decided_state import DecidedState
from triage.case.model import CLOSE_REASONS, STEP_OUTCOMES, JournalEntry
from triage.case.schema import connect, count, transaction
from triage.case.switches import OFF, ON, switches
from triage.errors import TriageError
from triage.text import clean, encodable

_MAX_TAG = 60  # characters


@dataclass(frozen=True, slots=True)
class Done:
    """What a decision did: the journal entry, and the alerts it changed."""

    entry: int  # journal id, 0 where nothing had to change
    alerts: tuple[str, ...]
    kept: tuple[str, ...] = ()  # left as they are: somebody else had decided on them meanwhile


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo took back."""

    entry: JournalEntry
    alerts: tuple[str, ...]  # as they were before that entry
    kept: tuple[str, ...]  # changed again since then, and left so


class Overtaken(TriageError):  # noqa: N818 - nothing is wrong: somebody was quicker
    """Others decided on some of the alerts after the state that a decision was made on.

    Nothing was written. ``entries`` are what they did, oldest first, ``alerts`` the ids it was done
    to; ``seen`` is the state as of now, to decide on again.
    """

    def __init__(self, entries: Sequence[JournalEntry], alerts: frozenset[str], seen: int) -> None:
        super().__init__(f"{len(alerts)} of the alerts were decided by somebody else meanwhile")
        self.entries = tuple(entries)
        self.alerts = alerts
        self.seen = seen


class Decisions:
    """Writes one person's decisions; ``clock`` gives nanoseconds since 1970.

    ``seen`` is the state that a decision is made on: the newest journal entry whose effect was on
    the screen (:meth:`CaseReader.journal_end`). Where others decided on one of the alerts since,
    through another ``Decisions``, Overtaken is raised; None decides on whatever there is.
    """

    def __init__(self, case: str | apsw.Connection, who: str, clock: Callable[[], int]) -> None:
        self._db = connect(case) if isinstance(case, str) else case
        self._who = encodable(who)
        self._clock = clock
        self._state = DecidedState(self._db)
        self._own: set[int] = set()  # entries written here: never a surprise to who wrote them

    def close_case(self) -> None:
        """Close the connection to the case file."""
        self._db.close()

    def acknowledge(self, alert_ids: Iterable[str], seen: int | None = None) -> Done:
        """Take the alerts into work: acknowledged, and assigned to whoever did it."""
        change = {"status": "acknowledged", "close_reason": "", "assignee": self._who}
        return self._decide("acknowledge", alert_ids, change, {}, seen)

    def close(self, alert_ids: Iterable[str], reason: str, seen: int | None = None) -> Done:
        """Close the alerts for a reason of CLOSE_REASONS; raises TriageError for another."""
        if reason not in CLOSE_REASONS:
            raise TriageError(f"{reason!r} is no reason to close; take {', '.join(CLOSE_REASONS)}")
        change = {"status": "closed", "close_reason": reason}
        return self._decide("close", alert_ids, change, {"reason": reason}, seen)

    def reopen(self, alert_ids: Iterable[str], seen: int | None = None) -> Done:
        """Back to open, assigned to nobody."""
        change = {"status": "open", "close_reason": "", "assignee": ""}
        return self._decide("reopen", alert_ids, change, {}, seen)

    def assign(self, alert_ids: Iterable[str], to: str, seen: int | None = None) -> Done:
        """Give the alerts to somebody, "" to nobody; their status stays."""
        to = encodable(to).strip()
        return self._decide("assign", alert_ids, {"assignee": to}, {"to": to}, seen)

    def except_(
        self, alert_ids: Iterable[str], exception: dict[str, Any], seen: int | None = None
    ) -> Done:
        """Close the alerts an exception covers as false positives, in one entry.

        ``exception`` says which: ``path`` of the list, ``item_id``, ``name`` and ``reason``; it
        comes back from :meth:`undo`, whose caller takes the item out of the list again. What others
        decided after ``seen`` is kept: an exception is about events to come.
        """
        with transaction(self._db):
            ids, at = list(alert_ids), self._clock()
            _, theirs = self._since(ids, seen)
            change = {"status": "closed", "close_reason": "false_positive"}
            changes = self._apply([one for one in ids if one not in theirs], change, at)
            entry = self._journal("except", exception, changes, at=at)
        return Done(entry, _ids(changes), tuple(one for one in ids if one in theirs))

    def exception(self, change: dict[str, Any]) -> Done:
        """Journal a change to an exception that closes no alert: ``what`` was done ("disabled",
        "extended", "deleted" …) to the item ``name``, and what its undo needs."""
        with transaction(self._db):
            return Done(self._journal("exception", change, []), ())

    def tag(
        self, alert_ids: Iterable[str], add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> Done:
        """Put tags on the alerts and take others off. What others tagged meanwhile stays, so there
        is no state to compare with."""
        plus, minus = _tags(add), _tags(remove)
        with transaction(self._db):
            changes = []
            for alert_id in alert_ids:
                before = self._state.tags(alert_id)
                after = sorted((set(before or ()) | set(plus)) - set(minus))
                if before is not None and before != after:
                    changes.append((alert_id, {"tags": before}, {"tags": after}))
                    self._state.set_tags(alert_id, after)
            if not changes:
                return Done(0, ())
            entry = self._journal("tag", {"add": plus, "remove": minus}, changes)
        return Done(entry, _ids(changes))

    def note(self, alert_ids: Sequence[str], body: str) -> Done:
        """Add a note to each alert."""
        body = encodable(body)
        with transaction(self._db):
            at = self._clock()
            changes: list[_Change] = []
            for alert_id in alert_ids:
                self._db.execute(
                    "INSERT INTO note (alert_id, at, who, body) VALUES (?, ?, ?, ?)",
                    (alert_id, at, self._who, body),
                )
                changes.append((alert_id, {}, {"note": self._db.last_insert_rowid()}))
                self._state.touch(alert_id, "notes = notes + 1")
            entry = self._journal("note", {"body": body}, changes, at=at)
        return Done(entry, tuple(alert_ids))

    def tick(self, alert_id: str, step_id: str, text: str, done: bool, steps: int = 0) -> Done:
        """Mark a checklist step as done, or take its mark off; see :meth:`mark_step`."""
        return self.mark_step(alert_id, step_id, text, "done" if done else "", steps=steps)

    def mark_step(
        self, alert_id: str, step_id: str, text: str, outcome: str, note: str = "", steps: int = 0
    ) -> Done:
        """Say how a checklist step ended, and a word on it.

        ``outcome`` is one of STEP_OUTCOMES, or "" for a step still to be taken; with neither
        outcome nor note its mark is taken off. ``text`` is the step's, for the history; ``steps``
        is how many its guide has. Raises TriageError for another outcome.
        """
        if outcome and outcome not in STEP_OUTCOMES:
            raise TriageError(f"{outcome!r} is no outcome; take {', '.join(STEP_OUTCOMES)}")
        with transaction(self._db):
            at = self._clock()
            before = self._state.tick(alert_id, step_id)
            if (before[2:4] if before else ["", ""]) == [outcome, note]:
                return Done(0, ())
            after = [at, self._who, outcome, note, steps] if outcome or note else None
            self._state.set_tick(alert_id, step_id, after)
            self._state.touch(alert_id, "notes = notes")
            change = (alert_id, {"tick": [step_id, before]}, {"tick": [step_id, after]})
            detail = {"step": text, "outcome": outcome, "note": note}
            entry = self._journal("tick" if after else "untick", detail, [change], at=at)
        return Done(entry, (alert_id,))

    def switch_rule(self, rule_id: str, name: str, on: bool, reason: str = "") -> Done:
        """Switch a rule off or on in this case, and say why; its ``name`` is for the history."""
        action = ON if on else OFF
        with transaction(self._db):
            known = switches(self._db).get(rule_id)
            if known is not None and known.action == action:
                return Done(0, ())
            detail = {"rule_id": rule_id, "name": name, "reason": encodable(reason)}
            return Done(self._journal(action, detail, []), ())

    def undo(self) -> Undone | None:
        """Take back this person's newest decision that is not taken back yet.

        None where there is none left. An alert that was changed again since keeps that.
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
            id_, at, who, action, detail = found
            entry = JournalEntry(id_, at, who, action, orjson.loads(detail), None)
            rows: list[Any] = self._db.execute(
                "SELECT alert_id, before, after FROM journal_change WHERE journal_id = ?",
                (entry.id,),
            ).fetchall()
            changes: list[_Change] = []
            for alert_id, before, after in rows:
                changed = self._state.revert(alert_id, orjson.loads(before), orjson.loads(after))
                if changed is not None:
                    changes.append((alert_id, *changed))
            self._journal("undo", {"action": entry.action}, changes, undoes=entry.id)
        back = set(_ids(changes))
        return Undone(entry, _ids(changes), tuple(row[0] for row in rows if row[0] not in back))

    # --------------------------------------------------------------------------------------------

    def _decide(
        self,
        action: str,
        alert_ids: Iterable[str],
        change: dict[str, Any],
        detail: dict[str, Any],
        seen: int | None,
    ) -> Done:
        with transaction(self._db):
            ids, at = list(alert_ids), self._clock()
            entries, theirs = self._since(ids, seen)
            if theirs:
                raise Overtaken(entries, theirs, self._end())
            changes = self._apply(ids, change, at)
            if not changes:
                return Done(0, ())
            entry = self._journal(action, detail, changes, at=at)
        return Done(entry, _ids(changes))

    def _since(
        self, alert_ids: Iterable[str], seen: int | None
    ) -> tuple[list[JournalEntry], frozenset[str]]:
        """What others decided on these alerts after the entry ``seen``, and on which of them."""
        if seen is None:
            return [], frozenset()
        wanted = set(alert_ids)
        entries: dict[int, JournalEntry] = {}
        theirs: set[str] = set()
        rows = self._db.execute(
            "SELECT id, at, who, action, detail, undoes, alert_id, after FROM journal"
            " JOIN journal_change ON journal_id = id WHERE id > ? ORDER BY id",
            (seen,),
        )
        for id_, at, who, action, detail, undoes, alert_id, after in rows:
            # Notes, ticks and tags are added to one another; only states replace one another.
            if id_ not in self._own and alert_id in wanted and "state" in orjson.loads(after):
                entry = JournalEntry(id_, at, who, action, orjson.loads(detail), undoes)
                entries.setdefault(id_, entry)
                theirs.add(alert_id)
        return list(entries.values()), frozenset(theirs)

    def _end(self) -> int:
        return count(self._db, "SELECT coalesce(max(id), 0) FROM journal")

    def _apply(self, alert_ids: Iterable[str], change: dict[str, Any], at: int) -> list[_Change]:
        """Change the state of those alerts that are not in it yet; what changed of each."""
        changes: list[_Change] = []
        stamp = {"decided_by": self._who, "decided_at": at}
        fresh = {**change, **stamp} if "status" in change else change
        for alert_id in alert_ids:
            state = self._state.of(alert_id)
            if state and any(state[name] != value for name, value in change.items()):
                before = {name: state[name] for name in fresh}
                self._state.set(alert_id, fresh)
                changes.append((alert_id, {"state": before}, {"state": fresh}))
        return changes

    def _journal(
        self,
        action: str,
        detail: dict[str, Any],
        changes: Sequence[_Change],
        *,
        undoes: int | None = None,
        at: int | None = None,
    ) -> int:
        when = self._clock() if at is None else at
        entry = chain.append(self._db, when, self._who, action, detail, changes, undoes)
        self._own.add(entry)
        return entry


_Change = tuple[str, dict[str, Any], dict[str, Any]]  # alert id, before, after


def _ids(changes: Sequence[_Change]) -> tuple[str, ...]:
    return tuple(change[0] for change in changes)


def _tags(given: Iterable[str]) -> list[str]:
    """Tags as they are kept: without blanks, commas and a leading #."""
    words = (word for text in given for word in text.replace(",", " ").split())
    tags = (clean(encodable(word.lstrip("#")), _MAX_TAG) for word in words)
    return sorted({tag for tag in tags if tag})
