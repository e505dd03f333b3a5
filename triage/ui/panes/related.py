"""Related events: what else happened on the host around the alert."""

from __future__ import annotations

import json
from collections.abc import Iterator

from triage import times
from triage.context import describe
from triage.event import Event
from triage.fields import flatten
from triage.ui.format import moment, shown_path, time_pattern
from triage.ui.lines import BLANK, Item, Line, Page, line
from triage.ui.subject import Subject


def build(subject: Subject, _unfolded: frozenset[str]) -> Iterator[Page]:
    """One line an event in time order, the matched ones marked."""
    window = times.span(subject.window)
    yield Page((line((f"reading the logs ±{window} …", "dim")),), first_word=True)
    around = subject.around
    matched = subject.matched_ids
    pattern = time_pattern(event.time for event in around.events)
    lines: list[Line] = []
    if around.truncated:
        lines.append(line((f"{around.truncated:,} further events are not shown", "warn")))
    lines.extend(
        line((f"not read again: {shown_path(reason)}", "warn"), indent=2)
        for reason in around.missing
    )
    lines.extend(_one(event, pattern, event.id in matched) for event in around.events)
    lines += [BLANK, line(("▶ matched by the rule   + wider   - narrower   ⏎ whole event", "dim"))]
    start = subject.alert.matched[0].event.id if subject.alert.matched else ""
    yield Page(tuple(lines), f"{len(around.events):,} in ±{window}", start=start)


def _one(event: Event, pattern: str, matched: bool) -> Line:
    kind, _, rest = describe(event).partition(" ")
    return Line(
        (
            ("▶ " if matched else "  ", "match"),
            (moment(event.time).strftime(pattern), "dim"),
            (f" {kind:<8} ", "accent"),
            (rest, "match" if matched else ""),
        ),
        Item("event", event.id, event, as_json(event)),
        0,
        False,
    )


def as_json(event: Event) -> str:
    """The event's document as indented JSON."""
    return json.dumps(event.doc, indent=2, ensure_ascii=False, default=str)


def _single(value: object) -> bool:
    """A value to look for elsewhere: not a list, an object or nothing."""
    return value is not None and value != "" and not isinstance(value, list | dict)


def document(event: Event) -> list[Line]:
    """The whole event: one line a field, by dotted name, with where it lies in the logs."""
    flat = flatten(event.doc)
    width = min(36, max((len(name) for name in flat), default=0)) + 2
    lines = [
        line(("source    ", "label"), shown_path(event.order[2]), indent=10),
        line(("position  ", "label"), str(event.order[3])),
        line(("event id  ", "label"), event.id),
        BLANK,
    ]
    for name, value in flat.items():
        text = (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        )
        lines.append(
            Line(
                ((name.ljust(width), "label"), (text, "")),
                Item("field", name, text, text, ((name, text),) if _single(value) else ()),
                width,
            )
        )
    return lines
