"""A glance at Sysmon's records in the JSON of EVTX parsers: the fields that are asked for, without
mapping the record.

As :class:`triage.sources.glance.Glance` for documents that are ECS already, this shows what
decoding the record whole would, or nothing. What comes of EventData is read by forms of its own;
what comes of System is taken from a document that the usual way makes of System alone, once for
all records that agree in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import re2
from msgspec import Meta, Struct

from triage import times
from triage.event import fits, tiebreaker
from triage.fields import lookup
from triage.sources.block import Block
from triage.sources.evtx_form import DATA, Form, Path, Reader, of_system, sources
from triage.sources.sysmon import CHANNEL, PROVIDER
from triage.sources.sysmon_events import EVENTS
from triage.sources.sysmon_fields import kind_of
from triage.sources.winevent import text

_FORMATS = frozenset({"evtx", "evtx-json"})
_UNNAMEABLE = re.compile(r'[\x00-\x1f"\\]')
_WITH_BLANK = rb'[ \\][^"]*"\s*:'  # a key that may have one
_MOST_HOSTS = 20_000  # remembered
_LONGEST = 1_000  # characters of what is remembered of one
_ALL = "0"  # an id that no event has: what comes of it comes of all

# Whole numbers of 64 bits; others are not shown as they are written.
_Text = str | Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)] | None
# The parts of System that something comes of, each with a value that shows it.
_PARTS: dict[Path, str] = {
    ("Computer",): "host",
    ("Level",): "4",
    ("Keywords",): "0x10000000000000",
    ("Version",): "5",
    ("Provider", "Guid"): "5770385F-C22A-43E0-BF4C-06F5698FFBD9",
    ("Execution", "ProcessID"): "1",
    ("Execution", "ThreadID"): "2",
    ("Security", "UserID"): "S-1-5-18",
}


class Host(Struct, frozen=True, gc=False):
    """What comes of the parts of System, which is nearly always the same of all of a host."""

    name: str
    values: tuple[Any, ...]  # of the fields that are asked for and come of it


class Seen(Struct, gc=False):
    """What was seen of a record."""

    form: Form
    host: Host
    time: str | int | None
    number: str | int | None
    data: Any


class EvtxGlance:
    """Reads some fields of Sysmon's records."""

    def __init__(self, names: Sequence[str]) -> None:
        """``names``: the fields, as ECS names them."""
        self.names = names
        every, none = of_system(_ALL, _PARTS), of_system(_ALL, {})
        self._of_host = [one for one in names if lookup(every, one) != lookup(none, one)]
        self._parts = [part for part in _PARTS if part == ("Computer",) or self._tells(part)]
        self._hosts: dict[Any, Host] = {}
        self._forms: dict[str | int, Form | None] = {}
        self._readers: dict[Any, Reader] = {}  # most are the same for events of all ids
        self._attributes = {"UtcTime": "d0"}  # of what is read of EventData, by name
        for name in [one for code in EVENTS for one in sources(kind_of(code), names)]:
            self._attributes.setdefault(name, f"d{len(self._attributes)}")
        self._able = not any(_UNNAMEABLE.search(name) for name in self._attributes)
        if self._able:
            self._decode: Any = msgspec.json.Decoder(self._type()).decode
        self._parts_of = attrgetter(*(".attributes.".join(part) for part in self._parts))
        # EventData names with a blank get another one, which somebody may ask for.
        blanks = any(name.startswith(DATA) and "_" in name[len(DATA) :] for name in names)
        self._odd = re2.compile(_WITH_BLANK).search if blanks else None

    def takes(self, block: Block) -> bool:
        """Whether records of a block can be looked at; else all have to be decoded whole."""
        if block.format not in _FORMATS or not self._able:
            return False
        records = block.text()  # msgspec does not look at what it skips
        return records is not None and (self._odd is None or not self._odd(records))

    def look(self, record: bytes) -> Seen | None:
        """A record of such a block; None where it has to be decoded whole."""
        try:
            event = self._decode(record).Event
        except (msgspec.DecodeError, RecursionError):
            return None
        system = event.System
        try:
            form = self._forms[system.EventID]
        except KeyError:
            form = self._form(system.EventID)
        if form is None:
            return None
        parts = self._parts_of(system)
        host = self._hosts.get(parts) or self._host(parts)
        time = system.TimeCreated.attributes.SystemTime
        return Seen(form, host, time, system.EventRecordID, event.EventData)

    @staticmethod
    def way(form: Form) -> Form:
        """How records of a form are read."""
        return form

    @staticmethod
    def time_of(seen: Seen) -> int | None:
        """The time of :func:`triage.event.order_of`, of a record that was seen."""
        time = times.parse(seen.time) if seen.time.__class__ is str else None
        if time is None:
            time = times.parse(text(seen.data.d0))
        return time if time is not None and fits(time) else None

    @staticmethod
    def tiebreaker_of(seen: Seen) -> int:
        """Its tiebreaker."""
        return tiebreaker(text(seen.number))

    def _form(self, event_id: str | int) -> Form | None:
        """The form of events of an id; None where Sysmon has no such."""
        code = text(event_id)
        if code not in EVENTS:
            return None
        form = self._forms.get(code)
        if form is None:
            form = Form(code, self.names, self._of_host, self._attributes, self._readers)
        self._forms[code] = self._forms[event_id] = form
        return form

    def _tells(self, part: Path) -> bool:
        """Whether something that is asked for comes of a part."""
        every = of_system(_ALL, _PARTS)
        others = of_system(_ALL, {path: value for path, value in _PARTS.items() if path != part})
        return any(lookup(every, name) != lookup(others, name) for name in self._of_host)

    def _host(self, parts: Any) -> Host:
        given = parts if parts.__class__ is tuple else (parts,)  # as attrgetter gives one alone
        doc = of_system(_ALL, dict(zip(self._parts, given, strict=True)))
        values = tuple(lookup(doc, name) for name in self._of_host)
        host = Host(lookup(doc, "host.name") or "", values)
        if len(self._hosts) >= _MOST_HOSTS:
            self._hosts.clear()
        if len(str(parts)) <= _LONGEST:
            self._hosts[parts] = host
        return host

    def _type(self) -> type[Struct]:
        """The type of the records that can be looked at, of all that is read of them."""
        system: list[Any] = [("EventID", str | int), ("Channel", Literal[CHANNEL])]
        system += [("EventRecordID", _Text, None), ("Computer", _Text, None)]
        holders: dict[str, list[Any]] = {"Provider": [("Name", Literal[PROVIDER])]}
        holders["TimeCreated"] = [("SystemTime", _Text, None)]
        for part in self._parts:
            if len(part) == 2:
                holders.setdefault(part[0], []).append((part[1], _Text, None))
            elif part != ("Computer",):
                system.append((part[0], _Text, None))
        for name, fields in holders.items():
            given = msgspec.defstruct("_Attributes", fields, kw_only=True, frozen=True, gc=False)
            holder: Any = msgspec.defstruct(
                "_Holder",
                [("attributes", given, msgspec.field(name="#attributes"))],
                frozen=True,
                gc=False,
            )
            without = [] if name == "Provider" else [holder(given())]
            system.append((name, holder, *without))
            system.append((f"{name}_attributes", None, None))  # another way to write them
        data = [
            (attribute, _Text | bool, msgspec.field(default=None, name=name))
            for name, attribute in self._attributes.items()
        ]
        data.append(("Data", None, None))  # where values are written in another way
        event: list[Any] = [
            ("System", msgspec.defstruct("_System", system, kw_only=True, gc=False)),
            ("EventData", msgspec.defstruct("_Data", data, gc=False)),
            ("UserData", None, None),
        ]
        record = [("Event", msgspec.defstruct("_Event", event, gc=False))]
        return msgspec.defstruct("_Record", record, forbid_unknown_fields=True, gc=False)
