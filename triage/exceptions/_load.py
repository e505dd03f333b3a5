"""Reading exception lists. A broken item is a problem and hides nothing; the others work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any

from triage import times
from triage.config import KeyPath, Places, TomlError, parse_toml, read_bytes
from triage.errors import Problem, TriageError
from triage.exceptions._match import compile_item
from triage.exceptions._model import (
    LIST_TYPES,
    NESTED_TYPES,
    TYPES,
    VALUE_TYPES,
    Entry,
    ExceptionList,
    ExceptionSet,
    Item,
)
from triage.exceptions._values import network, read_values

_ITEM_KEYS = {
    "item_id",
    "name",
    "description",
    "rules",
    "tags",
    "comment",
    "created_at",
    "created_by",
    "expire_time",
    "enabled",
    "os_types",
    "kibana",
    "entries",
}  # fmt: skip - a table to read, not a column
_ENTRY_KEYS = {"field", "operator", "type", "value", "list", "entries"}
ValueReader = Callable[[str], tuple[str, ...]]  # what the value list of an id holds; TriageError


class _ItemError(Exception):
    """What is wrong with an item, and at which key."""

    def __init__(self, message: str, *key: str | int) -> None:
        super().__init__(message)
        self.key: KeyPath = key


def load_exceptions(folder: Path) -> ExceptionSet:
    """The lists of all ``*.toml`` in ``folder``, by file name; none where there is no folder.

    Never raises: what is wrong is in ``problems``, with path, line and column.
    """
    lists: list[ExceptionList] = []
    problems: list[Problem] = []
    try:
        paths = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    except OSError as error:
        message = f"can not be read: {error.strerror}"
        return ExceptionSet((), (Problem(str(folder), 0, 0, message),))
    seen: dict[str, str] = {}
    read = lru_cache(maxsize=None)(lambda list_id: read_values(folder, list_id))
    for path in paths:
        if path.name.startswith("."):
            continue
        try:
            found, faults = read_list(path, read_bytes(path), read)
        except TomlError as error:
            problems.append(error.problem)
            continue
        lists.append(found)
        problems.extend(faults)
        for item in found.items:
            place = f"{path.name}:{item.line}"
            if item.item_id in seen:
                message = f"item_id {item.item_id!r} is also used at {seen[item.item_id]}"
                problems.append(Problem(str(path), item.line, 1, message, "warning"))
            seen.setdefault(item.item_id, place)
    return ExceptionSet(tuple(lists), tuple(problems))


def read_list(path: Path, content: bytes, read: ValueReader) -> tuple[ExceptionList, list[Problem]]:
    """The list that a file's bytes hold, with its problems; TomlError where it is no TOML.

    ``read`` gives what a value list holds.
    """
    data, text = parse_toml(path, content)
    places = Places(text)
    problems: list[Problem] = []

    def problem(message: str, key: KeyPath, severity: str = "error") -> None:
        problems.append(Problem(str(path), *places.key(*key), message, severity))

    head = data.get("list", {})
    tables = data.get("item", [])
    if not isinstance(head, dict):
        problem("[list] must be a table", ("list",))
        head = {}
    if not isinstance(tables, list):
        problem("exceptions are written as [[item]], with two brackets", ("item",))
        tables = []
    for key in data.keys() - {"list", "item"}:
        problem(f"unknown table or key {key!r}: known are [list] and [[item]]", (key,), "warning")
    kind = _string(head, "type") or "detection"
    if kind not in LIST_TYPES:
        problem(f"unknown list type {kind!r}: use {' or '.join(LIST_TYPES)}", ("list", "type"))
        kind = "detection"
    items: list[Item] = []
    for index, table in enumerate(tables):
        where: KeyPath = ("item", index)
        try:
            for unknown in _unknown_keys(table):
                message = f"unknown key {unknown[-1]!r} does nothing; is it misspelt?"
                problem(message, where + unknown, "warning")
            items.append(_item(table, str(path), places.key(*where)[0], read))
        except _ItemError as error:
            problem(f"{error}; this exception is not used", where + error.key)
    list_id = _string(head, "list_id") or path.stem
    name = _string(head, "name") or list_id
    description = _string(head, "description")
    kibana = _json(head)
    found = ExceptionList(list_id, name, description, kind, tuple(items), kibana, str(path))
    return found, problems


def _unknown_keys(table: Any) -> list[KeyPath]:
    if not isinstance(table, dict):
        return []
    found: list[KeyPath] = [(key,) for key in table if key not in _ITEM_KEYS]
    entries = table.get("entries")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            found.extend(("entries", index, key) for key in entry if key not in _ENTRY_KEYS)
    return found


def _item(table: Any, path: str, line: int, read: ValueReader) -> Item:
    if not isinstance(table, dict):
        raise _ItemError("an item must be a table")
    entries = _entries(table, read)
    enabled = table.get("enabled", True)
    if not isinstance(enabled, bool):
        raise _ItemError("enabled must be true or false", "enabled")
    comment = _string(table, "comment") or _string(table, "description")
    item_id = _string(table, "item_id") or _content_id(entries)
    item = Item(
        item_id=item_id,
        name=_string(table, "name") or comment or item_id,
        entries=entries,
        comment=comment,
        rules=_strings(table, "rules"),
        tags=_strings(table, "tags"),
        os_types=_strings(table, "os_types"),
        created_at=_instant(table, "created_at"),
        created_by=_string(table, "created_by"),
        expire_time=_instant(table, "expire_time"),
        enabled=enabled,
        kibana=_json(table),
        path=path,
        line=line,
    )
    try:
        compile_item(item)
    except ValueError as error:
        raise _ItemError(str(error), "entries") from error
    return item


def _entries(table: dict[str, Any], read: ValueReader) -> tuple[Entry, ...]:
    tables = table.get("entries")
    if not isinstance(tables, list) or not tables:
        # It would be true of every event, and hide all of the rule's alerts.
        raise _ItemError("an item needs at least one [[item.entries]]")
    found: list[Entry] = []
    for index, each in enumerate(tables):
        try:
            found.append(_entry(each, TYPES, read))
        except _ItemError as error:
            raise _ItemError(str(error), "entries", index, *error.key) from error
    return tuple(found)


def _entry(table: Any, types: tuple[str, ...], read: ValueReader) -> Entry:
    if not isinstance(table, dict):
        raise _ItemError("an entry must be a table")
    name, kind = _string(table, "field").strip(), _string(table, "type")
    operator = _string(table, "operator") or "included"
    if not name:
        raise _ItemError("an entry needs a field", "field")
    if kind not in types:
        raise _ItemError(f"unknown type {kind!r}: use {', '.join(types)}", "type")
    if operator not in ("included", "excluded"):
        raise _ItemError(f"unknown operator {operator!r}: use included or excluded", "operator")
    if kind == "exists":
        return Entry(name, kind, (), operator)
    if kind == "nested":
        tables = table.get("entries")
        if not isinstance(tables, list) or not tables:
            raise _ItemError("a nested entry needs at least one entry of its own", "entries")
        inner = tuple(_entry(each, NESTED_TYPES, read) for each in tables)
        return Entry(name, kind, (), operator, inner)
    if kind == "list":
        return _list_entry(name, operator, table.get("list"), read)
    return Entry(name, kind, _values(table.get("value"), kind), operator)


def _list_entry(name: str, operator: str, given: Any, read: ValueReader) -> Entry:
    table = given if isinstance(given, dict) else {}
    list_id, kind = _string(table, "id"), _string(table, "type") or "keyword"
    if not list_id:
        raise _ItemError('type list needs list = { id = "…", type = "keyword" }', "list")
    if kind not in VALUE_TYPES:
        use = ", ".join(VALUE_TYPES)
        raise _ItemError(f"unknown type of a value list {kind!r}: use {use}", "list")
    try:
        listed = read(list_id)
    except TriageError as error:
        raise _ItemError(str(error), "list") from error
    return Entry(name, "list", (list_id,), operator, (), kind, listed)


def _values(value: Any, kind: str) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    if isinstance(value, list) and kind in ("match", "wildcard"):
        raise _ItemError(f"type {kind} takes one value; use match_any for several", "value")
    # Numbers and true or false may be written as such: they are compared as text.
    found = tuple(
        each if isinstance(each, str) else str(each).lower()
        for each in given
        if isinstance(each, str | int | float)
    )
    if not found or len(found) != len(given) or "" in found:
        raise _ItemError(f"type {kind} needs a value that is not empty", "value")
    if kind == "cidr":
        for text in found:
            try:
                network(text)
            except ValueError as error:
                message = f'{text!r} is no address range; write it like "10.0.4.0/24"'
                raise _ItemError(message, "value") from error
    return found


def _content_id(entries: tuple[Entry, ...]) -> str:
    """An id for an item written by hand without one: the same as long as its entries are."""
    return hashlib.blake2b(repr(entries).encode("utf-8"), digest_size=8).hexdigest()


def _json(table: dict[str, Any]) -> str:
    """What Kibana keeps besides, as JSON; "" where it was spoilt by hand: it hides nothing."""
    text = _string(table, "kibana")
    try:
        return text if isinstance(json.loads(text or "0"), dict) else ""
    except ValueError:
        return ""


def _instant(table: dict[str, Any], key: str) -> int | None:
    value = table.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    elif isinstance(value, date):
        value = datetime.combine(value, time(), UTC).isoformat()
    elif isinstance(value, str) and len(value) == len("2026-03-31"):
        value = f"{value}T00:00:00Z"
    found = times.parse(value) if isinstance(value, str) else None
    if found is None:
        raise _ItemError(f'{key} is no time; write it like "2026-03-31T00:00:00Z"', key)
    return found


def _string(table: dict[str, Any], key: str) -> str:
    found = table.get(key, "")
    if not isinstance(found, str):
        raise _ItemError(f"{key} must be a text", key)
    return found


def _strings(table: dict[str, Any], key: str) -> tuple[str, ...]:
    # Whatever is no list of texts must not pass for "every rule".
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise _ItemError(f'{key} must be a list of texts, like ["…"]', key)
    return tuple(found)
