"""What the exception editor shows, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from triage.case.model import AlertRow
from triage.text import clean
from triage.ui.conditions import Condition
from triage.ui.draft import DAY, Draft, RuleRef, Scope
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
from triage.ui.lines import BLANK, Item, Line, Part, line
from triage.ui.trial import Preview, cautions

_LISTED = 200  # suppressed alerts listed one by one
_INDENT = 10


def editor_lines(
    draft: Draft,
    found: Preview | None,
    rule: RuleRef,
    *,
    path: Path | None,
    new: bool,
    who: str,
    now: int,
    reading: bool,
    width: int,
) -> list[Line]:
    """All of the editor for a view ``width`` cells wide."""
    head = "An event on which ALL ticked lines are true no longer alerts"
    head += " for this rule." if draft.scope.rules == (rule.rule_id,) else " for these rules."
    lines = [line((head, "dim")), BLANK]
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
    lines += _settings(draft, rule, path, new, who, now, width)
    lines.append(BLANK)
    lines += _preview(draft, found, reading)
    return lines


def _condition(
    place: int, one: Condition, count: int | None, total: int | None, name_width: int, width: int
) -> Line:
    """Tick, count, field, operator, value: the value is what is cut, in its middle."""
    share = "" if total == 0 else "…"
    if count is not None and total:
        share = f"{count}/{total}"
    name = fit(clean(one.entry.field, 200), name_width)
    operator = one.operator.ljust(12)
    room = max(8, width - 4 - 9 - len(name) - len(operator) - 3)
    value = cut_middle(clean(one.value, 4000), room) if one.has_value else ""
    if one.entry.type == "list":
        value = cut_middle(f"{value} ({plural(len(one.entry.listed), 'value')})", room)
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


def scope_words(scope: Scope, rule: RuleRef) -> str:
    """Whom an exception is for."""
    if scope.every_rule:
        return "every rule"
    if scope.rules == (rule.rule_id,) and not scope.tags:
        return "this rule" if rule.name else "its rule"
    found = [rule.name if one == rule.rule_id else one for one in scope.rules]
    found += [f"rules with the tag {tag}" for tag in scope.tags]
    return ", ".join(found)


def _settings(
    draft: Draft, rule: RuleRef, path: Path | None, new: bool, who: str, now: int, width: int
) -> Iterator[Line]:
    scope = scope_words(draft.scope, rule)
    note = f"  {rule.name}" if scope == "this rule" else ""
    yield Line(
        ((" For      ", "label"), (scope, "warn" if draft.scope.every_rule else ""), (note, "dim")),
        Item("scope", "scope"),
        _INDENT,
    )
    told: Part = ("never", "")
    if draft.expire_time is not None:
        day, left = day_time(draft.expire_time)[:10], -(-(draft.expire_time - now) // DAY)
        told = (f"on {day}, in {plural(left, 'day')}", "")
        if draft.expire_time <= now:
            told = (f"on {day}: it does nothing any more", "warn")
    yield Line(((" Expires  ", "label"), told), Item("expires", "expires"))
    reason = (draft.reason, "") if draft.reason else ("required: ⏎ to write it", "warn")
    yield Line(((" Reason   ", "label"), reason), Item("reason", "reason"), _INDENT)
    if not new:
        yield Line(((" Name     ", "label"), (draft.name, "")), Item("name", "name"), _INDENT)
    else:
        yield line((" Author   ", "label"), who)
    if path is not None:
        news = "its entry is changed"
        if new:
            news = "1 entry is added" if path.exists() else "a new list"
        shown = cut_middle(clean(shown_path(str(path))), max(20, width - 12 - len(news)))
        yield line((" File     ", "label"), shown, (f"  {news}", "dim"), indent=_INDENT)


def summary(found: Preview) -> str:
    """What the draft would hide, in a few words."""
    if found.problem:
        return clean(found.problem, 70)
    return f"would have hidden {len(found.suppressed)} of {plural(found.total, 'alert')}"


def _preview(draft: Draft, found: Preview | None, reading: bool) -> Iterator[Line]:
    if found is None:
        yield line((" Preview  ", "label"), ("…", "dim"))
        return
    if found.problem:
        yield line((" Preview  ", "label"), (found.problem, "bad"), indent=_INDENT)
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
        (f", {len(found.others):,} of other rules", "warn" if found.others else "dim"),
        *_silent(found, reading),
        indent=_INDENT,
    )
    if some and max((len(found.stages), *(stage + 1 for stage in found.stages))) > 1:
        stages = " and ".join(str(stage + 1) for stage in found.stages)
        yield line((f"          by events of stage {stages} of the rule", "dim"), indent=_INDENT)
    if found.cut:
        yield line(("          tried on the newest alerts of the rule only", "warn"))
    for one in cautions(draft, found):
        yield line(
            (" ⚠ wide   " if not one.grave else " ⚠⚠ wide  ", "bad" if one.grave else "warn"),
            (one.text, "bad" if one.grave else "warn"),
            indent=_INDENT,
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
            indent=_INDENT,
        )


def _silent(found: Preview, reading: bool) -> Iterator[Part]:
    """How many events of the logs never alerted and match as well, and how sure that is."""
    looked = found.looked
    if looked is None or found.silent is None:
        yield ("; reading the logs …" if reading else "", "dim")
        return
    yield (", and ", "dim")
    text = f"{plural(found.silent, 'event')} that never alerted"
    yield (text, "warn" if found.silent else "dim")
    if reading:
        yield (f" so far; {looked.share:.0%} of the logs are read, c stops", "dim")
    elif not looked.whole:
        yield (f" of the newest {plural(looked.read, 'event')}", "dim")
    if looked.missing:
        yield (f"; {plural(len(looked.missing), 'log')} can not be read any more", "warn")


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
