"""The exception editor: from an alert to an exception, seeing what it would hide before it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import apsw
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from triage.case.model import AlertRow
from triage.errors import TriageError
from triage.exceptions import Item, file_name
from triage.text import clean
from triage.ui import external, keys
from triage.ui.bars import Bar, KeyBar, Segment
from triage.ui.desk import Desk
from triage.ui.draft_text import draft_text, read_draft, written
from triage.ui.inputs import TextInput
from triage.ui.lines import Item as LineItem
from triage.ui.lines import Line, line
from triage.ui.lines_view import LinesView
from triage.ui.screens.dialogs import Choice, Option
from triage.ui.screens.exception_changing import ChangingScreen
from triage.ui.screens.exception_lines import editor_lines, summary
from triage.ui.screens.exception_saving import save
from triage.ui.trial import Preview, cautions


class ExceptionEditor(ChangingScreen):
    """Gives what was saved, in words for a toast; "" where nothing was."""

    BINDINGS = [*keys.bindings("editor")]  # noqa: RUF012 - Textual's own convention
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk, rows: Sequence[AlertRow] = (), item: Item | None = None) -> None:
        """An exception of these alerts, all of one rule; or ``item``, an exception there is."""
        super().__init__(desk, rows, item)
        self._seen = desk.seen

    def compose(self) -> ComposeResult:
        view = LinesView(id="editor", classes="box")
        if self._item is not None:
            title = f"Exception “{clean(self._item.name, 100)}”"
        else:
            title = f"False positive → exception for “{clean(self._rows[0].rule_name, 120)}”"
        view.border_title = Content(title)
        yield view
        yield Bar(id="hint")
        with Horizontal(id="ask"):
            yield Bar(id="question")
            yield TextInput(id="value")
        yield KeyBar(keys.footer(["editor"]))

    def on_mount(self) -> None:
        self._view.focus()
        self._show()
        self.run_worker(self._load, thread=True, group="load")

    # Showing --------------------------------------------------------------------------------------

    @property
    def _path(self) -> Path | None:
        if self._item is not None:
            return Path(self._item.path)
        if self._rule is None:
            return None
        own = self.draft.scope.rules == (self._rule.rule_id,)
        return self._desk.exceptions / (file_name(self._rule) if own else "shared.toml")

    def _show(self) -> None:
        width = max(40, self.size.width - 5)  # frame, padding, scrollbar
        lines: list[Line] = []
        if self._rule is None:
            lines.append(line(("reading the rule's alerts …", "dim")))
        else:
            lines += editor_lines(
                self.draft,
                self.found,
                self._rule,
                path=self._path,
                new=self._item is None,
                who=self._desk.who,
                now=self._desk.clock(),
                reading=self._reading is not None,
                width=width,
            )
        self._view.show(lines)
        hint = self.query_one("#hint", Bar)
        hint.display = bool(self._hint)
        hint.show([Segment(((clean(self._hint, 400), "warn"),))])
        # On a small screen the preview lies below the edge; its sum never does.
        self._view.border_subtitle = Content(summary(self.found) if self.found else "")

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def action_editor_cancel(self) -> None:
        if self.has_class("-editing"):
            self._cancel_field()
        elif self.draft == self._begun and not self._text:
            self.dismiss("")
        else:
            options = [Option("y", "drop it", "y"), Option("n", "go on with it", "n")]

            def answered(answer: str | None) -> None:
                if answer == "y":
                    self.dismiss("")

            self.app.push_screen(Choice("Nothing of this is saved yet", options), answered)

    def action_editor_text(self) -> None:
        """The draft as TOML, in the user's own editor."""
        if self._rule is None:
            return
        begun = self._text or draft_text(self.draft)
        text, problem = external.edit_text(self.app, "exception.toml", begun)
        if problem:
            self._say(problem)
        elif text == draft_text(self.draft) or not written(text):
            self._change(self.draft)
        else:
            try:
                self._change(read_draft(text, self.draft, self._desk.exceptions))
            except TriageError as error:
                self._text = text
                self._say(f"Not taken over: {error}. ctrl+e goes on with the text as you left it.")

    # Saving ---------------------------------------------------------------------------------------

    def action_editor_save(self) -> None:
        if self._editing is not None and self._editing.kind == "reason":
            # ^s from the reason's own field: what stands there is the reason.
            text = self.query_one("#value", TextInput).value.strip()
            self.draft = replace(self.draft, reason=text)
            self._editing = None
            self._leave_field()
        self._saving = False
        if self._trial is None or self._rule is None or self._path is None:
            return
        # Of what is saved, not of what was last shown.
        found = self._trial.preview(self.draft, self._rule.rule_id)
        if problem := self._problem(found):
            self._say(problem)
            return
        try:
            told = save(
                self._desk,
                self.draft,
                self._rule,
                self._path,
                found,
                chosen={row.id for row in self._rows},
                old=self._item,
                seen=self._seen,
            )
        except (TriageError, apsw.Error, OSError) as error:
            self._say(f"Not saved: {error}")
            return
        self.dismiss(told)

    def _problem(self, found: Preview) -> str:
        """Why the draft is not saved yet; "" where it can be."""
        if found.problem:
            return f"This can not be tried: {found.problem}"
        if not self.draft.ticked:
            return "Tick at least one line: an exception without any would hide everything."
        if not self.draft.reason:
            self._ask(LineItem("reason", "reason"), "Why is this benign?", "")
            self._saving = True
            return "A reason is required."
        grave = [one.text for one in cautions(self.draft, found) if one.grave]
        if grave and self._warned != self.draft:
            self._warned = self.draft
            hides = f"It hides {len(found.suppressed)} of the rule's {found.total} alerts"
            return f"{hides}; {grave[0]}. ^s again saves it."
        return ""
