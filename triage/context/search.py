"""Search: the same value, or a set of conditions, across all logs of a case.

Logs are read back by the case's index of blocks. A record is decoded only where its bytes hold
what the search must find, so most of a folder passes at the speed of reading it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from triage.case.read import CaseReader
from triage.context.related import RangeReader
from triage.eql import EqlError, compile_stage, parse
from triage.errors import TriageError
from triage.event import Event, identity, order_of
from triage.fields import Doc, lookup, values
from triage.sources import RecordError, decode, read_range

MAX_FOUND = 2_000  # events a search keeps; what it finds beyond them is only counted
_RUN = re.compile(r"[a-z0-9_.\- ]+")  # what no format writes in two ways
_SHORTEST = 2  # bytes a needle must have to tell records apart
# Fields that we or a shipper work out: their value need not stand in the record.
_WORKED_OUT = ("event.", "network.", "registry.hive", "host.os.", "process.args", "related.")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field must be; text is compared in any case."""

    field: str  # "" any field
    value: str = ""
    kind: str = "is"  # "is", "exists", "range"
    low: float | None = None  # of a range, included
    high: float | None = None  # excluded
    excluded: bool = False  # it must not be so

    def holds(self, doc: Doc) -> bool:
        """Whether the document meets it."""
        return self._found(doc) is not self.excluded

    def _found(self, doc: Doc) -> bool:
        if not self.field:
            return bool(fields_with(doc, self.value))
        if self.kind == "exists":
            return lookup(doc, self.field) is not None
        if self.kind == "range":
            return any(self._inside(value) for value in values(doc, self.field))
        wanted = self.value.lower()
        return any(_text(value).lower() == wanted for value in values(doc, self.field))

    def _inside(self, value: Any) -> bool:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return False
        above = self.low is None or number >= self.low
        return above and (self.high is None or number < self.high)

    @property
    def needle(self) -> bytes:
        """Bytes that a record which meets it holds, in lower case; empty where none is sure."""
        if self.kind != "is" or self.excluded or self.field.startswith(_WORKED_OUT):
            return b""
        text = self.value.lower()
        if self.field.startswith("registry.") or text.startswith(("hk", "\\registry")):
            text = text.partition("\\")[2]  # a hive has several names
        runs = [run.strip(" ") for run in _RUN.findall(text)]
        longest = max(runs, key=len, default="")
        return longest.encode() if len(longest) >= _SHORTEST else b""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for: the events that meet all conditions of one of the groups, or a query."""

    groups: tuple[tuple[Condition, ...], ...]
    start: int | None = None  # ns, included; None: from the first event on
    end: int | None = None  # ns, included
    host: str = ""  # only in blocks that hold this host; "" in all
    query: str = ""  # EQL for one event, in place of groups

    def holds(self, doc: Doc) -> bool:
        """Whether the document meets the query, or all conditions of one group."""
        if self.query:
            return event_query(self.query)(doc)
        return any(all(one.holds(doc) for one in group) for group in self.groups)

    @property
    def needles(self) -> tuple[bytes, ...]:
        """A record that is wanted holds one of these; () where every record must be decoded."""
        found = [max((one.needle for one in group), key=len, default=b"") for group in self.groups]
        if self.query:
            return ()
        return tuple(dict.fromkeys(found)) if all(found) else ()


@lru_cache(maxsize=256)
def event_query(text: str) -> Callable[[Doc], bool]:
    """The test that an EQL query for one event makes; EqlError for any other."""
    query = parse(text)
    if query.kind != "event" or query.pipes:
        raise EqlError(1, 1, "over logs a query is for one event, without a pipe")
    return compile_stage(query.stages[0]).matches


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is, and what it found since the last word."""

    blocks: int  # read
    of: int
    bytes: int  # of records looked at
    events: tuple[Event, ...] = ()  # new ones, in order within their block
    found: int = 0  # in all, those beyond MAX_FOUND with them
    missing: tuple[str, ...] = ()  # logs that could not be read again, each with the reason

    @property
    def done(self) -> bool:
        return self.blocks >= self.of


def same_value(name: str, value: str) -> Wanted:
    """The search for the events that hold ``value``: in any field, for it may be a parent there and
    a child here; a bare number or a letter only in the field ``name``."""
    alone = len(value) <= _SHORTEST or value.isdigit()
    return Wanted(((Condition(name if alone else "", value),),))


def search(case: CaseReader, wanted: Wanted, read: RangeReader = read_range) -> Iterator[Progress]:
    """Search the logs block by block, with a word after each; the caller stops when it likes.

    What lies only in the case, because its log is gone, is found as well and comes last.
    """
    todo = parts(case, wanted)
    needles = wanted.needles
    seen: set[str] = set()
    said = Progress(0, len(todo), 0)
    yield said
    for source, format_, first, last in todo:
        found: list[Event] = []
        count, size = 0, 0
        try:
            for position, record in read(source, format_, first, last):
                size += len(record)
                if needles:
                    lower = record.lower()
                    if not any(needle in lower for needle in needles):
                        continue
                event = _event(source, format_, position, record, wanted)
                if event is not None and event.id not in seen:
                    seen.add(event.id)
                    count += 1
                    if len(seen) <= MAX_FOUND:
                        found.append(event)
        except (OSError, TriageError) as error:
            said = replace(said, missing=(*said.missing, f"{source}: {error}"))
        said = replace(
            said,
            blocks=said.blocks + 1,
            bytes=said.bytes + size,
            events=tuple(found),
            found=said.found + count,
        )
        yield said
    if said.missing:
        kept = [event for event in _kept(case, wanted) if event.id not in seen][:MAX_FOUND]
        yield replace(said, events=tuple(kept), found=said.found + len(kept))


def parts(case: CaseReader, wanted: Wanted) -> list[tuple[str, str, int, int]]:
    """(source, format, first, last) of what must be read, in order of time.

    An EVTX file is read from its beginning in any case: once, not once a block.
    """
    found: dict[object, tuple[str, str, int, int]] = {}
    for source, format_, first, last in case.blocks(wanted.host, wanted.start, wanted.end):
        key = source if format_ == "evtx" else (source, first)
        known = found.get(key, (source, format_, first, last))
        found[key] = (source, format_, min(first, known[2]), max(last, known[3]))
    return list(found.values())


def _event(source: str, format_: str, position: int, record: bytes, wanted: Wanted) -> Event | None:
    try:
        doc = decode(format_, record)
    except RecordError:
        return None  # counted and kept when the log was first read
    if doc is None or not wanted.holds(doc):
        return None
    order = order_of(doc, source, position) or (0, 0, source, position)
    return Event(identity(doc), order, doc) if _within(order[0], wanted) else None


def _within(time: int, wanted: Wanted) -> bool:
    after = wanted.start is None or time >= wanted.start
    return after and (wanted.end is None or time <= wanted.end)


def _kept(case: CaseReader, wanted: Wanted) -> Iterator[Event]:
    for event in case.evidence():
        if _within(event.time, wanted) and wanted.holds(event.doc):
            yield event


def fields_with(doc: Doc, value: str) -> list[str]:
    """The dotted names of the fields that hold ``value``, in any case, in document order."""
    wanted = value.lower()
    found: dict[str, None] = {}
    stack: list[tuple[str, Any]] = [("", doc)]
    while stack:
        name, node = stack.pop()
        if isinstance(node, dict):
            lead = f"{name}." if name else ""
            stack.extend((f"{lead}{key}", child) for key, child in reversed(node.items()))
        elif isinstance(node, list):
            stack.extend((name, child) for child in reversed(node))
        elif node is not None and _text(node).lower() == wanted:
            found[name] = None
    return list(found)


def _text(value: Any) -> str:
    """A value as people write it: true, not Python's True."""
    return str(value).lower() if isinstance(value, bool) else str(value)
