"""The ATT&CK matrix: what loaded rules cover, where alerts lie; from a cell to both."""

from __future__ import annotations

import apsw
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.worker import get_current_worker

from triage import attack
from triage.ui import external, keys
from triage.ui.bars import KeyBar
from triage.ui.desk import Desk
from triage.ui.feed import News
from triage.ui.format import plural
from triage.ui.lines import Line, Part, line
from triage.ui.lines_view import LinesView
from triage.ui.matrix import Cell, Column, Sums, matrix
from triage.ui.matrix_view import MatrixView
from triage.ui.rule_table import rule_rows
from triage.ui.screens.base import ConsoleScreen
from triage.ui.screens.dialogs import Choice, Option
from triage.ui.screens.rules import Rules
from triage.ui.signals import Pivoted

_EVERY = 1.0  # seconds between two looks at the case
_PAGE = 10  # rows of ctrl+d
_MOST_SUBS = 12  # sub-techniques named below the matrix


class Matrix(ConsoleScreen):
    """Fourteen tactics, drawn to fit; it follows the news."""

    BINDINGS = keys.bindings("matrix")

    class Loaded(Message):
        """The matrix came back from a worker; None where the case was busy."""

        def __init__(self, columns: tuple[Column, ...] | None) -> None:
            super().__init__()
            self.columns = columns

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._stale = self._loading = self._shown = False

    @property
    def settled(self) -> bool:
        """All that came is shown."""
        return not (self._stale or self._loading)

    @property
    def takes_keys(self) -> bool:
        return self._shown

    def compose(self) -> ComposeResult:
        yield MatrixView(id="matrix", classes="box")
        yield LinesView(id="cell", classes="box")
        yield KeyBar(keys.footer(["matrix"]))

    def on_mount(self) -> None:
        self._view.border_title = Content("MITRE ATT&CK")
        self._view.border_subtitle = Content(f"v{attack.version()}   · covered   ▂▄▆█ alerts")
        self.query_one("#cell", LinesView).can_focus = False
        self._view.focus()
        self.set_interval(_EVERY, self._refresh)
        self._load()

    @property
    def _view(self) -> MatrixView:
        return self.query_one("#matrix", MatrixView)

    # News -----------------------------------------------------------------------------------------

    def take(self, news: News) -> None:
        self._stale = True

    def _refresh(self) -> None:
        if self._stale and not self._loading:
            self._load()

    def _load(self) -> None:
        self._stale, self._loading = False, True

        def work() -> None:
            found: tuple[Column, ...] | None
            try:
                reader = self._desk.readers.here()
                rules = rule_rows(reader, self._desk.exceptions)
                found = matrix(rules, reader.threat_counts())
            except apsw.BusyError:
                found = None  # somebody writes for long: the next look will do
            if not get_current_worker().is_cancelled:
                self.post_message(self.Loaded(found))

        self.run_worker(work, thread=True, exclusive=True, group="matrix")

    def on_matrix_loaded(self, message: Loaded) -> None:
        self._loading = False
        if message.columns is None:
            self._stale = True
        else:
            self._view.show(message.columns)
            self._shown = True

    # The cell under the cursor --------------------------------------------------------------------

    def on_matrix_view_moved(self) -> None:
        column, cell = self._view.column, self._view.cell
        if column and cell:
            self.query_one("#cell", LinesView).show(_about(column, cell), keep=False)

    def on_matrix_view_opened(self) -> None:
        self.action_matrix_open()

    def action_matrix_open(self) -> None:
        """To the alerts or the rules of the technique, or of one below it."""
        cell = self._view.cell
        if cell is None:
            return
        id_ = cell.technique.id
        options = [
            Option("a", plural(cell.own.alerts, "alert"), f"a {id_}", cell.technique.name),
            Option("r", plural(cell.own.rules, "rule"), f"r {id_}", cell.technique.name),
        ]
        for sub in sorted(cell.below, key=lambda one: (-cell.below[one].alerts, one)):
            sums, known = cell.below[sub], attack.technique(sub)
            words = plural(sums.alerts, "alert") if sums.alerts else plural(sums.rules, "rule")
            name = known.name if known else ""
            kind = "a" if sums.alerts else "r"
            options.append(Option("", f"{words} of {sub}", f"{kind} {sub}", name))

        def chosen(answer: str | None) -> None:
            kind, _, wanted = (answer or "").partition(" ")
            if kind == "a":
                self.app.post_message(Pivoted(f"technique:{wanted}"))
            elif kind == "r":
                self.app.push_screen(Rules(self._desk, f"technique:{wanted}"))

        shown = [one for one in options if not one.text.startswith("0 ")]
        if shown:
            self.app.push_screen(Choice(f"{id_} {cell.technique.name}", shown), chosen)
        else:
            self.say(f"no rule that is on names {id_}, and no alert")

    def action_matrix_alerts(self) -> None:
        cell = self._view.cell
        if cell and cell.own.alerts:
            self.app.post_message(Pivoted(f"technique:{cell.technique.id}"))
        elif cell:
            self.say(f"no alert names {cell.technique.id}")

    def action_matrix_rules(self) -> None:
        cell = self._view.cell
        if cell:
            self.app.push_screen(Rules(self._desk, f"technique:{cell.technique.id}"))

    def action_copy_field(self) -> None:
        if cell := self._view.cell:
            self.say(external.copy(self.app, f"{cell.technique.id} {cell.technique.name}"))

    # Moving ---------------------------------------------------------------------------------------

    def action_matrix_left(self) -> None:
        self._view.move(-1, 0)

    def action_matrix_right(self) -> None:
        self._view.move(1, 0)

    def action_matrix_up(self) -> None:
        self._view.move(0, -1)

    def action_matrix_down(self) -> None:
        self._view.move(0, 1)

    def action_matrix_page_up(self) -> None:
        self._view.move(0, -_PAGE)

    def action_matrix_page_down(self) -> None:
        self._view.move(0, _PAGE)

    def action_matrix_first(self) -> None:
        self._view.move(0, -1_000)

    def action_matrix_last(self) -> None:
        self._view.move(0, 1_000)

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_quit(self) -> None:
        self.app.pop_screen()


def _about(column: Column, cell: Cell) -> list[Line]:
    """What is known of a cell, in three lines."""
    own = cell.own
    head = line(
        (cell.technique.id, "accent"),
        (f" {cell.technique.name}", "title"),
        (f"  {column.tactic.name}", "dim"),
        wrap=False,
    )
    told: list[Part] = [(plural(own.rules, "rule") + " on", "" if own.rules else "warn")]
    if own.alerts:
        told.append((f"  {plural(own.alerts, 'alert')}", own.severity))
        told.append((f", {own.open:,} open, the worst {own.severity}", "dim"))
    else:
        told.append(("  no alerts", "dim"))
    return [head, line(*told, wrap=False), line((_below(cell.below), "dim"), wrap=False)]


def _below(below: dict[str, Sums]) -> str:
    if not below:
        return "no rule names a sub-technique"
    ordered = sorted(below.items(), key=lambda one: (-one[1].alerts, -one[1].rules, one[0]))
    told = [
        f"{id_[5:]}" + (f" ×{sums.alerts:,}" if sums.alerts else "")
        for id_, sums in ordered[:_MOST_SUBS]
    ]
    more = f" and {len(below) - _MOST_SUBS} more" if len(below) > _MOST_SUBS else ""
    return f"below it: {', '.join(told)}{more}"
