"""Whom the processes of an alert talked to, and what they started."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from triage.case.model import AlertDetail
from triage.event import Event
from triage.fields import first_text, lookup, values


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


def connections(alert: AlertDetail, events: Sequence[Event]) -> tuple[Connection, ...]:
    """The connections of the alert's processes, and of what they started, among ``events``, by
    first time."""
    own = with_descendants(alert, events)
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


def with_descendants(alert: AlertDetail, events: Sequence[Event]) -> set[str]:
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
