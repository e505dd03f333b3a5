"""The exception editor: from an alert to an exception, seeing what it would hide before it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import apsw
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from triage import times
from triage.case.model import AlertRow
from triage.errors import TriageError
from triage.exceptions import Entry, Item, file_name, value_lists
from triage.text import clean
from triage.ui import external, keys
from triage.ui.bars import Bar, KeyBar, Segment
from triage.ui.conditions import OPERATOR_KEYS, OPERATORS, Condition, list_entry
from triage.ui.desk import Desk
from triage.ui.draft import DAY, Draft, Scope
from triage.ui.draft_text import draft_text, read_draft, written
from triage.ui.inputs import TextInput
from triage.ui.lines import Item as LineItem
from triage.ui.lines import Line, line
from triage.ui.lines_view import LinesView
from triage.ui.proposal import fields_to_add
from triage.ui.screens.dialogs import Choice, Option
from triage.ui.screens.exception_lines import editor_lines, scope_words, summary
from triage.ui.screens.exception_saving import save
from triage.ui.screens.exception_trying import TryingScreen
from triage.ui.screens.pick import Pick
from triage.ui.trial import (
    Preview,
    cautions,
)

_EXPIRIES = (("1", "7 days", 7), ("2", "30 days", 30), ("3", "90 days", 90),
             ("4", "180 days", 180), ("5", "a year", 365))  # fmt: skip


class ExceptionEditor(TryingScreen):
    """Gives what was saved, in words for a toast; "" where nothing was."""

    BINDINGS = [*keys.bindings("editor")]  # noqa: RUF012 - Textual's own convention
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk, rows: Sequence[AlertRow] = (), item: Item | None = None) -> None:
        """An exception of these alerts, all of one rule; or ``item``, an exception there is."""
        super().__init__(desk, rows, item)
        self._seen = desk.seen
        self._editing: LineItem | None = None
        self._asked = ""  # what stood in the field when it was asked for
        self._doubted = False  # escape was pressed over typed words: once more drops them
        self._text = ""  # the draft as TOML, where it was left with a mistake in it
        self._saving = False  # ^s was pressed, and the reason is asked for
        self._warned: Draft | None = None  # what grave cautions were told of

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

    @property
    def _view(self) -> LinesView:
        return self.query_one("#editor", LinesView)

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

    # Editing --------------------------------------------------------------------------------------

    def _change(self, draft: Draft) -> None:
        again = draft.scope != self.draft.scope
        self.draft = draft
        self._hint = self._text = ""
        self._warned = None
        if again:
            self._look()
        self._try()

    def _say(self, hint: str) -> None:
        self._hint = hint
        self._show()

    def _condition(self) -> tuple[int, Condition] | None:
        item = self._view.item
        if item is None or item.kind != "condition":
            return None
        return int(item.value), self.draft.conditions[int(item.value)]

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        """Enter edits, space ticks; on the other lines both do what there is to do."""
        item = message.item
        if item.kind == "condition":
            place = int(item.value)
            one = self.draft.conditions[place]
            if message.gesture == "tick" or not one.has_value:
                self._change(self.draft.change(place, replace(one, ticked=not one.ticked)))
            elif one.entry.type == "list":
                self._choose_list(place, one, one.operator)
            else:
                self._ask(item, f"{one.entry.field} {one.operator}", one.value)
        elif item.kind == "scope":
            self._choose_scope()
        elif item.kind == "expires":
            self._choose_expiry()
        elif item.kind == "reason":
            self._ask(item, "Why is this benign?", self.draft.reason)
        elif item.kind == "name":
            self._ask(item, "Name", self.draft.name)
        elif item.kind == "add":
            self._add()

    def action_editor_operator(self) -> None:
        found = self._condition()
        if found is None:
            return
        place, one = found
        opposite = one.entry.operator == "excluded"
        words = one.choices()
        options = [
            Option(key, _opposite(name) if opposite else name, name)
            for key, name in OPERATOR_KEYS.items()
            if name in words
        ]
        options.append(Option("n", "the opposite of it", "not"))

        def chosen(name: str | None) -> None:
            if name == "not":
                self._change(self.draft.change(place, one.negated()))
            elif name:
                wanted = _opposite(name) if opposite else name
                if name == "in list":
                    self._choose_list(place, one, wanted)
                else:
                    self._change(self.draft.change(place, one.with_operator(wanted)))

        self.app.push_screen(Choice(f"{one.entry.field} …", options), chosen)

    def action_editor_negate(self) -> None:
        if found := self._condition():
            self._change(self.draft.change(found[0], found[1].negated()))

    def _choose_list(self, place: int, one: Condition, words: str) -> None:
        folder = self._desk.exceptions
        names = value_lists(folder)
        if not names:
            self._say(
                "There is no value list yet: put one value a line into a file in"
                f" {folder / 'values'}, or use triage exceptions import --value-list."
            )
            return

        def chosen(name: str | None) -> None:
            if not name:
                return
            try:
                entry = list_entry(one.entry.field, OPERATORS[words][1], folder, name)
            except TriageError as error:
                self._say(str(error))
                return
            self._change(self.draft.change(place, replace(one, entry=entry, ticked=True)))

        options = [(name, "") for name in names]
        self.app.push_screen(Pick(f"{one.entry.field} {words} …", options, "a list"), chosen)

    def _choose_scope(self) -> None:
        rule = self._rule
        if rule is None:
            return
        own = Scope((rule.rule_id,)) if rule.rule_id else self._begun.scope
        found = [own, *(Scope((), (tag,)) for tag in rule.tags), Scope()]
        if self._begun.scope not in found:
            found.insert(0, self._begun.scope)
        options = [
            Option(
                "e" if scope.every_rule else "t" if scope == own else str(place) * (place < 10),
                scope_words(scope, rule),
                str(place),
            )
            for place, scope in enumerate(found)
        ]

        def chosen(place: str | None) -> None:
            if place:
                self._change(replace(self.draft, scope=found[int(place)]))

        self.app.push_screen(Choice("For …", options), chosen)

    def _choose_expiry(self) -> None:
        options = [Option(key, words, str(days)) for key, words, days in _EXPIRIES]
        options += [Option("n", "never", "never"), Option("d", "a day …", "day")]

        def chosen(answer: str | None) -> None:
            if answer == "day":
                end = self.draft.expire_time
                told = times.iso(end)[:10] if end is not None else ""
                self._ask(LineItem("expires", "expires"), "Until which day (2026-12-31)?", told)
            elif answer == "never":
                self._change(replace(self.draft, expire_time=None))
            elif answer:
                end = self._desk.clock() + int(answer) * DAY
                self._change(replace(self.draft, expire_time=end))

        self.app.push_screen(Choice("Expires in …", options), chosen)

    def action_editor_delete(self) -> None:
        if found := self._condition():
            self._change(self.draft.drop(found[0]))

    def action_editor_toggle(self) -> None:
        self._view.action_pane_tick()

    def action_editor_edit(self) -> None:
        self._view.action_pane_expand()

    def _ask(self, item: LineItem, hint: str, value: str) -> None:
        self._editing = item
        field = self.query_one("#value", TextInput)
        asked = Segment(((clean(hint, 60), "accent"),))
        question = self.query_one("#question", Bar)
        question.show([asked])
        question.styles.width = asked.width + 2
        # What can not be typed can not be edited: it becomes the wildcard for one character.
        field.value = "".join(char if char.isprintable() else "?" for char in value)
        field.cursor_position = len(field.value)
        self._asked, self._doubted = field.value, False
        self.add_class("-editing")
        field.focus()

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        item, self._editing = self._editing, None
        self._leave_field()
        if item is None:
            return
        text = event.value.strip()
        if item.kind == "reason":
            self._change(replace(self.draft, reason=text))
            if self._saving and text:
                self.action_editor_save()
        elif item.kind == "name":
            self._change(replace(self.draft, name=text))
        elif item.kind == "expires":
            self._expire_on(text)
        elif item.kind == "new":
            if text:
                self._change(self.draft.add(Entry(item.key, "match", (event.value,))))
        else:
            self._set_value(int(item.value), event.value)

    def _expire_on(self, text: str) -> None:
        end = times.parse(f"{text}T00:00:00Z")
        if end is None or end <= self._desk.clock():
            self._say(f"{text!r} is no day to come; write it like 2026-12-31")
        else:
            self._change(replace(self.draft, expire_time=end))

    def _set_value(self, place: int, text: str) -> None:
        one = self.draft.conditions[place]
        try:
            changed = one.with_value(text)
        except ValueError as error:
            self._say(str(error))
            return
        if not one.value.isprintable() and one.entry.type == "match":
            changed = replace(changed, entry=replace(changed.entry, type="wildcard"))
        self._change(self.draft.change(place, changed))

    def _leave_field(self) -> None:
        self.remove_class("-editing")
        self._view.focus()

    def _add(self) -> None:
        events = [matched.event for alert in self._selected for matched in alert.matched]
        fields = dict(fields_to_add(events))

        def added(name: str | None) -> None:
            if not name:
                return
            if fields.get(name):
                self._change(self.draft.add(Entry(name, "match", (fields[name],))))
            else:
                self._ask(LineItem("new", name), f"{name} is", "")

        options = [(name, clean(value, 60)) for name, value in fields.items()]
        self.app.push_screen(
            Pick("Add a field", options, "a few letters of it, ⏎ takes it", free=True), added
        )

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

    def _cancel_field(self) -> None:
        """Leave the field without what is typed there, which is not dropped by one key."""
        text, item = self.query_one("#value", TextInput).value, self._editing
        if item is not None and item.kind == "reason":
            self._change(replace(self.draft, reason=text.strip()))  # the next escape asks
        elif text != self._asked and not self._doubted:
            self._doubted = True
            self._say("esc again drops what you typed; ⏎ takes it.")
            return
        else:
            self._say("")
        self._editing, self._saving = None, False
        self._leave_field()

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


def _opposite(words: str) -> str:
    kind, _ = OPERATORS[words]
    return next(name for name, found in OPERATORS.items() if found == (kind, "excluded"))
