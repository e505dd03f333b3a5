"""Whether an item is true of an event; compiled once, linear in the event whatever it holds.

Values are compared as text, since a list holds text only: 445 and "445" are equal, true is "true".
A field with several values is true where one of them is. As in Elasticsearch, the field's type
says what equal means. Keyword fields, nearly all of them, heed case, for ``match``, ``match_any``
and ``wildcard`` alike. Command lines and the few others that ECS maps as *wildcard* heed it for
``match`` alone. ``field.caseless`` is ``field`` without case. ``field.text`` is its words: a
``match`` is true where they stand in the field one after the other, in any case.

``*`` and ``?`` have no escape and a backslash is a backslash, as in EQL. A value list is asked for
the whole value; where the field is missing neither "in list" nor "not in list" is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import re2

from triage.exceptions._model import Entry, Item
from triage.exceptions._values import Ranges, value_test
from triage.fields import Doc, values

Test = Callable[[Doc], bool]
_MULTI_FIELDS = (".caseless", ".text")
# The fields that ECS maps as `wildcard`, not as `keyword`.
_WILDCARD_FIELDS = frozenset(
    (
        "error.stack_trace",
        "http.request.body.content",
        "http.response.body.content",
        "process.command_line",
        "process.parent.command_line",
        "registry.data.strings",
        "url.full",
        "url.original",
        "url.path",
    )
)
# About Elasticsearch's standard analyzer: letters, digits and _; a dot between them parts nothing.
_WORD = re.compile(r"\w+(?:[.'’]\w+)*")


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


def item_matches(item: Item, doc: Doc) -> bool:
    """Whether the item is true of the document; scope and expiry are not looked at."""
    return compile_item(item)(doc)


def _os(names: frozenset[str]) -> Test:
    def is_os(doc: Doc) -> bool:
        found = values(doc, "host.os.type") + values(doc, "host.os.name")
        return any(_text(value).lower() in names for value in found)

    return is_os


def _entry(entry: Entry) -> Test:
    test = _nested(entry) if entry.type == "nested" else _field(entry)
    if entry.operator != "excluded":
        return test
    if entry.type == "list":
        return lambda doc: bool(values(doc, entry.field)) and not test(doc)
    return lambda doc: not test(doc)


def _field(entry: Entry) -> Test:
    name, base = entry.field, entry.field
    for suffix in _MULTI_FIELDS:
        base = base.removesuffix(suffix)
    if entry.type == "exists":
        return lambda doc: bool(values(doc, name) or values(doc, base))
    test = _value_test(entry)

    def is_true(doc: Doc) -> bool:
        found = values(doc, base) if base == name else values(doc, name) or values(doc, base)
        return any(test(_text(value)) for value in found)

    return is_true


def _value_test(entry: Entry) -> Callable[[str], bool]:
    analysed = entry.field.endswith(".text")
    caseless = analysed or entry.field.endswith(".caseless")
    if entry.type in ("match", "match_any"):
        if analysed:
            phrases = [words(value) for value in entry.values]
            return lambda text: _says_one(words(text), phrases)
        if caseless:
            folded = frozenset(value.casefold() for value in entry.values)
            return lambda text: text.casefold() in folded
        return frozenset(entry.values).__contains__
    if entry.type == "wildcard":
        return wildcard(entry.values[0], caseless or entry.field in _WILDCARD_FIELDS)
    if entry.type == "cidr":
        return Ranges(entry.values).__contains__
    if entry.type == "list":
        return value_test(entry.list_type, entry.listed)
    raise ValueError(f"unknown entry type {entry.type!r}")


def words(text: str) -> list[str]:
    """The words of an analysed field, in order, without case."""
    return [word.casefold() for word in _WORD.findall(text)]


def _says_one(said: list[str], phrases: list[list[str]]) -> bool:
    """Whether one of the phrases stands in what is said, word for word. By whole words joined, so
    that it stays linear."""
    joined = f" {' '.join(said)} "
    return any(phrase and f" {' '.join(phrase)} " in joined for phrase in phrases)


def wildcard(pattern: str, caseless: bool = True) -> Callable[[str], bool]:
    """Whether a text as a whole is like ``pattern``: ``*`` any, ``?`` one character."""
    parts = (
        {"*": ".*", "?": "."}.get(part) or re2.escape(_utf8(part))
        for part in re.split(r"([*?])", pattern)
        if part
    )
    options = re2.Options()
    options.case_sensitive = not caseless
    options.dot_nl = True
    options.log_errors = False
    try:
        compiled = re2.compile("".join(parts), options)
    except re2.error as error:
        raise ValueError(f"the pattern is too big: {error}") from error
    return lambda text: compiled.fullmatch(_utf8(text)) is not None


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
