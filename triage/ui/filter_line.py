"""The filter as it is typed: what may come next, to take with tab; a caret under what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from triage.text import clean
from triage.ui import keys
from triage.ui.completion import Candidate, Value, complete, values_of
from triage.ui.desk import Desk
from triage.ui.filtering import FilterError
from triage.ui.format import cut_middle, fit
from triage.ui.inputs import TextInput
from triage.ui.lines import Part
from triage.ui.lines_view import RoleView

_WIDTH = 76  # cells, at most
_NOTE = 30  # cells of a candidate's note


class FilterHelp(RoleView):
    """Lies over the list while the filter is typed, and takes no room else."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.can_focus = False
        self.display = False
        self._lines: list[list[Part]] = []
        self._chosen = -1  # which line

    def show(self, lines: list[list[Part]], chosen: int) -> None:
        """Show these lines, one of them ``chosen``; nothing where there are none."""
        self._lines, self._chosen = lines, chosen
        self.display = bool(lines)
        self.styles.height = len(lines)
        self.styles.width = min(_WIDTH, self.screen.size.width)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_region.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        over = self.role_style("cursor") if y == self._chosen else Style()
        return self.strip(self._lines[y], width, over, self.rich_style)


class FilterInput(TextInput):
    """The filter's text. Its help is a :class:`FilterHelp` elsewhere on the screen."""

    BINDINGS = keys.bindings("filter")

    class Left(Message):
        """Tab, where there is nothing to complete."""

    def __init__(self, desk: Desk, help_: FilterHelp, *, id: str) -> None:
        super().__init__(
            placeholder="/ to filter: a word, host:web, severity>=high, last:2h …", id=id
        )
        self._desk = desk
        self._help = help_
        self._candidates: list[Candidate] = []
        self._chosen = 0
        self._error: FilterError | None = None
        self._known: dict[str, Sequence[Value]] = {}  # values of fields, while it is typed
        self.names: Sequence[str] = ()  # fields of documents to propose

    def suggest(self, error: FilterError | None) -> None:
        """Say what is wrong and what may come next, where the filter is being typed."""
        if not self.has_focus:
            self._help.show([], -1)
            return
        self._chosen = 0
        self._candidates = complete(self.value, self.cursor_position, self._values, self.names)
        self._error = error
        self._paint()

    def _values(self, field: str) -> Sequence[Value]:
        if not self._known.get(field):  # those of a document come by and by
            store, documents = self._desk.store, self._desk.documents
            self._known[field] = values_of(field, store.every(), documents)
        return self._known[field]

    def _paint(self) -> None:
        width = min(_WIDTH, self.screen.size.width)
        lines: list[list[Part]] = []
        unfinished = self._candidates and self._error and self._error.column > len(self.value)
        if self._error and not unfinished:
            lines.append(self._caret(self._error, width))
        first = len(lines)
        for one in self._candidates:
            text = cut_middle(clean(one.text.rstrip()), width - _NOTE - 3)
            lines.append(
                [(" " + fit(text, width - _NOTE - 2) + " ", ""), (clean(one.note, _NOTE), "dim")]
            )
        if self._candidates:
            lines.append([(" tab takes it, ↑ ↓ choose another", "dim")])
        self._help.show(lines, first + self._chosen if self._candidates else -1)

    def _caret(self, error: FilterError, width: int) -> list[Part]:
        """A caret under the column, and what is wrong on the side that has more room."""
        at = max(0, min(error.column - 1 - self.scroll_offset.x, width - 1))
        text = clean(str(error), 200)
        if len(text) <= width - at - 2 or at < width // 2:
            return [(" " * at + "^", "bad"), (f" {text}", "bad")]
        return [(f"{fit(text, at - 1)} ", "bad"), ("^", "bad")]

    def on_focus(self) -> None:
        self._known.clear()

    def on_blur(self) -> None:
        self._help.show([], -1)

    def action_complete_take(self) -> None:
        if not self._candidates:
            self.post_message(self.Left())
            return
        one = self._candidates[self._chosen]
        self.value = self.value[: one.start] + one.text + self.value[one.end :].lstrip()
        self.cursor_position = one.start + len(one.text)

    def action_complete_next(self) -> None:
        self._choose(1)

    def action_complete_previous(self) -> None:
        self._choose(-1)

    def _choose(self, by: int) -> None:
        if self._candidates:
            self._chosen = (self._chosen + by) % len(self._candidates)
            self._paint()
