"""Kibana's exception lists as NDJSON: a container a list, its items, and a line of counts.

What Kibana keeps of a list or an item and we have no use for lies beside it as JSON (``kibana``),
so that what was imported is exported again as it was; what was changed since goes out changed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from triage import times
from triage.errors import Problem
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
_SPACE = uuid.UUID("6f5c2b0e-6a0f-4c86-9d1c-3d0c5d7ce1b4")  # for ids that Kibana wants of ours
# Keys of an item that we keep ourselves, each with the attribute that holds its meaning.
_OF_ITEM = {
    "item_id": "item_id",
    "name": "name",
    "entries": "entries",
    "comments": "comment",
    "os_types": "os_types",
    "created_at": "created_at",
    "created_by": "created_by",
    "expire_time": "expire_time",
}
_OF_LIST = {"list_id": "list_id", "name": "name", "description": "description", "type": "type"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file of Kibana's holds. Items have no scope but what an export of ours gave them."""

    lists: tuple[ExceptionList, ...]
    rules: dict[str, tuple[str, ...]]  # list id → ids of the rules in the file that name it
    problems: tuple[Problem, ...]


class _UnusableError(Exception):
    """Why an item can not be used here."""


# Export -------------------------------------------------------------------------------------------


def kibana_lines(
    lists: Iterable[ExceptionList], now_ns: int, left_out: Callable[[str], None]
) -> Iterator[Json]:
    """The documents of an export, one a line; ``left_out`` is told what Kibana can not hold."""
    count = items = 0
    for one in lists:
        container = list_document(one, now_ns)
        yield container
        count += 1
        for item in one.items:
            if reason := _not_kibana(item):
                left_out(f"{one.list_id}: “{item.name}” is left out: {reason}")
                continue
            for entry in item.entries:
                if entry.type == "cidr" and not _is_ip(entry.field):
                    left_out(
                        f"{one.list_id}: “{item.name}”: Kibana knows an address range only on"
                        f" fields of addresses, which {entry.field} may not be"
                    )
            yield item_document(item, container, now_ns)
            items += 1
    yield {
        "exported_exception_list_count": count,
        "exported_exception_list_item_count": items,
        "missing_exception_list_item_count": 0,
        "missing_exception_list_items": [],
        "missing_exception_lists": [],
        "missing_exception_lists_count": 0,
    }


def list_document(meta: ExceptionList, now_ns: int) -> Json:
    """The container line of a list."""
    id_ = str(uuid.uuid5(_SPACE, f"list {meta.list_id}"))
    made = {
        "created_at": times.iso(now_ns),
        "created_by": "triage",
        "description": meta.description or meta.name,
        "id": id_,
        "immutable": False,
        "list_id": meta.list_id,
        "name": meta.name,
        "namespace_type": "agnostic" if meta.type == "endpoint" else "single",
        "os_types": [],
        "tags": [],
        "tie_breaker_id": id_,
        "type": meta.type,
        "updated_at": times.iso(now_ns),
        "updated_by": "triage",
        "version": 1,
    }
    return _merged(made, meta.kibana, _list_of, meta, _OF_LIST)


def item_document(item: Item, container: Json, now_ns: int) -> Json:
    """The line of an item in a list's ``container``."""
    id_ = str(uuid.uuid5(_SPACE, f"item {item.item_id}"))
    created = times.iso(now_ns if item.created_at is None else item.created_at)
    by = item.created_by or "triage"
    comment = {"comment": item.comment, "created_at": created, "created_by": by, "id": id_}
    made: Json = {
        "comments": [comment] if item.comment else [],
        "created_at": created,
        "created_by": by,
        "description": item.comment or item.name,
        "entries": [_entry_document(entry) for entry in item.entries],
        "id": id_,
        "item_id": item.item_id,
        "list_id": container.get("list_id"),
        "name": item.name,
        "namespace_type": container.get("namespace_type"),
        "os_types": list(item.os_types),
        "tags": [],
        "tie_breaker_id": id_,
        "type": "simple",
        "updated_at": created,
        "updated_by": by,
    }
    if item.expire_time is not None:
        made["expire_time"] = times.iso(item.expire_time)
    if item.rules or item.tags:
        made["meta"] = {"triage": {"rules": list(item.rules), "tags": list(item.tags)}}
    return _merged(made, item.kibana, _item_of, item, _OF_ITEM)


def _merged(
    made: Json, kept: str, read: Callable[[Json], Any], now: Any, ours: dict[str, str]
) -> Json:
    """What was kept of the original over what was made anew, except where ours has changed."""
    if not kept:
        return made
    original: Json = {**made, **json.loads(kept)}
    merged = {key: value for key, value in original.items() if value is not None}
    try:
        then = read(merged)
    except _UnusableError:
        return made  # spoilt by hand
    for key, attribute in ours.items():
        if getattr(then, attribute) != getattr(now, attribute):
            merged.pop(key, None)
            if key in made:
                merged[key] = made[key]
    return merged


def _kept(document: Json, made: Json) -> str:
    """What of a document would not be made again of what we keep; null stands for "not there"."""
    kept = {key: value for key, value in document.items() if made.get(key, _kept) != value}
    kept.update({key: None for key in made if key not in document})
    if "meta" not in made:
        kept["meta"] = document.get("meta")  # whom it is for is said here, and not told Kibana
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _entry_document(entry: Entry) -> Json:
    if entry.type == "nested":
        inner = [_entry_document(one) for one in entry.entries]
        return {"entries": inner, "field": entry.field, "type": "nested"}
    found: Json = {"field": entry.field, "operator": entry.operator, "type": entry.type}
    if entry.type == "list":
        found["list"] = {"id": entry.values[0], "type": entry.list_type}
    elif entry.type == "cidr":
        # Elasticsearch takes a range where it compares addresses.
        one = len(entry.values) == 1
        found["type"] = "match" if one else "match_any"
        found["value"] = entry.values[0] if one else list(entry.values)
    elif entry.type != "exists":
        found["value"] = list(entry.values) if entry.type == "match_any" else entry.values[0]
    return found


def _not_kibana(item: Item) -> str:
    if not item.enabled:
        return "it is not enabled, and Kibana knows no such thing"
    if any(one.type == "nested" and one.operator == "excluded" for one in item.entries):
        return "Kibana can not turn a nested condition round"
    return ""


# Import -------------------------------------------------------------------------------------------


def read_kibana(path: str, content: bytes, now_ns: int) -> Imported:
    """The lists of an NDJSON file, of lists or of rules with their lists.

    Never raises: what can not be used is a problem with its line, and not in the lists.
    """
    problems: list[Problem] = []
    containers: dict[str, ExceptionList] = {}
    items: dict[str, list[Item]] = {}
    rules: dict[str, list[str]] = {}
    documents: dict[str, Json] = {}
    waiting: list[tuple[int, Json]] = []
    for number, line in enumerate(content.decode("utf-8-sig", "replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            kind = _kind(document)
            if kind == "list":
                one = _list_of(document)
                documents[one.list_id] = document
                made = list_document(one, now_ns)
                containers[one.list_id] = replace(one, kibana=_kept(document, made))
            elif kind == "item":
                waiting.append((number, document))
            elif kind == "rule":
                for list_id in _named_lists(document):
                    rules.setdefault(list_id, []).append(str(document["rule_id"]))
        except (ValueError, RecursionError, _UnusableError) as error:
            problems.append(Problem(path, number, 0, f"not used: {error}"))
    for number, document in waiting:
        try:
            list_id = _text(document, "list_id")
            if list_id not in containers:
                raise _UnusableError(f"its list {list_id!r} is not in the file")
            item = _item_of(document)
            made = item_document(item, documents[list_id], now_ns)
            kept = _kept(document, made)
            items.setdefault(list_id, []).append(replace(item, kibana=kept))
        except _UnusableError as error:
            name = document.get("name") or document.get("item_id")
            problems.append(Problem(path, number, 0, f"“{name}” is not used: {error}"))
    lists = tuple(
        replace(one, items=tuple(items.get(one.list_id, ()))) for one in containers.values()
    )
    named = {list_id: tuple(dict.fromkeys(ids)) for list_id, ids in rules.items()}
    return Imported(lists, named, tuple(problems))


def _kind(document: Any) -> str:
    if not isinstance(document, dict):
        raise _UnusableError("a line must be an object")
    if any(key.startswith("exported_") for key in document):
        return "details"
    if "rule_id" in document:
        return "rule"
    if "entries" in document or "item_id" in document:
        return "item"
    if "list_id" in document:
        return "list"
    raise _UnusableError("neither a list nor an item")


def _named_lists(rule: Json) -> list[str]:
    given = rule.get("exceptions_list")
    listed = given if isinstance(given, list) else []
    return [str(one["list_id"]) for one in listed if isinstance(one, dict) and "list_id" in one]


def _list_of(document: Json) -> ExceptionList:
    list_id, kind = _text(document, "list_id"), _text(document, "type")
    if not list_id:
        raise _UnusableError("a list needs a list_id")
    if kind not in LIST_TYPES:
        raise _UnusableError(f"lists of type {kind!r} are not about rules")
    name = _text(document, "name") or list_id
    return ExceptionList(list_id, name, _text(document, "description"), kind)


def _item_of(document: Json) -> Item:
    if document.get("type", "simple") != "simple":
        raise _UnusableError(f"unknown type {document['type']!r}")
    item_id = _text(document, "item_id")
    if not item_id:
        raise _UnusableError("an item needs an item_id")
    comments = [_text(one, "comment") for one in _tables(document, "comments")]
    comment = "\n".join(one for one in comments if one)
    scope = document.get("meta")
    scope = scope.get("triage") if isinstance(scope, dict) else None
    scope = scope if isinstance(scope, dict) else {}
    return Item(
        item_id=item_id,
        name=_text(document, "name") or comment or item_id,
        entries=tuple(_entry_of(one) for one in _tables(document, "entries", True)),
        comment=comment,
        rules=_texts(scope, "rules"),
        tags=_texts(scope, "tags"),
        os_types=_texts(document, "os_types"),
        created_at=_instant(document, "created_at"),
        created_by=_text(document, "created_by"),
        expire_time=_instant(document, "expire_time"),
    )


def _entry_of(document: Json, inner: bool = False) -> Entry:
    name, kind = _text(document, "field"), _text(document, "type")
    operator = _text(document, "operator") or "included"
    if not name or name != name.strip():
        raise _UnusableError("an entry needs a field")
    if operator not in ("included", "excluded"):
        raise _UnusableError(f"unknown operator {operator!r}")
    if kind == "cidr" or (inner and kind not in NESTED_TYPES):
        raise _UnusableError(f"type {kind!r} can not be used here")
    if kind == "nested":
        tables = _tables(document, "entries", True)
        return Entry(name, kind, (), "included", tuple(_entry_of(one, True) for one in tables))
    if kind == "exists":
        return Entry(name, kind, (), operator)
    if kind == "list":
        (table,) = _tables({"list": [document.get("list")]}, "list", True)
        list_id, list_type = _text(table, "id"), _text(table, "type")
        if not list_id or list_type not in VALUE_TYPES:
            raise _UnusableError(f"value lists of type {list_type!r} are not known")
        return Entry(name, kind, (list_id,), operator, (), list_type)
    values = document.get("value")
    found: list[Any] = values if kind == "match_any" and isinstance(values, list) else [values]
    if kind not in ("match", "match_any", "wildcard"):
        raise _UnusableError(f"unknown type {kind!r}")
    if not found or not all(isinstance(one, str) and one for one in found):
        raise _UnusableError(f"type {kind} needs a value that is a text and not empty")
    if kind != "wildcard" and _is_ip(name) and _are_ranges(found):
        kind = "cidr"
    return Entry(name, kind, tuple(found), operator)


def _is_ip(field: str) -> bool:
    return field == "ip" or field.endswith((".ip", "_ip"))


def _are_ranges(values: list[str]) -> bool:
    """All are addresses or address ranges, and one is a range."""
    try:
        for value in values:
            network(value)
    except ValueError:
        return False
    return any("/" in value for value in values)


def _text(table: Json, key: str) -> str:
    found = table.get(key, "")
    if not isinstance(found, str):
        raise _UnusableError(f"{key} must be a text")
    return found


def _texts(table: Json, key: str) -> tuple[str, ...]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise _UnusableError(f"{key} must be a list of texts")
    return tuple(found)


def _tables(table: Json, key: str, needed: bool = False) -> list[Json]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _UnusableError(f"{key} must be a list of objects")
    if needed and not found:
        raise _UnusableError(f"{key} must not be empty")
    return found


def _instant(table: Json, key: str) -> int | None:
    text = _text(table, key)
    found = times.parse(text) if text else None
    if text and found is None:
        raise _UnusableError(f"{key} is no time")
    return found


def sorted_keys(document: Any) -> Any:
    """A document with its keys in the order in which Kibana writes them."""
    if isinstance(document, dict):
        return {key: sorted_keys(document[key]) for key in sorted(document)}
    return [sorted_keys(one) for one in document] if isinstance(document, list) else document
