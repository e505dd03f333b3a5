"""The rules screen: every rule with what it found and costs; switch it, read it, edit it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from triage.alert import rule_fields
from triage.case.read import CaseReader
from triage.errors import Problem, TriageError
from triage.rules import lint, load_rules
from triage.text import clean
from triage.ui import external, keys
from triage.ui.desk import Desk
from triage.ui.format import SEVERITY_LETTER, day_time, fit, plural, shown_path
from triage.ui.lines import BLANK, Item, Line, Part, field, line
from triage.ui.lines_view import LinesView
from triage.ui.rule_table import (
    BROKEN,
    OFF,
    RESTS,
    RUNS,
    SORTS,
    RuleRow,
    narrowed,
    rule_rows,
    totals,
)
from triage.ui.screens import sheets
from triage.ui.screens.dialogs import Prompt
from triage.ui.screens.filtered import FilteredPager
from triage.ui.screens.live import Build
from triage.ui.screens.pager import Pager
from triage.ui.signals import Hurry, Pivoted

_WIDE = 100  # cells from which cost and error have columns of their own
_STATES = {
    RUNS: ("● on", "good"),
    OFF: ("○ off", "warn"),
    RESTS: ("– rests", "dim"),
    BROKEN: ("✗ broken", "bad"),
}

_FOOTER = (
    keys.BY_ID["back"],
    keys.BY_ID["search"],
    *keys.footer(["rules"]),
    keys.BY_ID["copy.field"],
    keys.BY_ID["help"],
)


class Rules(FilteredPager):
    """The table of rules; it follows the news."""

    BINDINGS = [*keys.bindings("sheet"), *keys.bindings("rules")]  # noqa: RUF012 - Textual's own convention

    def __init__(self, desk: Desk, wanted: str = "") -> None:
        hint = "words, state:off, severity:high, technique:T1218"
        super().__init__("Rules", desk, hint, words=wanted, footer=_FOOTER)
        self._order = next(iter(SORTS))

    def build(self) -> Build:
        words, order, exceptions = self.words, self._order, self._desk.exceptions

        def read(reader: CaseReader, width: int) -> list[Line]:
            rows = rule_rows(reader, exceptions)
            return list(_table(rows, narrowed(rows, words, order), order, width))

        return read

    @property
    def row(self) -> RuleRow | None:
        """The rule under the cursor."""
        item = self.query_one("#sheet", LinesView).item
        return item.value if item and isinstance(item.value, RuleRow) else None

    # Looking --------------------------------------------------------------------------------------

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        message.stop()
        if isinstance(message.item.value, RuleRow):
            if message.gesture == "tick":
                self.action_rules_switch()
            else:
                self.app.push_screen(RuleSheet(self._desk, message.item.value))

    def action_rules_sort(self) -> None:
        names = list(SORTS)
        self._order = names[(names.index(self._order) + 1) % len(names)]
        self._lines = ()  # begin at the top again: what stands there is why one sorts
        self.load()

    def action_rules_alerts(self) -> None:
        """The rule's alerts, in the list."""
        if self.row and self.row.rule.alerts:
            name = self.row.rule.name.replace("\\", "\\\\").replace('"', '\\"')
            self.app.post_message(Pivoted(f'rule:"{name}"'))
        elif self.row:
            self.say("this rule has no alerts")

    # Changing -------------------------------------------------------------------------------------

    def action_rules_switch(self) -> None:
        row = self.row
        if row is None or not self.may_write(self._desk):
            return
        if row.state in (BROKEN, RESTS):
            self.say(f"it can not run: {row.error or row.rule.reason}", "warning")
        elif row.state == OFF:
            self._switch(row, True, "")
        else:

            def told(reason: str | None) -> None:
                if reason:
                    self._switch(row, False, reason)

            title = f"Switch off {row.rule.name}"
            self.app.push_screen(Prompt(title, "why, for whoever looks next (needed)"), told)

    def _switch(self, row: RuleRow, on: bool, reason: str) -> None:
        try:
            self._desk.decisions.switch_rule(row.rule.rule_id, row.rule.name, on, reason)
        except (TriageError, apsw.Error) as error:
            self.say(f"not saved: {error}", "error")
            return
        word = "on" if on else "off"
        self.say(f"{row.rule.name} is {word} in this case · u in the list takes it back")
        self.load()
        self.app.post_message(Hurry())

    def action_rules_edit(self) -> None:
        if not self.may_write(self._desk):
            return
        if self.row is None or not Path(self.row.rule.path).is_file():
            self.say("the rule's file is not here", "warning")
            return
        path = Path(self.row.rule.path)
        if problem := external.edit(self.app, path):
            self.say(problem, "error")
            return
        problems = check(path)
        errors = [one for one in problems if one.severity == "error"]
        if problems:
            self.app.push_screen(Pager(f"What is wrong in {path.name}", _problem_lines(problems)))
        if errors:
            self.say("the last good version stays in force until this is mended", "warning")
        else:
            self.say(f"{path.name} is in force within a second")


class RuleSheet(Pager):
    """One rule: how it stands, its text and its guide."""

    def __init__(self, desk: Desk, row: RuleRow) -> None:
        super().__init__(row.rule.name, (*_standing(row), BLANK, *_text(desk, row)))


def check(path: Path) -> list[Problem]:
    """All that is wrong with a rule file, errors first."""
    loaded = load_rules([path])
    found = [*loaded.problems, *(one for rule in loaded.rules for one in lint(rule))]
    return sorted(found, key=lambda one: (one.severity != "error", one.line, one.column))


def _problem_lines(problems: Sequence[Problem]) -> list[Line]:
    lines: list[Line] = []
    for one in problems:
        first, *others = str(one).split("\n")
        role = "bad" if one.severity == "error" else "warn"
        lines.append(Line(((first, role),), Item("field", first, first, first), 2))
        lines += [line((f"  {text}", "dim")) for text in others]
    return lines


# The table ----------------------------------------------------------------------------------------


def _table(
    rows: Sequence[RuleRow], shown: Sequence[RuleRow], order: str, width: int
) -> Iterator[Line]:
    counts = totals(rows)
    told = [f"{counts[state]:,} {state}" for state in (RUNS, OFF, RESTS, BROKEN) if counts[state]]
    many = plural(len(rows), "rule")
    head = many if len(shown) == len(rows) else f"{len(shown):,} of {many}"
    yield line((head, "title"), (f"  {', '.join(told)}", "dim"), ("   sort ", "dim"), order)
    if not shown:
        none = "no rule is like that" if rows else "no engine has said its rules to this case yet"
        yield line((f"  {none}", "dim"))
        return
    wide = width >= _WIDE
    fixed = 9 + 2 + 7 + 6 + 5 + 6 + (10 if wide else 0)
    errors = min(60, (width - fixed) // 3) if wide and any(row.error for row in shown) else 0
    name = max(12, width - fixed - errors - 1)
    titles = f"{'STATE':<9}  {fit('RULE', name)}{'ALERTS':>7}{'OPEN':>6}{'FP':>5}{'KEPT':>6}"
    titles += f"{'COST':>10}" if wide else ""
    yield Line(((titles, "dim"), ("  LAST ERROR" if errors else "", "dim")), wrap=False)
    for row in shown:
        yield _line(row, name, wide, errors)
        if row.error and not errors:
            yield Line(((f"{' ' * 11}{row.error}", "bad"),), wrap=False)


def _line(row: RuleRow, name: int, wide: bool, errors: int) -> Line:
    rule = row.rule
    word, role = _STATES[row.state]
    rate = row.false_positive_rate
    loud = "warn" if rate is not None and rate >= 0.5 else ""
    parts: list[Part] = [
        (f"{word:<9}", role),
        (f"{SEVERITY_LETTER.get(rule.severity, ' ')} ",
         rule.severity if rule.severity in SEVERITY_LETTER else "dim"),
        (fit(clean(rule.name, 200), name), "" if row.state == RUNS else "dim"),
        (f"{rule.alerts or '-':>7}", "match" if rule.alerts else "dim"),
        (f"{rule.open or '-':>6}", "" if rule.open else "dim"),
        (f"{'-' if rate is None else format(rate, '.0%'):>5}", loud or "dim"),
        (f"{rule.suppressed or '-':>6}", "dim"),
    ]  # fmt: skip
    if wide:
        parts.append((f"{_cost(row.cost):>10}", "dim"))
    if errors:
        parts.append((f"  {row.error}", "bad"))
    key = rule.rule_id or rule.path
    return Line(tuple(parts), Item("rule", key, row, rule.name), wrap=False)


def _cost(seconds: float) -> str:
    """What a rule takes of an event, for people."""
    if not seconds:
        return "-"
    return f"{seconds * 1e6:.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


# One rule -----------------------------------------------------------------------------------------


def _standing(row: RuleRow) -> Iterator[Line]:
    rule, rate = row.rule, row.false_positive_rate
    word, role = _STATES[row.state]
    by = ""
    if row.switch is not None:
        reason = row.switch.detail.get("reason")
        by = f"  {row.switch.who}, {day_time(row.switch.at)} UTC" + (
            f": {reason}" if reason else ""
        )
    elif not rule.enabled:
        by = "  its file says so"
    yield field("state", (word, role), (by, "dim"))
    if rule.reason and rule.reason != row.error:
        yield field("why", rule.reason)
    if row.error:
        yield field("last error", (row.error, "bad"))
    yield field(
        "alerts", f"{rule.alerts:,}", (f"  {rule.open:,} open, {rule.closed:,} closed", "dim")
    )
    if rate is not None:
        yield field(
            "false pos.",
            f"{rate:.0%}",
            (f"  {rule.false_positives:,} of {rule.closed:,} closed", "dim"),
        )
    yield field("kept out", f"{plural(rule.suppressed, 'event')} by exceptions")
    yield field("cost", f"{_cost(row.cost)} an event", (", of a sample", "dim"))


def _text(desk: Desk, row: RuleRow) -> list[Line]:
    """The rule as its file has it; where that is not here, as its newest alert tells it."""
    path = row.rule.path
    found = load_rules([Path(path)]).rules if Path(path).is_file() else ()
    for rule in found:
        if rule.rule_id == row.rule.rule_id:
            return sheets.rule_lines(rule_fields(rule, rule.name), path)
    reader = desk.readers.here()
    if alert_id := reader.alert_of_rule(row.rule.rule_id):
        alert = reader.alert(alert_id)
        if alert is not None:
            return sheets.rule_lines(alert.doc, path)
    return [line((f"its text is not here: {shown_path(path) or 'no file is known'}", "dim"))]
