"""Around one alert: its process tree, its connections, and what else happened on the host then."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from triage import times
from triage.case.model import AlertDetail, AlertRow, Process
from triage.case.read import CaseReader
from triage.engine.match import host_of, process_change
from triage.eql import EqlError, explain, parse, search
from triage.errors import TriageError
from triage.event import Event, identity, order_of
from triage.fields import Doc, first_text, lookup, values
from triage.sources import RecordError, decode, read_range

WINDOW = 5 * 60 * times.SECOND  # each side of an alert
MAX_EVENTS = 2_000  # shown around one alert; the nearest ones stay
_MAX_ANCESTORS = 32
_MAX_DEPTH = 4  # generations below the alert's process


@dataclass(frozen=True, slots=True)
class ProcessNode:
    """A process and what it started, as far as the tree of one alert goes."""

    process: Process
    children: tuple[ProcessNode, ...]
    role: str  # "subject" (the alert's own), "ancestor", "sibling", "child"
    alerts: int  # how many alerts this process has


@dataclass(frozen=True, slots=True)
class Connection:
    """What a process exchanged with one remote address and port, all its connections together."""

    direction: str  # "egress", "ingress", "" unknown
    address: str
    domain: str  # as the event or the host's own DNS answers name it
    port: int | None  # of the remote side outbound, of the local side inbound
    transport: str
    scope: str  # "private", "public", "loopback", "link-local", "multicast", "" no address
    count: int
    bytes: int | None  # both ways, None where no event says
    first: int  # ns
    last: int  # ns
    process: str
    pid: int
    matched: bool  # one of them is part of what the rule matched


@dataclass(frozen=True, slots=True)
class Around:
    """What happened on the alert's host around it."""

    events: tuple[Event, ...]  # in order
    truncated: int  # how many more there were
    missing: tuple[str, ...]  # logs that could not be read again, each with the reason


@dataclass(frozen=True, slots=True)
class DrillDown:
    """A search the rule offers from its alert, and what it finds."""

    name: str
    query: str  # EQL, the alert's values filled in
    window: str  # "7 d" before the alert, "alert": around it
    results: tuple[AlertRow, ...]  # the other alerts it finds, newest first
    problem: str  # why it could not be run, "" where it could


@dataclass(frozen=True, slots=True)
class MatchedTest:
    """A test of the rule's query that held, with the values that made it hold."""

    stage: int
    text: str  # as the rule writes it
    fields: tuple[str, ...]
    values: tuple[str, ...]


# Process tree -----------------------------------------------------------------------------------


def process_tree(case: CaseReader, alert: AlertDetail) -> ProcessNode | None:
    """The alert's process in its family: ancestors, siblings and children; None without one.

    A parent whose start no log tells is shown as its child's event describes it.
    """
    subject = _subject(case, alert)
    if subject is None:
        return None
    counts = case.alerts_by_process(subject.host)
    node = _below(case, subject, "subject", counts, {subject.entity_id}, _MAX_DEPTH)
    current, seen = subject, {subject.entity_id}
    for generation in range(_MAX_ANCESTORS):
        parent = _parent(case, current)
        if parent is None or parent.entity_id in seen:
            break
        family = [node]
        if generation == 0 and parent.entity_id:
            for other in case.children(parent.host, parent.entity_id):
                if other.entity_id != current.entity_id:
                    alerts = counts.get(other.entity_id, 0)
                    family.append(ProcessNode(other, (), "sibling", alerts))
            family.sort(key=lambda one: (one.process.start, one.process.pid))
        node = ProcessNode(parent, tuple(family), "ancestor", counts.get(parent.entity_id, 0))
        current = parent
        seen.add(parent.entity_id)
    return node


def _subject(case: CaseReader, alert: AlertDetail) -> Process | None:
    for matched in alert.matched:
        doc = matched.event.doc
        entity_id = first_text(doc, "process.entity_id")
        if entity_id and (known := case.process(host_of(doc), entity_id)) and known.name:
            return known
    for matched in alert.matched:
        told = _told(matched.event)
        if told is not None:
            return told
    return None


def _told(event: Event) -> Process | None:
    """The process of an event as the event itself describes it."""
    doc = event.doc
    if not first_text(doc, "process.name", "process.executable", "process.pid"):
        return None
    start: Doc = {
        **doc,
        "event": {"category": ["process"], "type": ["start"]},
        "process": {"entity_id": "?", **(lookup_object(doc, "process"))},
    }
    change = process_change(start, host_of(doc), (0, 0, "", 0))
    return Process(*change.values) if change else None  # type: ignore[arg-type] # the table's own order


def lookup_object(doc: Doc, name: str) -> Doc:
    """A nested object of a document, empty where there is none."""
    found = doc.get(name)
    return found if isinstance(found, dict) else {}


def _parent(case: CaseReader, process: Process) -> Process | None:
    known = case.process(process.host, process.parent_entity_id)
    if known is not None and known.name:
        # Some exports lose a process's own id, and its children still tell it.
        return known if known.pid else replace(known, pid=process.parent_pid)
    if not (process.parent_name or process.parent_executable or process.parent_pid):
        return None
    name = process.parent_name or process.parent_executable.rpartition("\\")[2]
    return Process(
        host=process.host,
        entity_id=process.parent_entity_id,
        parent_entity_id="",
        pid=process.parent_pid,
        parent_pid=0,
        name=name,
        executable=process.parent_executable,
        command_line=process.parent_command_line,
        parent_name="",
        parent_executable="",
        parent_command_line="",
        user="",
        start=0,
        end=known.end if known else 0,
        sha256="",
        integrity="",
    )


def _below(
    case: CaseReader,
    process: Process,
    role: str,
    counts: dict[str, int],
    seen: set[str],
    depth: int,
) -> ProcessNode:
    children: list[ProcessNode] = []
    if depth and process.entity_id:
        for child in case.children(process.host, process.entity_id):
            if child.entity_id not in seen:
                seen.add(child.entity_id)
                children.append(_below(case, child, "child", counts, seen, depth - 1))
    return ProcessNode(process, tuple(children), role, counts.get(process.entity_id, 0))


# Connections ------------------------------------------------------------------------------------


def connections(alert: AlertDetail, events: Sequence[Event]) -> tuple[Connection, ...]:
    """The connections of the alert's processes, and of what they started, among ``events``, by
    first time."""
    own = _with_descendants(alert, events)
    matched = {one.event.id for one in alert.matched}
    names = _resolved(events)
    found: dict[tuple[str, str, int | None, str, str], Connection] = {}
    merged = {event.id: event for event in (*events, *(one.event for one in alert.matched))}
    for event in sorted(merged.values(), key=lambda event: event.order):
        doc = event.doc
        if event.id not in matched and first_text(doc, "process.entity_id") not in own:
            continue
        one = _connection(event, names, event.id in matched)
        if one is None:
            continue
        key = (one.direction, one.address, one.port, one.transport, one.process)
        known = found.get(key)
        found[key] = _merged(known, one) if known else one
    return tuple(sorted(found.values(), key=lambda one: (one.first, one.address)))


def _with_descendants(alert: AlertDetail, events: Sequence[Event]) -> set[str]:
    """The entity ids of the alert's processes and of all that they started, one by another."""
    own = {first_text(one.event.doc, "process.entity_id") for one in alert.matched} - {""}
    for event in events:  # in order: a parent's start comes before its child's
        doc = event.doc
        if first_text(doc, "process.parent.entity_id") in own:
            own.add(first_text(doc, "process.entity_id"))
    return own - {""}


def _connection(event: Event, names: dict[str, str], matched: bool) -> Connection | None:
    doc = event.doc
    if "network" not in values(doc, "event.category") or lookup(doc, "destination.ip") is None:
        return None
    if "end" in values(doc, "event.type"):  # the connection was counted when it began
        return None
    said = first_text(doc, "network.direction").lower()
    direction = {"outgoing": "egress", "incoming": "ingress", "outbound": "egress"}.get(said, said)
    remote = "source" if direction == "ingress" else "destination"
    address = first_text(doc, f"{remote}.ip")
    port = lookup(doc, "destination.port")
    size = lookup(doc, "network.bytes")
    if size is None:
        halves = [lookup(doc, f"{side}.bytes") for side in ("source", "destination")]
        known = [half for half in halves if isinstance(half, int)]
        size = sum(known) if known else None
    pid = lookup(doc, "process.pid")
    return Connection(
        direction=direction,
        address=address,
        domain=first_text(doc, f"{remote}.domain") or names.get(address, ""),
        port=port if isinstance(port, int) else None,
        transport=first_text(doc, "network.transport"),
        scope=scope(address),
        count=1,
        bytes=size if isinstance(size, int) else None,
        first=event.time,
        last=event.time,
        process=first_text(doc, "process.name"),
        pid=pid if isinstance(pid, int) else 0,
        matched=matched,
    )


def _merged(one: Connection, other: Connection) -> Connection:
    sizes = [size for size in (one.bytes, other.bytes) if size is not None]
    return replace(
        one,
        count=one.count + other.count,
        bytes=sum(sizes) if sizes else None,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        domain=one.domain or other.domain,
        matched=one.matched or other.matched,
    )


def _resolved(events: Sequence[Event]) -> dict[str, str]:
    """Address → name, as the host's own DNS answers among ``events`` tell."""
    names: dict[str, str] = {}
    for event in events:
        question = first_text(event.doc, "dns.question.name")
        if question:
            for address in values(event.doc, "dns.resolved_ip"):
                names.setdefault(str(address), question)
    return names


def scope(address: str) -> str:
    """Where an address lies: "loopback", "private", "link-local", "multicast" or "public"."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if ip.is_multicast:
        return "multicast"
    if any(ip in network for network in _PRIVATE if network.version == ip.version):
        return "private"
    return "public"


# RFC 1918, RFC 6598 and RFC 4193; Python's is_private also holds documentation ranges, which are
# nobody's own network.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


# Related events ---------------------------------------------------------------------------------


def around(case: CaseReader, alert: AlertDetail, window: int = WINDOW) -> Around:
    """What happened on the alert's host within ``window`` ns of its events.

    Read back from the logs by the case's index of blocks; where a log is gone, the evidence kept
    in the case stands in, and ``missing`` says so.
    """
    times_ = [one.event.time for one in alert.matched] or [alert.row.time]
    start, end = min(times_) - window, max(times_) + window
    host = alert.row.host
    found = {one.event.id: one.event for one in alert.matched}
    for event in case.events(host, start, end):
        found.setdefault(event.id, event)
    missing: list[str] = []
    # A record of another host need not be decoded; most blocks hold many hosts.
    mark = host.encode() if host.isascii() else b""
    for source, format_, first, last in case.blocks(host, start, end):
        try:
            for position, record in read_range(source, format_, first, last):
                if mark not in record:
                    continue
                event_ = _event(source, format_, position, record, host, (start, end))
                if event_ is not None:
                    found.setdefault(event_.id, event_)
        except (OSError, TriageError) as error:
            missing.append(f"{source}: {error}")
    events = sorted(found.values(), key=lambda event: event.order)
    if len(events) > MAX_EVENTS:
        middle = sorted(times_)[len(times_) // 2]
        nearest = sorted(events, key=lambda event: abs(event.time - middle))[:MAX_EVENTS]
        kept = sorted(nearest, key=lambda event: event.order)
        return Around(tuple(kept), len(events) - len(kept), tuple(dict.fromkeys(missing)))
    return Around(tuple(events), 0, tuple(dict.fromkeys(missing)))


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


# Drill-downs --------------------------------------------------------------------------------------


def drilldowns(case: CaseReader, alert: AlertDetail) -> tuple[DrillDown, ...]:
    """The rule's drill-downs, each run over the alerts of the case.

    A drill-down is an EQL query over alert documents; its window reaches from so long before the
    alert to the alert itself, or ``WINDOW`` to both sides where it has none of its own.
    """
    found: list[DrillDown] = []
    given = alert.doc.get("triage.drilldowns")
    for one in given if isinstance(given, list) else []:
        name, query = str(one.get("name", "")), str(one.get("query", ""))
        window = times.duration(str(one.get("window", "")))
        start = alert.row.time - (WINDOW if window is None else window)
        end = alert.row.time + (WINDOW if window is None else 0)
        rows = {row.id: row for row in case.alerts() if start <= row.time <= end}
        newest = sorted(rows.values(), key=lambda row: row.time, reverse=True)[:MAX_EVENTS]
        try:
            hits = search(query, case.documents(row.id for row in newest), size=MAX_EVENTS)
            ids = {str(hit.events[0]["kibana.alert.uuid"]) for hit in hits if hit.events[0]}
            problem = ""
        except EqlError as error:
            ids, problem = set(), str(error)
        results = tuple(row for row in newest if row.id in ids and row.id != alert.row.id)
        found.append(DrillDown(name, query, str(one.get("window", "")), results, problem))
    return tuple(found)


# Why --------------------------------------------------------------------------------------------


def matched_values(alert: AlertDetail) -> tuple[MatchedTest, ...]:
    """The tests of the rule's query that the matched events passed, with their values."""
    query_text = lookup_object(alert.doc, "kibana.alert.rule.parameters").get("query", "")
    try:
        query = parse(query_text)
    except EqlError:
        return ()  # the rule is of a kind whose query is not EQL
    stages = [stage for stage in query.stages if not stage.missing]
    tests: list[MatchedTest] = []
    for one, stage in zip(alert.matched, stages, strict=False):
        tests.extend(
            MatchedTest(one.stage, test.text, tuple(test.fields), tuple(map(str, test.values)))
            for test in explain(stage, one.event.doc)
            if test.passed and test.values
        )
    return tuple(tests)
