"""The journal as a text: who decided what, when, why and on which alerts, for screen and export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

from triage import times
from triage.case.model import JournalEntry
from triage.case.words import CLOSE_WORDS, told

_FIELDS = ("who", "alert", "action")


@dataclass(frozen=True, slots=True)
class Touched:
    """What an entry did to one alert."""

    alert_id: str
    alert: str  # "Rule on host"; "" where the case has the alert no longer
    change: str  # in words: "open → closed"; "" for what is no change of state


@dataclass(frozen=True, slots=True)
class Record:
    """A journal entry with all that belongs to it."""

    entry: JournalEntry
    alerts: tuple[Touched, ...]
    undone_by: int  # id of the entry that took it back; 0 where none did
    hash: str

    @property
    def what(self) -> str:
        """What was done, with the words somebody gave for it."""
        detail, words = self.entry.detail, told(self.entry)
        if self.entry.action == "note":
            words += f": {detail.get('body', '')}"
        if self.entry.action == "except" and detail.get("reason"):
            words += f" ({detail['reason']})"
        if self.entry.action == "undo":
            words += f" (entry {self.entry.undoes})"
        return words

    def lines(self) -> list[str]:
        """The entry as text, a line for each alert behind the first."""
        entry = self.entry
        back = f"  [taken back by {self.undone_by}]" if self.undone_by else ""
        lines = [f"{entry.id}  {times.iso(entry.at)}  {entry.who}  {self.what}{back}"]
        for one in self.alerts:
            change = f": {one.change}" if one.change else ""
            lines.append(f"    {one.alert_id}  {one.alert or 'an alert that is gone'}{change}")
        return lines


def records(connection: apsw.Connection, after: int = 0) -> Iterator[Record]:
    """The entries after one of that id, oldest first."""
    undone = dict(connection.execute("SELECT undoes, id FROM journal WHERE undoes IS NOT NULL"))
    rows = connection.execute(
        "SELECT id, at, who, action, detail, undoes, hash FROM journal WHERE id > ? ORDER BY id",
        (after,),
    )
    for id_, at, who, action, detail, undoes, mark in rows:
        entry = JournalEntry(id_, at, who, action, orjson.loads(detail), undoes)
        changes = connection.execute(
            "SELECT alert_id, before, after, rule_name, host FROM journal_change"
            " LEFT JOIN alert ON alert.id = alert_id WHERE journal_id = ? ORDER BY time, alert_id",
            (id_,),
        )
        alerts = tuple(
            Touched(
                alert_id,
                f"{name} on {host}" if host else name or "",
                _change(orjson.loads(old), orjson.loads(new)),
            )
            for alert_id, old, new, name, host in changes
        )
        yield Record(entry, alerts, undone.get(id_, 0), mark)


def matches(record: Record, words: str) -> bool:
    """Whether a record holds all of some words: ``who:sam``, ``alert:3f1a``, ``action:close``, or
    any text of it. Case does not count."""
    for word in words.lower().split():
        name, colon, value = word.partition(":")
        if colon and name in _FIELDS:
            if not any(value in text.lower() for text in _field(record, name)):
                return False
        elif not any(word in text.lower() for text in record.lines()):
            return False
    return True


def _field(record: Record, name: str) -> list[str]:
    if name == "alert":
        return [text for one in record.alerts for text in (one.alert_id, one.alert)]
    return [record.entry.who if name == "who" else record.entry.action]


def _change(before: dict[str, Any], after: dict[str, Any]) -> str:
    if isinstance(after.get("state"), dict):
        old, new = _state(before.get("state")), _state(after["state"])
        return f"{old} → {new}" if old != new else ""
    if isinstance(after.get("tags"), list):
        old, new = (" ".join(map(str, one)) or "no tags" for one in (before["tags"], after["tags"]))
        return f"{old} → {new}"
    return ""


def _state(state: object) -> str:
    if not isinstance(state, dict):
        return "?"
    words = [str(state["status"])] if "status" in state else []
    if state.get("close_reason"):
        words.append(f"({CLOSE_WORDS.get(state['close_reason'], state['close_reason'])})")
    if "assignee" in state:
        words.append(f"with {state['assignee']}" if state["assignee"] else "with nobody")
    return " ".join(words)
