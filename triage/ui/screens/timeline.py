"""Timeline: when things happened on the host, or by the process, around an alert."""

from __future__ import annotations

import time
from collections.abc import Sequence

import apsw
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.worker import get_current_worker

from triage import context, times
from triage.case.model import AlertDetail, AlertRow
from triage.event import Event
from triage.fields import first_text
from triage.text import clean
from triage.ui import external, keys
from triage.ui.bars import KeyBar
from triage.ui.desk import Desk
from triage.ui.format import SEVERITY_LETTER, full_time, moment, plural, shown_path
from triage.ui.lines import Item, Line, line
from triage.ui.lines_view import LinesView
from triage.ui.panes.related import as_json
from triage.ui.screens.base import ConsoleScreen
from triage.ui.signals import OpenAlert
from triage.ui.timeline_view import SPANS, Axis, Picture, TimelineView

_EVERY = 0.1  # seconds between two words of a reading
_DEBOUNCE = 0.06  # seconds: nobody reads while the cursor runs
_BREATH = 0.001  # seconds after each block: the console paints in this process, too
_MOST = 500  # events listed of one column
_FAR = 1 << 62  # ns: beyond any log


class Timeline(ConsoleScreen):
    """One axis, a lane a category, the alerts as marks; below, what is under the cursor."""

    BINDINGS = keys.bindings("timeline")

    class Read(Message):
        """How far the logs of the stretch in sight are read."""

        def __init__(self, generation: int, done: int, of: int) -> None:
            super().__init__()
            self.generation, self.done, self.of = generation, done, of

    class Listed(Message):
        """The events under the cursor."""

        def __init__(self, generation: int, events: Sequence[Event], more: bool) -> None:
            super().__init__()
            self.generation, self.events, self.more = generation, tuple(events), more

    def __init__(self, desk: Desk, alert: AlertDetail, process: str = "") -> None:
        """``process``: the entity id to begin with; "" begins with the whole host."""
        super().__init__()
        self._desk = desk
        self._alert = alert
        case = desk.readers.here()
        ids = {process} if process else {
            alert.row.entity_id,
            *(first_text(one.event.doc, "process.entity_id") for one in alert.matched),
        }  # fmt: skip
        self._own = context.family(case, alert.row.host, ids)
        self._marks = context.Timeline(alert.row.host, self._own)
        self._only_own = bool(process)
        self._span = SPANS[2]
        self._middle = alert.row.time
        self._at = alert.row.time  # ns under the cursor
        self._state = ""
        self._generation = self._listing = self._listed = 0
        self._loaded = False
        self._timer: Timer | None = None
        self._rows: tuple[AlertRow, ...] = ()

    @property
    def settled(self) -> bool:
        """All that is in sight is read and shown."""
        return self._loaded and self._listed == self._listing

    def compose(self) -> ComposeResult:
        yield TimelineView(id="timeline", classes="box")
        yield LinesView(id="under", classes="box")
        yield KeyBar(keys.footer(["timeline"]))

    def on_mount(self) -> None:
        self.query_one("#under").focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._look)

    # Reading --------------------------------------------------------------------------------------

    @property
    def _view(self) -> TimelineView:
        return self.query_one("#timeline", TimelineView)

    @property
    def axis(self) -> Axis:
        """What is in sight."""
        return Axis.around(self._middle, self._span, self._view.columns)

    def _look(self) -> None:
        """Another stretch is in sight: read what is not known of it."""
        axis = self.axis
        self._generation += 1
        self._loaded = False
        generation = self._generation
        row = self._alert.row
        self._rows = tuple(
            self._desk.readers.here().alerts_between(row.host, axis.start, axis.end - 1)
        )
        self._paint()

        def work() -> None:
            worker = get_current_worker()
            said = 0.0
            try:
                case = self._desk.readers.here()
                for done, of in self._marks.load(case, axis.start, axis.end - 1):
                    if worker.is_cancelled:
                        return
                    if done >= of or time.monotonic() - said >= _EVERY:
                        said = time.monotonic()
                        self.post_message(self.Read(generation, done, of))
                    time.sleep(_BREATH)
            except apsw.Error:
                pass  # somebody writes for long, or the case is gone: the next look will tell
            self.post_message(self.Read(-generation, 0, 0))

        self.run_worker(work, thread=True, exclusive=True, group="timeline")
        self._list()

    def on_timeline_read(self, message: Read) -> None:
        if message.generation == -self._generation:
            self._loaded = True
            self._state = ""
        elif message.generation == self._generation:
            left = message.of - message.done
            self._state = f"◌ {plural(left, 'block')} left to read" if left else ""
        self._paint()

    def _paint(self) -> None:
        axis = self.axis
        counts = self._marks.counts(axis.start, axis.step, axis.columns, self._only_own)
        alerts: dict[int, list[AlertRow]] = {}
        for one in self._rows:
            alerts.setdefault(axis.column(one.time), []).append(one)
        cursor = max(0, min(axis.column(self._at), axis.columns - 1))
        view = self._view
        view.show(Picture(axis, counts, alerts, self._alert.row.id, cursor))
        whose = "process and what it started" if self._only_own else "whole host"
        view.border_title = Content(f"Timeline  {clean(self._alert.row.host, 60)}  {whose}")
        first, last = moment(axis.start), moment(axis.end)
        span = f"{first:%Y-%m-%d %H:%M:%S} – {last:%H:%M:%S}  ({times.span(self._span)})"
        wrong = clean(shown_path(self._marks.missing[0]), 60) if self._marks.missing else ""
        view.border_subtitle = Content("  ".join(one for one in (self._state, wrong, span) if one))

    # Under the cursor -----------------------------------------------------------------------------

    def _list(self) -> None:
        self._listing += 1
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_DEBOUNCE, self._list_now)

    def _list_now(self) -> None:
        generation, own, host = self._listing, self._only_own, self._alert.row.host
        axis = self.axis
        start, end = axis.stretch(axis.column(self._at))

        def work() -> None:
            worker = get_current_worker()
            case = self._desk.readers.here()
            found: dict[str, Event] = {}
            try:
                for event in (*case.events(host, start, end, _MOST),
                              *context.between(case, host, start, end, [])):  # fmt: skip
                    if own and first_text(event.doc, "process.entity_id") not in self._own:
                        continue
                    found.setdefault(event.id, event)
                    if worker.is_cancelled:
                        return
            except apsw.Error:
                pass  # what was found so far
            events = sorted(found.values(), key=lambda event: event.order)
            self.post_message(self.Listed(generation, events[:_MOST], len(events) > _MOST))

        self.run_worker(work, thread=True, exclusive=True, group="timeline-list")

    def on_timeline_listed(self, message: Listed) -> None:
        if message.generation != self._listing:
            return
        self._listed = message.generation
        axis = self.axis
        column = axis.column(self._at)
        alerts = [one for one in self._rows if axis.column(one.time) == column]
        lines = [self._alert_line(one) for one in alerts]
        lines += [self._event_line(one) for one in message.events]
        if message.more:
            lines.append(line((f"the first {_MOST} are listed; - narrows the window", "warn")))
        if not lines:
            lines = [line(("nothing here", "dim"))]
        view = self.query_one("#under", LinesView)
        first, last = axis.stretch(column)
        more = "+" if message.more else ""
        told = f"{_instant(first, axis.step)} – {_instant(last + 1, axis.step)}"
        told += f"  {plural(len(message.events), 'event')}{more}"
        told += f", {plural(len(alerts), 'alert')}" if alerts else ""
        view.border_title = Content(told)
        view.show(lines, keep=False, start=self._alert.row.id)

    def _alert_line(self, row: AlertRow) -> Line:
        subject = row.id == self._alert.row.id
        severity = row.severity if row.severity in ("critical", "high", "medium", "low") else ""
        return Line(
            (
                ("▲ " if subject else "  ", "match"),
                (f"{_instant(row.time, 1)} ", "dim"),
                (f"{SEVERITY_LETTER.get(row.severity, '?')} alert  ", severity),
                (row.rule_name, "match" if subject else "title"),
                (f"  {row.process}", "dim"),
            ),
            Item("alert", row.id, row, row.reason),
            wrap=False,
        )

    def _event_line(self, event: Event) -> Line:
        matched = any(one.event.id == event.id for one in self._alert.matched)
        kind, _, rest = context.describe(event).partition(" ")
        return Line(
            (
                ("▶ " if matched else "  ", "match"),
                (f"{_instant(event.time, 1)} ", "dim"),
                (f"{kind:<8} ", "accent"),
                (rest, "match" if matched else ""),
            ),
            Item("event", event.id, event, as_json(event)),
            wrap=False,
        )

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        message.stop()
        if isinstance(message.item.value, Event):
            self.open_event(message.item.value)
        elif isinstance(message.item.value, AlertRow):
            self.app.post_message(OpenAlert(message.item.value.id))

    # Moving ---------------------------------------------------------------------------------------

    def _go(self, instant: int) -> None:
        """Put the cursor on an instant; where it is out of sight, the window follows."""
        self._at = instant
        axis = self.axis
        if axis.start <= instant < axis.end:
            self._paint()
            self._list()
        else:
            self._middle = instant
            self._look()

    def action_timeline_left(self) -> None:
        self._go(self._at - self.axis.step)

    def action_timeline_right(self) -> None:
        self._go(self._at + self.axis.step)

    def _pan(self, by: int) -> None:
        self._middle += by
        self._at += by
        self._look()

    def action_timeline_earlier(self) -> None:
        self._pan(-self._span // 2)

    def action_timeline_later(self) -> None:
        self._pan(self._span // 2)

    def _zoom(self, by: int) -> None:
        place = SPANS.index(self._span) + by
        if 0 <= place < len(SPANS):
            self._span = SPANS[place]
            self._middle = self._at
            self._look()

    def action_timeline_wider(self) -> None:
        self._zoom(1)

    def action_timeline_narrower(self) -> None:
        self._zoom(-1)

    def action_timeline_home(self) -> None:
        self._middle = self._at = self._alert.row.time
        self._look()

    def action_timeline_alert_next(self) -> None:
        self._to_alert(1)

    def action_timeline_alert_before(self) -> None:
        self._to_alert(-1)

    def _to_alert(self, direction: int) -> None:
        """To the next alert on the host, in sight or not, that is not in the cursor's column."""
        first, last = self.axis.stretch(self.axis.column(self._at))
        host = self._alert.row.host
        case = self._desk.readers.here()
        if direction > 0:
            found = case.alerts_between(host, last + 1, _FAR, 1)
        else:
            found = case.alerts_between(host, -_FAR, first - 1, 1, newest=True)
        if found:
            self._go(found[0].time)
        else:
            self.say("no alert on this host " + ("after" if direction > 0 else "before"))

    def action_timeline_whose(self) -> None:
        """The whole host, or only the process and what it started."""
        if not self._own:
            self.say("the alert names no process", "warning")
            return
        self._only_own = not self._only_own
        self._paint()
        self._list()

    def on_timeline_view_pointed(self, message: TimelineView.Pointed) -> None:
        self._go(self.axis.stretch(message.column)[0])

    def action_copy_field(self) -> None:
        item = self.query_one("#under", LinesView).item
        if item:
            self.say(external.copy(self.app, item.copy))

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_quit(self) -> None:  # q leaves the timeline, not the program
        self.app.pop_screen()


def _instant(nanoseconds: int, step: int) -> str:
    """A time as exact as columns of ``step`` ns ask for."""
    if step >= times.SECOND:
        return f"{moment(nanoseconds):%H:%M:%S}"
    return full_time(nanoseconds)[11:23]
