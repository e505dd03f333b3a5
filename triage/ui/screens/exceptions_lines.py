"""What the exceptions manager shows, as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from triage.case.exceptions import DAY, Standing
from triage.context import describe
from triage.engine.process import host_of
from triage.errors import Problem
from triage.event import Event
from triage.exceptions import Item
from triage.exceptions import item_text as as_toml
from triage.text import clean
from triage.ui.conditions import Condition
from triage.ui.format import cut_middle, day_time, fit, plural, shown_path
from triage.ui.lines import BLANK, Line, Part, field, heading, line
from triage.ui.lines import Item as LineItem

DAYS = 14  # of a sparkline in the list
_DAYS_IN_DETAIL = 60
_BARS = "▁▂▃▄▅▆▇█"
_STATES = {
    "active": ("●", "good"), "stale": ("◌", "warn"), "expired": ("∅", "dim"),
    "disabled": ("○", "dim"),
}  # fmt: skip
_LEFT = 7  # days: an end as near as that is shown as one to think of


def sparkline(counts: Sequence[int]) -> str:
    """A bar for each count, the highest for the most; a dot for none."""
    most = max(counts, default=0)
    return "".join(
        _BARS[-(-count * len(_BARS) // most) - 1] if count > 0 else "·" for count in counts
    )


def matches(one: Standing, names: Mapping[str, str], words: str) -> bool:
    """Whether each word stands in the name, reason, state, rules, tags or conditions."""
    item = one.item
    parts = [item.name, item.comment, one.state, *item.tags, *one.conflicts, item.created_by]
    parts += [names.get(rule, rule) for rule in item.rules]
    parts += [f"{entry.field} {' '.join(entry.values)}" for entry in item.entries]
    text = " ".join(parts).lower()
    return all(word in text for word in words.lower().split())


def manager_lines(
    shown: Sequence[Standing],
    total: int,
    problems: Sequence[Problem],
    names: Mapping[str, str],
    order: str,
    *,
    now: int,
    newest: int,
    width: int,
) -> list[Line]:
    """The list, for a view ``width`` cells wide; ``now`` and ``newest`` (the newest event) ns."""
    count = plural(total, "exception")
    parts: list[Part] = [(count if len(shown) == total else f"{len(shown):,} of {count}", "title")]
    states = Counter(one.state for one in shown)
    parts += [
        (f" · {states[state]:,} {state}", role if state != "active" else "")
        for state, (_, role) in _STATES.items()
        if states[state]
    ]
    wrong = sum(bool(one.conflicts) for one in shown)
    parts.append((f" · {wrong:,} in conflict" if wrong else "", "warn"))
    parts.append((f" · order: {order}", "dim"))
    lines = [line(*parts)]
    for problem in problems:
        place = f"{shown_path(problem.path)}:{problem.line}: "
        role = "bad" if problem.severity == "error" else "warn"
        lines.append(
            Line(
                ((" ! ", role), (place, "dim"), (problem.message, role)),
                LineItem("problem", f"{problem.path}:{problem.line}", problem),
                3,
            )
        )
    lines.append(BLANK)
    if not total:
        lines.append(line(("There are none yet: f on an alert makes one.", "dim")))
    elif not shown:
        lines.append(line(("none is like that · esc clears the filter", "dim")))
    else:
        lines.append(_head(width))
    for one in shown:
        lines += _rows(one, names, now, newest, width)
    return lines


def _room(width: int) -> int:
    """Cells for the name of an exception."""
    return max(12, width - 3 - 9 - 1 - DAYS - 2 - 10 - 2 - 10)


def _head(width: int) -> Line:
    title = fit("", 3) + fit("name", _room(width)) + "hits".rjust(9) + " "
    return line((title + fit(f"{DAYS} days", DAYS + 2) + fit("last hit", 12) + "until", "dim"))


def _rows(
    one: Standing, names: Mapping[str, str], now: int, newest: int, width: int
) -> Iterator[Line]:
    item = one.item
    glyph, role = _STATES[one.state]
    rest = "" if one.state in ("active", "stale") else "dim"
    last = day_time(one.hits.last)[:10] if one.hits.last else "never"
    yield Line(
        (
            (f" {glyph} ", role),
            (fit(clean(item.name, 200), _room(width)), rest),
            (f"{one.hits.events:,}".rjust(9) + " ", "match" if one.hits.events else "dim"),
            (sparkline(one.hits.by_day(newest, DAYS)) + "  ", "accent"),
            (fit(last, 12), "dim" if one.hits.last else "warn"),
            _until(item, now),
        ),
        LineItem("exception", f"{item.path} {item.item_id}", one, as_toml(item)),
        wrap=False,
    )
    file = shown_path(item.path).replace("\\", "/").rpartition("/")[2]
    about = cut_middle(clean(f"{one.state} · {_scope(item, names)}", 400), max(20, width - 30))
    yield line((f"   {about} · {file}:{item.line}", "dim"), wrap=False)
    for conflict in one.conflicts:
        yield line(("   ! ", "warn"), (conflict, "warn"), indent=5)


def _until(item: Item, now: int) -> Part:
    if item.expire_time is None:
        return ("never", "dim")
    near = now <= item.expire_time < now + _LEFT * DAY
    return (day_time(item.expire_time)[:10], "warn" if near else "dim")


def _scope(item: Item, names: Mapping[str, str]) -> str:
    found = [names.get(rule, f"{rule} (not loaded)") for rule in item.rules]
    found += [f"tag {tag}" for tag in item.tags]
    return ", ".join(found) or "every rule"


def detail_lines(
    one: Standing,
    events: Sequence[tuple[Event, str]],
    names: Mapping[str, str],
    now: int,
    newest: int,
    width: int,
) -> list[Line]:
    """One exception whole, with the events it kept out."""
    item = one.item
    glyph, role = _STATES[one.state]
    made = f"{day_time(item.created_at)} UTC" if item.created_at is not None else "-"
    days = min(_DAYS_IN_DETAIL, max(DAYS, width - 40))
    lines = [
        field("state", (f"{glyph} {one.state}", role)),
        *(field("conflict", (conflict, "warn"), key=conflict) for conflict in one.conflicts),
        field("for", _scope(item, names)),
        field("reason", item.comment or "-"),
        field("made", made + (f" by {item.created_by}" if item.created_by else "")),
        field("until", _until(item, now)),
        field("file", f"{shown_path(item.path)}:{item.line}", copy=item.path),
        field(
            "hits",
            (plural(one.hits.events, "event"), "match" if one.hits.events else "dim"),
            (f"   {sparkline(one.hits.by_day(newest, days))}", "accent"),
            (f"  {days} days to {day_time(newest)[:10]}", "dim"),
        ),
        BLANK,
        heading("An event on which all of this is true is kept out"),
    ]
    if item.os_types:
        lines.append(line("  host.os.type  ", ("is one of  ", "accent"), " | ".join(item.os_types)))
    for place, entry in enumerate(item.entries):
        condition = Condition(entry)
        value = condition.value if condition.has_value else ""
        lines.append(
            Line(
                ((f"  {entry.field}  ", ""), (f"{condition.operator}  ", "accent"), (value, "")),
                LineItem("entry", str(place), None, value),
                4,
            )
        )
    lines += [BLANK, heading("What it kept out", _some(len(events), one.hits.events))]
    lines += _events(events)
    return lines


def _some(shown: int, total: int) -> str:
    if not shown:
        return "nothing yet"
    return f"the newest {shown:,}" if shown < total else plural(shown, "event")


def _events(events: Sequence[tuple[Event, str]]) -> Iterator[Line]:
    several = len({rule for _, rule in events}) > 1
    for event, rule in events:
        host = host_of(event.doc)
        yield Line(
            (
                (f"  {day_time(event.time)}  ", "dim"),
                (fit(clean(host, 60), 16) + " ", ""),
                (describe(event), ""),
                (f"  {rule}" if several else "", "dim"),
            ),
            LineItem("event", f"{event.id} {rule}", event, describe(event)),
            wrap=False,
        )
