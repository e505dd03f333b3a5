"""Our lists and items as Kibana's documents, and what of an original is kept to be one again.

What Kibana keeps of a list or an item and we have no use for lies beside it as JSON (``kibana``),
so that what was imported is exported again as it was; what was changed since goes out changed.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from triage import times
from triage.exceptions._kibana_values import Json, UnusableError, item_of, list_of
from triage.exceptions._model import Entry, ExceptionList, Item

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
    return _merged(made, meta.kibana, list_of, meta, _OF_LIST)


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
    return _merged(made, item.kibana, item_of, item, _OF_ITEM)


def kept(document: Json, made: Json) -> str:
    """What of a document would not be made again of what we keep; null stands for "not there"."""
    found = {key: value for key, value in document.items() if made.get(key, kept) != value}
    found.update({key: None for key in made if key not in document})
    if "meta" not in made:
        found["meta"] = document.get("meta")  # whom it is for is said here, and not told Kibana
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


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
    except UnusableError:
        return made  # spoilt by hand
    for key, attribute in ours.items():
        if getattr(then, attribute) != getattr(now, attribute):
            merged.pop(key, None)
            if key in made:
                merged[key] = made[key]
    return merged


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
