"""Saving an exception: written to its file, journalled, and the alerts it covers closed, as one."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from triage.exceptions import ExceptionList, Item
from triage.ui import lists
from triage.ui.desk import Desk
from triage.ui.draft import Draft, RuleRef
from triage.ui.format import plural
from triage.ui.trial import Preview


def save(
    desk: Desk,
    draft: Draft,
    rule: RuleRef,
    path: Path,
    found: Preview,
    *,
    chosen: Collection[str],
    old: Item | None,
    seen: int,
) -> str:
    """What was saved, in words for a toast.

    ``found``: what the draft hides; its open alerts are closed, and the acknowledged of those
    ``chosen`` by id for it. ``old``: the exception that was changed. ``seen``: the journal entry
    it was decided on. Raises TriageError, apsw.Error or OSError where it can not be written.
    """
    item = _item(draft, desk) if old is None else _changed(old, draft)
    closing = [
        row.id
        for row in (*found.suppressed, *found.others)
        if row.status == "open" or (row.status == "acknowledged" and row.id in chosen)
    ]
    if old is not None:
        done = lists.change(desk, old, item, "changed", closing, seen)
    else:
        own = draft.scope.rules == (rule.rule_id,)
        meta = ExceptionList(
            list_id=path.stem,
            name=f"Exceptions of {rule.name}" if own else "Exceptions of several rules",
            type="rule_default" if own else "detection",
        )
        done = lists.create(desk, path, meta, item, closing, seen)
    kept = f", {len(done.kept)} left as others decided meanwhile" if done.kept else ""
    closed = plural(len(done.alerts), "alert")
    return f"saved to {path.name}; {closed} closed{kept} · u to undo"


def _item(draft: Draft, desk: Desk) -> Item:
    return Item(
        item_id=str(uuid.uuid4()),
        name=_name(draft),
        entries=draft.ticked,
        comment=draft.reason,
        rules=draft.scope.rules,
        tags=draft.scope.tags,
        created_at=desk.clock(),
        created_by=desk.who,
        expire_time=draft.expire_time,
    )


def _changed(old: Item, draft: Draft) -> Item:
    return replace(
        old,
        name=_name(draft),
        entries=draft.ticked,
        comment=draft.reason,
        rules=draft.scope.rules,
        tags=draft.scope.tags,
        expire_time=draft.expire_time,
    )


def _name(draft: Draft) -> str:
    return draft.name or draft.reason[:80]
