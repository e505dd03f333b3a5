"""Form: how fields are read of what was seen of Sysmon's events of one id.

Nothing is declared twice for it: what comes of EventData is made of the same facts as when a record
is mapped (:mod:`triage.sources.sysmon_fields`), by code written for the few that are asked for;
what is the same for all events of the id is taken from a document of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from triage.eql.values import text_of
from triage.fields import Doc, lookup, put
from triage.sources import evtx
from triage.sources.channels import to_ecs
from triage.sources.facts import Fact, Script
from triage.sources.sysmon import CHANNEL, PROVIDER
from triage.sources.sysmon_fields import NOTHING, Kind, kind_of
from triage.sources.sysmon_values import instant
from triage.sources.winevent import GUIDS, guid, text

Reader = Callable[[Any], Any]
Path = tuple[str, ...]

DATA = "winlog.event_data."
_NO_DATA = re.compile(r"[#@].*|.*_attributes|Data", re.DOTALL)  # names that no value has
_OF_EACH = {  # fields of System that are hardly ever the same in two records, and how they are read
    "event.created": "instant(text(seen.time))",
    "@timestamp": "instant(text(seen.time))",  # where there is no UtcTime
    "winlog.record_id": "text(seen.number) or None",
}


class Form:
    """The events of one id, and how their fields are read."""

    def __init__(
        self,
        code: str,
        names: Sequence[str],
        of_host: Sequence[str],
        attributes: Mapping[str, str],
        readers: dict[Any, Reader],
    ) -> None:
        """``names``: the fields that are asked for; ``of_host``: those that come of System;
        ``attributes``: of the values of the event data; ``readers``: those made so far."""
        self.keys = code  # by which it is known
        self._kind = kind_of(code)
        self._of_host = of_host
        self._attributes = attributes
        self._readers = readers
        told = of_system(code, {})
        self._told = {name: lookup(told, name) for name in names}
        #: The fields that each of these records may have a value of its own of, by what reads them.
        self.open = {name: self._alone(name) for name in names if self._is_open(name)}
        #: The values of all others; None: there is none.
        self.known = {name: value for name, value in self._told.items() if name not in self.open}

    def reader(self, name: str) -> Reader:
        """What reads any field."""
        if name in self.open:
            return self.open[name]
        value = self.known[name]
        return lambda seen: value

    def several(self, names: Sequence[str]) -> Reader:
        """What reads some fields as a tuple."""
        return self._reader(names, _tuple(names))

    def together(self, names: Iterable[str]) -> Reader:
        """What reads some fields as a tuple, equal where they are, and good for nothing else."""
        some = [*names]
        return self._reader(some, _tuple(some), "if o{0}.__class__ is list: o{0} = tuple(o{0})")

    def joined(self, names: Sequence[str]) -> Reader:
        """What reads the texts of several fields as one, with a NUL between them."""
        gives = "\\0".join(f"{{o{at}}}" for at in range(len(names)))
        return self._reader(
            names, f'f"{gives}"', "if o{0}.__class__ is not str: o{0} = texts(o{0})"
        )

    def _alone(self, name: str) -> Reader:
        """What reads one open field."""
        of = (name, *_facts_for(self._kind, name))
        if self._told[name] is not None:
            return self._reader([name], "o0")
        read = self._readers.get(of)
        if read is None:
            read = self._readers[of] = self._reader([name], "o0")
        return read

    def _is_open(self, name: str) -> bool:
        return bool(_facts_for(self._kind, name)) or name in _OF_EACH or name in self._of_host

    def _reader(self, names: Sequence[str], gives: str, then: str = "pass") -> Reader:
        """What reads some fields, as the expression ``gives`` has it, when ``then`` was done for
        each of them."""
        facts = dict.fromkeys(fact for name in names for fact in _facts_for(self._kind, name))

        def store(field: str, value: str) -> list[str]:
            own = [(at, name) for at, name in enumerate(names) if _is_of(name, field)]
            deeper = {name: f"under({value}, {len(field)}, n{at})" for at, name in own}
            deeper[field] = value
            return [f"o{at} = {deeper[name]}" for at, name in own] or ["pass"]

        script = Script(facts, self._load, store)
        space = script.space
        space.update(text=text, guid=guid, nothing=NOTHING, instant=instant, texts=_texts)
        space.update(plain=_plain, under=_under)
        before, after = ["d = seen.data"], []
        for at, name in enumerate(names):
            space[f"n{at}"], space[f"c{at}"] = name, self._told[name]
            of_host = name in self._of_host
            first = f"seen.host.values[{self._of_host.index(name)}]" if of_host else f"c{at}"
            before.append(f"o{at} = {_OF_EACH.get(name, first)}")
            after += [f"if o{at}.__class__ is list: o{at} = plain(o{at})", then.format(at)]
        read: Reader = script.function("read", "seen", before, gives, after)
        return read

    def _load(self, variable: str, name: str) -> list[str]:
        """As ``winevent.event_data`` shows a value, and the mapping what is worth one."""
        shown = [f"{variable} = d.{self._attributes[name]}", f"if {variable} is not None:"]
        shown.append(f"    if {variable}.__class__ is not str: {variable} = text({variable})")
        if name.endswith(GUIDS):
            shown.append(f"    {variable} = guid({variable})")
        return [*shown, f"    if {variable} in nothing: {variable} = None"]


def of_system(code: str, parts: Mapping[Path, Any]) -> Doc:
    """The document of a record of Sysmon that has a System of such parts, and nothing else."""
    system: Doc = {
        "EventID": code,
        "Channel": CHANNEL,
        "Provider": {"#attributes": {"Name": PROVIDER}},
    }
    for path, value in parts.items():
        put(system, ".#attributes.".join(path), value)
    return to_ecs(evtx.from_json({"Event": {"System": system}}))


def _own_data(kind: Kind, name: str) -> str:
    """The name in the event data of a field that is a value of it as it is; "" of another field."""
    own = name.removeprefix(DATA) if name.startswith(DATA) else ""
    return "" if own in kind.used_up or _NO_DATA.fullmatch(own) else own


def _facts_for(kind: Kind, name: str) -> Sequence[Fact]:
    """The facts that a field comes of, or what it is part of."""
    own = _own_data(kind, name)
    if own:
        return [Fact((own,), (name,))]
    parts = name.split(".")
    return [
        fact
        for end in range(1, len(parts) + 1)
        for fact in kind.by_field.get(".".join(parts[:end]), ())
    ]


def sources(kind: Kind, names: Iterable[str]) -> Iterable[str]:
    """The values of the event data that fields are made of."""
    for name in names:
        for fact in _facts_for(kind, name):
            yield from (*fact.of, *fact.beside)


def _is_of(name: str, field: str) -> bool:
    """Whether a name is that of a field, or of what lies within it. Values of the event data are
    texts, but their names may have dots."""
    return name == field or (name.startswith(f"{field}.") and not field.startswith(DATA))


def _under(value: Any, length: int, name: str) -> Any:
    """What ``lookup`` finds within the value of a field whose name has so many characters."""
    return lookup({name[:length]: value}, name)


def _tuple(names: Sequence[str]) -> str:
    return f"({' '.join(f'o{at},' for at in range(len(names)))})"


def _texts(value: Any) -> str:
    """All texts of a value as one."""
    if value is None:
        return ""
    return "\0".join(map(text_of, value)) if value.__class__ is list else text_of(value)


def _plain(values: list[Any]) -> Any:
    """As ``lookup`` gives a list at the end of a path; what facts make holds texts, or none."""
    if values and values[0].__class__ is str:
        return values if len(values) > 1 else values[0]
    return lookup({"": values}, "")
