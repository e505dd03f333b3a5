"""What the exception editor shows, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from triage.case.model import AlertRow
from triage.text import clean
from triage.ui.draft import DAY, Condition, Draft, Preview
from triage.ui.format import (
    cut_middle,
    day_time,
    fit,
    moment,
    plural,
    shown_path,
    state_word,
    time_pattern,
)
from triage.ui.lines import BLANK, Item, Line, line

_LISTED = 200  # suppressed alerts listed one by one


def editor_lines(
    draft: Draft, found: Preview | None, path: Path | None, who: str, now: int, width: int
) -> list[Line]:
    """All of the editor for a view ``width`` cells wide."""
    lines = [
        line(
            ("An event on which ALL ticked lines are true no longer alerts for this rule.", "dim")
        ),
        BLANK,
    ]
    name_width = min(36, max((len(one.entry.field) for one in draft.conditions), default=10)) + 1
    if width < 90:
        name_width = min(name_width, 26)
    for place, one in enumerate(draft.conditions):
        count = found.counts[place] if found and place < len(found.counts) else None
        total = found.total if found else None
        lines.append(_condition(place, one, count, total, name_width, width))
    if not draft.conditions:
        lines.append(line(("  No field is common to all marked alerts.", "warn")))
    lines.append(Line(((" +  add a field …", "link"),), Item("add", "add")))
    lines.append(BLANK)
    lines += _settings(draft, path, who, now, width)
    lines.append(BLANK)
    lines += _preview(draft, found)
    return lines


def _condition(
    place: int, one: Condition, count: int | None, total: int | None, name_width: int, width: int
) -> Line:
    """Tick, count, field, operator, value: the value is what is cut, in its middle."""
    share = f"{count}/{total}" if count is not None and total is not None else "…"
    name = fit(clean(one.entry.field, 200), name_width)
    operator = one.operator.ljust(10)
    room = max(8, width - 4 - 9 - len(name) - len(operator) - 3)
    value = "" if one.operator == "exists" else cut_middle(clean(one.value, 4000), room)
    role = "" if one.ticked else "dim"
    return Line(
        (
            (" [✓] " if one.ticked else " [ ] ", "good" if one.ticked else "dim"),
            (share.rjust(7) + "  ", "match" if one.ticked else "dim"),
            (name + " ", role),
            (operator, "accent"),
            (value, role),
        ),
        Item("condition", f"{place} {one.entry.field}", place, one.value),
        wrap=False,
    )


def _settings(draft: Draft, path: Path | None, who: str, now: int, width: int) -> Iterator[Line]:
    this, every = ("( )", "(•)") if draft.every_rule else ("(•)", "( )")
    yield Line(
        ((" Scope    ", "label"), (f"{this} this rule   {every} all rules", "")),
        Item("scope", "scope"),
    )
    told = "never"
    if draft.expiry is not None:
        told = f"{draft.expiry // DAY} days, on {day_time(now + draft.expiry)[:10]}"
    yield Line(((" Expires  ", "label"), (told, "")), Item("expires", "expires"))
    reason = (draft.reason, "") if draft.reason else ("required: ⏎ to write it", "warn")
    yield Line(((" Reason   ", "label"), reason), Item("reason", "reason"), 10)
    yield line((" Author   ", "label"), who)
    if path is not None:
        news = "1 entry is added" if path.exists() else "a new list"
        shown = cut_middle(clean(shown_path(str(path))), max(20, width - 12 - len(news)))
        yield line((" File     ", "label"), shown, (f"  {news}", "dim"), indent=10)


def summary(found: Preview) -> str:
    """What the draft would hide, in a few words."""
    if found.problem:
        return clean(found.problem, 70)
    return f"suppresses {len(found.suppressed)} of this rule's {plural(found.total, 'alert')}"


def _preview(draft: Draft, found: Preview | None) -> Iterator[Line]:
    if found is None:
        yield line((" Preview  ", "label"), ("…", "dim"))
        return
    if found.problem:
        yield line((" Preview  ", "label"), (found.problem, "bad"), indent=10)
        return
    gone = found.suppressed
    by_state = {
        state: sum(row.status == state for row in gone)
        for state in ("open", "acknowledged", "closed")
    }
    split = ", ".join(f"{count} {state}" for state, count in by_state.items() if count)
    some = len(gone)
    yield line(
        (" Preview  ", "label"),
        (summary(found), "match" if some else "warn"),
        (f" ({split})" if split else "", ""),
        (f" · {plural(found.others, 'alert')} of other rules", "warn" if found.others else "dim"),
        indent=10,
    )
    if found.cut:
        yield line(("          tried on the newest alerts of the rule only", "warn"))
    if found.wide and draft.ticked:
        yield line(
            (" ⚠ wide   ", "warn"),
            (f"more than half of the rule's alerts: {some} of {found.total}", "warn"),
            ("" if draft.has_identity else ", and no program is named by hash or path", "warn"),
            indent=10,
        )
    yield from _rows(gone)
    if found.kept and draft.ticked:
        hosts = list(dict.fromkeys(row.host for row in found.kept))
        more = f" and {len(hosts) - 4} more" if len(hosts) > 4 else ""
        yield line(
            (
                f"   stays: {plural(len(found.kept), 'alert')} on {', '.join(hosts[:4])}{more}",
                "dim",
            ),
            indent=10,
        )


def _rows(rows: Sequence[AlertRow]) -> Iterator[Line]:
    pattern = time_pattern(row.time for row in rows)
    for row in rows[:_LISTED]:
        state = state_word(row.status, row.close_reason)
        after = " → ∅ fp" if row.status == "open" else ""
        yield Line(
            (
                (f"   {moment(row.time).strftime(pattern)}  ", "dim"),
                (fit(clean(row.host, 60), 14) + " ", ""),
                (fit(clean(row.user.rpartition("\\")[2], 60), 12) + " ", ""),
                (fit(clean(row.process, 60), 18) + " ", ""),
                (state, "dim"),
                (after, "accent"),
            ),
            wrap=False,
        )
    if len(rows) > _LISTED:
        yield line((f"   … and {plural(len(rows) - _LISTED, 'more')}", "dim"))
