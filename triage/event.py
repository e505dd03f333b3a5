"""An event: one ECS document, its place in the order of things, and its identity."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from triage import times
from triage.fields import Doc, first_text, lookup

# (time, tiebreaker, source, position): time in ns since 1970; tiebreaker is event.sequence or the
# record id, 0 without; source is the path of the log; position the place of the record in it.
Order = tuple[int, int, str, int]
# What names a Windows record: its host, log, number and id.
_NAMING = (
    ("winlog.computer_name",),
    ("winlog.channel",),
    ("winlog.record_id",),
    ("event.code", "winlog.event_id"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """A log record as the rest of the program sees it: ECS, whatever it was before."""

    id: str  # as identity has it
    order: Order
    doc: Doc  # nested ECS

    @property
    def time(self) -> int:
        """Nanoseconds since 1970 by which the event is ordered."""
        return self.order[0]


def order_of(doc: Doc, source: str, position: int) -> Order | None:
    """The event's place in the order of things, or None where it has no usable time.

    Order is by ``event.created`` (the writing clock: Windows ``SystemTime``) where the record has
    one, else by ``@timestamp``: in real Sysmon logs up to a third of the connections carry a
    ``UtcTime`` before that of their own process start.
    """
    event = doc.get("event")
    created = event.get("created") if event.__class__ is dict else lookup(doc, "event.created")
    time = times.parse(created) if created is not None else None
    if time is None:
        time = times.parse(doc.get("@timestamp"))
        if time is None:
            return None
    if not fits(time):
        return None  # the year 9999 of a broken record is no place in the order of things
    return time, _tiebreaker_of(doc), source, position


def fits(number: int) -> bool:
    """Whether a whole number fits into 64 bits, as everything that is kept of an event must."""
    return -(1 << 63) <= number < 1 << 63


def _tiebreaker_of(doc: Doc) -> int:
    # Asked of every event, so by plain look-ups: nested, or dotted at the top.
    event, winlog = doc.get("event"), doc.get("winlog")
    return tiebreaker(
        event.get("sequence") if event.__class__ is dict else doc.get("event.sequence"),
        winlog.get("record_id") if winlog.__class__ is dict else doc.get("winlog.record_id"),
    )


def tiebreaker(*candidates: object) -> int:
    """What orders events of one instant: the first of some values that is a whole number of 64
    bits, 0 where none is."""
    for found in candidates:
        try:
            if found is not None:
                number: int = int(found)  # type: ignore[call-overload] # or TypeError
                if fits(number):
                    return number
        except (TypeError, ValueError):
            continue
    return 0


def identity(doc: Doc) -> str:
    """``event.id`` where the record has one, else a BLAKE2b (16 bytes, hex): of what names a
    Windows record, whatever it was exported by, or else of the content.

    Not of the place: the same record read twice, from a copy, from another tool's export or after
    a crash, is the same event. Key order does not count.
    """
    given = lookup(doc, "event.id")
    if isinstance(given, str) and given:
        return given
    body = orjson.dumps(_record(doc) or doc, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _record(doc: Doc) -> list[str] | None:
    """What names a Windows record in all exports of it: its host, log, number and id, when it
    happened and the process it is about. None where an export does not tell all of the first four.

    The number alone is not enough: a machine that was set back to a snapshot counts again. The
    time is in whole seconds, which is all that some exports keep; all cut the rest off.
    """
    named: list[str] = []
    for names in _NAMING:
        found = first_text(doc, *names)
        if not found:
            return None
        named.append(found.lower())
    happened = times.parse(lookup(doc, "@timestamp"))
    if named[2] == "0" or happened is None:
        return None
    return [*named, str(happened // times.SECOND), first_text(doc, "process.entity_id")]
