"""Thin: of an ECS record only the fields the rules ask for, at a third of the price of decoding.

What a thin reading tells is exact or it is not told at all. It is made for one shape, the keys seen
at each level of earlier records; a record with any other key, a dotted one for instance, or with
an array or an object where a plain value was, is refused and decoded as a whole. So is whatever
decoding would reject or change in a way that is not told here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from triage.fields import Doc
from triage.sources.ndjson import MAX_DEPTH
from triage.sources.sysmon import PROVIDER

Known: TypeAlias = "dict[str, Known | None]"  # keys of a level; None where nothing below is asked
Reader: TypeAlias = Callable[[Any], Any]

_INT = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # others are decoded as text
_VALUE = str | _INT | float | bool | tuple[str, ...] | None
_NEVER = Literal["\0never\0"]  # refuses every record that has the key
# Fields that place an event. What decoding makes of them is told in triage.sources.ndjson; records
# that lack those it would fill in are refused.
_PLACE: dict[str, Any] = {
    "@timestamp": str,
    "host.name": str,
    "host.os.type": str,
    "event.created": str | None,
    "winlog.provider_name": str | None,
    "winlog.time_created": str | None,
    "EventID": _NEVER,
}
_REQUIRED = frozenset({"@timestamp", "event", "host", "host.name", "host.os", "host.os.type"})
# Decoding may change these: what a thin reading holds of them says nothing.
CHANGED = frozenset({"event.created", "process.entity_id", "process.parent.entity_id"})
_PLACED = (
    "host.name",
    "@timestamp",
    "event.created",
    "winlog",
    "winlog.provider_name",
    "winlog.time_created",
    "process",
)
_SKIPPED = msgspec.Raw()
_PATIENCE = 64  # records refused until the shape is made anew
_MOST_KEYS = 1_000
_MOST_SHAPES = 24


class ThinReader:
    """Reads records thinly, and learns their shape from those that had to be decoded."""

    def __init__(self, fields: Iterable[str]) -> None:
        """``fields``: those that will be read."""
        asked = {*fields, *_PLACE}
        self._prefixes = {
            ".".join(parts[:end])
            for parts in (name.split(".") for name in asked)
            for end in range(1, len(parts))
        }
        self._asked = asked - self._prefixes
        self._known: Known = {}
        self._keys = self._shapes = self._refused = 0
        self._decode: Callable[[bytes], Any] | None = None
        self.readers: dict[str, Reader] = {}  # of the fields and objects that the shape has
        self._place: tuple[Reader, ...] = ()
        self._blank: dict[str, Any] = {"winlog": None, "process": None}  # where they are absent

    def read(self, record: bytes) -> Any:
        """The thin reading of a record, or None where it must be decoded as a whole."""
        if self._decode is None or record.count(b"{") + record.count(b"[") > MAX_DEPTH:
            return None
        try:
            if not record.isascii():
                record.decode()  # of what is skipped nobody looks at the encoding
            return self._decode(record)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._refused += 1
            return None

    def place(self, thin: Any) -> tuple[str, str | None, str] | None:
        """The host, ``event.created`` and ``@timestamp`` of the decoded document, or None where
        that must be decoded to tell."""
        host, stamp, created, winlog, provider, written, process = (
            read(thin) for read in self._place
        )
        if winlog is self._blank["winlog"]:
            return host, created, stamp
        if provider != PROVIDER:
            return host, written or stamp, stamp
        return None if process is self._blank["process"] else (host, created, stamp)

    def learn(self, doc: Doc) -> bool:
        """Take note of a document that was decoded as a whole; whether there is a new shape."""
        if self._keys < _MOST_KEYS:
            self._note(self._known, doc, "")
        if self._decode is None:
            self._refused += 1
        if self._refused < _PATIENCE or self._shapes >= _MOST_SHAPES:
            return False
        self._refused = 0
        self._shapes += 1
        self.readers = {}
        shape = self._struct(self._known, "", "")
        if not self.readers.keys() >= _REQUIRED:
            return False
        self._decode = msgspec.json.Decoder(shape).decode
        self._place = tuple(self.readers.get(name, _nothing) for name in _PLACED)
        return True

    def _note(self, known: Known, doc: Doc, path: str) -> None:
        for key, value in doc.items():
            name = path + key
            plain = value.__class__ is not dict
            if "." in key or (name in self._asked and not plain):
                continue
            if name not in self._prefixes:
                self._keys += key not in known
                known.setdefault(key, None)
            elif not plain:
                self._keys += key not in known
                below = known.setdefault(key, {})
                if below is not None:
                    self._note(below, value, f"{name}.")

    def _struct(self, known: Known, path: str, attributes: str) -> type[msgspec.Struct]:
        """The type of one level of the shape; notes how each field of it is read."""
        fields: list[tuple[str, Any, Any]] = []
        for key, below in known.items():
            name, attribute = path + key, f"f{len(fields)}"
            kind: Any = msgspec.Raw
            default: Any = _SKIPPED
            if below is not None:
                kind = self._struct(below, f"{name}.", f"{attributes}{attribute}.")
                default = None if name in _REQUIRED else kind()
                if name in ("winlog", "process"):
                    self._blank[name] = default
            elif name in self._asked:
                kind, default = _PLACE.get(name, _VALUE), None
            if kind is not msgspec.Raw:
                self.readers[name] = attrgetter(attributes + attribute)
            given = {} if name in _REQUIRED else {"default": default}
            fields.append((attribute, kind, msgspec.field(name=key, **given)))
        return msgspec.defstruct(
            "Level", fields, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False
        )


def _nothing(_thin: Any) -> None:
    """The reader of what the shape does not have."""
