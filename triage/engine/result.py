"""Result: what is told of a block, from the events that touch a rule to those that only wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from triage.engine import contacts, process
from triage.engine.contacts import Contact, Meetings, Resolved
from triage.engine.process import ProcessChange, Read, change_of
from triage.errors import Reject
from triage.event import Event, identity
from triage.fields import Doc
from triage.sources import Block, decode

#: What a case wants to know of events.
CASE_FIELDS = tuple(dict.fromkeys((*process.FIELDS, *contacts.FIELDS)))


class StoredEvent:
    """An event worth keeping: its document as JSON, ready for the case.

    Most events that could be part of something never are. So one can be made of the raw record;
    its id and its body are worked out when they are asked for.
    """

    __slots__ = ("_body", "_format", "_id", "host", "order", "record")

    def __init__(self, id: str, order: tuple[int, int, str, int], host: str, body: bytes) -> None:
        self.order = order
        self.host = host
        self._id = id
        self._body = body
        self.record: bytes | None = None  # what it was made of, where that is known
        self._format = ""  # of the record while it is not decoded yet

    @classmethod
    def of_record(
        cls, format: str, record: bytes, order: tuple[int, int, str, int], host: str
    ) -> StoredEvent:
        """The event of a record that decodes to one."""
        event = cls("", order, host, b"")
        event.record, event._format = record, format
        return event

    @property
    def id(self) -> str:
        """As :func:`triage.event.identity` has it."""
        if self._format:
            self._decode()
        return self._id

    @property
    def body(self) -> bytes:
        """The document as JSON."""
        if self._format:
            self._decode()
        return self._body

    @property
    def size(self) -> int:
        """About the bytes it takes."""
        return len(self._body) + (len(self.record) if self.record is not None else 0)

    def event(self) -> Event:
        """The event again, its document decoded."""
        if self._format:
            doc = self._decode()
            return Event(self._id, self.order, doc)
        return Event(self.id, self.order, orjson.loads(self.body))

    def _decode(self) -> Doc:
        doc = decode(self._format, self.record or b"") or {}
        self._id = identity(doc)
        # A copy: orjson's own keeps the room it was written in, three times what it needs.
        self._body = bytes(memoryview(orjson.dumps(doc, default=str)))
        self._format = ""
        return doc

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredEvent):
            return NotImplemented
        mine = (self.id, self.order, self.host, self.body)
        return mine == (other.id, other.order, other.host, other.body)

    def __hash__(self) -> int:
        return hash(self.order)


class Hit(NamedTuple):  # there are several an event: a tuple is made in a third of the time
    """An event that fills stages of a rule for one join key."""

    rule_id: str
    key: str  # the join key as JSON: typed, so that 1 is not "1"
    stages: tuple[int, ...]
    event: StoredEvent


@dataclass(frozen=True, slots=True)
class Suppression:
    """An event that an exception kept from a rule."""

    item_id: str
    rule_id: str
    event: StoredEvent


@dataclass(slots=True)
class Pending:
    """The records of a block that may fill later stages, once a first one is open for their key.

    In columns, since there are nearly as many as events and they may come from another process.
    """

    # A row a record, in order: its number in the block, its time (ns), and the mask of the steps.
    at: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    # A row a value by which it waits, which is a text as a rule: the row of the record, the value.
    waits: list[int] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    _rows: dict[Any, list[int]] | None = None

    def add(self, at: int, time: int, mask: int, values: Iterable[Any]) -> None:
        """A record with the values by which it waits: each a text, several, or None."""
        row = len(self.at)
        self.at.append(at)
        self.time.append(time)
        self.steps.append(mask)
        for value in values:
            if value.__class__ is str:
                self.waits.append(row)
                self.values.append(value)
            elif value is not None:
                several = value if value.__class__ is list else [value]
                self.waits += [row] * len(several)
                self.values += several

    def rows(self) -> dict[Any, list[int]]:
        """The rows of the records by the values by which they wait."""
        if self._rows is None:
            rows: dict[Any, list[int]] = {}
            self._rows = rows
            for row, value in zip(self.waits, self.values, strict=True):
                known = rows.get(value)
                if known is None:
                    rows[value] = [row]
                elif known[-1] != row:
                    known.append(row)
        return self._rows


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a block held: the hits and everything the case wants to know of it."""

    hits: tuple[Hit, ...]
    suppressed: tuple[Suppression, ...]
    processes: tuple[ProcessChange, ...]
    rejects: tuple[Reject, ...]
    events: int
    untimed: int  # events without a usable time: they take no part in sequences
    min_time: int  # ns; 0 where the block holds no event with a time
    max_time: int
    hosts: tuple[str, ...]
    pending: Pending = field(default_factory=Pending)
    contacts: tuple[Contact, ...] = ()
    resolved: tuple[Resolved, ...] = ()


class Gathered:
    """What is gathered over a block."""

    def __init__(self, block: Block) -> None:
        self.hits: list[Hit] = []
        self.suppressed: list[Suppression] = []
        self.processes: list[ProcessChange] = []
        self.rejects = list(block.rejects)
        self.pending = Pending()
        self.meetings = Meetings()
        # Of the events, to be noted one by one.
        self.hosts: set[str] = set()
        self.times: list[int | None] = []  # ns

    def note(self, host: str, time: int | None) -> None:
        """An event, by its host and its time in ns."""
        self.hosts.add(host)
        self.times.append(time)

    def tell_case(self, read: Read, host: str, time: int | None) -> None:
        """What an event has to say of a process or a connection; ``read`` gives the values of what
        :data:`CASE_FIELDS` names."""
        if change := change_of(read, host, time):
            self.processes.append(change)
        elif time is not None:
            self.meetings.take(read, host, time)

    def result(self) -> BlockResult:
        timed = [time for time in self.times if time is not None]
        return BlockResult(
            tuple(self.hits),
            tuple(self.suppressed),
            tuple(self.processes),
            tuple(self.rejects),
            len(self.times),
            len(self.times) - len(timed),
            min(timed, default=0),
            max(timed, default=0),
            tuple(sorted(self.hosts)),
            self.pending,
            self.meetings.contacts,
            self.meetings.resolved,
        )
