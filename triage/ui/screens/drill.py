"""One alert on the whole screen: its six panes side by side, or one at a time."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container

from triage import times
from triage.case.model import AlertRow
from triage.case.words import CLOSE_WORDS
from triage.text import clean
from triage.ui import keys
from triage.ui.alert_list import AlertList
from triage.ui.bars import Bar, KeyBar, Segment
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.format import day_time, fit, state_role, state_word
from triage.ui.pane_view import PaneView
from triage.ui.panes import PANES
from triage.ui.screens.alert_screen import AlertScreen
from triage.ui.signals import Hurry

WIDE = 110  # columns from which six panes fit


class Drill(AlertScreen):
    """The alert under the list's cursor; n and N go on to the next."""

    BINDINGS = keys.bindings("drill")

    def __init__(
        self, desk: Desk, rows: AlertList, pane: int, alert_id: str = "", zoomed: bool = False
    ) -> None:
        """``alert_id``: an alert of its own, until n or N go on from it in the list; ``zoomed``:
        one pane on the whole screen."""
        super().__init__(desk)
        self._rows = rows
        self._own = alert_id
        self._pane = pane
        self._zoomed = zoomed

    def compose(self) -> ComposeResult:
        yield Bar(id="head-1", classes="head")
        yield Bar(id="head-2", classes="head")
        with Container(id="panes"):
            for pane in PANES:
                yield PaneView(pane, self.desk, framed=True)
        yield KeyBar(keys.footer(["drill", "pane"]))

    def on_mount(self) -> None:
        self._arrange()
        self._look()

    # Parts ----------------------------------------------------------------------------------------

    @property
    def single(self) -> bool:
        """One pane at a time."""
        return self._zoomed or self.size.width < WIDE

    @property
    def pane(self) -> int:
        """The pane that is looked at, from 0."""
        return self._pane

    @property
    def zoomed(self) -> bool:
        """Its pane has the whole screen, where all six would have room."""
        return self._zoomed

    def scopes(self) -> Sequence[str]:
        return ("drill", "pane")

    @property
    def alert_id(self) -> str:
        """The alert on the screen."""
        return self._own or self._rows.alert_id

    def current(self) -> AlertRow | None:
        return self.desk.store.get(self.alert_id)

    def targets(self) -> list[AlertRow]:
        row = self.current()
        return [row] if row else []

    def panes(self) -> Sequence[PaneView]:
        if self.single:
            return [self._view(self._pane)]
        return [self._view(place) for place in range(len(PANES))]

    def _view(self, place: int) -> PaneView:
        return self.query_one(f"#pane-{place + 1}", PaneView)

    def journal_filter(self) -> str:
        return f"alert:{self.alert_id}"

    def decided(self) -> None:
        self.app.post_message(Hurry())

    def take(self, news: News) -> None:
        """The alert may have changed."""
        if any(row.id == self.alert_id for row in news.rows):
            self._look()
        self._tell()

    def _look(self) -> None:
        for pane in self.panes():
            pane.look_at(self.alert_id)
        self._tell()

    def _tell(self) -> None:
        row = self.current()
        if row is None:
            return
        store = self.desk.store
        place = store.place(row.id)
        name = clean(row.rule_name, 120)
        reason = CLOSE_WORDS.get(row.close_reason, "")
        window = times.span(self.desk.window).replace(" ", "")
        where = f"alert {place + 1:,}/{len(store):,}" if place is not None else "not in the filter"
        self.query_one("#head-1", Bar).show(
            [
                Segment(((fit(name, min(len(name), max(20, self.size.width - 30))), "title"),)),
                Segment(((row.severity, row.severity),)),
                Segment(((f"risk {row.risk_score:g}", ""),), 2),
                Segment(
                    (
                        (
                            state_word(row.status, row.close_reason),
                            state_role(row.status, row.close_reason),
                        ),
                        (f" {reason}" if reason and reason != "false positive" else "", "dim"),
                    )
                ),
                Segment(((f"×{row.count}", "warn"),), 1) if row.collapsed else Segment((), 9),
            ],
            [Segment(((where, "dim"),), 1), Segment(((f"#{row.id[:6]}", "dim"),), 2)],
        )
        self.query_one("#head-2", Bar).show(
            [
                Segment(((clean(row.host, 40) or "no host", ""),)),
                Segment(((clean(row.user, 40) or "no user", ""),)),
                Segment(((f"{day_time(row.time)} UTC", ""),)),
                Segment(((f"window ±{window}", "dim"),), 2),
                Segment(((row.assignee and f"by {clean(row.assignee, 30)}", "dim"),), 3),
            ],
        )  # fmt: skip

    # Panes ----------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self.set_class(self.single, "-one")
        for place in range(len(PANES)):
            self._view(place).set_class(place == self._pane, "-shown")
        self._view(self._pane).focus()

    def _show(self, place: int) -> None:
        self._pane = place % len(PANES)
        self._arrange()
        if self.single:
            self._look()

    def on_resize(self) -> None:
        self._arrange()
        self._look()

    def on_descendant_focus(self) -> None:
        if isinstance(self.focused, PaneView):
            self._pane = self.focused.pane.number - 1

    def action_pane_show_1(self) -> None:
        self._show(0)

    def action_pane_show_2(self) -> None:
        self._show(1)

    def action_pane_show_3(self) -> None:
        self._show(2)

    def action_pane_show_4(self) -> None:
        self._show(3)

    def action_pane_show_5(self) -> None:
        self._show(4)

    def action_pane_show_6(self) -> None:
        self._show(5)

    def action_pane_next(self) -> None:
        self._show(self._pane + 1)

    def action_pane_previous(self) -> None:
        self._show(self._pane - 1)

    def action_pane_focus(self) -> None:
        self._show(self._pane + 1)

    def action_pane_zoom(self) -> None:
        self._zoomed = not self._zoomed
        self._arrange()
        self._look()

    # Going ----------------------------------------------------------------------------------------

    def _leave_own(self) -> None:
        if self._own:
            self._rows.go_to(self._own)
            self._own = ""

    def action_alert_next(self) -> None:
        self._leave_own()
        self._rows.action_move_down()
        self._look()

    def action_alert_previous(self) -> None:
        self._leave_own()
        self._rows.action_move_up()
        self._look()

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_quit(self) -> None:  # q leaves the alert, not the program
        self.app.pop_screen()
