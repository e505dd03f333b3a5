"""Whether a case's journal is whole, and whether alerts stand as it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw
import orjson

from triage.case import chain
from triage.case.model import JournalEntry, full_mark
from triage.case.tables import CHAINED, VERSION
from triage.errors import TriageError

_UNDECIDED: dict[str, Any] = {
    "status": "open", "close_reason": "", "assignee": "", "decided_by": "", "decided_at": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as the journal says."""

    what: str  # in words; it quotes the case
    entry: JournalEntry | None = None  # the first entry that is broken
    alert_id: str = ""  # whose state differs


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found."""

    entries: int  # in the journal
    end: str  # the hash of its last entry; "" for an empty journal
    faults: tuple[Fault, ...]  # the broken entry first, then alerts by id; () where all is whole
    more: int = 0  # further faults that are not told

    @property
    def whole(self) -> bool:
        return not self.faults


def verify(connection: apsw.Connection, known: str = "", most: int = 100) -> Verdict:
    """Walk the whole journal, then compare every alert, note and tick with it.

    ``known`` is the hash that the journal ended with when somebody last looked: it must still be
    in the chain. Without it, nobody can tell a case whose last entries were cut off together with
    what they had changed. At most ``most`` faults are told.
    """
    with connection:  # one state of the case, however long this takes
        said = _Said()
        entries, end, met = 0, "", not known
        broken: Fault | None = None
        for link in chain.links(connection):
            if broken is None:
                broken = _broken(link, entries, end)
            entries, end = entries + 1, link.hash
            met = met or end == known
            said.take(link)
        faults = [broken] if broken else []
        if not met:
            what = f"the chain does not hold the hash {known}: entries were cut off or rewritten"
            faults.append(Fault(what))
        faults += _strays(connection)
        faults += _differing(connection, said)
    return Verdict(entries, end, tuple(faults[:most]), max(0, len(faults) - most))


def open_case(path: Path) -> apsw.Connection:
    """The case for reading alone: verifying must change nothing, not even its version.

    Raises TriageError where it is no case, or one from before the chain.
    """
    try:
        if not path.is_file():
            raise TriageError(f"{path}: there is no such case file")
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            version = connection.pragma("user_version")
        except apsw.CantOpenError:
            # A medium or folder that cannot be written to: nobody else can change it either.
            uri = f"file:{quote(str(path.resolve()))}?immutable=1"
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            connection = apsw.Connection(uri, flags=flags)
            version = connection.pragma("user_version")
        connection.set_busy_timeout(10_000)
    except apsw.NotADBError as error:
        raise TriageError(f"{path} is not a case file") from error
    except apsw.Error as error:
        raise TriageError(f"{path} cannot be read as a case file: {error}") from error
    if version > VERSION:
        raise TriageError(f"{path} was made by a newer triage (case version {version}); update")
    if version < CHAINED:
        raise TriageError(
            f"{path} was made by an older triage (case version {version}); open it"
            " once with `triage watch --case`, which brings it up to date and chains its journal"
        )
    return connection


def _broken(link: chain.Link, before: int, end: str) -> Fault | None:
    if link.id != before + 1:
        missing = f"{before + 1}" if link.id == before + 2 else f"{before + 1} to {link.id - 1}"
        return Fault(f"before entry {link.id} the journal lacks {missing}", _entry(link))
    if link.follows(end) != link.hash:
        return Fault(f"entry {link.id} or one before it was changed", _entry(link))
    return None


def _entry(link: chain.Link) -> JournalEntry:
    detail = _json(link.detail)
    return JournalEntry(link.id, link.at, link.who, link.action, detail, link.undoes)


def _json(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}  # the chain says already that this was tampered with
    return found if isinstance(found, dict) else {}


class _Said:
    """What the journal says of alerts, notes and ticks once all of its entries have been read."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, Any]] = {}  # by alert id
        self.tags: dict[str, list[str]] = {}
        self.notes: dict[int, tuple[str, int, str, str, bool]] = {}  # alert, at, who, body, removed
        self.ticks: dict[tuple[str, str], list[Any]] = {}  # full marks by alert and step

    def take(self, link: chain.Link) -> None:
        for alert_id, old, new in link.changes:
            self._change(link, alert_id, _json(old), _json(new))

    def _change(
        self, link: chain.Link, alert_id: str, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        if isinstance(after.get("state"), dict):
            state = self.states.setdefault(alert_id, dict(_UNDECIDED))
            # Undoing once kept an alert that somebody else had decided on, and said it did not.
            if link.action != "undo" or _holds(state, before.get("state")):
                state.update(after["state"])
        if isinstance(after.get("tags"), list):
            self.tags[alert_id] = after["tags"]
        if link.action == "note" and isinstance(after.get("note"), int):
            body = str(_json(link.detail).get("body", ""))
            self.notes[after["note"]] = (alert_id, link.at, link.who, body, False)
        elif link.action == "undo" and before.get("note") in self.notes:
            self.notes[before["note"]] = (*self.notes[before["note"]][:4], True)
        if isinstance(after.get("tick"), list):
            step_id, mark = after["tick"]
            if mark:
                self.ticks[alert_id, step_id] = full_mark(mark)
            else:
                self.ticks.pop((alert_id, step_id), None)


def _holds(state: dict[str, Any], part: object) -> bool:
    return isinstance(part, dict) and all(state.get(name) == part[name] for name in part)


def _strays(connection: apsw.Connection) -> Iterator[Fault]:
    """Changes of entries that are not there."""
    rows = connection.execute(
        "SELECT DISTINCT journal_id FROM journal_change"
        " WHERE journal_id NOT IN (SELECT id FROM journal) ORDER BY journal_id"
    )
    for (id_,) in rows:
        yield Fault(f"what entry {id_} changed is there, the entry itself is not")


def _differing(connection: apsw.Connection, said: _Said) -> Iterator[Fault]:
    states, tags = dict(said.states), dict(said.tags)
    names = tuple(_UNDECIDED)
    rows = connection.execute(f"SELECT id, tags, {', '.join(names)} FROM alert ORDER BY id")  # noqa: S608 - own columns
    for id_, have_tags, *values in rows:
        have = dict(zip(names, values, strict=True))
        want = states.pop(id_, _UNDECIDED)
        for name in names:
            if have[name] != want[name]:
                yield Fault(_differs(name, have[name], want[name]), alert_id=id_)
        want_tags = "\n".join(tags.pop(id_, []))
        if have_tags != want_tags:
            yield Fault(_differs("tags", have_tags, want_tags), alert_id=id_)
    for id_ in sorted({*states, *tags}):
        yield Fault("the journal decides on this alert, and it is gone", alert_id=id_)
    yield from _differing_notes(connection, dict(said.notes))
    ticks = dict(said.ticks)
    for alert_id, step_id, *mark in connection.execute(
        "SELECT alert_id, step_id, at, who, outcome, note, steps FROM tick ORDER BY alert_id"
    ):
        if ticks.pop((alert_id, step_id), None) != mark:
            yield Fault(
                f"the tick of {mark[1]} on {step_id} is not in the journal", alert_id=alert_id
            )
    for alert_id, step_id in sorted(ticks):
        yield Fault(f"the tick on {step_id} that the journal tells of is gone", alert_id=alert_id)


def _differing_notes(
    connection: apsw.Connection, notes: dict[int, tuple[str, int, str, str, bool]]
) -> Iterator[Fault]:
    rows = connection.execute("SELECT id, alert_id, at, who, body, removed FROM note ORDER BY id")
    for id_, alert_id, at, who, body, removed in rows:
        want = notes.pop(id_, None)
        if want is None:
            yield Fault(f"a note of {who} is not in the journal", alert_id=alert_id)
        elif want != (alert_id, at, who, body, bool(removed)):
            yield Fault(f"a note of {want[2]} is not as the journal has it", alert_id=alert_id)
    for alert_id, _, who, _, _ in notes.values():
        yield Fault(f"a note of {who} that the journal tells of is gone", alert_id=alert_id)


def _differs(name: str, have: object, want: object) -> str:
    return f"{name} is {have or 'empty'!r}, by the journal it is {want or 'empty'!r}"
