"""Touched: the files and registry keys of an alert's processes, and of what they started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triage.case.model import AlertDetail
from triage.context.connections import with_descendants
from triage.engine.process import signature
from triage.event import Event
from triage.fields import Doc, first_text, lookup, values


@dataclass(frozen=True, slots=True)
class Touched:
    """A file, an image or a registry key, and all that was done to it."""

    kind: str  # "file", "load", "registry"
    path: str
    actions: tuple[str, ...]  # "creation", "change", "deletion" …, in order of time
    data: str  # of a registry value
    process: str  # that touched it last
    sha256: str
    signature: str  # of an image, as of a Process
    count: int
    first: int  # ns
    last: int  # ns
    matched: bool
    event: Event  # the first


def touched(alert: AlertDetail, events: Sequence[Event]) -> tuple[Touched, ...]:
    """What the alert's processes and what they started touched, among ``events``, by kind and
    first time."""
    own = with_descendants(alert, events)
    matched = {one.event.id for one in alert.matched}
    merged = {event.id: event for event in (*events, *(one.event for one in alert.matched))}
    found: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(merged.values(), key=lambda event: event.order):
        if event.id in matched or first_text(event.doc, "process.entity_id") in own:
            kind, path = _what(event.doc)
            if path:
                found.setdefault((kind, path), []).append(event)
    told = [_touched(kind, path, ones, matched) for (kind, path), ones in found.items()]
    order = ("file", "registry", "load")
    return tuple(sorted(told, key=lambda one: (order.index(one.kind), one.first, one.path)))


def _what(doc: Doc) -> tuple[str, str]:
    path = first_text(doc, "registry.path")
    if path:
        return "registry", path
    if lookup(doc, "dll.path") is not None:
        return "load", first_text(doc, "dll.path")
    path = first_text(doc, "file.path")
    if first_text(doc, "event.code") == "7" or "library" in values(doc, "event.category"):
        return "load", path
    return ("file", path) if "file" in values(doc, "event.category") else ("", "")


def _touched(kind: str, path: str, events: list[Event], matched: set[str]) -> Touched:
    last = events[-1].doc
    actions = [
        str(action) for event in events for action in values(event.doc, "event.type")[:1] or ["?"]
    ]
    what = "dll" if lookup(last, "dll.path") is not None else "file"
    return Touched(
        kind,
        path,
        tuple(dict.fromkeys(actions)) if kind != "load" else ("load",),
        first_text(last, "registry.data.strings"),
        first_text(last, "process.name"),
        first_text(last, f"{what}.hash.sha256"),
        signature(last, what) if kind == "load" else "",
        len(events),
        events[0].time,
        events[-1].time,
        any(event.id in matched for event in events),
        events[0],
    )
