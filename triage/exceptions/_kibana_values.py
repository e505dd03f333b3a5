"""Kibana's documents of lists and items as ours: what each key must be, and what it means here."""

from __future__ import annotations

from typing import Any

from triage import times
from triage.exceptions._model import (
    LIST_TYPES,
    NESTED_TYPES,
    VALUE_TYPES,
    Entry,
    ExceptionList,
    Item,
)
from triage.exceptions._values import network

Json = dict[str, Any]


class UnusableError(Exception):
    """Why a list or an item can not be used here, in words for a problem."""


def list_of(document: Json) -> ExceptionList:
    """A list's container as our list, without items; raises UnusableError."""
    list_id, kind = text(document, "list_id"), text(document, "type")
    if not list_id:
        raise UnusableError("a list needs a list_id")
    if kind not in LIST_TYPES:
        raise UnusableError(f"lists of type {kind!r} are not about rules")
    name = text(document, "name") or list_id
    return ExceptionList(list_id, name, text(document, "description"), kind)


def item_of(document: Json) -> Item:
    """An item's document as our item; raises UnusableError."""
    if document.get("type", "simple") != "simple":
        raise UnusableError(f"unknown type {document['type']!r}")
    item_id = text(document, "item_id")
    if not item_id:
        raise UnusableError("an item needs an item_id")
    comments = [text(one, "comment") for one in _tables(document, "comments")]
    comment = "\n".join(one for one in comments if one)
    scope = document.get("meta")
    scope = scope.get("triage") if isinstance(scope, dict) else None
    scope = scope if isinstance(scope, dict) else {}
    return Item(
        item_id=item_id,
        name=text(document, "name") or comment or item_id,
        entries=tuple(_entry_of(one) for one in _tables(document, "entries", True)),
        comment=comment,
        rules=_texts(scope, "rules"),
        tags=_texts(scope, "tags"),
        os_types=_texts(document, "os_types"),
        created_at=_instant(document, "created_at"),
        created_by=text(document, "created_by"),
        expire_time=_instant(document, "expire_time"),
    )


def _entry_of(document: Json, inner: bool = False) -> Entry:
    name, kind = text(document, "field"), text(document, "type")
    operator = text(document, "operator") or "included"
    if not name or name != name.strip():
        raise UnusableError("an entry needs a field")
    if operator not in ("included", "excluded"):
        raise UnusableError(f"unknown operator {operator!r}")
    if kind == "cidr" or (inner and kind not in NESTED_TYPES):
        raise UnusableError(f"type {kind!r} can not be used here")
    if kind == "nested":
        tables = _tables(document, "entries", True)
        return Entry(name, kind, (), "included", tuple(_entry_of(one, True) for one in tables))
    if kind == "exists":
        return Entry(name, kind, (), operator)
    if kind == "list":
        (table,) = _tables({"list": [document.get("list")]}, "list", True)
        list_id, list_type = text(table, "id"), text(table, "type")
        if not list_id or list_type not in VALUE_TYPES:
            raise UnusableError(f"value lists of type {list_type!r} are not known")
        return Entry(name, kind, (list_id,), operator, (), list_type)
    values = document.get("value")
    found: list[Any] = values if kind == "match_any" and isinstance(values, list) else [values]
    if kind not in ("match", "match_any", "wildcard"):
        raise UnusableError(f"unknown type {kind!r}")
    if not found or not all(isinstance(one, str) and one for one in found):
        raise UnusableError(f"type {kind} needs a value that is a text and not empty")
    if kind != "wildcard" and is_ip(name) and _are_ranges(found):
        kind = "cidr"
    return Entry(name, kind, tuple(found), operator)


def is_ip(field: str) -> bool:
    """Whether Elasticsearch holds a field of this name as addresses."""
    return field == "ip" or field.endswith((".ip", "_ip"))


def _are_ranges(values: list[str]) -> bool:
    """All are addresses or address ranges, and one is a range."""
    try:
        for value in values:
            network(value)
    except ValueError:
        return False
    return any("/" in value for value in values)


def text(table: Json, key: str) -> str:
    """The text under a key, "" where there is none; raises UnusableError for anything else."""
    found = table.get(key, "")
    if not isinstance(found, str):
        raise UnusableError(f"{key} must be a text")
    return found


def _texts(table: Json, key: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise UnusableError(f"{key} must be a list of texts")
    return tuple(found)


def _tables(table: Json, key: str, needed: bool = False) -> list[Json]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UnusableError(f"{key} must be a list of objects")
    if needed and not found:
        raise UnusableError(f"{key} must not be empty")
    return found


def _instant(table: Json, key: str) -> int | None:
    written = text(table, key)
    found = times.parse(written) if written else None
    if written and found is None:
        raise UnusableError(f"{key} is no time")
    return found
