"""The saved views: pick one, keep the present one under a name, rename or delete one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from triage.errors import TriageError
from triage.text import clean
from triage.ui import keys, views
from triage.ui.lines import BLANK, Item, Line, line
from triage.ui.lines_view import LinesView
from triage.ui.screens.base import READING_ONLY
from triage.ui.screens.dialogs import Prompt
from triage.ui.views import View


class SavedViews(ModalScreen[View]):
    """Gives the view that was picked."""

    BINDINGS = [*keys.bindings("dialog"), *keys.bindings("views")]  # noqa: RUF012 - Textual's own convention

    def __init__(self, path: Path, saved: Sequence[View], present: View, read_only: bool) -> None:
        super().__init__()
        self._path = path
        self._saved = list(saved)
        self._present = present
        self._read_only = read_only
        self._word = ""  # what was done or went wrong
        self._doomed = ""  # the view that a second d deletes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Saved views")
            yield LinesView()

    def on_mount(self) -> None:
        self._list.focus()
        self._show()

    @property
    def _list(self) -> LinesView:
        return self.query_one(LinesView)

    def _show(self) -> None:
        found = [self._line(place, one) for place, one in enumerate(self._saved)]
        if not found:
            found = [line(("none yet: n keeps the filter, order and grouping of now", "dim"))]
        told = line(("⏎ 1–9 take  n keep the present one  r rename  d delete", "dim"))
        said = [line((self._word, "warn"))] if self._word else []
        self._list.show([*found, BLANK, *said, told])

    @staticmethod
    def _line(place: int, view: View) -> Line:
        told = [view.filter or "all alerts"]
        told += [f"by {view.group}"] if view.group else []
        told += [f"sort {view.sort}"]
        parts = (
            (f" {place + 1 if place < 9 else ' '}  ", "accent"),
            (view.name, ""),
            (f"  {' · '.join(told)}", "dim"),
        )
        return Line(parts, Item("view", view.name, view, view.filter), 4)

    @property
    def _under(self) -> View | None:
        item = self._list.item
        return item.value if item is not None and isinstance(item.value, View) else None

    def _may_write(self) -> bool:
        if self._read_only:
            self._word = READING_ONLY
            self._show()
        return not self._read_only

    def _save(self, saved: list[View], word: str) -> None:
        try:
            views.save(self._path, saved)
            self._saved, self._word = saved, word
        except TriageError as error:
            self._word = str(error)
        self._show()

    def on_key(self, event: events.Key) -> None:
        if event.key.isdigit() and 0 < int(event.key) <= len(self._saved):
            event.stop()
            self.dismiss(self._saved[int(event.key) - 1])

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        message.stop()
        self.dismiss(message.item.value)

    def action_views_keep(self) -> None:
        def named(name: str | None) -> None:
            if name:
                others = [one for one in self._saved if one.name != name]
                self._save([*others, replace(self._present, name=name)], f"kept as {clean(name)}")

        hint = "a name; one of that name is replaced"
        if self._may_write():
            self.app.push_screen(Prompt("Keep this view as", hint), named)

    def action_views_rename(self) -> None:
        old = self._under

        def named(name: str | None) -> None:
            if name and old:
                kept = [one for one in self._saved if one.name != name or one is old]
                self._save([replace(one, name=name) if one is old else one for one in kept], "")

        if old and self._may_write():
            self.app.push_screen(Prompt(f"Rename {old.name}", "its new name", old.name), named)

    def action_views_delete(self) -> None:
        view = self._under
        if view is None or not self._may_write():
            return
        if self._doomed == view.name:
            left = [one for one in self._saved if one is not view]
            self._save(left, f"{clean(view.name)} is gone")
            return
        self._doomed = view.name
        self._word = f"d once more deletes {clean(view.name)}"
        self._show()

    def action_dialog_leave(self) -> None:
        self.dismiss(None)
