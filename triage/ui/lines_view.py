"""A widget that shows a page of lines: it wraps, scrolls, and moves a cursor over their items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from triage.ui import keys
from triage.ui.format import fit
from triage.ui.lines import ROLES, Item, Line, Part, wrap


class RoleView(ScrollView):
    """A line-API widget whose texts get their colours by role."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"role--{role}" for role in ROLES),
        "role--cursor",
        "role--cursor-blurred",
        "role--marked",
    }

    def role_style(self, role: str) -> Style:
        """The theme's style for a role; ordinary text for ""."""
        return self.get_component_rich_style(f"role--{role}", partial=True) if role else Style()

    def strip(self, parts: Sequence[Part], width: int, over: Style, base: Style) -> Strip:
        """One row of the screen: ``parts``, exactly ``width`` cells, ``over`` on top of roles."""
        segments: list[Segment] = []
        left = width
        for text, role in parts:
            if left <= 0:
                break
            if cell_len(text) > left:
                text = fit(text, left)
            segments.append(Segment(text, base + self.role_style(role) + over))
            left -= cell_len(text)
        if left > 0:
            segments.append(Segment(" " * left, base + over))
        return Strip(segments, width)


class LinesView(RoleView, can_focus=True):
    """Lines that a user reads, walks through and acts on."""

    BINDINGS = keys.bindings("pane")

    cursor: reactive[int] = reactive(-1)  # index of the line under the cursor, -1 without items

    class Chosen(Message):
        """Enter, space or a click on an item."""

        def __init__(self, view: LinesView, item: Item, gesture: str) -> None:
            super().__init__()
            self.view = view
            self.item = item
            self.gesture = gesture  # "open" or "tick"

        @property
        def control(self) -> LinesView:
            return self.view

    def __init__(
        self, lines: Sequence[Line] = (), *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = tuple(lines)
        self._rows: list[tuple[int, tuple[Part, ...]]] = []  # (line index, its parts)
        self._first_row: list[int] = []  # of each line
        self._wrapped_at = -1
        self._found_row = -1  # where a search stands

    # Content --------------------------------------------------------------------------------------

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    @property
    def item(self) -> Item | None:
        """What the cursor is on."""
        return self._lines[self.cursor].item if 0 <= self.cursor < len(self._lines) else None

    def show(self, lines: Sequence[Line], keep: bool = True, start: str = "") -> None:
        """Show other lines; with ``keep``, scroll position and the cursor's item stay.

        Without it the cursor begins at the item ``start``, which is brought into the middle.
        """
        before = self.item if keep else None
        self._lines = tuple(lines)
        self._layout_rows(force=True)
        if not keep:
            self.set_reactive(LinesView.cursor, -1)
            self.scroll_to(0, 0, animate=False)
        places = [place for place, one in enumerate(self._lines) if one.item]
        same = next(
            (place for place in places if before and self._key(place) == (before.kind, before.key)),
            None,
        )
        if same is None:
            same = min(self.cursor, places[-1]) if places and keep and self.cursor >= 0 else -1
            same = next((place for place in places if place >= same), -1)
        if start and not keep:
            same = next((place for place in places if self._key(place)[1] == start), same)
            self._center(same)
        self.set_reactive(LinesView.cursor, same)
        self.refresh()

    def _key(self, place: int) -> tuple[str, str]:
        item = self._lines[place].item
        return (item.kind, item.key) if item else ("", "")

    def _layout_rows(self, force: bool = False) -> None:
        width = self.scrollable_content_region.width
        if width == self._wrapped_at and not force:
            return
        self._wrapped_at = width
        self._rows = []
        self._first_row = []
        for place, source in enumerate(self._lines):
            self._first_row.append(len(self._rows))
            self._rows.extend((place, parts) for parts in wrap(source, width))
        self.virtual_size = Size(width, len(self._rows))

    def on_resize(self) -> None:
        self._layout_rows()
        if 0 <= self._found_row < len(self._rows):  # a search's field came or went
            self.scroll_to_region(Region(0, self._found_row, 1, 1), animate=False, force=True)
        elif self.item is not None:
            self._center(self.cursor)

    def _center(self, place: int) -> None:
        """Scroll a line into the middle, as far as there is text above it."""
        top = self._first_row[place] - self.scrollable_content_region.height // 2
        self.scroll_to(y=max(0, top), animate=False, force=True)

    def watch_show_vertical_scrollbar(self) -> None:
        self.call_after_refresh(self._bar_shown)

    @property
    def fits(self) -> bool:
        """The lines are laid out for the room they have."""
        return self._wrapped_at == self.scrollable_content_region.width

    def _fit(self) -> None:
        if not self.fits:
            self._layout_rows()
            self.refresh()

    def _bar_shown(self) -> None:
        self._layout_rows()
        # Textual tells a bar that is not shown yet nothing of where the page has been scrolled to.
        self.vertical_scrollbar.position = self.scroll_y

    # Painting -------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if not y and not self.fits:  # a bar went, and the room it had is known only now
            self.call_after_refresh(self._fit)
        place = y + self.scroll_offset.y
        base = self.rich_style
        if place >= len(self._rows):
            return Strip.blank(width, base)
        source, parts = self._rows[place]
        over = Style()
        if place == self._found_row:
            over = self.role_style("marked")
        elif source == self.cursor and self._lines[source].item and self._cursor_shown:
            over = self.role_style("cursor")
        return self.strip(parts, width, over, base)

    @property
    def _cursor_shown(self) -> bool:
        """A page that only lies beside needs no cursor; one in a dialog has no other."""
        return self.has_focus or not self.can_focus

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.refresh()

    def watch_cursor(self) -> None:
        self.refresh()

    # Moving ---------------------------------------------------------------------------------------

    def _reveal(self, place: int) -> None:
        first = self._first_row[place]
        after = self._first_row[place + 1] if place + 1 < len(self._first_row) else len(self._rows)
        self.scroll_to_region(Region(0, first, 1, after - first), animate=False, force=True)

    def _step(self, down: bool) -> None:
        """To the next item where it is near; else scroll, so that no line is jumped over."""
        places = (
            range(self.cursor + 1, len(self._lines)) if down else range(self.cursor - 1, -1, -1)
        )
        target = next((place for place in places if self._lines[place].item), None)
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if target is not None and top - 3 <= self._first_row[target] < top + height + 3:
            self.cursor = target
            self._reveal(target)
        else:
            self.scroll_to(y=top + (1 if down else -1), animate=False)

    def action_move_down(self) -> None:
        self._step(down=True)

    def action_move_up(self) -> None:
        self._step(down=False)

    def action_move_first(self) -> None:
        self._jump(0)

    def action_move_last(self) -> None:
        self._jump(len(self._rows))

    def action_move_page_down(self) -> None:
        self._jump(self.scroll_offset.y + max(1, self.scrollable_content_region.height - 1))

    def action_move_page_up(self) -> None:
        self._jump(self.scroll_offset.y - max(1, self.scrollable_content_region.height - 1))

    def _jump(self, row: int) -> None:
        """Scroll to a row and take the cursor along, to the nearest item in sight."""
        height = self.scrollable_content_region.height
        top = max(0, min(row, len(self._rows) - height))
        self.scroll_to(y=top, animate=False)
        items = [place for place, one in enumerate(self._lines) if one.item]
        if items:
            at_end = row > 0 and row >= len(self._rows) - height
            goal = len(self._rows) if at_end else top
            self.cursor = min(items, key=lambda place: abs(self._first_row[place] - goal))

    def find(self, text: str, direction: int) -> bool:
        """Scroll to the next row that holds ``text`` (any case), going round; False without one."""
        if not text or not self._rows:
            return False
        start = self._found_row if self._found_row >= 0 else self.scroll_offset.y - direction
        for step in range(1, len(self._rows) + 1):
            row = (start + direction * step) % len(self._rows)
            place, parts = self._rows[row]
            if text in "".join(part for part, _ in parts).lower():
                self._found_row = row
                if self._lines[place].item:
                    self.cursor = place
                self.scroll_to_region(Region(0, row, 1, 1), animate=False, force=True)
                self.refresh()
                return True
        return False

    def action_pane_expand(self) -> None:
        self._choose("open")

    def action_pane_tick(self) -> None:
        self._choose("tick")

    def _choose(self, gesture: str) -> None:
        if self.item:
            self.post_message(self.Chosen(self, self.item, gesture))

    def on_click(self, event: events.Click) -> None:
        place = event.y - self.gutter.top + self.scroll_offset.y
        if 0 <= place < len(self._rows) and self._lines[self._rows[place][0]].item:
            again = self.cursor == self._rows[place][0]
            self.cursor = self._rows[place][0]
            if again:
                self._choose("open")
