"""Contacts: whom the hosts of a block talked to, and which names they were told for addresses."""

from __future__ import annotations

from typing import NamedTuple

from triage.engine.process import Read, has, text
from triage.times import SECOND

#: What tells of a connection or an answer.
FIELDS = (
    "dns.question.name", "dns.resolved_ip", "destination.ip", "source.ip", "network.direction",
    "event.category", "event.type",
)  # fmt: skip
_HOUR = 3600 * SECOND
_MOST_ANSWERS = 16  # addresses of one DNS answer
_INBOUND = ("ingress", "incoming", "inbound")


class Contact(NamedTuple):
    """How often a host talked with an address within one hour."""

    address: str
    host: str
    hour: int  # hours since 1970
    times: int
    first: int  # ns
    last: int  # ns


class Resolved(NamedTuple):
    """A name that a host was told for an address."""

    host: str
    address: str
    name: str
    last: int  # ns: when it was told so last


class Meetings:
    """Gathers both over a block."""

    def __init__(self) -> None:
        self._contacts: dict[tuple[str, str, int], tuple[int, int, int]] = {}
        self._resolved: dict[tuple[str, str, str], int] = {}

    def take(self, read: Read, host: str, time: int) -> None:
        """An event that may be a connection or an answer of DNS, of which ``read`` gives the
        values of :data:`FIELDS`."""
        name, answers = text(read, "dns.question.name"), read("dns.resolved_ip")
        if name or answers is not None:
            several = answers if answers.__class__ is list else [answers]
            for address in several[:_MOST_ANSWERS] if name and answers is not None else ():
                key = (host, str(address), name)
                self._resolved[key] = max(time, self._resolved.get(key, time))
            return
        address = peer(read)
        if address:
            place = (address, host, time // _HOUR)
            count, first, last = self._contacts.get(place, (0, time, time))
            self._contacts[place] = (count + 1, min(first, time), max(last, time))

    @property
    def contacts(self) -> tuple[Contact, ...]:
        return tuple(Contact(*key, *known) for key, known in self._contacts.items())

    @property
    def resolved(self) -> tuple[Resolved, ...]:
        return tuple(Resolved(*key, last) for key, last in self._resolved.items())


def peer(read: Read) -> str:
    """The address on the other side of a connection that begins; "" where the event is none."""
    found = read("destination.ip")
    if found.__class__ is not str or not has(read("event.category"), "network"):
        return ""
    if has(read("event.type"), "end"):  # it was counted when it began
        return ""
    inbound = text(read, "network.direction").lower() in _INBOUND
    address: str = text(read, "source.ip") if inbound else found
    return address
