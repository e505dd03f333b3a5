"""A widget that draws the ATT&CK matrix into the room there is, with a cursor over its cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from triage.text import clean
from triage.ui.format import fit
from triage.ui.lines import Part
from triage.ui.lines_view import RoleView
from triage.ui.matrix import Cell, Column

_HEAD = 2  # rows above the cells: tactics, and how much of each is covered
_NARROWEST = 5  # cells of a column: four digits and a sign
_NAMED = 13  # cells from which a technique's name has room
_HEAT = "▂▄▆█"  # from few alerts to the most
_COVERED, _BARE = "·", " "
_SHORT = {
    "TA0043": "Reco", "TA0042": "Reso", "TA0001": "Init", "TA0002": "Exec", "TA0003": "Pers",
    "TA0004": "Priv", "TA0005": "Evas", "TA0006": "Cred", "TA0007": "Disc", "TA0008": "Late",
    "TA0009": "Coll", "TA0011": "C&C", "TA0010": "Exfi", "TA0040": "Impa",
}  # fmt: skip
_LONG = 12  # cells from which a tactic's own name is better than four letters of it


class MatrixView(RoleView, can_focus=True):
    """Tactics side by side; the columns share the width, the cells scroll under their heads."""

    COMPONENT_CLASSES: ClassVar[set[str]] = RoleView.COMPONENT_CLASSES

    class Moved(Message):
        """The cursor is on another cell, or the cell changed."""

    class Opened(Message):
        """A click on the cell under the cursor."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._columns: tuple[Column, ...] = ()
        self._most = 1  # alerts of the hottest cell
        self._at = (0, 0)  # column and place in it
        self._began = False

    # Content --------------------------------------------------------------------------------------

    def show(self, columns: Sequence[Column]) -> None:
        """Show another state of the matrix; the cursor stays with its technique."""
        before = self.cell
        self._columns = tuple(columns)
        self._most = max((cell.own.alerts for one in columns for cell in one.cells), default=1)
        if not self._began and self._columns:
            self._began = True  # begin where most alerts are
            hottest = max(self._columns, key=lambda one: max(c.own.alerts for c in one.cells))
            self._at = (self._columns.index(hottest), 0)
        elif before is not None:
            place = self._at[0]
            same = (
                n for n, cell in enumerate(self._columns[place].cells)
                if cell.technique.id == before.technique.id
            )  # fmt: skip
            self._at = (place, next(same, 0))
        rows = max((len(one.cells) for one in columns), default=0)
        self.virtual_size = Size(self.scrollable_content_region.width, rows + _HEAD)
        self.refresh()
        self.post_message(self.Moved())

    @property
    def column(self) -> Column | None:
        """The tactic the cursor is in."""
        return self._columns[self._at[0]] if self._columns else None

    @property
    def cell(self) -> Cell | None:
        """The technique under the cursor."""
        return self.column.cells[self._at[1]] if self.column and self.column.cells else None

    # Moving ---------------------------------------------------------------------------------------

    def move(self, right: int, down: int) -> None:
        """Move the cursor, as far as there are cells."""
        if not self._columns:
            return
        column = max(0, min(self._at[0] + right, len(self._columns) - 1))
        place = max(0, min(self._at[1] + down, len(self._columns[column].cells) - 1))
        self._at = (column, place)
        height = self.scrollable_content_region.height - _HEAD
        top = self.scroll_offset.y
        if not top <= place < top + height:
            self.scroll_to(y=place if place < top else place - height + 1, animate=False)
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        x, y = event.x - self.gutter.left, event.y - self.gutter.top - _HEAD
        column, place = x // self._width, y + self.scroll_offset.y
        if y < 0 or column >= len(self._columns) or place >= len(self._columns[column].cells):
            return
        again = self._at == (column, place)
        self._at = (column, place)
        self.refresh()
        self.post_message(self.Opened() if again else self.Moved())

    # Painting -------------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        """Of a column, the gap behind it among it."""
        room = self.scrollable_content_region.width
        return max(_NARROWEST, room // max(1, len(self._columns)))

    def render_line(self, y: int) -> Strip:
        width, base = self.scrollable_content_region.width, self.rich_style
        if not self._columns:
            return Strip.blank(width, base)
        if y < _HEAD:
            parts = [self._head(place, y) for place in range(len(self._columns))]
            return self.strip(parts, width, Style(), base)
        row = y - _HEAD + self.scroll_offset.y
        strips: list[Strip] = []
        for place, column in enumerate(self._columns):
            here = (place, row) == self._at
            over = self.role_style("cursor" if self.has_focus else "cursor-blurred")
            cell = column.cells[row] if row < len(column.cells) else None
            strips.append(
                self.strip(self._cell(cell), self._width, over if here else Style(), base)
            )
        return Strip.join(strips).adjust_cell_length(width, base)

    def _head(self, place: int, y: int) -> Part:
        column, width = self._columns[place], self._width
        if y == 1:
            total = len(column.cells)
            share = f"{column.covered * 100 // max(1, total)}%"
            long = f"{column.covered} of {total}"
            return fit(long if len(long) < width else share, width - 1) + " ", "dim"
        tactic = column.tactic
        name = tactic.name if width >= _LONG else _SHORT.get(tactic.id, tactic.name[:4])
        role = "accent" if place == self._at[0] else "title"
        return fit(clean(name), width - 1) + " ", role

    def _cell(self, cell: Cell | None) -> list[Part]:
        if cell is None:
            return []
        width, sums = self._width, cell.own
        role = sums.severity if sums.alerts else "" if sums.rules else "dim"
        text = cell.technique.id[1:] + self._sign(cell)
        room = width - len(text) - 1
        if room < 2:
            return [(text, role)]
        count = _short(sums.alerts) if sums.alerts else ""
        if width < _NAMED:
            return [(text, role), (f"{count:>{room}} ", role)]
        name = f" {clean(cell.technique.name)}"
        return [(text, role), (fit(name, room - len(count)) + count + " ", role)]

    def _sign(self, cell: Cell) -> str:
        """What the colour says, too: uncovered, covered, few alerts, many."""
        if not cell.own.alerts:
            return _COVERED if cell.own.rules else _BARE
        return _HEAT[min(3, (cell.own.alerts - 1) * 4 // max(1, self._most))]

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, self.virtual_size.height)
        self.scroll_to_region(Region(0, self._at[1], 1, _HEAD + 1), animate=False)


def _short(count: int) -> str:
    """A count in at most three cells."""
    return str(count) if count < 1000 else f"{count // 1000}k" if count < 100_000 else "∞"
