"""Whether an item is true of an event; compiled once, linear in the event whatever it holds.

Values are compared as text, since a list holds text only: 445 and "445" are equal, true is "true".
A field with several values is true where one of them is. ``match`` and ``match_any`` heed case, as
Kibana does on keyword fields, except on ``field.caseless`` and ``field.text``, which mean
``field`` without case. ``wildcard`` never heeds case: it is what one writes for paths and command
lines, where Windows has none, and Kibana's wildcard fields are the same. ``*`` and ``?`` have no
escape and a backslash is a backslash, as in EQL.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from triage.exceptions._model import Entry, Item
from triage.fields import Doc, values

Test = Callable[[Doc], bool]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MULTI_FIELDS = (".caseless", ".text")


def compile_item(item: Item) -> Test:
    """A function that tells whether the item is true of a document.

    Raises ValueError for what :func:`triage.exceptions.load_exceptions` reports as a problem: an
    address range or a pattern that is none. An item without entries is true of nothing.
    """
    tests = [_entry(entry) for entry in item.entries]
    if item.os_types:
        tests.insert(0, _os(frozenset(name.lower() for name in item.os_types)))
    if not item.entries:
        return lambda doc: False
    if len(tests) == 1:
        return tests[0]
    return lambda doc: all(test(doc) for test in tests)


_compiled = lru_cache(maxsize=4096)(compile_item)


def item_matches(item: Item, doc: Doc) -> bool:
    """Whether the item is true of the document; scope and expiry are not looked at."""
    return _compiled(item)(doc)


def _os(names: frozenset[str]) -> Test:
    def is_os(doc: Doc) -> bool:
        found = values(doc, "host.os.type") + values(doc, "host.os.name")
        return any(_text(value).lower() in names for value in found)

    return is_os


def _entry(entry: Entry) -> Test:
    test = _nested(entry) if entry.type == "nested" else _field(entry)
    if entry.operator == "excluded":
        return lambda doc: not test(doc)
    return test


def _field(entry: Entry) -> Test:
    name, base = entry.field, entry.field
    for suffix in _MULTI_FIELDS:
        base = base.removesuffix(suffix)
    if entry.type == "exists":
        return lambda doc: bool(values(doc, name) or values(doc, base))
    test = _value_test(entry, caseless=base != name)

    def is_true(doc: Doc) -> bool:
        found = values(doc, base) if base == name else values(doc, name) or values(doc, base)
        return any(test(_text(value)) for value in found)

    return is_true


def _value_test(entry: Entry, caseless: bool) -> Callable[[str], bool]:
    if entry.type in ("match", "match_any"):
        if caseless:
            folded = frozenset(value.casefold() for value in entry.values)
            return lambda text: text.casefold() in folded
        return frozenset(entry.values).__contains__
    if entry.type == "wildcard":
        return wildcard(entry.values[0])
    if entry.type == "cidr":
        networks = [network(value) for value in entry.values]
        return lambda text: _in_networks(text, networks)
    raise ValueError(f"unknown entry type {entry.type!r}")


def wildcard(pattern: str) -> Callable[[str], bool]:
    """Whether a text as a whole is like ``pattern`` (``*`` any, ``?`` one character), any case."""
    parts = (
        {"*": ".*", "?": "."}.get(part) or re2.escape(_utf8(part))
        for part in re.split(r"([*?])", pattern)
        if part
    )
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.log_errors = False
    try:
        compiled = re2.compile("".join(parts), options)
    except re2.error as error:
        raise ValueError(f"the pattern is too big: {error}") from error
    return lambda text: compiled.fullmatch(_utf8(text)) is not None


def network(text: str) -> Network:
    """The address range "10.0.4.0/24" or the address "10.0.4.7" stands for; ValueError else."""
    return ipaddress.ip_network(text.strip(), strict=False)


def _in_networks(text: str, networks: list[Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any(address in each or (mapped is not None and mapped in each) for each in networks)


def _nested(entry: Entry) -> Test:
    tests = [_entry(inner) for inner in entry.entries]
    flat = [
        _entry(Entry(f"{entry.field}.{inner.field}", inner.type, inner.values, inner.operator))
        for inner in entry.entries
    ]
    parts = entry.field.split(".")

    def is_true(doc: Doc) -> bool:
        objects = _objects(doc, parts)
        if not objects:  # a document of dotted keys has no objects: its one value each is meant
            return bool(flat) and all(test(doc) for test in flat)
        return any(all(test(child) for test in tests) for child in objects)

    return is_true


def _objects(doc: Doc, parts: list[str]) -> list[Doc]:
    """The objects at a field, those in arrays too."""
    found: list[Any] = [doc]
    for part in parts:
        found = _each([node.get(part) for node in found])
    return found


def _each(nodes: list[Any]) -> list[Any]:
    flat: list[Any] = []
    while nodes:
        node = nodes.pop()
        if node.__class__ is list:
            nodes.extend(node)
        elif node.__class__ is dict:
            flat.append(node)
    return flat


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _utf8(text: str) -> str:
    """``text`` with lone surrogates, which RE2 can not read, as question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
