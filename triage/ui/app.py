"""The console: opens a case on the analyst's desk and hands on its news."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import apsw
from rich.console import RenderableType
from textual.actions import ActionParseResult
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.message import Message
from textual.worker import Worker, get_current_worker

from triage import context
from triage.case.decide import Decisions
from triage.config import settings_file
from triage.errors import Problem
from triage.text import clean
from triage.ui import keymap, keys, memory, strips, themes
from triage.ui.bars import KeyBar
from triage.ui.desk import Desk
from triage.ui.feed import EngineLike, Feed, News
from triage.ui.memory import Look
from triage.ui.printable import Printable, Uncoloured
from triage.ui.screens.alerts_found import AlertsFound
from triage.ui.screens.base import ConsoleScreen
from triage.ui.screens.board import RiskBoard
from triage.ui.screens.drill import Drill
from triage.ui.screens.health import Health
from triage.ui.screens.log_search import LogSearch, Question
from triage.ui.screens.main import Main
from triage.ui.signals import Ask, Hurry, OpenAlert, Pivoted, Refined, SearchLogs
from triage.ui.subject import Readers
from triage.ui.tour import Tour, TourStrip
from triage.ui.typeahead import TypedApp

_POLL = 0.1  # seconds between two looks at the case
_CROWD = 20  # alerts that come together: more of them are shown less often …
_PACE = 0.25  # … with so many seconds between, so that keys need not wait for painting
_TAKEN = 5.0  # seconds: who has not taken the news by then has an editor before the console
_BREATH = 0.01  # seconds between two slices of what it held at first
_KEEP = 5.0  # seconds between two looks at how the screen is
_TIDY = 20.0  # seconds between two looks for what is in cycles, if …
_UNTOUCHED = 2.0  # … nobody has typed for so many
_THEME_POLL = 0.5  # seconds between two looks at theme files, and at the settings


class Console(TypedApp):
    """The app; everything else lives in screens."""

    CSS_PATH = "console.tcss"
    BINDINGS = keys.bindings("tour")
    ENABLE_COMMAND_PALETTE = False  # ours shows the key table
    TITLE = "triage"

    class Came(Message):
        """News from the feed's thread."""

        def __init__(self, news: News) -> None:
            super().__init__()
            self.news = news

    def __init__(
        self,
        case: str,
        *,
        roots: Sequence[str],
        exceptions: Path,
        themes_in: Sequence[Path],
        engine: EngineLike | None,
        who: str,
        clock: Callable[[], int],
        read_only: bool = False,
        remember: Path | None = None,
        tour: bool = False,
    ) -> None:
        self._themes = themes.ThemeFolder(themes_in)
        self._printable = Printable()
        strips.keep_out_of_cycles()
        super().__init__()
        self.animation_level = "none"
        self.desk = Desk(
            case, exceptions, Decisions(case, who, clock), who, clock, read_only, Readers(case)
        )
        self._feed = Feed(case, engine, clock, self.desk.wanted)
        self._roots = tuple(roots)
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._taken = threading.Event()  # the last news are shown
        self.news: News | None = None
        self._remember = remember
        self._look = memory.load(remember) if remember else Look()  # as last kept
        self._main = Main(self.desk, roots, self._look)
        self.tour = Tour() if tour else None
        self._key_file = keymap.KeyFile(settings_file())
        self.keymap = keymap.Keymap()

    # Start and end --------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._leave_on_signals()
        self._read_keys(first=True)
        self._read_themes(first=True)
        self.push_screen(self._main)
        self.set_interval(_THEME_POLL, self._read_themes)
        self.set_interval(_THEME_POLL, self._read_keys)
        self.set_interval(_KEEP, self._keep_look)
        self.set_interval(_TIDY, self._tidy)
        self.run_worker(self._follow, thread=True, group="feed", name="feed")

    def _leave_on_signals(self) -> None:
        """Leave the terminal as it was also where somebody ends the console from outside."""
        if self.is_headless or sys.platform == "win32":
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)

    def _tidy(self) -> None:
        """Let go what is in cycles, as a screen is that was left; where there is any."""
        if self.untouched > _UNTOUCHED and gc.get_count()[2]:
            gc.collect()

    def _keep_look(self) -> None:
        """Keep how the screen is, where it is otherwise than last kept."""
        if self._remember is None or self.desk.read_only or not self._main.returned:
            return  # or a console that is left at once would forget what it had no time to show
        drill = next((one for one in self.screen_stack if isinstance(one, Drill)), None)
        look = replace(self._main.look(), theme=self.theme)
        if drill is not None:
            look = replace(
                look, alert=drill.alert_id, on_group=False, pane=drill.pane, opened=True,
                zoomed=drill.zoomed,
            )  # fmt: skip
        if look != self._look:
            self._look = look
            memory.save(self._remember, look)

    def exit(
        self, result: None = None, return_code: int = 0, message: RenderableType | None = None
    ) -> None:
        """Leave, and find the screen like this next time."""
        self._keep_look()
        super().exit(result, return_code, message)

    def on_unmount(self) -> None:
        self._stop.set()
        self._wake.set()
        self._taken.set()

    def close(self) -> None:
        """Close the connections to the case, once no thread works any more."""
        self._feed.close()
        self.desk.readers.close()
        self.desk.decisions.close_case()

    # News -----------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """In a thread: look at the case ten times a second until the app ends.

        News wait until the last are taken: were they to queue, a key would wait behind all of them,
        and the rows of each would be kept.
        """
        worker: Worker[None] = get_current_worker()
        while not (self._stop.is_set() or worker.is_cancelled):
            try:
                news = self._feed.poll()
            except apsw.BusyError:
                news = None  # somebody writes for long: the next look will do
            except apsw.Error as error:
                news = self._feed.failed(error)
            pause = _POLL
            if news is not None:
                self._taken.clear()
                self.post_message(self.Came(news))
                if not self._stop.is_set():  # else nobody takes them any more
                    self._taken.wait(_TAKEN)
                pause = _PACE if len(news.rows) > _CROWD else _POLL
            self._wake.wait(_BREATH if self._feed.reading else pause)
            self._wake.clear()

    def on_console_came(self, message: Came) -> None:
        try:
            self._show_news(message.news)
        finally:
            self._taken.set()

    def _show_news(self, news: News) -> None:
        self.news = news
        self.desk.seen = news.journal
        self._main.take(news)
        for screen in self.screen_stack:
            # One that was pushed this moment has no parts yet, and begins with the case as it is.
            if isinstance(screen, ConsoleScreen) and screen.is_mounted and screen != self._main:
                screen.take(news)

    def on_hurry(self, _message: Hurry) -> None:
        self._wake.set()

    def on_refined(self, message: Refined) -> None:
        self._main.refine(message.field, message.value, message.without)

    def on_pivoted(self, message: Pivoted) -> None:
        while self.screen is not self._main:
            self.pop_screen()
        self._main.set_filter(message.text)

    def on_open_alert(self, message: OpenAlert) -> None:
        self.push_screen(Drill(self.desk, self._main.rows, 0, message.alert_id))

    def on_ask(self, message: Ask) -> None:
        asked = message.asked
        if asked.problem:
            self.notify(clean(asked.problem, 200), severity="warning", markup=False)
        elif asked.alerts:
            found = context.alerts_for(self.desk.readers.here(), asked)
            self.push_screen(AlertsFound(asked.label, found))
        else:
            self.push_screen(LogSearch(self.desk, Question(asked.label, asked.wanted)))

    def on_search_logs(self, message: SearchLogs) -> None:
        self.push_screen(LogSearch(self.desk, Question.of_value(message.field, message.value)))

    # Tour -----------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The tour's keys do nothing where there is none."""
        if action.startswith("tour_"):
            return self.tour is not None and not self.tour.over
        return super().check_action(action, parameters)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do an action; the tour goes on by some of them."""
        done = await super().run_action(action, default_namespace, namespaces)
        if self.tour is not None and isinstance(action, str) and self.tour.did(action):
            self._show_tour()
        return done

    def action_tour_next(self) -> None:
        """The next step."""
        if self.tour is not None and self.tour.next():
            self._show_tour()

    def action_tour_end(self) -> None:
        """No more of it."""
        if self.tour is not None:
            self.tour.over = True
            self._show_tour()

    def _show_tour(self) -> None:
        for strip in self.screen.query(TourStrip):
            strip.tell()

    # Keys -----------------------------------------------------------------------------------------

    def _read_keys(self, first: bool = False) -> None:
        """Put the user's keys in force, where their settings changed."""
        found = self._key_file.changed()
        if found is None:
            return
        self.keymap = found
        self.set_keymap(found.textual())
        for screen in () if first else self.screen_stack:
            for bar in screen.query(KeyBar):
                bar.tell()
        if not first and not found.problems:
            self.notify("the keys are as your settings have them now", markup=False, timeout=3)
        for problem in found.problems:
            self._say_broken("key left as it was", problem)

    def takes_alt(self, key: str) -> bool:
        return any(key in keys.split(",") for keys in self.keymap.given.values())

    # Themes ---------------------------------------------------------------------------------------

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = [*super().get_line_filters(), self._printable]
        return [*filters, Uncoloured()] if self.no_color else filters

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.default_variables()

    def _read_themes(self, first: bool = False) -> None:
        for theme, problem in self._themes.changed():
            if theme is not None:
                self.register_theme(theme)
                if theme.name == self.theme and not first:
                    self.refresh_css(animate=False)
            if problem is not None:
                self._say_broken("theme kept as it was", problem)
        if first:
            wanted = self._look.theme if self._look.theme in self._themes.themes else themes.DARK
            if wanted in self._themes.themes:
                self.theme = wanted

    def _say_broken(self, what: str, problem: Problem) -> None:
        self.notify(clean(f"{what}: {problem}", 300), severity="warning", markup=False, timeout=10)

    def action_theme(self) -> None:
        """The next of our and the user's themes."""
        names = list(self._themes.themes)
        if names:
            place = names.index(self.theme) + 1 if self.theme in names else 0
            self.theme = names[place % len(names)]
            self.notify(clean(f"theme {self.theme}", 80), markup=False, timeout=3)

    # Health ---------------------------------------------------------------------------------------

    def action_risk(self) -> None:
        """Hosts and users by their risk."""
        self.push_screen(RiskBoard(self.desk))

    def action_health(self) -> None:
        """Engine, logs, rules and what is wrong with them."""
        themes, own = self._themes.problems, self.keymap.problems
        self.push_screen(Health(self.desk, self.news, lambda: [*themes.values(), *own]))
