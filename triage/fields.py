"""Reading a field of an event document: nested objects, dotted keys and arrays mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

Doc = dict[str, Any]
_UNSURE = object()


def lookup(doc: Doc, name: str) -> Any:
    """The value of field ``name`` ("process.parent.name"), or None where it is missing.

    Nested objects and dotted keys are equal (``{"a.b": 1}`` is ``{"a": {"b": 1}}``, also part
    way down). A field under an array of objects gives the list of all its values. An empty list
    or a list of nulls is missing. A list of one value is that value.
    """
    found = doc.get(name)
    if found is None:
        parts = _parts(name)
        found = _nested(doc, parts)
        if found is _UNSURE:
            found = _descend(doc, parts, 0)
    if found.__class__ is list:
        return _flatten(found)
    return None if found.__class__ is dict else found


@lru_cache(maxsize=4096)
def _parts(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def _nested(doc: Doc, parts: tuple[str, ...]) -> Any:
    """The value under plain nested objects, the common case; _UNSURE where there may be another
    way to it: an array of objects, or a key with a dot beside the path."""
    node: Any = doc
    path: list[Doc] = []
    for part in parts:
        if node.__class__ is not dict:
            return _UNSURE if node.__class__ is list or _dotted(path) else None
        path.append(node)
        node = node.get(part)
        if node is None:
            return _UNSURE if _dotted(path) else None
    return node


def _dotted(path: list[Doc]) -> bool:
    for node in path:  # noqa: SIM110 - any() takes twice as long, and every missing field asks
        if "." in "".join(node):
            return True
    return False


def _descend(node: Any, parts: tuple[str, ...], start: int) -> Any:
    if node.__class__ is list:
        if any(item.__class__ is list for item in node):
            node = _leaves(node)  # not by recursion: a log may nest arrays a thousand deep
        found = [value for item in node if (value := _descend(item, parts, start)) is not None]
        return found or None
    if node.__class__ is not dict:
        return None
    if start == len(parts):
        return None
    # The common case first: one key a part. Then any dotted key that spans several parts.
    for end in range(start + 1, len(parts) + 1):
        key = parts[start] if end == start + 1 else ".".join(parts[start:end])
        child = node.get(key)
        if child is None:
            continue
        if end == len(parts):
            return child
        found = _descend(child, parts, end)
        if found is not None:
            return found
    return None


def _leaves(nested: list[Any]) -> list[Any]:
    """What nested arrays hold, in order, as one flat list."""
    flat: list[Any] = []
    stack = nested[::-1]
    while stack:
        value = stack.pop()
        if value.__class__ is list:
            stack.extend(value[::-1])
        else:
            flat.append(value)
    return flat


def _flatten(found: list[Any]) -> Any:
    flat = [value for value in _leaves(found) if value is not None and value.__class__ is not dict]
    if not flat:
        return None
    return flat[0] if len(flat) == 1 else flat


def values(doc: Doc, name: str) -> list[Any]:
    """All values of field ``name`` as a list: empty where it is missing."""
    found = lookup(doc, name)
    if found is None:
        return []
    return found if found.__class__ is list else [found]


def first_text(doc: Doc, *names: str) -> str:
    """The first value, as text, of the first of ``names`` that has one; "" where none has."""
    for name in names:
        found = values(doc, name)
        if found:
            return str(found[0])
    return ""


def flatten(doc: Doc, prefix: str = "") -> dict[str, Any]:
    """All leaves of a document by dotted name, in document order; lists stay lists."""
    flat: dict[str, Any] = {}
    for key, value in doc.items():
        name = f"{prefix}{key}"
        if value.__class__ is dict:
            flat.update(flatten(value, f"{name}."))
        else:
            flat[name] = value
    return flat


def put(doc: Doc, name: str, value: Any) -> None:
    """Set field ``name`` of a nested document, making the objects on the way."""
    *path, last = _parts(name)
    _made(doc, path)[last] = value


def object_at(doc: Doc, name: str) -> Doc:
    """The object ``name`` of a nested document; it is made, and those on the way to it."""
    return _made(doc, _parts(name))


def _made(doc: Doc, path: Sequence[str]) -> Doc:
    for part in path:
        child = doc.get(part)
        if child.__class__ is not dict:
            child = doc[part] = {}
        doc = child
    return doc


def nested(doc: Doc, key: str) -> Doc:
    """The object under a key of a document, empty where there is none."""
    found = doc.get(key)
    return found if isinstance(found, dict) else {}


def tables(value: object) -> list[Doc]:
    """The objects of a list; empty where it is none: rule files are not to be trusted."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
