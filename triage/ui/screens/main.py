"""The main screen: the list of alerts, and beside it, where there is room, the one looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from time import monotonic

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from triage.case.model import AlertRow
from triage.ui import keys, memory
from triage.ui.alert_list import AlertList
from triage.ui.bars import Bar, Frame, KeyBar, TabBar, status_segments
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.filter_line import FilterHelp, FilterInput
from triage.ui.format import plural
from triage.ui.inputs import TextInput
from triage.ui.memory import Look
from triage.ui.pane_view import PaneView
from triage.ui.panes import PANES
from triage.ui.screens.arranged import ArrangedList
from triage.ui.screens.drill import Drill
from triage.ui.screens.list_words import filter_segments, nothing
from triage.ui.signals import Hurry
from triage.ui.views import View

_SLICE = 0.004  # seconds of work in one go, and of the gap behind it: no key waits for longer …
_FRAME = 0.02  # seconds until it is painted that this work has begun
_GAP = 0.002  # … and what it asks for takes several turns of the loop
WIDE = 110  # columns from which list and preview stand side by side


class Main(ArrangedList):
    """The list and the preview."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual's own convention
    BINDINGS = keys.bindings("list")

    def __init__(self, desk: Desk, roots: Sequence[str], look: Look) -> None:
        """``look``: how the screen was left."""
        super().__init__(desk)
        self._left = look
        self.returned = False  # all that was left is looked at again, or there is no more of it
        self._back = False  # the alert that was left is
        self._roots = tuple(roots)
        self._pane = look.pane
        self._news: News | None = None
        self._foreign = 0  # files that are no logs, as far as it was said
        self.paused = False
        self._held: dict[str, AlertRow] = {}  # rows that came while paused

    def compose(self) -> ComposeResult:
        help_ = FilterHelp(id="filter-help")
        yield help_
        yield Bar(id="status")
        with Horizontal(id="filter-line"):
            yield FilterInput(self.desk, help_, id="filter")
            yield Bar(id="filter-state")
        with Horizontal(id="body"):
            with Frame(id="alerts", classes="box"):
                yield AlertList(self.desk.store, id="list")
            with Vertical(id="preview", classes="box"):
                yield TabBar([pane.tab for pane in PANES], id="tabs")
                for pane in PANES:
                    yield PaneView(pane, self.desk, framed=False)
        yield KeyBar(keys.footer(["list", "rows"]))

    def on_mount(self) -> None:
        self.query_one("#filter").can_focus = False
        self.desk.store.later = self._later
        self._show_pane(self._pane)
        self.rows.focus()
        self.take_view(View("", self._left.filter, self._left.sort, self._left.group))
        self.tell()

    # Parts ----------------------------------------------------------------------------------------

    @property
    def rows(self) -> AlertList:
        return self.query_one("#list", AlertList)

    @property
    def wide(self) -> bool:
        return self.size.width >= WIDE

    def scopes(self) -> Sequence[str]:
        return ("list", "rows")

    def targets(self) -> list[AlertRow]:
        return self.rows.targets()

    def current(self) -> AlertRow | None:
        return self.rows.row

    def panes(self) -> Sequence[PaneView]:
        return [self.query_one(f"#pane-{self._pane + 1}", PaneView)] if self.wide else []

    def decided(self) -> None:
        self.rows.unmark()
        self.app.post_message(Hurry())

    def _later(self, work: Iterator[None]) -> None:
        """Do work slice by slice, and what keys ask for in between."""

        async def do() -> None:
            await asyncio.sleep(_FRAME)
            began = monotonic()
            for _step in work:
                if monotonic() - began > _SLICE:
                    await asyncio.sleep(_GAP)
                    began = monotonic()

        # Not exclusive: what nobody wants any more ends by itself. A worker that Textual cancels is
        # in a cycle, which would keep all that was arranged until the next look for such.
        self.run_worker(do(), group="arrange")
        self.tell()

    # News -----------------------------------------------------------------------------------------

    def take(self, news: News) -> None:
        """Show what changed in the case."""
        if self._news is not None and news.foreign > self._foreign:
            files = plural(news.foreign, "file")
            self.say(f"{files} here {'is' if news.foreign == 1 else 'are'} no log · ! says which")
        self._foreign = max(self._foreign, news.foreign)  # said once
        self._news = news
        self.rows.opening = news.total > 0
        self.rows.settled = news.engine.state not in ("starting", "reading")
        for name, values in news.documents.items():
            self.desk.documents.get(name, {}).update(values)
        if self.paused:
            known = [row for row in news.rows if self.desk.store.get(row.id)]
            self._held.update((row.id, row) for row in news.rows if not self.desk.store.get(row.id))
            self.desk.store.update(known)
        else:
            self.desk.store.update(news.rows)
        self.desk.store.recheck({one for found in news.documents.values() for one in found})
        if any(row.id == self.rows.alert_id for row in news.rows):
            self._look()
        if not self.returned:
            self._return(news)
        self.tell()

    def _return(self, news: News) -> None:
        """Go back to the alert that was looked at, once it is read, and to what was marked and
        opened, once all are; not where the analyst went elsewhere meanwhile."""
        left, store, rows = self._left, self.desk.store, self.rows
        if not self._back:
            if not left.alert or rows.touched or self.app.screen is not self:
                self.returned = True
                return
            if store.get(left.alert) is not None and not store.arranging:
                self._back = True
                rows.go_to(left.alert, left.on_group)
                rows.touched = rows.alert_id == left.alert
                if left.opened:
                    own = "" if rows.touched else left.alert
                    self.app.push_screen(Drill(self.desk, rows, left.pane, own, left.zoomed))
        if store.total >= news.total and not store.arranging:
            self.returned = True
            if self._back and rows.alert_id == left.alert and not rows.marked:
                rows.restore(left.open_groups, left.marked)
                rows.go_to(left.alert, left.on_group, left.line)

    def look(self) -> Look:
        """How the screen is now."""
        store, rows = self.desk.store, self.rows
        opened = store.groups.opened if store.groups is not None else ()
        return Look(
            filter=self.filter_input.value,
            sort=store.sort,
            group=store.grouping,
            alert=rows.alert_id,
            on_group=rows.on_group,
            line=rows.line,
            open_groups=tuple(sorted(opened)) if len(opened) <= memory.MOST else (),
            marked=tuple(sorted(rows.marked)) if len(rows.marked) <= memory.MOST else (),
            pane=self._pane,
        )

    def tell(self) -> None:
        """The words of status line, filter line and frames."""
        news = self._news
        if news is not None:
            self.query_one("#status", Bar).show(
                status_segments(
                    self._roots or news.roots,
                    news.engine,
                    news.engine_word,
                    self.desk.store.counts,
                    (news.rules, news.broken),
                    news.troubles,
                    self.desk.read_only,
                )
            )
            self.rows.show_empty(nothing(self.desk.store, news))
        store = self.desk.store
        groups = f" in {plural(store.groups.count, 'group')}" if store.groups is not None else ""
        reading = news is not None and news.total > store.total
        total = f"{news.total:,}, reading …" if news and reading else f"{store.total:,}"
        title = f"Alerts {len(store):,} of {total}{groups}"
        self.query_one("#alerts", Frame).entitle(title)
        state = self.query_one("#filter-state", Bar)
        segments = filter_segments(
            self.rows,
            store,
            news.unread if news is not None else 0,
            len(self._held) if self.paused else None,
            self.filter_error,
        )
        # The words take what they need, the filter text the rest.
        needed = sum(one.width + 2 for one in segments)
        state.styles.width = min(needed, max(20, self.size.width * 2 // 3))
        state.show((), segments)

    def on_alert_list_seen(self) -> None:
        self.tell()

    # The alert looked at --------------------------------------------------------------------------

    def on_alert_list_moved(self) -> None:
        self._look()

    def _look(self) -> None:
        for pane in self.panes():
            pane.look_at(self.rows.alert_id)

    def on_resize(self) -> None:
        self.call_after_refresh(self._look)
        if not self.wide and not isinstance(self.focused, TextInput):
            self.rows.focus()

    def on_alert_list_opened(self) -> None:
        self.action_alert_open()

    def action_alert_open(self) -> None:
        if self.rows.on_group:
            self.rows.fold()
        else:
            self._open(self._pane)

    def _open(self, pane: int) -> None:
        if self.current():
            self.app.push_screen(Drill(self.desk, self.rows, pane))

    def _show_pane(self, place: int) -> None:
        self._pane = place % len(PANES)
        focused = isinstance(self.focused, PaneView)
        for number in range(1, len(PANES) + 1):
            self.query_one(f"#pane-{number}").display = number == self._pane + 1
        self.query_one("#tabs", TabBar).activate(self._pane)
        if focused:
            self.query_one(f"#pane-{self._pane + 1}").focus()
        self._look()

    def _pane_or_open(self, place: int) -> None:
        if self.wide:
            self._show_pane(place)
        else:
            self._open(place)

    def action_pane_show_1(self) -> None:
        self._pane_or_open(0)

    def action_pane_show_2(self) -> None:
        self._pane_or_open(1)

    def action_pane_show_3(self) -> None:
        self._pane_or_open(2)

    def action_pane_show_4(self) -> None:
        self._pane_or_open(3)

    def action_pane_show_5(self) -> None:
        self._pane_or_open(4)

    def action_pane_show_6(self) -> None:
        self._pane_or_open(5)

    def on_tab_bar_picked(self, message: TabBar.Picked) -> None:
        self._show_pane(message.place)

    def action_pane_next(self) -> None:
        if self._on_group:
            self.rows.fold(opened=True)
        elif self.wide:
            self._show_pane(self._pane + 1)

    def action_pane_previous(self) -> None:
        if self._on_group:
            self.rows.fold(opened=False)
        elif self.wide:
            self._show_pane(self._pane - 1)

    @property
    def _on_group(self) -> bool:
        """Left and right close and open the group under the cursor."""
        return self.focused is self.rows and self.rows.on_group

    def action_pane_focus(self) -> None:
        if self.wide and self.focused is self.rows:
            self.query_one(f"#pane-{self._pane + 1}").focus()
        else:
            self.rows.focus()

    # Flow -----------------------------------------------------------------------------------------

    def action_list_follow(self) -> None:
        self.rows.action_list_follow()

    def action_alert_next(self) -> None:
        self.rows.action_move_down()

    def action_alert_previous(self) -> None:
        self.rows.action_move_up()

    def action_list_pause(self) -> None:
        self.paused = not self.paused
        if not self.paused and self._held:
            held, self._held = self._held, {}
            self.desk.store.update(held.values())
        self.tell()

    def action_quit(self) -> None:  # nothing to wait for: all is written
        self.app.exit()
