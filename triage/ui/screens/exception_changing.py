"""The exception editor's hands: what keys and words change in the draft, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from triage import times
from triage.case.model import AlertRow
from triage.errors import TriageError
from triage.exceptions import Entry, Item, value_lists
from triage.text import clean
from triage.ui.bars import Bar, Segment
from triage.ui.conditions import OPERATOR_KEYS, OPERATORS, Condition, list_entry
from triage.ui.desk import Desk
from triage.ui.draft import DAY, Draft, Scope
from triage.ui.inputs import TextInput
from triage.ui.lines import Item as LineItem
from triage.ui.lines_view import LinesView
from triage.ui.proposal import fields_to_add
from triage.ui.screens.dialogs import Choice, Option
from triage.ui.screens.exception_lines import scope_words
from triage.ui.screens.exception_trying import TryingScreen
from triage.ui.screens.pick import Pick

_EXPIRIES = (("1", "7 days", 7), ("2", "30 days", 30), ("3", "90 days", 90),
             ("4", "180 days", 180), ("5", "a year", 365))  # fmt: skip


class ChangingScreen(TryingScreen):
    """A draft as lines (``#editor``), with a field (``#value``) that asks for words."""

    def __init__(self, desk: Desk, rows: Sequence[AlertRow], item: Item | None) -> None:
        super().__init__(desk, rows, item)
        self._editing: LineItem | None = None
        self._asked = ""  # what stood in the field when it was asked for
        self._doubted = False  # escape was pressed over typed words: once more drops them
        self._text = ""  # the draft as TOML, where it was left with a mistake in it
        self._saving = False  # ^s was pressed, and the reason is asked for
        self._warned: Draft | None = None  # what grave cautions were told of

    def action_editor_save(self) -> None:
        """Save the draft, or say why not."""
        raise NotImplementedError

    @property
    def _view(self) -> LinesView:
        return self.query_one("#editor", LinesView)

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

    def action_editor_delete(self) -> None:
        if found := self._condition():
            self._change(self.draft.drop(found[0]))

    def action_editor_toggle(self) -> None:
        self._view.action_pane_tick()

    def action_editor_edit(self) -> None:
        self._view.action_pane_expand()

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


def _opposite(words: str) -> str:
    kind, _ = OPERATORS[words]
    return next(name for name, found in OPERATORS.items() if found == (kind, "excluded"))
