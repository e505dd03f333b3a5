"""Contacts: whom the hosts of a block talked to, and which names they were told for addresses."""

from __future__ import annotations

from typing import NamedTuple

from triage.fields import Doc, first_text, values
from triage.times import SECOND

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

    def take(self, doc: Doc, host: str, time: int) -> None:
        """An event that may be a connection or an answer of DNS."""
        if "dns" in doc or "dns.resolved_ip" in doc:
            name = first_text(doc, "dns.question.name")
            if name:
                for address in values(doc, "dns.resolved_ip")[:_MOST_ANSWERS]:
                    key = (host, str(address), name)
                    self._resolved[key] = max(time, self._resolved.get(key, time))
            return
        address = peer(doc)
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


def peer(doc: Doc) -> str:
    """The address on the other side of a connection that begins; "" where the event is none."""
    holder = doc.get("destination")
    found = holder.get("ip") if holder.__class__ is dict else doc.get("destination.ip")
    if found.__class__ is not str or "network" not in values(doc, "event.category"):
        return ""
    if "end" in values(doc, "event.type"):  # it was counted when it began
        return ""
    inbound = first_text(doc, "network.direction").lower() in _INBOUND
    address: str = first_text(doc, "source.ip") if inbound else found
    return address
