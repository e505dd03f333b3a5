"""Search the logs: a value or a rule's question across all logs, found events as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apsw
from textual.content import Content
from textual.message import Message
from textual.worker import get_current_worker

from triage import context
from triage.engine.process import host_of
from triage.event import Event
from triage.text import clean
from triage.ui import keys
from triage.ui.desk import Desk
from triage.ui.format import day_time, fit, plural, short_host, shown_path, size
from triage.ui.lines import BLANK, Item, Line, line
from triage.ui.lines_view import LinesView
from triage.ui.panes.related import as_json
from triage.ui.screens.pager import Pager

_EVERY = 0.1  # seconds between two words of a search
_HOSTS = 8  # named in the summary
_BREATH = 0.001  # seconds after each block: the console paints in this process, too


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for, in words and as conditions."""

    title: str
    wanted: context.Wanted
    field: str = ""  # of the value pivoted on: a find in another field says in which
    value: str = ""

    @classmethod
    def of_value(cls, field: str, value: str) -> Question:
        """The same value across all logs."""
        wanted = context.same_value(field, value)
        where = field if wanted.groups[0][0].field else "any field"
        return cls(f"{clean(value, 80)} in {where}", wanted, field, value)


class LogSearch(Pager):
    """The events found, in order of time; the search goes on while one reads them."""

    BINDINGS = [*keys.bindings("sheet"), *keys.bindings("found")]  # noqa: RUF012 - Textual's own convention

    class Said(Message):
        """How far the search is."""

        def __init__(self, progress: context.Progress, events: Sequence[Event]) -> None:
            super().__init__()
            self.progress = progress
            self.events = tuple(events)

    class Ended(Message):
        """The search is over; ``problem`` where it broke off."""

        def __init__(self, problem: str = "") -> None:
            super().__init__()
            self.problem = problem

    def __init__(self, desk: Desk, question: Question) -> None:
        super().__init__(question.title, (), keys.footer(["found", "sheet"]))
        self._desk = desk
        self._question = question
        self._progress = context.Progress(0, 0, 0)
        self._found: dict[str, tuple[Event, Line]] = {}
        self._hosts: dict[str, int] = {}
        self._stop = threading.Event()
        self._problem = ""
        self.running = True

    @property
    def settled(self) -> bool:
        """Nothing more will come."""
        return not self.running

    def on_mount(self) -> None:
        self.run_worker(self._work, thread=True, exclusive=True, group="log-search")
        self._show()

    def on_unmount(self) -> None:
        self._stop.set()

    def _work(self) -> None:
        worker = get_current_worker()
        held: list[Event] = []
        last = 0.0
        problem = ""
        try:
            for progress in context.search(self._desk.readers.here(), self._question.wanted):
                held.extend(progress.events)
                now = time.monotonic()
                if now - last >= _EVERY or progress.done:
                    self.post_message(self.Said(progress, held))
                    held, last = [], now
                if worker.is_cancelled or self._stop.is_set():
                    break
                time.sleep(_BREATH)
        except apsw.Error as error:
            problem = f"the case could not be read: {error}"
        if not worker.is_cancelled:
            self.post_message(self.Ended(problem))

    def on_log_search_said(self, message: Said) -> None:
        self._progress = message.progress
        for event in message.events:
            host = host_of(event.doc)
            self._hosts[host] = self._hosts.get(host, 0) + 1
            self._found[event.id] = (event, self._line(event, host))
        self._show()

    def on_log_search_ended(self, message: Ended) -> None:
        self.running = False
        self._problem = message.problem
        self._show()

    def action_found_stop(self) -> None:
        """Enough: what was found stays."""
        self._stop.set()

    # What is shown --------------------------------------------------------------------------------

    def _show(self) -> None:
        view = self.query_one("#sheet", LinesView)
        view.border_subtitle = Content(self._state())
        self._lines = tuple(self._all())
        view.show(self._lines)

    def _state(self) -> str:
        said = self._progress
        read = f"{said.blocks:,} of {plural(said.of, 'block')}, {size(said.bytes)}"
        if self.running:
            return f"◌ reading {read} · c stops"
        return f"all logs read, {size(said.bytes)}" if said.done else f"■ stopped at {read}"

    def _all(self) -> Iterator[Line]:
        said = self._progress
        events = sorted(self._found.values(), key=lambda pair: pair[0].order)
        many = plural(said.found, "event")
        if events:
            first, last = events[0][0].time, events[-1][0].time
            yield line(
                (many, "match"),
                f" on {plural(len(self._hosts), 'host')}",
                (f"  {day_time(first)} – {day_time(last)}", "dim"),
            )
            yield line((self._by_host(), "dim"), indent=2)
        else:
            yield line((f"{many} so far" if self.running else f"{many} found", "dim"))
        if said.found > len(events):
            yield line((f"the first {len(events):,} are shown", "warn"))
        if self._problem:
            yield line((self._problem, "bad"))
        for reason in said.missing:
            yield line((f"not read: {shown_path(reason)}", "warn"), indent=2)
        yield BLANK
        for _, shown in events:
            yield shown

    def _by_host(self) -> str:
        most = sorted(self._hosts.items(), key=lambda pair: (-pair[1], pair[0]))
        told = ", ".join(f"{clean(host, 40) or '-'} ×{count:,}" for host, count in most[:_HOSTS])
        return told + (f" and {len(most) - _HOSTS} more" if len(most) > _HOSTS else "")

    def _line(self, event: Event, host: str) -> Line:
        kind, _, rest = context.describe(event).partition(" ")
        where = ""
        if self._question.value:
            names = context.fields_with(event.doc, self._question.value)
            if names and self._question.field not in names:
                where = f"as {names[0]}  "
        return Line(
            (
                (f"{day_time(event.time)} ", "dim"),
                (fit(clean(short_host(host), 40), 12) + " ", ""),
                (f"{kind:<8} ", "accent"),
                (where, "dim"),
                (rest, ""),
            ),
            Item("event", event.id, event, as_json(event)),
            0,
            False,
        )
