"""The exception editor: from an alert to an exception, seeing what it would hide before it does."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import apsw
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from triage.case.model import AlertDetail, AlertRow
from triage.errors import TriageError
from triage.exceptions import (
    Entry,
    ExceptionList,
    Item,
    append_item,
    file_name,
    remove_item,
)
from triage.text import clean
from triage.ui import keys
from triage.ui.bars import Bar, KeyBar, Segment
from triage.ui.desk import Desk
from triage.ui.draft import (
    EXPIRIES,
    Candidates,
    Condition,
    Draft,
    Preview,
    RuleRef,
    candidates,
    fields_to_add,
    preview,
    proposal,
)
from triage.ui.format import plural
from triage.ui.inputs import TextInput
from triage.ui.lines import Item as LineItem
from triage.ui.lines import Line, line
from triage.ui.lines_view import LinesView
from triage.ui.screens.dialogs import Choice, Option
from triage.ui.screens.exception_lines import editor_lines, summary

_DEBOUNCE = 0.15  # seconds after the last key


class ExceptionEditor(Screen[str]):
    """Gives what was saved, in words for a toast; "" where nothing was."""

    BINDINGS = [*keys.bindings("editor")]  # noqa: RUF012 - Textual's own convention
    AUTO_FOCUS = ""

    class Ready(Message):
        """The alerts to try the exception on are read, and a first draft is made."""

        def __init__(
            self, draft: Draft, tried: Candidates, rule: RuleRef, selected: Sequence[AlertDetail]
        ) -> None:
            super().__init__()
            self.draft, self.tried, self.rule, self.selected = draft, tried, rule, selected

    class Previewed(Message):
        """A preview is made."""

        def __init__(self, generation: int, found: Preview) -> None:
            super().__init__()
            self.generation, self.found = generation, found

    class Failed(Message):
        """The case could not be read."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, desk: Desk, rows: Sequence[AlertRow]) -> None:
        super().__init__()
        self._desk = desk
        self._rows = tuple(rows)
        self.draft = Draft(())
        self.found: Preview | None = None
        self._tried: Candidates | None = None
        self._rule: RuleRef | None = None
        self._selected: Sequence[AlertDetail] = ()
        self._generation = 0
        self._shown_generation = 0
        self._timer: Timer | None = None
        self._editing: LineItem | None = None
        self._warned: Draft | None = None  # the wide draft whose number the analyst was told
        self._hint = ""

    @property
    def settled(self) -> bool:
        """The preview shown is that of the draft shown."""
        return self.found is not None and self._generation == self._shown_generation

    def compose(self) -> ComposeResult:
        view = LinesView(id="editor", classes="box")
        name = clean(self._rows[0].rule_name, 120)
        view.border_title = Content(f"False positive → exception for “{name}”")
        yield view
        yield Bar(id="hint")
        with Horizontal(id="ask"):
            yield Bar(id="question")
            yield TextInput(id="value")
        yield KeyBar(keys.footer(["editor"]))

    def on_mount(self) -> None:
        self._seen = self._desk.seen  # what is tried below is the case as of now
        self._view.focus()
        self._show()
        self.run_worker(self._load, thread=True, group="load")

    @property
    def _view(self) -> LinesView:
        return self.query_one("#editor", LinesView)

    # Loading and trying: in worker threads --------------------------------------------------------

    def _load(self) -> None:
        try:
            case = self._desk.readers.here()
            selected = [one for row in self._rows if (one := case.alert(row.id)) is not None]
            rule_id = self._rows[0].rule_id
            path = next((one.path for one in case.rules() if one.rule_id == rule_id), "")
            tried = candidates(case, rule_id)
        except (apsw.Error, TriageError) as error:
            self.post_message(self.Failed(str(error)))
            return
        if not selected:
            self.post_message(self.Failed("the alert is no longer in the case"))
            return
        rule = RuleRef.of(selected[0], path)
        draft = proposal(selected, rule, tried)
        self.post_message(self.Ready(draft, tried, rule, selected))

    def on_exception_editor_ready(self, message: Ready) -> None:
        self.draft, self._tried, self._rule = message.draft, message.tried, message.rule
        self._selected = message.selected
        self._try(at_once=True)

    def on_exception_editor_failed(self, message: Failed) -> None:
        self._hint = f"This could not be read: {message.reason}"
        self._show()

    def _try(self, at_once: bool = False) -> None:
        """Preview the draft, a little after the last key; older previews are dropped."""
        self._generation += 1
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(0.001 if at_once else _DEBOUNCE, self._preview)
        self._show()

    def _preview(self) -> None:
        generation, draft, tried = self._generation, self.draft, self._tried
        if tried is None:
            return

        def work() -> None:
            self.post_message(self.Previewed(generation, preview(draft, tried)))

        self.run_worker(work, thread=True, exclusive=True, group="preview")

    def on_exception_editor_previewed(self, message: Previewed) -> None:
        if message.generation == self._generation:
            self.found = message.found
            self._shown_generation = message.generation
            self._show()

    # Showing --------------------------------------------------------------------------------------

    @property
    def _path(self) -> Path | None:
        if self._rule is None:
            return None
        name = "shared.toml" if self.draft.every_rule else file_name(self._rule)
        return self._desk.exceptions / name

    def _show(self) -> None:
        width = max(40, self.size.width - 5)  # frame, padding, scrollbar
        lines: list[Line] = []
        if self._rule is None:
            lines.append(line(("reading the rule's alerts …", "dim")))
        else:
            lines += editor_lines(
                self.draft, self.found, self._path, self._desk.who, self._desk.clock(), width
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
        self.draft = draft
        self._hint = ""
        self._warned = None
        self._try()

    def _condition(self) -> tuple[int, Condition] | None:
        item = self._view.item
        if item is None or item.kind != "condition":
            return None
        return int(item.value), self.draft.conditions[int(item.value)]

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        """Enter edits, space ticks or changes; on the other lines both do what there is to do."""
        item = message.item
        if item.kind == "condition":
            place = int(item.value)
            one = self.draft.conditions[place]
            if message.gesture == "tick" or one.entry.type in ("exists", "nested"):
                self._change(self.draft.change(place, replace(one, ticked=not one.ticked)))
            else:
                self._ask(item, f"{one.entry.field} {one.operator}", one.value)
        elif item.kind == "scope":
            self._change(replace(self.draft, every_rule=not self.draft.every_rule))
        elif item.kind == "expires":
            place = EXPIRIES.index(self.draft.expiry)
            self._change(replace(self.draft, expiry=EXPIRIES[(place + 1) % len(EXPIRIES)]))
        elif item.kind == "reason":
            self._ask(item, "Why is this benign?", self.draft.reason)
        elif item.kind == "add":
            self._add()

    def action_editor_operator(self) -> None:
        if found := self._condition():
            place, one = found
            self._change(self.draft.change(place, one.next_operator()))

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
        self.add_class("-editing")
        field.focus()

    def on_input_submitted(self, event: TextInput.Submitted) -> None:
        item, self._editing = self._editing, None
        self._leave_field()
        if item is None:
            return
        if item.kind == "reason":
            self._change(replace(self.draft, reason=event.value.strip()))
            return
        place = int(item.value)
        one = self.draft.conditions[place]
        changed = one.with_value(event.value)
        if not one.value.isprintable() and one.operator == "is":
            changed = replace(changed, entry=replace(changed.entry, type="wildcard"))
        self._change(self.draft.change(place, replace(changed, ticked=True)))

    def _leave_field(self) -> None:
        self.remove_class("-editing")
        self._view.focus()

    def _add(self) -> None:
        events = [matched.event for alert in self._selected for matched in alert.matched]
        fields = fields_to_add(events, self.draft)
        options = [
            Option("", name, str(at), clean(value, 60)) for at, (name, value) in enumerate(fields)
        ]

        def added(chosen: str | None) -> None:
            if chosen:
                name, value = fields[int(chosen)]
                self._change(self.draft.add(Entry(name, "match", (value,))))

        self.app.push_screen(Choice("Add a field", options), added)

    def action_editor_cancel(self) -> None:
        if self.has_class("-editing"):
            self._editing = None
            self._leave_field()
        else:
            self.dismiss("")

    # Saving ---------------------------------------------------------------------------------------

    def action_editor_save(self) -> None:
        if self._editing is not None and self._editing.kind == "reason":
            # ^s from the reason's own field: what stands there is the reason.
            self.draft = replace(
                self.draft, reason=self.query_one("#value", TextInput).value.strip()
            )
            self._editing = None
            self._leave_field()
        if self._tried is None or self._rule is None or self._path is None:
            return
        found = preview(self.draft, self._tried)  # of what is saved, not of what was last shown
        problem = self._problem(found)
        if problem:
            self._hint = problem
            self._show()
            return
        try:
            told = self._save(self._rule, self._path, found)
        except (TriageError, apsw.Error, OSError) as error:
            self._hint = f"Not saved: {error}"
            self._show()
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
            return "A reason is required."
        if found.wide and not self.draft.has_identity and self._warned != self.draft:
            self._warned = self.draft
            return (
                f"It hides {len(found.suppressed)} of the rule's {found.total} alerts and names no"
                " program. ^s again saves it."
            )
        return ""

    def _save(self, rule: RuleRef, path: Path, found: Preview) -> str:
        now = self._desk.clock()
        shared = self.draft.every_rule
        item = Item(
            item_id=str(uuid.uuid4()),
            name=self.draft.reason[:80],
            entries=self.draft.ticked,
            comment=self.draft.reason,
            rules=() if shared else (rule.rule_id,),
            created_at=now,
            created_by=self._desk.who,
            expire_time=None if self.draft.expiry is None else now + self.draft.expiry,
        )
        meta = ExceptionList(
            list_id=path.stem,
            name="Exceptions of all rules" if shared else f"Exceptions of {rule.name}",
            type="detection" if shared else "rule_default",
        )
        append_item(path, meta, item)
        chosen = {row.id for row in self._rows}
        closing = [
            row.id
            for row in found.suppressed
            if row.status == "open" or (row.status == "acknowledged" and row.id in chosen)
        ]
        detail = {
            "path": str(path), "item_id": item.item_id, "name": item.name, "reason": item.comment,
        }  # fmt: skip
        try:
            done = self._desk.decisions.except_(closing, detail, self._seen)
        except (TriageError, apsw.Error):
            remove_item(path, item.item_id)  # both or neither
            raise
        kept = f", {len(done.kept)} left as others decided meanwhile" if done.kept else ""
        closed = plural(len(done.alerts), "alert")
        return f"saved to {path.name}; {closed} closed{kept} · u to undo"
