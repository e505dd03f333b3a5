"""Destinations: the connections of an alert by the address on their other side, and what the whole
case knows of that address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triage.case.model import AlertDetail, Contacts
from triage.case.read import CaseReader
from triage.context.connections import Connection

_ALWAYS = (1 << 63) - 1  # ns: after everything


@dataclass(frozen=True, slots=True)
class Destination:
    """An address and all connections of the alert's processes with it."""

    address: str
    scope: str  # as of a Connection
    names: tuple[str, ...]  # as events and the host's own DNS answers call it, the latest first
    connections: tuple[Connection, ...]  # a port and process each, by first time
    count: int
    bytes: int | None  # None where no event says
    first: int  # ns
    last: int  # ns
    matched: bool
    before: Contacts | None  # of the alert's own host with it before the alert; None: never
    others: tuple[Contacts, ...]  # of other hosts at any time, the most frequent first


def destinations(
    case: CaseReader, alert: AlertDetail, found: Sequence[Connection]
) -> tuple[Destination, ...]:
    """The destinations of an alert's connections, by first time."""
    grouped: dict[str, list[Connection]] = {}
    for one in found:
        grouped.setdefault(one.address, []).append(one)
    told = [_destination(case, alert, address, ones) for address, ones in grouped.items()]
    return tuple(sorted(told, key=lambda one: (one.first, one.address)))


def _destination(
    case: CaseReader, alert: AlertDetail, address: str, ones: list[Connection]
) -> Destination:
    host = alert.row.host
    sizes = [one.bytes for one in ones if one.bytes is not None]
    names = dict.fromkeys(one.domain for one in ones if one.domain)
    names |= dict.fromkeys(case.names(host, address))
    began = min((one.event.time for one in alert.matched), default=alert.row.time)
    first = min(one.first for one in ones)
    before = case.contacts(address, min(began, first))
    everybody = case.contacts(address, _ALWAYS)
    return Destination(
        address,
        ones[0].scope,
        tuple(names),
        tuple(sorted(ones, key=lambda one: (one.first, one.port or 0))),
        sum(one.count for one in ones),
        sum(sizes) if sizes else None,
        first,
        max(one.last for one in ones),
        any(one.matched for one in ones),
        next((one for one in before if one.host == host), None),
        tuple(one for one in everybody if one.host != host),
    )
