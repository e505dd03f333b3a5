"""Glance: of a JSON record the fields that are asked for, without decoding the rest of it.

Most records are no part of anything, and telling that takes a few of their fields. A glance gives
those as ``ndjson.decode`` would. Where a record is written in a way for which that is not certain,
or is no document of ECS yet, there is none, and the record has to be decoded whole.

What nobody asks for is not judged: a number that no float holds there, or objects nested deeper
than we decode, are no reject.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import re2
from msgspec import UNSET, Struct, UnsetType

from triage import times
from triage.event import fits
from triage.fields import lookup
from triage.sources import one_form
from triage.sources.block import Block
from triage.sources.channels import SYSMON, Channel, channel_of
from triage.sources.winevent import text

_FORMATS = frozenset({"ecs", "json"})  # those that hold documents of ECS
_DOTTED = rb'\.[\w@-]*"\s*:'  # a key that is not a plain one
_UNNAMEABLE = re.compile(r'[\x00-\x1f"\\]')
_WHERE_MISSING = frozenset({("EventID",), ("data_stream",)})  # where null is not the same
_NEEDED = frozenset({("@timestamp",), ("event",), ("host",), ("host", "name")})
_MOST_CHANNELS = 1_000  # remembered
_TEXT_OR_NONE = (str, type(None))


_Path = tuple[str, ...]
Reader = Callable[[Any], Any]


# What is read of every record, to tell whether it is whole and when and where it happened. The
# types that msgspec decodes to have the fields that are asked for besides; what is missing is None.
class _Event(Struct):
    category: Any = None
    created: Any = None


class _Os(Struct):
    type: Any = None


class _Host(Struct, kw_only=True):
    name: str
    id: Any = None
    os: _Os | None = None


class _Winlog(Struct):
    provider_name: Any = None
    channel: Any = None
    time_created: Any = None


class _Process(Struct):
    entity_id: Any = None


class _Stream(Struct):
    type: Any = None
    dataset: Any = None
    namespace: Any = None


class Seen(Struct, kw_only=True):
    """What was seen of a record."""

    timestamp: str = msgspec.field(name="@timestamp")
    EventID: Any = UNSET
    event: _Event
    host: _Host
    winlog: _Winlog | None = None
    process: _Process | None = None
    data_stream: _Stream | UnsetType | None = UNSET


_OWN: dict[_Path, type[Struct]] = {
    (): Seen,
    ("event",): _Event,
    ("host",): _Host,
    ("host", "os"): _Os,
    ("winlog",): _Winlog,
    ("process",): _Process,
    ("data_stream",): _Stream,
}


class Glance:
    """Reads some fields of JSON records."""

    def __init__(self, names: Sequence[str]) -> None:
        """``names``: the fields, as ECS names them; :attr:`readers` are in their order."""
        self.names = names
        self._attributes: dict[_Path, str] = {}  # by path
        self._types: dict[_Path, type[Struct]] = {}
        # A field may be called anything; where msgspec can not have a name, nothing is glanced at.
        self._able = not any(_UNNAMEABLE.search(name) for name in names)
        read = {tuple(name.split(".")) for name in names} if self._able else set()
        below: dict[_Path, list[str]] = {}  # the keys that are read of an object, by its path
        for own in sorted({path[:end] for path in read for end in range(1, len(path) + 1)}):
            below.setdefault(own[:-1], []).append(own[-1])
        made = self._type((), below)
        self._decode: Any = msgspec.json.Decoder(made).decode
        self._dotted = re2.compile(_DOTTED).search
        self._known: dict[tuple[Any, Any], Channel | None] = {}
        stream = self._types["data_stream",]
        self._sysmon: Any = stream(type="logs", dataset=SYSMON.dataset, namespace="default")
        self.readers = [self._reader([at], "v0") for at in range(len(names) if self._able else 0)]
        self._outermost = [path[0] for path in self._attributes if len(path) == 1]
        outermost = [self._attributes[key,] for key in self._outermost]
        # Of which outermost keys it has a value; an object is of another type than a value.
        self.shape = _written([], f"({' '.join(f'seen.{one}.__class__,' for one in outermost)})")

    def takes(self, block: Block) -> bool:
        """Whether records of a block can be looked at; else all have to be decoded whole."""
        if block.format not in _FORMATS or not self._able:
            return False
        records = b"\n".join(block.records)
        if not records.isascii():
            try:
                records.decode()  # what is skipped is not looked at
            except UnicodeDecodeError:
                return False
        return not self._dotted(records)

    def look(self, record: bytes) -> Seen | None:
        """A record of such a block; None where it has to be decoded whole."""
        try:
            seen: Seen = self._decode(record)
        except (msgspec.DecodeError, RecursionError):
            return None
        winlog, unnamed = seen.winlog, seen.data_stream is UNSET
        if unnamed:
            seen.data_stream = None
        if winlog is None:
            return seen if seen.EventID is UNSET else None
        host = seen.host
        if host.id is None or host.os is None or host.os.type is None:
            return None
        # From here on as channels.complete has it.
        try:
            known = self._known[winlog.provider_name, winlog.channel]
        except (KeyError, TypeError):
            known = self._channel(winlog.provider_name, winlog.channel)
        if known is SYSMON:
            if unnamed:
                seen.data_stream = self._sysmon
            return seen if seen.process is not None else None
        seen.event.created = winlog.time_created or seen.timestamp
        mapped = known is None or _plain(seen.event.category) is not None
        return seen if mapped else None

    def keys_of(self, shape: Any) -> set[str]:
        """The outermost keys that records of a shape have a value of."""
        found = zip(self._outermost, shape, strict=True)
        return {key for key, kind in found if kind not in (type(None), UnsetType)}

    def _channel(self, provider: Any, channel: Any) -> Channel | None:
        known = channel_of(text(provider), text(channel))
        if provider.__class__ in _TEXT_OR_NONE and channel.__class__ in _TEXT_OR_NONE:
            if len(self._known) >= _MOST_CHANNELS:
                self._known.clear()
            self._known[provider, channel] = known
        return known

    @staticmethod
    def time_of(seen: Seen) -> int | None:
        """The time of :func:`triage.event.order_of`, of a record that was seen."""
        created = seen.event.created
        time = times.parse(created) if created is not None else None
        if time is None:
            time = times.parse(seen.timestamp)
        return time if time is not None and fits(time) else None

    # --------------------------------------------------------------------------------------------

    def together(self, places: Sequence[int], key: Callable[[Any], Any]) -> Reader:
        """What reads several fields, by their places among the names, as a tuple; ``key`` makes
        of what is neither text nor missing what it is to be there."""
        return self._reader(places, f"({' '.join(f'v{at},' for at in range(len(places)))})", key)

    def _reader(
        self, places: Sequence[int], result: str, key: Callable[[Any], Any] = lambda value: value
    ) -> Reader:
        # The code is written of numbered names alone: nothing that a rule says gets into it.
        code: list[str] = []
        space: dict[str, Any] = {"plain": _plain, "key": key}
        nodes: dict[_Path, str] = {(): "seen"}
        for number, at in enumerate(places):
            name = self.names[at]
            path = tuple(name.split("."))
            for end in range(1, len(path)):
                if path[:end] not in nodes:
                    node = nodes[path[:end]] = f"n{len(nodes)}"
                    code.append(self._get(node, nodes[path[: end - 1]], path[:end]))
            value = f"v{number}"
            if path in self._types:
                code.append(f"{value} = None")  # an object is no value
                continue
            code.append(self._get(value, nodes[path[:-1]], path))
            code += [
                f"if {value}.__class__ is list and len({value}) == 1:",
                f"    {value} = {value}[0]",
                f"    if {value}.__class__ is not str: {value} = key(plain({value}))",
                f"elif {value}.__class__ is not str and {value} is not None:",
                f"    {value} = key(plain({value}))",
            ]
            if name in one_form.SETTLED:
                space[f"s{number}"] = one_form.SETTLED[name]
                code.append(f"elif {value} is not None: {value} = s{number}({value})")
        return _written(code, result, space)

    def _get(self, target: str, node: str, path: _Path) -> str:
        found = f"{node}.{self._attributes[path]}"
        return f"{target} = {found}" if node == "seen" else f"{target} = {node} and {found}"

    def _type(self, path: _Path, below: Mapping[_Path, Sequence[str]]) -> type[Struct]:
        """The type of the object at a path, with all that is read of it."""
        base = _OWN.get(path, Struct)
        keys = dict(zip(base.__struct_encode_fields__, base.__struct_fields__, strict=True))
        for key in below.get(path, ()):
            keys.setdefault(key, f"f{len(keys)}")
        fields: list[Any] = []
        for key, attribute in keys.items():
            own = (*path, key)
            self._attributes[own] = attribute
            deeper = own in _OWN or own in below
            kind: Any = self._type(own, below) | None if deeper else Any
            if own in _NEEDED:
                kind = self._types.get(own, str)
                fields.append((attribute, kind, msgspec.field(name=key)))
                continue
            default: Any = None
            if own in _WHERE_MISSING:
                kind, default = kind | UnsetType, UNSET
            fields.append((attribute, kind, msgspec.field(default=default, name=key)))
        made = self._types[path] = msgspec.defstruct(
            "_Seen", fields, bases=(base,), gc=False, kw_only=True
        )
        return made


def _plain(value: Any) -> Any:
    """As ``lookup`` gives the value at the end of a path, its numbers as ``ndjson.loads``."""
    if value.__class__ is int:
        return value if fits(value) else str(value)
    if value.__class__ is list and len(value) > 1 and all(one.__class__ is str for one in value):
        return value
    found = lookup({"": value}, "")
    return [_plain(one) for one in found] if found.__class__ is list else found


def _written(code: Sequence[str], result: str, space: dict[str, Any] | None = None) -> Reader:
    """The function of ``seen`` that runs some lines of Python."""
    lines = ["def read(seen):", *(f"    {line}" for line in code), f"    return {result}"]
    names = space or {}
    exec("\n".join(lines), names)  # noqa: S102 - own text, see _reader
    made: Reader = names["read"]
    return made
