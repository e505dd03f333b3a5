"""What else happened on an alert's host around it, read back from the logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from triage import times
from triage.case.model import AlertDetail
from triage.case.read import CaseReader
from triage.engine.process import host_of
from triage.errors import TriageError
from triage.event import Event, identity, order_of
from triage.sources import RecordError, decode, read_range

# (source, format, first, last) → (position, record) pairs: triage.sources.read_range, or a copy of
# what it gave before.
RangeReader = Callable[[str, str, int, int], Iterable[tuple[int, bytes]]]
WINDOW = 5 * 60 * times.SECOND  # each side of an alert
MAX_EVENTS = 2_000  # shown around one alert; the nearest ones stay


@dataclass(frozen=True, slots=True)
class Around:
    """What happened on the alert's host around it."""

    events: tuple[Event, ...]  # in order
    truncated: int  # how many more there were
    missing: tuple[str, ...]  # logs that could not be read again, each with the reason


def around(
    case: CaseReader, alert: AlertDetail, window: int = WINDOW, read: RangeReader = read_range
) -> Around:
    """What happened on the alert's host within ``window`` ns of its events.

    Read back from the logs by the case's index of blocks; where a log is gone, the evidence kept
    in the case stands in, and ``missing`` says so.
    """
    times_ = [one.event.time for one in alert.matched] or [alert.row.time]
    start, end = min(times_) - window, max(times_) + window
    found = {one.event.id: one.event for one in alert.matched}
    for event in case.events(alert.row.host, start, end):
        found.setdefault(event.id, event)
    missing: list[str] = []
    for event in between(case, alert.row.host, start, end, missing, read):
        found.setdefault(event.id, event)
    events = sorted(found.values(), key=lambda event: event.order)
    if len(events) > MAX_EVENTS:
        middle = sorted(times_)[len(times_) // 2]
        nearest = sorted(events, key=lambda event: abs(event.time - middle))[:MAX_EVENTS]
        kept = sorted(nearest, key=lambda event: event.order)
        return Around(tuple(kept), len(events) - len(kept), tuple(dict.fromkeys(missing)))
    return Around(tuple(events), 0, tuple(dict.fromkeys(missing)))


def nearest(
    case: CaseReader, alert: AlertDetail, most: int, read: RangeReader = read_range
) -> Iterator[tuple[Event, ...]]:
    """The ``most`` events of the alert's host nearest to it, as far as known after each block read.

    The last word is the answer; between two of them one may do other things.

    Blocks are read from the alert outwards until no other can hold a nearer event, so that it costs
    the same in a log of a million events around the alert as in one of a thousand.
    """
    middle, host = alert.row.time, alert.row.host
    known = case.events(host, middle - WINDOW, middle + WINDOW, most)
    found = {one.id: one for one in (*(one.event for one in alert.matched), *known)}
    span, mark = (middle - WINDOW, middle + WINDOW), mark_of(host)

    def best() -> tuple[Event, ...]:
        return tuple(sorted(found.values(), key=lambda event: abs(event.time - middle))[:most])

    answer = best()
    yield answer
    for far, (source, format_, first, last) in case.blocks_near(host, middle, WINDOW):
        if len(answer) == most and far > abs(answer[-1].time - middle):
            return
        try:
            for position, record in read(source, format_, first, last):
                if mark in record and (
                    event := _event(source, format_, position, record, host, span)
                ):
                    found.setdefault(event.id, event)
        except (OSError, TriageError):
            yield answer  # what the case itself knows has to do
            continue
        answer = best()
        found = {event.id: event for event in answer}
        yield answer


def between(
    case: CaseReader,
    host: str,
    start: int,
    end: int,
    missing: list[str],
    read: RangeReader = read_range,
) -> Iterator[Event]:
    """The events of ``host`` between two instants (ns, inclusive) that its logs hold, a block after
    the other; logs that can not be read again are put into ``missing``, each with the reason."""
    mark = mark_of(host)
    for source, format_, first, last in case.blocks(host, start, end):
        try:
            for position, record in read(source, format_, first, last):
                if mark not in record:
                    continue
                event = _event(source, format_, position, record, host, (start, end))
                if event is not None:
                    yield event
        except (OSError, TriageError) as error:
            missing.append(f"{source}: {error}")


def mark_of(host: str) -> bytes:
    """Bytes without which a record is not of ``host`` and need not be decoded: most blocks hold
    many hosts. Empty where there are none."""
    return host.encode() if host.isascii() else b""


def _event(
    source: str, format_: str, position: int, record: bytes, host: str, span: tuple[int, int]
) -> Event | None:
    """The event of a record, where it is of ``host`` and within ``span`` (ns, inclusive)."""
    try:
        doc = decode(format_, record)
    except RecordError:
        return None  # counted and kept when the log was first read
    if doc is None or host_of(doc) != host:
        return None
    order = order_of(doc, source, position)
    if order is None or not span[0] <= order[0] <= span[1]:
        return None
    return Event(identity(doc), order, doc)
