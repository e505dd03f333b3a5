"""Glance: of a JSON record the fields that are asked for, without decoding the rest of it.

Most records are no part of anything, and telling that takes a few of their fields. A glance gives
those as ``ndjson.decode`` would. Where a record is written in a way for which that is not certain,
or is no document of ECS yet, there is none, and the record has to be decoded whole.

What nobody asks for is not judged: a number that no float holds there, or objects nested deeper
than we decode, are no reject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import re2
from msgspec import Struct
from msgspec.structs import replace

from triage import times
from triage.eql.values import text_of
from triage.event import fits, tiebreaker
from triage.fields import lookup
from triage.sources import one_form
from triage.sources.block import Block
from triage.sources.channels import SYSMON, channel_of
from triage.sources.winevent import text

_FORMATS = frozenset({"ecs", "json"})  # those that hold documents of ECS
# Keys that are no plain ones: with a dot, and with an escape that may stand for one. Two searches,
# since each is for a byte to begin with.
_DOTTED = rb'\.[^"\\]*"\s*:'
_ESCAPED = rb'\\(?:u[0-9A-Fa-f]{4}|/)(?:[^"\\]|\\.)*"\s*:'
_UNNAMEABLE = re.compile(r'[\x00-\x1f"\\]')
_MOST_FORMS = 1_000  # remembered
_BEYOND = 1 << 63  # no time: it would not fit, see triage.event.fits

_Path = tuple[str, ...]
Reader = Callable[[Any], Any]

# What msgspec makes of a field: no objects, which are no value, and tuples, which can be keys.
_VALUE: Any = str | int | float | bool | None | tuple[Any, ...]
_GIVEN: Any = str | int | float | bool | tuple[Any, ...]  # a null is not the same as nothing
_TEXT: Any = str | None
_TEXTS: Any = str | None | tuple[str, ...]
# Of which equal ones are the same: 1, 1.0 and True are one key.
_KEYS: Any = str | int | None | tuple[str | int, ...]
_TRUTH: Any = bool | None

# What is read of every record besides, to tell whether it is whole, and when and where it happened.
_OWN: dict[_Path, Any] = {
    ("@timestamp",): str,
    ("EventID",): _GIVEN,
    ("event", "category"): _TEXTS,
    ("event", "created"): _VALUE,
    ("event", "sequence"): _VALUE,
    ("host", "name"): str,
    ("host", "id"): _VALUE,
    ("host", "os", "type"): _TEXT,
    ("winlog", "provider_name"): _TEXT,
    ("winlog", "channel"): _TEXT,
    ("winlog", "time_created"): _VALUE,
    ("winlog", "record_id"): _VALUE,
    ("process", "entity_id"): _VALUE,
    ("data_stream", "type"): _VALUE,
    ("data_stream", "dataset"): _VALUE,
    ("data_stream", "namespace"): _VALUE,
}
_NEEDED = frozenset({("@timestamp",), ("event",), ("host",), ("host", "name")})
_ALWAYS = frozenset(path[0] for path in _NEEDED)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What records of one form have in common."""

    keys: frozenset[str]  # the outermost keys that are asked for and have a value
    stream: Any  # their data stream, where it is ours to name
    is_created: bool  # whether they were created when the Windows log says


class Seen(Struct, kw_only=True):
    """What was seen of a record. Where it lacks an object, there is one without values."""

    timestamp: str = msgspec.field(name="@timestamp")
    event: Any
    host: Any
    form: Any = msgspec.field(default=None, name=" ")  # never a record's: it is set behind reading
    EventID: Any = None
    winlog: Any = None
    process: Any = None
    data_stream: Any = None


@dataclass(frozen=True, slots=True)
class Way:
    """How the fields of records of one form are read."""

    open: Mapping[str, Reader]  # those that each record may have a value of its own of
    known: Mapping[str, Any]  # the values of others that have one
    reader: Callable[[str], Reader]
    several: Callable[[Sequence[str]], Reader]
    together: Callable[[Mapping[str, Container[type]]], Reader]
    joined: Callable[[Sequence[str]], Reader]


class Glance:
    """Reads some fields of JSON records."""

    def __init__(self, names: Sequence[str]) -> None:
        """``names``: the fields, as ECS names them; :attr:`readers` read one each."""
        # A field may be called anything; where msgspec can not have a name, nothing is glanced at.
        self._able = not any(_UNNAMEABLE.search(name) for name in names)
        asked = {tuple(name.split(".")) for name in names} if self._able else set()
        self._below: dict[_Path, list[str]] = {}  # the keys that are read of an object, by its path
        self._attributes: dict[_Path, str] = {}  # their names in the types that msgspec makes
        for path in (*_OWN, *sorted(asked)):
            for end in range(1, len(path) + 1):
                if path[:end] not in self._attributes:
                    keys = self._below.setdefault(path[: end - 1], [])
                    keys.append(path[end - 1])
                    own = path in _OWN
                    self._attributes[path[:end]] = keys[-1].strip("@") if own else f"f{len(keys)}"
        self._kinds = dict(_OWN)
        self._forms: dict[Any, Form | None] = {}
        self._dotted, self._escaped = (re2.compile(one).search for one in (_DOTTED, _ESCAPED))
        # Outermost keys that some records have and others lack, and those that none had yet.
        self._common: list[str] = []
        self._rare = [key for key in self._below[()] if key not in _ALWAYS]
        self._build()
        self.readers = {name: self._reader(name) for name in names} if self._able else {}

    def _build(self) -> None:
        self._absent: dict[_Path, Any] = {}  # what stands for an object that a record lacks
        self._decode: Any = msgspec.json.Decoder(self._type(())).decode
        stream = self._absent["data_stream",]
        self._sysmon = replace(stream, type="logs", dataset=SYSMON.dataset, namespace="default")
        self._form_of = self._form_reader()

    def takes(self, block: Block) -> bool:
        """Whether records of a block can be looked at; else all have to be decoded whole."""
        if block.format not in _FORMATS or not self._able:
            return False
        records = block.text()  # msgspec does not look at what it skips
        return records is not None and not (self._dotted(records) or self._escaped(records))

    def look(self, record: bytes) -> Seen | None:
        """A record of such a block; None where it has to be decoded whole."""
        try:
            seen: Seen = self._decode(record)
        except (msgspec.DecodeError, RecursionError):
            return None
        try:
            form = self._forms[self._form_of(seen)]
        except KeyError:
            form = self._form(seen)
        if form is None:
            return None
        seen.form = form
        if form.stream is not None:
            seen.data_stream = form.stream
        elif form.is_created:
            seen.event.created = seen.winlog.time_created or seen.timestamp
        return seen

    def _form(self, seen: Seen) -> Form | None:
        """The form of a record; None where such have to be decoded whole."""
        keys = {*_ALWAYS, *(key for key in (*self._common, *self._rare) if self._has(seen, key))}
        if not keys.isdisjoint(self._rare):
            self._common = [
                key for key in (*self._common, *self._rare) if key in keys or key in self._common
            ]
            self._rare = [key for key in self._rare if key not in keys]
            self._forms.clear()
            self._form_of = self._form_reader()
        absent, stream, is_created, is_whole = self._absent, None, False, True
        if seen.winlog is absent["winlog",]:
            is_whole = seen.EventID is None
        elif seen.host.id is None or seen.host.os.type is None:
            is_whole = False
        else:
            # From here on as channels.complete has it.
            known = channel_of(text(seen.winlog.provider_name), text(seen.winlog.channel))
            if known is SYSMON:
                is_whole = seen.process is not absent["process",]
                stream = self._sysmon if seen.data_stream is absent["data_stream",] else None
            else:
                is_created = True
                is_whole = known is None or _plain(seen.event.category) is not None
        if stream is not None:
            keys.add("data_stream")
        form = Form(frozenset(keys), stream, is_created) if is_whole else None
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        self._forms[self._form_of(seen)] = form
        return form

    def _has(self, seen: Seen, key: str) -> bool:
        return getattr(seen, self._attributes[key,]) is not self._absent.get((key,))

    def way(self, form: Form) -> Way:
        """How records of a form are read."""
        own = {
            name: read for name, read in self.readers.items() if name.partition(".")[0] in form.keys
        }
        read = self.readers.__getitem__
        return Way(own, {}, read, self.several, self.together, self.joined)

    @staticmethod
    def time_of(seen: Seen) -> int | None:
        """The time of :func:`triage.event.order_of`, of a record that was seen."""
        created = seen.event.created
        time = times.parse(created) if created is not None else None
        if time is None:
            time = times.parse(seen.timestamp)
        return time if time is not None and -_BEYOND <= time < _BEYOND else None

    @staticmethod
    def tiebreaker_of(seen: Seen) -> int:
        """Its tiebreaker."""
        return tiebreaker(seen.event.sequence, seen.winlog.record_id)

    # --------------------------------------------------------------------------------------------

    def together(self, kinds: Mapping[str, Container[type]]) -> Reader:
        """What reads some fields at once, as a tuple: equal where they are, and good for nothing
        else. ``kinds``: of what types values of each are known to be; records where a field is
        of another kind are decoded whole from now on."""
        for name, some in kinds.items():
            path = tuple(name.split("."))
            if self._kinds.get(path, _VALUE) is _VALUE:
                self._kinds[path] = _TRUTH if bool in some else _KEYS
        self._build()
        return _written([], f"({' '.join(f'{self._place(name)},' for name in kinds)})")

    def several(self, names: Sequence[str]) -> Reader:
        """What reads some fields as a tuple."""
        return self._one_by_one(names, "{}", "(" + "v{}, " * len(names) + ")")

    def joined(self, names: Sequence[str]) -> Reader:
        """What reads the texts of several fields as one, with a NUL between them."""
        together = "\\0".join(["{{v{}}}"] * len(names))
        return self._one_by_one(names, "text({})", f'f"{together}"')

    def _one_by_one(self, names: Sequence[str], made: str, result: str) -> Reader:
        """What reads some fields into variables, v0 and so on: a text without a call, anything
        else as ``made`` of what its reader gives. ``result`` has a place for each."""
        code: list[str] = []
        space: dict[str, Any] = {"text": _text}
        for at, name in enumerate(names):
            space[f"r{at}"] = self.readers[name]
            code.append(f"v{at} = {'0' if name in one_form.SETTLED else self._place(name)}")
            code.append(f"if v{at}.__class__ is not str: v{at} = {made.format(f'r{at}(seen)')}")
        return _written(code, result.format(*range(len(names))), space)

    def _place(self, name: str) -> str:
        """The code that gives a field as it is written."""
        path = tuple(name.split("."))
        if path in self._below:
            return "None"  # an object is no value
        return ".".join(
            ["seen", *(self._attributes[path[:end]] for end in range(1, len(path) + 1))]
        )

    def _reader(self, name: str) -> Reader:
        # The code is written of numbered names alone: nothing that a rule says gets into it.
        code = [
            f"value = {self._place(name)}",
            "if value.__class__ is not str: return None if value is None else plain(value)",
        ]
        settled = one_form.SETTLED.get(name)
        result = "value" if settled is None else "settled(value)"
        return _written(code, result, {"plain": _plain, "settled": settled})

    def _form_reader(self) -> Reader:
        """What reads all that tells records of different forms apart."""
        space: dict[str, Any] = {}
        lacks: dict[str, str] = {}
        for at, key in enumerate((*self._common, *self._rare)):
            space[f"a{at}"] = self._absent.get((key,))
            lacks[key] = f"seen.{self._attributes[key,]} is a{at}"
        told = [lacks[key] for key in self._common]
        told.append(" and ".join(lacks[key] for key in self._rare) or "True")
        told += ["seen.host.id is None", "seen.host.os.type is None", "seen.event.category"]
        told += ["seen.winlog.provider_name", "seen.winlog.channel"]
        return _written([], f"({', '.join(told)})", space)

    def _type(self, path: _Path) -> type[Struct]:
        """The type of the object at a path, with all that is read of it."""
        fields: list[Any] = []
        for key in self._below[path]:
            own = (*path, key)
            if own in self._below:
                kind, default = self._type(own), self._absent.get(own)
            else:
                kind, default = self._kinds.get(own, _VALUE), None
            given = {} if own in _NEEDED else {"default": default}
            fields.append((self._attributes[own], kind, msgspec.field(name=key, **given)))
        made = msgspec.defstruct(
            "_Seen",
            fields,
            bases=(Struct if path else Seen,),
            gc=False,
            kw_only=True,
            frozen=path not in ((), ("event",)),
        )
        if not any((*path, key) in _NEEDED for key in self._below[path]):
            self._absent[path] = made()
        return made


def _plain(value: Any) -> Any:
    """As ``lookup`` gives the value at the end of a path, its numbers as ``ndjson.loads``."""
    if value.__class__ is int:
        return value if fits(value) else str(value)
    if value.__class__ is tuple:
        if len(value) == 1 and value[0].__class__ is str:
            return value[0]
        value = list(value)
        if len(value) > 1 and all(one.__class__ is str for one in value):
            return value
    found = lookup({"": value}, "")
    return [_plain(one) for one in found] if found.__class__ is list else found


def _text(value: Any) -> str:
    """All texts of a value as one."""
    if value is None:
        return ""
    return "\0".join(map(text_of, value)) if value.__class__ is list else text_of(value)


def _written(code: Sequence[str], result: str, space: dict[str, Any] | None = None) -> Reader:
    """The function of ``seen`` that runs some lines of Python."""
    lines = ["def read(seen):", *(f"    {line}" for line in code), f"    return {result}"]
    names = space or {}
    exec("\n".join(lines), names)  # noqa: S102 - own text, see _reader
    made: Reader = names["read"]
    return made
