"""What the list of alerts shows and in which order: filter line, sort, grouping, saved views."""

from __future__ import annotations

from triage.config import views_file
from triage.errors import TriageError
from triage.fields import flatten
from triage.ui import views
from triage.ui.alert_list import AlertList
from triage.ui.desk import Desk
from triage.ui.filter_line import FilterInput
from triage.ui.filtering import FilterError, document_fields, moves, parse, with_fact
from triage.ui.inputs import TextInput
from triage.ui.screens.alert_screen import AlertScreen
from triage.ui.screens.saved import SavedViews
from triage.ui.signals import Hurry
from triage.ui.views import View

_MINUTE = 60.0  # seconds


class ArrangedList(AlertScreen):
    """A screen with a list of alerts and a filter line (``#filter``) above it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.filter_error = ""

    def on_mount(self) -> None:
        self.set_interval(_MINUTE, self._move_on)

    @property
    def rows(self) -> AlertList:
        """The list."""
        raise NotImplementedError

    def tell(self) -> None:
        """Say anew what is shown."""
        raise NotImplementedError

    @property
    def filter_input(self) -> FilterInput:
        return self.query_one("#filter", FilterInput)

    def action_filter(self) -> None:
        self.filter_input.can_focus = True
        self.filter_input.focus()
        detail = self._detail()
        docs = [detail.doc, *(one.event.doc for one in detail.matched)] if detail else []
        self.filter_input.names = sorted({name for doc in docs for name in flatten(doc)})

    def on_input_changed(self, event: TextInput.Changed) -> None:
        wrong = self._apply_filter(event.value)
        self.filter_input.suggest(wrong)
        self.tell()

    def _apply_filter(self, text: str) -> FilterError | None:
        """Show what passes, and ask for what must be read for that; what is wrong with ``text``."""
        desk = self.desk
        fields = document_fields(text)
        if fields != desk.wanted():
            desk.want(fields)
            self.app.post_message(Hurry())
        try:
            predicate = parse(text, desk.clock, desk.documents)
        except FilterError as error:
            self.filter_error = f"column {error.column}: {error}"
            return error
        self.filter_error = ""
        desk.store.set_filter(predicate)
        return None

    def _move_on(self) -> None:
        """What passes ``last:2h`` is another thing a minute later."""
        if moves(self.filter_input.value):
            self._apply_filter(self.filter_input.value)

    def refine(self, field: str, value: str, without: bool) -> None:
        """Add a term to the filter."""
        self.set_filter(with_fact(self.filter_input.value, field, value, without))
        if self.app.screen is not self:
            self.say(f"the list's filter is now {self.filter_input.value}")

    def on_filter_input_left(self) -> None:
        self._leave_filter()

    def on_input_submitted(self) -> None:
        self._leave_filter()

    def _leave_filter(self) -> None:
        self.rows.focus()
        self.query_one("#filter", TextInput).can_focus = False

    def set_filter(self, text: str) -> None:
        """Put another filter text in force."""
        self.query_one("#filter", TextInput).value = text

    def action_clear(self) -> None:
        if self.rows.marked and not isinstance(self.focused, TextInput):
            self.rows.unmark()
        else:
            self.set_filter("")
        self._leave_filter()

    def action_sort(self) -> None:
        self.desk.store.set_sort(self.desk.store.next_sort())

    def action_group(self) -> None:
        self.desk.store.set_grouping(self.desk.store.next_grouping())

    def action_views(self) -> None:
        path, store = views_file(), self.desk.store
        try:
            saved = views.load(path)
        except TriageError as error:
            self.say(str(error), "error")
            return
        present = View("", self.filter_input.value, store.sort, store.grouping)
        self.app.push_screen(SavedViews(path, saved, present, self.desk.read_only), self.take_view)

    def take_view(self, view: View | None) -> None:
        if view is not None:
            self.set_filter(view.filter)
            if view.sort != self.desk.store.sort:
                self.desk.store.set_sort(view.sort)
            if view.group != self.desk.store.grouping:
                self.desk.store.set_grouping(view.group)
