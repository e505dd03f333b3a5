"""Match: a block of raw records in, the events that touch a rule out. Pure, and without memory.

The result of a block depends on the block and the rules alone, so blocks may be matched in any
order, in any process, on any machine; all that needs order or memory is in ``sequence``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from triage.engine.index import ExceptedRule, StepIndex
from triage.event import Event, identity, order_of
from triage.fields import Doc, first_text, lookup, values
from triage.sources import Block, RecordError, Reject, decode
from triage.sources.block import EXCERPT_BYTES


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event worth keeping: its document as JSON, ready for the case."""

    id: str
    order: tuple[int, int, str, int]
    host: str
    body: bytes

    def event(self) -> Event:
        """The event again, its document decoded."""
        return Event(self.id, self.order, orjson.loads(self.body))


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


class Matcher:
    """The rules and exceptions, compiled; calling it with a block gives the block's result."""

    def __init__(
        self,
        rules: Iterable[ExceptedRule],
        *,
        processes: bool = True,
    ) -> None:
        """``processes``: whether to gather process starts and ends, which only a case needs."""
        self._index = StepIndex(rules)
        self._processes = processes

    def __call__(self, block: Block) -> BlockResult:
        hits: list[Hit] = []
        suppressed: list[Suppression] = []
        processes: list[ProcessChange] = []
        rejects = list(block.rejects)
        hosts: set[str] = set()
        min_time, max_time, count, untimed = 0, 0, 0, 0
        for record, position in zip(block.records, block.positions, strict=True):
            try:
                doc = decode(block.format, record)
            except RecordError as error:
                rejects.append(
                    Reject(block.source, position, len(record), str(error), record[:EXCERPT_BYTES])
                )
                continue
            if doc is None:
                continue
            count += 1
            host = host_of(doc)
            hosts.add(host)
            order = order_of(doc, block.source, position)
            if order is None:
                untimed += 1
            else:
                min_time = min(min_time or order[0], order[0])
                max_time = max(max_time, order[0])
            if self._processes and (change := process_change(doc, host, order)):
                processes.append(change)
            self._try(doc, order or (0, 0, block.source, position), host, hits, suppressed)
        return BlockResult(
            tuple(hits),
            tuple(suppressed),
            tuple(processes),
            tuple(rejects),
            count,
            untimed,
            min_time,
            max_time,
            tuple(sorted(hosts)),
        )

    def _try(
        self,
        doc: Doc,
        order: tuple[int, int, str, int],
        host: str,
        hits: list[Hit],
        suppressed: list[Suppression],
    ) -> None:
        stored: StoredEvent | None = None
        touched: dict[tuple[str, str], list[int]] = {}
        for step in self._index.candidates(doc):
            if not step.condition.matches(doc):
                continue
            if stored is None:
                stored = StoredEvent(identity(doc), order, host, orjson.dumps(doc, default=str))
            # As in Elastic, an excepted event can fill no stage: a benign first connection never
            # hides the malicious second one.
            item_id = next((id_ for id_, test in step.exceptions if test(doc)), None)
            if item_id is not None:
                suppressed.append(Suppression(item_id, step.rule_id, stored))
                continue
            for key in step.condition.keys(doc):
                name = orjson.dumps(key, default=str).decode()
                touched.setdefault((step.rule_id, name), []).append(step.stage)
        if stored is not None:
            hits.extend(
                Hit(rule_id, key, tuple(stages), stored)
                for (rule_id, key), stages in touched.items()
            )


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
