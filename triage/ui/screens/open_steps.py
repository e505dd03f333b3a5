"""Open steps: the response steps of the case that somebody still has to take, alert by alert."""

from __future__ import annotations

from collections.abc import Iterator

from triage import guide
from triage.case.model import AlertRow, Tick
from triage.case.read import CaseReader
from triage.text import clean
from triage.ui import keys
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.format import (
    SEVERITY_LETTER,
    day_time,
    plural,
    short_host,
    state_role,
    state_word,
)
from triage.ui.lines import BLANK, Item, Line, line
from triage.ui.lines_view import LinesView
from triage.ui.panes.respond import guide_of, said
from triage.ui.screens import steps
from triage.ui.screens.live import Build, LivePager
from triage.ui.signals import Hurry, OpenAlert

_MOST = 200  # alerts listed
_SEVERITIES = ("critical", "high", "medium", "low")
_KINDS = {guide.INVESTIGATION: "investigate", guide.FALSE_POSITIVES: "false positive?",
          guide.REMEDIATION: "respond"}  # fmt: skip


class OpenSteps(LivePager):
    """What is left to do: of alerts somebody works on, and of true positives that are closed."""

    BINDINGS = keys.bindings("sheet")

    def __init__(self, desk: Desk) -> None:
        super().__init__("Open response steps", desk)
        self._all = False  # also of alerts that nobody works on yet

    def take(self, news: News) -> None:
        if news.rows:
            super().take(news)

    def build(self) -> Build:
        everything = self._all
        return lambda case, _width: tuple(open_steps(case, everything))

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        message.stop()
        item = message.item
        if item.kind == "fold":
            self._all = not self._all
            self.load()
        elif item.kind == "alert":
            self.app.post_message(OpenAlert(item.value.id))
        elif item.kind == "open-step":
            alert_id, step = item.value
            mark = steps.tick if message.gesture == "tick" else steps.ask_outcome
            mark(self, self._desk, alert_id, step, self._decided)

    def _decided(self) -> None:
        self.load()
        self.app.post_message(Hurry())


def open_steps(case: CaseReader, everything: bool) -> Iterator[Line]:
    """The open steps alert by alert; with ``everything`` also of alerts nobody works on yet."""
    marks = case.marks()
    guides: dict[str, tuple[guide.Step, ...]] = {}
    worked: list[AlertRow] = []
    waiting: list[AlertRow] = []
    for row in sorted(case.alerts(), key=_urgency):
        if row.superseded:
            continue
        if row.status == "acknowledged" or row.close_reason == "true_positive" or (
            row.status == "open" and row.id in marks
        ):  # fmt: skip
            worked.append(row)
        elif row.status == "open":
            waiting.append(row)
    shown: list[Line] = []
    count = alerts = 0
    for row in (worked + waiting if everything else worked)[:_MOST]:
        ticks = marks.get(row.id, {})
        left = [one for one in _steps(case, row, guides) if not _closed(ticks.get(one.id))]
        if not left:
            continue
        alerts += 1
        count += len(left)
        shown.append(_alert(row, len(guides[row.rule_id]) - len(left), len(guides[row.rule_id])))
        shown.extend(_step(row, one, ticks.get(one.id)) for one in left)
        shown.append(BLANK)
    told = f"{plural(count, 'step')} to take on {plural(alerts, 'alert')}"
    yield line((told, "match" if count else "dim"), ("   space ticks   ⏎ outcome, or the alert",
               "dim"))  # fmt: skip
    if len(worked) + len(waiting) * everything > _MOST:
        yield line((f"the first {_MOST} alerts are shown", "warn"))
    yield BLANK
    yield from shown
    if waiting:
        many = plural(len(waiting), "open alert")
        word = "only alerts somebody works on" if everything else f"{many} nobody has begun"
        yield Line(((f"… {word}", "link"),), Item("fold", "everything"))


def _urgency(row: AlertRow) -> tuple[int, int]:
    rank = _SEVERITIES.index(row.severity) if row.severity in _SEVERITIES else len(_SEVERITIES)
    return rank, -row.time


def _steps(
    case: CaseReader, row: AlertRow, guides: dict[str, tuple[guide.Step, ...]]
) -> tuple[guide.Step, ...]:
    """The steps of the rule's guide, read once a rule."""
    if row.rule_id not in guides:
        detail = case.alert(row.id)
        guides[row.rule_id] = guide_of(detail).steps if detail else ()
    return guides[row.rule_id]


def _closed(tick: Tick | None) -> bool:
    return tick is not None and tick.closed


def _alert(row: AlertRow, closed: int, steps_: int) -> Line:
    severity = row.severity if row.severity in _SEVERITIES else ""
    return Line(
        (
            (f"{SEVERITY_LETTER.get(row.severity, '?')} ", severity),
            (f"{day_time(row.time)}  ", "dim"),
            (f"{closed}/{steps_}  ", "match"),
            (state_word(row.status, row.close_reason), state_role(row.status, row.close_reason)),
            (f" {row.assignee}" if row.assignee else "", "accent"),
            (f"  {row.rule_name}", "title"),
            (f"  {clean(short_host(row.host), 40)}  {row.user}  ", "dim"),
        ),
        Item("alert", row.id, row, row.reason),
        wrap=False,
    )


def _step(row: AlertRow, step: guide.Step, tick: Tick | None) -> Line:
    failed = tick is not None and tick.outcome == "failed"
    told = f"  {said(tick)}  {tick.note}" if tick else ""
    return Line(
        (
            ("  [✗] " if failed else "  [ ] ", "bad" if failed else ""),
            (f"{_KINDS[step.section]:<16} ", "dim"),
            (step.text, ""),
            (told, "warn" if failed else "dim"),
        ),
        Item("open-step", f"{row.id} {step.id}", (row.id, step), step.text),
        23,
    )
