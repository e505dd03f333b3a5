"""Handing over from the console: what, in which format, into which file; then writing it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import apsw
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen

from triage.case.model import AlertRow
from triage.errors import TriageError
from triage.export import BY_NAME, FORMATS, Format, Saved, Selection, suggested_name, write_file
from triage.ui import keys
from triage.ui.desk import Desk
from triage.ui.format import plural, shown_path, size
from triage.ui.lines import line
from triage.ui.lines_view import LinesView
from triage.ui.screens.dialogs import Choice, Option, Prompt

_EVERY = 0.1  # seconds between two words of the progress


async def hand_over(app: App[None], desk: Desk, chosen: Sequence[AlertRow]) -> tuple[str, str]:
    """Ask what to hand over, how and where, and write it; what to say, and how grave it is.

    ``chosen`` are the marked alerts, or the one looked at. "" where the analyst thought better.
    """
    asked = await app.push_screen_wait(Choice("Hand over …", _scopes(desk, chosen)))
    if not asked:
        return "", ""
    format_ = BY_NAME.get(
        await app.push_screen_wait(
            Choice("As …", [Option(one.key, one.words, one.name, one.name) for one in FORMATS])
        )
    )
    if format_ is None:
        return "", ""
    desk.preparing = True
    try:
        selection = await asyncio.to_thread(_selection, desk, asked, chosen)
    finally:
        desk.preparing = False
    named = suggested_name(selection, format_)
    while True:
        title = f"Write {plural(len(selection.rows), 'alert')} to"
        answer = await app.push_screen_wait(Prompt(title, "a file", named))
        if not answer:
            return "", ""
        path = Path(os.path.expanduser(answer))
        overwrite = False
        if os.path.lexists(path):
            options = [Option("o", "overwrite it", "yes"), Option("n", "another name", "no")]
            overwrite = (
                await app.push_screen_wait(
                    Choice("That file exists already", options, [line(answer, indent=2)])
                )
                == "yes"
            )
            if not overwrite:
                named = answer
                continue
        return await app.push_screen_wait(Writing(desk, selection, format_, path, overwrite))


def _scopes(desk: Desk, chosen: Sequence[AlertRow]) -> list[Option]:
    """What there is to hand over, from little to much."""
    shown, total = len(desk.store), desk.store.total
    found = []
    if chosen:
        words = "the alert" if len(chosen) == 1 else f"the {len(chosen):,} marked alerts"
        found.append(Option("m", words, "marked", chosen[0].rule_name if len(chosen) == 1 else ""))
    if 0 < shown < total:
        found.append(Option("f", f"the {plural(shown, 'alert')} the filter lets through", "shown"))
    found.append(Option("w", "the whole case", "all", plural(total, "alert")))
    return found


def _selection(desk: Desk, asked: str, chosen: Sequence[AlertRow]) -> Selection:
    case = desk.readers.here()
    if asked == "marked":
        rows, words = list(chosen), plural(len(chosen), "chosen alert")
    elif asked == "shown":
        rows, words = list(desk.store), "the alerts of a filter"
    else:
        rows, words = case.alerts(), "the whole case"
    rows.sort(key=lambda row: (row.time, row.id))
    return Selection(case, Path(desk.case).stem, tuple(rows), words, desk.clock(), desk.who)


class _Stopped(Exception):  # noqa: N818 - no error: the analyst wants no more of it
    """The analyst stopped the writing."""


class Writing(ModalScreen[tuple[str, str]]):
    """Writes in a thread and tells how far it is; escape stops it and leaves no file."""

    BINDINGS = keys.bindings("dialog")

    class Said(Message):
        """So many alerts of so many are written."""

        def __init__(self, done: int, total: int) -> None:
            super().__init__()
            self.done, self.total = done, total

    class Ended(Message):
        """It is written, or could not be."""

        def __init__(self, saved: Saved | None, problem: str = "") -> None:
            super().__init__()
            self.saved, self.problem = saved, problem

    def __init__(
        self, desk: Desk, selection: Selection, format_: Format, path: Path, overwrite: bool
    ) -> None:
        super().__init__()
        self._desk = desk
        self._selection = selection
        self._format = format_
        self._path = path
        self._overwrite = overwrite
        self._stop = threading.Event()
        self._next = 0.0

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(f"Writing {self._format.name}")
            yield LinesView([line(("…", "dim"))])

    def on_mount(self) -> None:
        self.query_one(LinesView).can_focus = False
        self.run_worker(self._work, thread=True, exclusive=True, group="hand-over-writing")

    def on_unmount(self) -> None:
        self._stop.set()

    def _work(self) -> None:
        selection = replace(
            self._selection, case=self._desk.readers.here(), progress=self._progress
        )
        try:
            ended = self.Ended(write_file(selection, self._format, self._path, self._overwrite))
        except _Stopped:
            ended = self.Ended(None, "stopped: nothing was written")
        except FileExistsError:
            ended = self.Ended(None, f"not written: {self._path} came to be meanwhile")
        except (TriageError, apsw.Error) as error:
            ended = self.Ended(None, f"not written: {error}")
        self.post_message(ended)

    def _progress(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self.post_message(self.Said(done, total))
            time.sleep(0.001)  # the console paints in this process, too

    def on_writing_said(self, message: Said) -> None:
        told = f"{message.done:,} of {plural(message.total, 'alert')}"
        self.query_one(LinesView).show([line(told, ("   esc stops", "dim"))])

    def on_writing_ended(self, message: Ended) -> None:
        if message.saved is None:
            self.dismiss((message.problem, "warning" if self._stop.is_set() else "error"))
            return
        many, where = (
            plural(len(self._selection.rows), "alert"),
            shown_path(str(message.saved.path)),
        )
        self.dismiss((f"{many} written to {where}, {size(message.saved.size)}", "information"))

    def action_dialog_leave(self) -> None:
        self._stop.set()
