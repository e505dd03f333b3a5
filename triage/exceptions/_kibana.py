"""Kibana's exception lists as NDJSON: a container a list, its items, and a line of counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from triage.errors import Problem
from triage.exceptions._kibana_documents import item_document, kept, list_document
from triage.exceptions._kibana_values import Json, UnusableError, is_ip, item_of, list_of, text
from triage.exceptions._model import ExceptionList, Item


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file of Kibana's holds. Items have no scope but what an export of ours gave them."""

    lists: tuple[ExceptionList, ...]
    rules: dict[str, tuple[str, ...]]  # list id → ids of the rules in the file that name it
    problems: tuple[Problem, ...]


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
                if entry.type == "cidr" and not is_ip(entry.field):
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


def _not_kibana(item: Item) -> str:
    if not item.enabled:
        return "it is not enabled, and Kibana knows no such thing"
    if any(one.type == "nested" and one.operator == "excluded" for one in item.entries):
        return "Kibana can not turn a nested condition round"
    return ""


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
                one = list_of(document)
                documents[one.list_id] = document
                made = list_document(one, now_ns)
                containers[one.list_id] = replace(one, kibana=kept(document, made))
            elif kind == "item":
                waiting.append((number, document))
            elif kind == "rule":
                for list_id in _named_lists(document):
                    rules.setdefault(list_id, []).append(str(document["rule_id"]))
        except (ValueError, RecursionError, UnusableError) as error:
            problems.append(Problem(path, number, 0, f"not used: {error}"))
    for number, document in waiting:
        try:
            list_id = text(document, "list_id")
            if list_id not in containers:
                raise UnusableError(f"its list {list_id!r} is not in the file")
            item = item_of(document)
            made = item_document(item, documents[list_id], now_ns)
            own = kept(document, made)
            items.setdefault(list_id, []).append(replace(item, kibana=own))
        except UnusableError as error:
            name = document.get("name") or document.get("item_id")
            problems.append(Problem(path, number, 0, f"“{name}” is not used: {error}"))
    lists = tuple(
        replace(one, items=tuple(items.get(one.list_id, ()))) for one in containers.values()
    )
    named = {list_id: tuple(dict.fromkeys(ids)) for list_id, ids in rules.items()}
    return Imported(lists, named, tuple(problems))


def _kind(document: Any) -> str:
    if not isinstance(document, dict):
        raise UnusableError("a line must be an object")
    if any(key.startswith("exported_") for key in document):
        return "details"
    if "rule_id" in document:
        return "rule"
    if "entries" in document or "item_id" in document:
        return "item"
    if "list_id" in document:
        return "list"
    raise UnusableError("neither a list nor an item")


def _named_lists(rule: Json) -> list[str]:
    given = rule.get("exceptions_list")
    listed = given if isinstance(given, list) else []
    return [str(one["list_id"]) for one in listed if isinstance(one, dict) and "list_id" in one]


def sorted_keys(document: Any) -> Any:
    """A document with its keys in the order in which Kibana writes them."""
    if isinstance(document, dict):
        return {key: sorted_keys(document[key]) for key in sorted(document)}
    return [sorted_keys(one) for one in document] if isinstance(document, list) else document
