"""Changes to exception lists, each with its journal entry: both or neither. No widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from triage.case.decide import Done
from triage.case.model import JournalEntry
from triage.errors import TriageError
from triage.exceptions import (
    ExceptionList,
    Item,
    append_item,
    change_item,
    item_text,
    load_exceptions,
    read_item,
    remove_item,
    restore_item,
)
from triage.ui.desk import Desk

_META = ("list_id", "name", "description", "type", "kibana")


def create(
    desk: Desk, path: Path, meta: ExceptionList, item: Item, closing: Sequence[str], seen: int
) -> Done:
    """Add an item to a list and close the alerts it covers; TriageError or apsw.Error."""
    append_item(path, meta, item)
    detail = {**_about(item, path), "reason": item.comment}
    return _or_back(
        lambda: desk.decisions.except_(closing, detail, seen),
        lambda: remove_item(path, item.item_id),
    )


def change(
    desk: Desk, item: Item, after: Item, what: str, closing: Sequence[str] = (), seen: int = 0
) -> Done:
    """Put ``after`` in the place of an item that was read from a file."""
    path = Path(item.path)
    before = change_item(path, item.item_id, after)
    detail = {
        **_about(after, path), "what": what, "before": item_text(before),
        "after": item_text(after), "reason": after.comment,
    }  # fmt: skip
    decisions = desk.decisions
    return _or_back(
        lambda: (
            decisions.except_(closing, detail, seen) if closing else decisions.exception(detail)
        ),
        lambda: change_item(path, item.item_id, before),
    )


def delete(desk: Desk, item: Item, meta: ExceptionList) -> Done:
    """Take an item out of its list."""
    path = Path(item.path)
    text = remove_item(path, item.item_id)
    if not text:
        raise TriageError(f"{path.name}: the exception is no longer in it")
    head = {name: getattr(meta, name) for name in _META}
    detail = {**_about(item, path), "what": "deleted", "text": text, "list": head}
    return _or_back(
        lambda: desk.decisions.exception(detail), lambda: restore_item(path, meta, text)
    )


def take_back(entry: JournalEntry) -> str:
    """Undo what a journal entry did to a list; what to say of it, "" where it did nothing."""
    if entry.action not in ("except", "exception"):
        return ""
    detail = entry.detail
    path, item_id = Path(str(detail.get("path", ""))), str(detail.get("item_id", ""))
    if "text" in detail:
        restore_item(path, ExceptionList(**detail["list"]), str(detail["text"]))
        return f"; the exception is in {path.name} again"
    if "before" in detail:
        return _change_back(path, item_id, detail)
    if remove_item(path, item_id):
        return f"; the exception is out of {path.name} again"
    return f"; the exception was no longer in {path.name}"


def _change_back(path: Path, item_id: str, detail: dict[str, Any]) -> str:
    after = read_item(path.parent, str(detail["after"]))
    items = (item for one in load_exceptions(path.parent).lists for item in one.items)
    there = next((i for i in items if i.item_id == item_id and Path(i.path) == path), None)
    if there != after:
        return f"; the exception in {path.name} was changed again since, and is left so"
    change_item(path, item_id, read_item(path.parent, str(detail["before"])))
    return f"; the exception in {path.name} is as it was"


def _about(item: Item, path: Path) -> dict[str, Any]:
    return {"path": str(path), "item_id": item.item_id, "name": item.name}


def _or_back(write: Callable[[], Done], back: Callable[[], object]) -> Done:
    try:
        return write()
    except (TriageError, apsw.Error):
        back()
        raise
