"""The exceptions manager: every exception with what it hides, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import apsw

from triage.case.decide import Done
from triage.case.exceptions import (
    DAY,
    Hits,
    Standing,
    hits,
    newest_event,
    rule_tags,
    standings,
    suppressed,
)
from triage.case.read import CaseReader
from triage.errors import Problem, TriageError
from triage.exceptions import load_exceptions
from triage.text import clean
from triage.ui import external, keys, lists
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.lines import Line
from triage.ui.lines_view import LinesView
from triage.ui.screens.deciding import take_back
from triage.ui.screens.dialogs import Choice, Option
from triage.ui.screens.exception import ExceptionEditor
from triage.ui.screens.exceptions_lines import detail_lines, manager_lines, matches
from triage.ui.screens.filtered import FilteredPager
from triage.ui.screens.live import Build, LivePager
from triage.ui.signals import Hurry

_EXTENSION = 90 * DAY  # ns from now, or from an end that is still to come
ORDERS: dict[str, Callable[[Standing], tuple[object, ...]]] = {
    "file": lambda one: (),  # as they stand in the files
    "hits": lambda one: (-one.hits.events,),
    "last hit": lambda one: (-one.hits.last,),
    "expiry": lambda one: (one.item.expire_time is None, one.item.expire_time or 0),
    "state": lambda one: (not one.conflicts, one.state == "active", one.state),
}


class Exceptions(FilteredPager):
    """All exceptions; what is done to one is written to its file and journalled."""

    BINDINGS = keys.bindings("exceptions")

    def __init__(self, desk: Desk, news: News | None = None) -> None:
        ends = [keys.BY_ID[name] for name in ("back", "search", "help")]
        footer = [*ends[:1], *keys.footer(["exceptions"]), *ends[1:]]
        hint = "words of name, rule, field …"
        super().__init__("Exceptions", desk, hint, news=news, footer=footer)
        self._order = "file"

    def build(self) -> Build:
        folder, clock = self._desk.exceptions, self._desk.clock
        order, words = self._order, self.words

        def read(reader: CaseReader, width: int) -> Sequence[Line]:
            now = clock()
            found, names = load_exceptions(folder), rule_names(reader)
            all_ = standings(found, hits(reader), rule_tags(reader), now, newest_event(reader, now))
            shown = [one for one in all_ if matches(one, names, words)]
            shown.sort(key=ORDERS[order])
            return manager_lines(
                shown, len(all_), found.problems, names, order, now=now,
                newest=newest_event(reader, now), width=width,
            )  # fmt: skip

        return read

    def action_exceptions_sort(self) -> None:
        names = list(ORDERS)
        self._order = names[(names.index(self._order) + 1) % len(names)]
        self.load()

    # What can be done with one --------------------------------------------------------------------

    def _current(self) -> Standing | None:
        item = self.query_one("#sheet", LinesView).item
        if item is None or not isinstance(item.value, Standing):
            self.say("there is no exception under the cursor", "warning")
            return None
        return item.value

    def _writable(self) -> Standing | None:
        return self._current() if self.may_write(self._desk) else None

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        found = message.item.value
        if isinstance(found, Standing):
            self.app.push_screen(Detail(self._desk, found))
        elif isinstance(found, Problem):
            self._edit(found.path)

    def action_exceptions_change(self) -> None:
        if one := self._writable():
            self.app.push_screen(ExceptionEditor(self._desk, item=one.item), self._saved)

    def _saved(self, told: str | None) -> None:
        if told:
            self.say(told)
            self._written()

    def action_exceptions_toggle(self) -> None:
        if one := self._writable():
            after = replace(one.item, enabled=not one.item.enabled)
            what = "enabled" if after.enabled else "disabled"
            self._do(lambda: lists.change(self._desk, one.item, after, what), what, one)

    def action_exceptions_extend(self) -> None:
        if one := self._writable():
            if one.item.expire_time is None:
                self.say("it never expires")
                return
            end = max(one.item.expire_time, self._desk.clock()) + _EXTENSION
            after = replace(one.item, expire_time=end)
            what = "extended"
            self._do(lambda: lists.change(self._desk, one.item, after, what), what, one)

    def action_exceptions_delete(self) -> None:
        one = self._writable()
        if one is None:
            return
        options = [Option("y", "delete it", "y"), Option("n", "keep it", "n")]

        def answered(answer: str | None) -> None:
            if answer == "y":
                self._do(lambda: lists.delete(self._desk, one.item, one.list), "deleted", one)

        title = f"Delete “{clean(one.item.name, 60)}”? It hid {one.hits.events:,} events."
        self.app.push_screen(Choice(title, options), answered)

    def _do(self, act: Callable[[], Done], what: str, one: Standing) -> None:
        try:
            act()
        except (TriageError, apsw.Error, OSError) as error:
            self.say(f"not saved: {error}", "error")
            return
        self.say(f"{what}: {one.item.name} · u to undo")
        self._written()

    def action_undo(self) -> None:
        if take_back(self, self._desk):
            self._written()

    def _written(self) -> None:
        self.app.post_message(Hurry())
        self.load()

    def action_exceptions_file(self) -> None:
        if one := self._writable():
            self._edit(one.item.path)

    def _edit(self, path: str) -> None:
        if not self.may_write(self._desk):
            return
        if problem := external.edit(self.app, Path(path)):
            self.say(problem, "error")
        self.load()


class Detail(LivePager):
    """One exception: what it says, what is wrong with it, and the events it kept out."""

    def __init__(self, desk: Desk, one: Standing) -> None:
        super().__init__(f"Exception “{one.item.name}”", desk)
        self._one = one

    def build(self) -> Build:
        one, clock = self._one, self._desk.clock

        def read(reader: CaseReader, width: int) -> Sequence[Line]:
            now = clock()
            done = hits(reader).get(one.item.item_id, Hits())
            events = suppressed(reader, one.item.item_id)
            return detail_lines(
                replace(one, hits=done), events, rule_names(reader), now,
                newest_event(reader, now), width,
            )  # fmt: skip

        return read


def rule_names(case: CaseReader) -> dict[str, str]:
    """The names of the loaded rules, by id."""
    return {rule.rule_id: rule.name for rule in case.rules()}
