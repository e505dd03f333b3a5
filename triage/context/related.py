"""What else happened on an alert's host around it, read back from the logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from triage import times
from triage.case.model import AlertDetail
from triage.case.read import CaseReader
from triage.engine.match import host_of
from triage.errors import TriageError
from triage.event import Event, identity, order_of
from triage.fields import first_text, lookup, values
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


def describe(event: Event) -> str:
    """One line for an event: what kind, who did it, to what. Not cleaned: it quotes the log."""
    doc = event.doc
    categories = values(doc, "event.category")
    kinds = values(doc, "event.type")
    process = first_text(doc, "process.name", "process.executable") or "?"
    if lookup(doc, "dns.question.name") is not None:
        answers = ", ".join(str(ip) for ip in values(doc, "dns.resolved_ip"))
        name = first_text(doc, "dns.question.name")
        return f"dns {process} asked {name}" + (f" → {answers}" if answers else "")
    if "network" in categories and lookup(doc, "destination.ip") is not None:
        domain = first_text(doc, "destination.domain")
        port = first_text(doc, "destination.port")
        arrow = "←" if first_text(doc, "network.direction") in ("ingress", "incoming") else "→"
        side = "source" if arrow == "←" else "destination"
        place = first_text(doc, f"{side}.ip") + (f":{port}" if port else "")
        return f"net {process} {arrow} {place}" + (f" {domain}" if domain else "")
    if "process" in categories and "start" in kinds:
        parent = first_text(doc, "process.parent.name")
        line = first_text(doc, "process.command_line") or process
        return f"start {parent} → {line}" if parent else f"start {line}"
    if "process" in categories and "end" in kinds:
        return f"end {process}"
    if lookup(doc, "registry.path") is not None:
        data = first_text(doc, "registry.data.strings")
        return f"registry {process} {first_text(doc, 'registry.path')}" + (
            f" = {data}" if data else ""
        )
    if lookup(doc, "file.path") is not None or lookup(doc, "file.name") is not None:
        what = str(kinds[0]) if kinds else "file"
        what = "load" if first_text(doc, "event.code") == "7" else f"file {what}"
        return f"{what} {process} {first_text(doc, 'file.path', 'file.name')}"
    action = first_text(doc, "event.action", "event.code", "message") or "event"
    target = first_text(doc, "winlog.event_data.TargetImage", "winlog.channel")
    return f"{action} {process if process != '?' else ''} {target}".strip()
