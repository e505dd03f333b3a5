"""Match: a block of raw records in, the events that touch a rule out. Pure, and without memory.

The result of a block depends on the block and the rules alone, so blocks may be matched in any
order, in any process, on any machine; all that needs order or memory is in ``sequence``.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from triage import times
from triage.engine.gates import Gate
from triage.engine.index import ExceptedRule, Step, StepIndex
from triage.engine.sieve import Sieve
from triage.engine.thin import CHANGED, ThinReader
from triage.eql.access import Reader, reader
from triage.event import Event, identity, order_of
from triage.fields import Doc, first_text, lookup, values
from triage.sources import Block, RecordError, Reject, decode
from triage.sources.block import EXCERPT_BYTES

_THIN_FORMATS = frozenset({"ecs"})
_MOST_SIEVES = 32
_BUSY = 8  # events of a block that fill the first stage of a rule


class StoredEvent:
    """An event worth keeping: its document as JSON, ready for the case.

    Most events that could be part of something never are. So one can be made of the raw record;
    its id and its body are worked out when they are asked for.
    """

    __slots__ = ("_body", "_id", "_raw", "host", "order")

    def __init__(self, id: str, order: tuple[int, int, str, int], host: str, body: bytes) -> None:
        self.order = order
        self.host = host
        self._id = id
        self._body = body
        self._raw: tuple[str, bytes] | None = None

    @classmethod
    def of_record(
        cls, format: str, record: bytes, order: tuple[int, int, str, int], host: str
    ) -> StoredEvent:
        """The event of a record that decodes to one."""
        event = cls("", order, host, b"")
        event._raw = format, record
        return event

    @property
    def id(self) -> str:
        """As :func:`triage.event.identity` has it."""
        if self._raw is not None:
            self._decode(*self._raw)
        return self._id

    @property
    def body(self) -> bytes:
        """The document as JSON."""
        if self._raw is not None:
            self._decode(*self._raw)
        return self._body

    @property
    def size(self) -> int:
        """About the bytes it takes."""
        return len(self._body) if self._raw is None else len(self._raw[1])

    def event(self) -> Event:
        """The event again, its document decoded."""
        return Event(self.id, self.order, orjson.loads(self.body))

    def _decode(self, format: str, record: bytes) -> None:
        doc = decode(format, record) or {}
        self._id = identity(doc)
        self._body = orjson.dumps(doc, default=str)
        self._raw = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredEvent):
            return NotImplemented
        mine = (self.id, self.order, self.host, self.body)
        return mine == (other.id, other.order, other.host, other.body)

    def __hash__(self) -> int:
        return hash(self.order)


@dataclass(frozen=True, slots=True)
class Hit:
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


@dataclass(frozen=True, slots=True)
class ProcessChange:
    """What one event tells of a process: its start, or its end."""

    ended: bool
    values: tuple[str | int, ...]  # in the order of triage.case's process table


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a block held: the hits and everything the case wants to know of it.

    A later stage of a sequence may wait: which records may fill it is told here, and that they do
    is found out by ``Matcher.waiting_keys`` when an earlier stage is open (triage.engine.backlog).
    """

    hits: tuple[Hit, ...]
    waiting: tuple[tuple[int, tuple[int, ...]], ...]  # mask of steps, records (by index)
    suppressed: tuple[Suppression, ...]
    processes: tuple[ProcessChange, ...]
    rejects: tuple[Reject, ...]
    events: int
    untimed: int  # events without a usable time: they take no part in sequences
    min_time: int  # ns; 0 where the block holds no event with a time
    max_time: int
    hosts: tuple[str, ...]


class Matcher:
    """The rules and exceptions, compiled; calling it with a block gives the block's result.

    What it remembers between blocks makes it fast and changes no result.
    """

    def __init__(
        self,
        rules: Iterable[ExceptedRule],
        *,
        processes: bool = True,
        waits: bool = False,
        optimise: bool = True,
    ) -> None:
        """``processes``: whether to gather process starts and ends, which only a case needs.
        ``waits``: whether later stages of sequences may wait, for a Backlog to find them out.
        ``optimise``: False tries every step on every event, for tests to compare with."""
        self.index = index = StepIndex(rules, waits=waits)
        self._processes = processes
        self._optimise = optimise
        self._wanted = index.every & ~index.waiting
        # Masks of the rules whose first stage many events fill: it pays to sift their other steps.
        self._busy: dict[str, int] = {}
        self._readers = {field: reader(field) for field in index.fields}
        self._sieves: dict[frozenset[str], Sieve] = {}  # of documents, by their outermost keys
        self._any_sieve = self._sieve(self._readers)
        self._thin = ThinReader([*index.fields, "event.type"])
        self._thin_sieve = self._any_sieve
        self._kinds: Reader = self._any_sieve.alive
        self._want()

    def __call__(self, block: Block) -> BlockResult:
        run = _Run(block)
        thinly = self._optimise and block.format in _THIN_FORMATS
        for at, (record, position) in enumerate(zip(block.records, block.positions, strict=True)):
            alive = -1
            if thinly and (thin := self._thin.read(record)) is not None:
                alive = self._thin_sieve.alive(thin)
                if not alive & self._wanted and (told := self._thin.place(thin)):
                    host, created, stamp = told
                    if not (self._processes and _may_change(self._kinds(thin))):
                        run.note(host, _instant(created, stamp))
                        if alive:
                            run.wait(alive, at)
                        continue
            try:
                doc = decode(block.format, record)
            except RecordError as error:
                run.rejects.append(
                    Reject(block.source, position, len(record), str(error), record[:EXCERPT_BYTES])
                )
                continue
            if doc is None:
                continue
            host = host_of(doc)
            order = order_of(doc, block.source, position)
            run.note(host, order[0] if order else None)
            if self._processes and (change := process_change(doc, host, order)):
                run.processes.append(change)
            place = order or (0, 0, block.source, position)
            event = _Candidate(doc, StoredEvent.of_record(block.format, record, place, host))
            if not self._optimise:
                self._try(event, self.index.of(self.index.every), run)
                continue
            if alive < 0:
                alive = self._sieve_for(doc).alive(doc)
                if thinly and self._thin.learn(doc):
                    self._reshape()
            self._sift(event, alive, at, run)
        self._note_busy(run)
        return run.result()

    def waiting_keys(
        self, block: Block, at: int, mask: int
    ) -> dict[tuple[str, str], tuple[int, ...]]:
        """The stages that record number ``at`` of a block fills, of steps that waited: by rule and
        join key."""
        doc = decode(block.format, block.records[at])
        filled: dict[tuple[str, str], tuple[int, ...]] = {}
        for step in self.index.of(mask) if doc is not None else ():
            if doc is not None and step.condition.matches(doc):
                for key in step.condition.keys(doc):
                    name = (step.rule_id, orjson.dumps(key, default=str).decode())
                    filled[name] = (*filled.get(name, ()), step.stage)
        return filled

    def waiting_hit(
        self, block: Block, at: int, rule_id: str, key: str, stages: tuple[int, ...]
    ) -> Hit:
        """The hit of what :meth:`waiting_keys` told."""
        record, position = block.records[at], block.positions[at]
        doc = decode(block.format, record) or {}
        order = order_of(doc, block.source, position) or (0, 0, block.source, position)
        event = StoredEvent.of_record(block.format, record, order, host_of(doc))
        return Hit(rule_id, key, stages, event)

    def _sift(self, event: _Candidate, alive: int, at: int, run: _Run) -> None:
        """Try the steps alive that do not wait; and of the rules that these hit, all others."""
        waiting = alive & self.index.waiting
        steps = self.index.of(alive & self._wanted)
        matched = [step for step in steps if step.condition.matches(event.doc)]
        for rule_id in {step.rule_id for step in matched} & self.index.plans.keys():
            plan = self.index.plans[rule_id]
            run.opened[rule_id] = run.opened.get(rule_id, 0) + 1
            more = self.index.of(waiting & plan.waiting)
            matched += [step for step in more if step.condition.matches(event.doc)]
            waiting &= ~plan.waiting
        if matched:
            self._take(event, matched, run)
        if waiting:
            run.wait(waiting, at)

    def _try(self, event: _Candidate, steps: Iterable[Step], run: _Run) -> None:
        matched = [step for step in steps if step.condition.matches(event.doc)]
        if matched:
            self._take(event, matched, run)

    def _take(self, event: _Candidate, matched: Sequence[Step], run: _Run) -> None:
        doc, stored = event.doc, event.stored
        touched: dict[tuple[str, str], list[int]] = {}
        for step in matched:
            # As in Elastic, an excepted event can fill no stage: a benign first connection never
            # hides the malicious second one.
            item_id = next((id_ for id_, test in step.exceptions if test(doc)), None)
            if item_id is not None:
                run.suppressed.append(Suppression(item_id, step.rule_id, stored))
                continue
            for key in step.condition.keys(doc):
                name = orjson.dumps(key, default=str).decode()
                touched.setdefault((step.rule_id, name), []).append(step.stage)
        run.hits.extend(
            Hit(rule_id, key, tuple(stages), stored) for (rule_id, key), stages in touched.items()
        )

    def _reshape(self) -> None:
        """Sift thin readings of a new shape."""
        readers = self._thin.readers
        fields = self._readers.keys() & readers.keys() - CHANGED
        self._thin_sieve = self._sieve({name: readers[name] for name in fields}, CHANGED)
        self._kinds = readers.get("event.type", lambda thin: None)
        self._want()

    def _sieve_for(self, doc: Doc) -> Sieve:
        """The sieve of documents with these outermost keys: it asks for no field they lack."""
        keys = frozenset(doc)
        sieve = self._sieves.get(keys)
        if sieve is None:
            if len(self._sieves) >= _MOST_SIEVES or any("." in key for key in keys):
                return self._any_sieve
            readers = self._readers.items()
            sieve = self._sieve({n: read for n, read in readers if n.partition(".")[0] in keys})
            self._sieves[keys] = sieve
            self._want()
        return sieve

    def _sieve(self, readers: Mapping[str, Reader], unknown: Container[str] = frozenset()) -> Sieve:
        """The sieve that reads these fields; others, if not ``unknown``, are absent for certain."""
        index = self.index
        every = index.every
        for field, demands in zip(index.fields, index.demands, strict=True):
            if field not in readers and field not in unknown:
                every &= Gate(demands, every).mask(None, None, every)[0]
        asked = [
            (d, readers[f])
            for f, d in zip(index.fields, index.demands, strict=True)
            if f in readers
        ]
        return Sieve([d for d, _ in asked], [read for _, read in asked], every)

    def _want(self) -> None:
        wanted = self._wanted
        for mask in self._busy.values():
            wanted |= mask
        for sieve in (self._any_sieve, self._thin_sieve, *self._sieves.values()):
            sieve.want(wanted)

    def _note_busy(self, run: _Run) -> None:
        fresh = [
            rule_id
            for rule_id, count in run.opened.items()
            if count >= _BUSY and rule_id not in self._busy
        ]
        if fresh:
            self._busy.update((rule_id, self.index.plans[rule_id].waiting) for rule_id in fresh)
            self._want()


class _Run:
    """What is gathered over a block."""

    def __init__(self, block: Block) -> None:
        self.hits: list[Hit] = []
        self.suppressed: list[Suppression] = []
        self.processes: list[ProcessChange] = []
        self.rejects = list(block.rejects)
        self.opened: dict[str, int] = {}  # rules whose first stage was filled: how often
        self._waiting: dict[int, list[int]] = {}
        self._hosts: set[str] = set()
        self._min_time = self._max_time = self._events = self._untimed = 0

    def note(self, host: str, time: int | None) -> None:
        """An event, by its host and its time in ns."""
        self._events += 1
        self._hosts.add(host)
        if time is None:
            self._untimed += 1
            return
        if time < self._min_time or not self._min_time:
            self._min_time = time
        if time > self._max_time:
            self._max_time = time

    def wait(self, mask: int, at: int) -> None:
        known = self._waiting.get(mask)
        if known is None:
            self._waiting[mask] = [at]
        else:
            known.append(at)

    def result(self) -> BlockResult:
        return BlockResult(
            tuple(self.hits),
            tuple((mask, tuple(records)) for mask, records in self._waiting.items()),
            tuple(self.suppressed),
            tuple(self.processes),
            tuple(self.rejects),
            self._events,
            self._untimed,
            self._min_time,
            self._max_time,
            tuple(sorted(self._hosts)),
        )


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A decoded event that steps are tried on."""

    doc: Doc
    stored: StoredEvent


def _may_change(kinds: Any) -> bool:
    """Whether an event of these types may start or end a process."""
    return kinds in ("start", "end") or (
        kinds.__class__ is tuple and ("start" in kinds or "end" in kinds)
    )


def _instant(created: str | None, stamp: str) -> int | None:
    """The time an event is ordered by, as :func:`triage.event.order_of` has it."""
    for text in (created, stamp):
        if text is None:
            continue
        if len(text) == 24 and text[19] == "." and text[23] == "Z":
            minute, second = _minute(text[:17]), _second(text[17:])
            time = None if minute is None or second is None else minute + second
        else:
            time = times.parse(text)
        if time is not None:
            return time
    return None


@lru_cache(maxsize=4096)
def _minute(text: str) -> int | None:
    return times.parse(f"{text}00Z")


@lru_cache(maxsize=65536)
def _second(text: str) -> int | None:
    return times.parse(f"1970-01-01T00:00:{text}")


def host_of(doc: Doc) -> str:
    """The name of the host an event comes from, "" where it says none."""
    host = doc.get("host")
    if host.__class__ is dict and host.get("name").__class__ is str:
        name: str = host["name"]
        return name
    return first_text(doc, "host.name", "host.hostname", "winlog.computer_name", "agent.name")


def process_change(
    doc: Doc, host: str, order: tuple[int, int, str, int] | None
) -> ProcessChange | None:
    """The start or end of a process, where the event is one and names the process."""
    event = doc.get("event")
    kinds = event.get("type") if event.__class__ is dict else lookup(doc, "event.type")
    started = kinds == "start" or (kinds.__class__ is list and "start" in kinds)
    ended = kinds == "end" or (kinds.__class__ is list and "end" in kinds)
    if not (started or ended) or "process" not in values(doc, "event.category"):
        return None
    entity_id = first_text(doc, "process.entity_id")
    if not entity_id:
        return None
    time = order[0] if order else 0
    ended = ended and not started
    return ProcessChange(
        ended,
        (
            host,
            entity_id,
            first_text(doc, "process.parent.entity_id"),
            _number(doc, "process.pid"),
            _number(doc, "process.parent.pid"),
            first_text(doc, "process.name"),
            first_text(doc, "process.executable"),
            first_text(doc, "process.command_line"),
            first_text(doc, "process.parent.name"),
            first_text(doc, "process.parent.executable"),
            first_text(doc, "process.parent.command_line"),
            user_of(doc),
            0 if ended else time,
            time if ended else 0,
            first_text(doc, "process.hash.sha256", "process.hash.sha1", "process.hash.md5"),
            first_text(
                doc,
                "process.Ext.token.integrity_level_name",
                "winlog.event_data.IntegrityLevel",
            ),
        ),
    )


def user_of(doc: Doc) -> str:
    """The user an event names, as ``DOMAIN\\name`` where it has both."""
    name = first_text(doc, "user.name")
    domain = first_text(doc, "user.domain")
    return f"{domain}\\{name}" if domain and name else name


def _number(doc: Doc, name: str) -> int:
    found = lookup(doc, name)
    try:
        return int(found) if found is not None and found.__class__ is not list else 0
    except (TypeError, ValueError):
        return 0
