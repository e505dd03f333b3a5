"""The list of alerts, painted row by row; its cursor holds on to an alert or a group of them, not
to a row number.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from triage.case.model import AlertRow
from triage.ui import keys
from triage.ui.alert_row import alert_parts, count_widths, group_parts
from triage.ui.format import time_pattern
from triage.ui.grouping import Group, GroupKey
from triage.ui.lines import Part
from triage.ui.listing import listing
from triage.ui.marks import Marks
from triage.ui.painted import Look, PaintedView
from triage.ui.store import AlertStore, Change


class AlertList(PaintedView, can_focus=True):
    """The alerts of a store, one a line, or their groups."""

    BINDINGS = keys.bindings("rows")

    class Moved(Message):
        """The cursor is on another alert, or on none."""

        def __init__(self, alert_id: str) -> None:
            super().__init__()
            self.alert_id = alert_id

    class Opened(Message):
        """A second click on the alert under the cursor."""

    class Seen(Message):
        """Rows, marks or what is out of sight changed: the status lines may need new words."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, AlertList.Seen)

    def __init__(self, store: AlertStore, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.store = store
        self.listing = listing(store)
        self.alert_id = ""  # under the cursor; in the head of a group its first one
        self.head: GroupKey | None = None  # of the group whose head the cursor is on
        self.marked = Marks()
        self.follow = False
        self.touched = False  # until the first key, the cursor stays at the top while logs are read
        self.settled = True  # False while the engine reads what exists for the first time
        self.opening = False  # what comes was in the case before: no news
        self._range_from = ""
        self._pattern = "%H:%M:%S"
        self._cursor_before = 0
        self._line_before = 0  # where on the screen the cursor's row was painted
        self._top: tuple[GroupKey | None, str] = (None, "")  # the topmost row in sight
        self._count_width = 0  # of the column of counts: none while every alert stands for itself
        self._count_widths = (0, 0)  # of groups
        self.empty = ""  # what to say where there is no row
        store.listen(self._store_changed)

    # The store ------------------------------------------------------------------------------------

    def _store_changed(self, change: Change) -> None:
        if change.reset:
            grouped = self.listing
            self.listing = listing(self.store)
            if self.store.groups is None:
                self.head = None
            elif type(grouped) is not type(self.listing) or not self._head_group():
                self._to_head()  # what was looked at is now one of a group
        self._follow_head()
        self.scroll_over(len(self.listing))
        self._choose_pattern()
        self._count_width = (
            len(f"×{self.store.most_collapsed + 1} ") if self.store.most_collapsed else 0
        )
        self._count_widths = count_widths(self.store.counts)
        place = self.listing.place(self.alert_id, self.head)
        self.marked.follow(self.store, change)
        newest_first = self.follow or not (self.touched or self.settled)
        if len(self.store) and newest_first and (change.added or change.reset):
            self._go(self._newest() if self.follow else 0)
        elif place is not None:
            self._keep_on_screen(place, change)
        elif len(self.store):
            self.head = None
            self._go(min(self._cursor_before, len(self.listing) - 1))
        elif self.alert_id:
            self.head = None
            self.alert_id = ""
            self.post_message(self.Moved(""))
        self._cursor_before = self.cursor
        if not self.opening:  # last: what is in sight depends on where we scrolled to
            self.listing.arrived(change.added, *self._visible())
        self.repaint()
        self._seen()

    def _keep_on_screen(self, place: int, change: Change) -> None:
        """Rows came or went above: scroll by as much, so that nothing moves under the eyes."""
        if change.reset:
            self._reveal(place)
            return
        line = self._line_before
        if not 0 <= line < self.scrollable_content_region.height:
            # The cursor was scrolled out of sight: then the topmost row is what holds still.
            top = self.listing.place(self._top[1], self._top[0])
            place, line = (self.scroll_offset.y if top is None else top), 0
        self.scroll_to(y=max(0, place - line), animate=False, force=True)
        self._remember_top()

    def _seen(self) -> None:
        # Straight to the screen: then its words change in the same picture as the rows.
        self.screen.post_message(self.Seen())

    def _remember_top(self) -> None:
        top = self.scroll_offset.y
        self._line_before = self.cursor - top
        self._top = self._at(top) if top < len(self.listing) else (None, "")

    def _newest(self) -> int:
        """The row of the newest alert."""
        newest = self.store.newest if self.store.sort != "newest" else None
        return (self.listing.place(newest.id) if newest else None) or 0

    def _choose_pattern(self) -> None:
        if len(self.store):
            self._pattern = time_pattern(self.store.span)

    def _visible(self) -> tuple[int, int]:
        top = self.scroll_offset.y
        return top, top + max(1, self.scrollable_content_region.height)

    def unseen(self) -> tuple[int, int]:
        """New rows out of sight: (above, below)."""
        return self.listing.unseen(*self._visible())

    # Groups ---------------------------------------------------------------------------------------

    def _at(self, place: int) -> tuple[GroupKey | None, str]:
        """What a row stands for: the group whose head it is, else None, and the alert."""
        group, alert_id = self.listing.at(place)
        return (None, alert_id) if alert_id or group is None else (group.key, group.keys[0][-1])

    def _head_group(self) -> Group | None:
        """The group whose head the cursor is on."""
        groups = self.store.groups
        return groups.get(self.head) if groups and self.head is not None else None

    def _to_head(self) -> None:
        """Let the cursor be on the head of its alert's group, where that group is closed."""
        groups, row = self.store.groups, self.store.get(self.alert_id)
        group = groups.group_of(row) if groups and row else None
        shown = group is not None and groups is not None and not groups.is_open(group.key)
        self.head = group.key if group and shown else None

    def _follow_head(self) -> None:
        """A group that gets a new first alert shows that."""
        group = self._head_group()
        if group is not None and group.keys[0][-1] != self.alert_id:
            self.alert_id = group.keys[0][-1]
            self.post_message(self.Moved(self.alert_id))

    @property
    def on_group(self) -> bool:
        """The cursor is on the head of a group."""
        return self._head_group() is not None

    def fold(self, opened: bool | None = None) -> bool:
        """Open or close the group under the cursor (None: the other of both); False where there is
        none, or it is so already."""
        groups, row = self.store.groups, self.row
        group = self._head_group() or (groups.group_of(row) if groups and row else None)
        if groups is None or group is None or groups.is_open(group.key) == opened:
            return False
        groups.toggle(group.key)
        self.head = group.key
        self._refold()
        return True

    def _refold(self) -> None:
        self.touched = True
        self.scroll_over(len(self.listing))
        self._go(self.cursor)

    def action_group_fold(self) -> None:
        self.fold()

    def action_group_fold_all(self) -> None:
        if self.store.groups is not None:
            self.store.groups.toggle_all()
            self._to_head()
            self._refold()

    # Cursor and marks -----------------------------------------------------------------------------

    @property
    def cursor(self) -> int:
        """The row the cursor is on; 0 where it is on none."""
        return self.listing.place(self.alert_id, self.head) or 0

    @property
    def row(self) -> AlertRow | None:
        """The alert under the cursor."""
        return self.store.get(self.alert_id) if len(self.store) else None

    def targets(self) -> list[AlertRow]:
        """What a decision is about: the marked rows, else the one under the cursor, else all of the
        group whose head is under it."""
        group = self._head_group()
        ids = self.marked or (group.ids() if group else [self.alert_id])
        return [row for one in ids if (row := self.store.get(one)) is not None]

    def unmark(self) -> None:
        """Take all marks off."""
        self.marked.clear()
        self._range_from = ""
        self._marks_changed()

    def _go(self, place: int) -> None:
        if not len(self.listing):
            return
        place = max(0, min(place, len(self.listing) - 1))
        head, alert_id = self._at(place)
        moved = alert_id != self.alert_id
        self.head, self.alert_id = head, alert_id
        self._cursor_before = place
        self._reveal(place)
        self.repaint()
        if moved:
            self.post_message(self.Moved(alert_id))
        self._seen()

    def restore(self, open_groups: Iterable[GroupKey], marked: Iterable[str]) -> None:
        """Open these groups and mark these alerts, as far as they are shown."""
        if self.store.groups is not None:
            self.store.groups.open(open_groups)
        self.marked = Marks(one for one in marked if self.store.shows(one))
        self._refold()

    def go_to(self, alert_id: str, on_group: bool = False, line: int | None = None) -> None:
        """Put the cursor on an alert, where it is shown; ``on_group``: on its group's head;
        ``line``: with so many rows in sight above it, where there are as many."""
        row, groups = self.store.get(alert_id), self.store.groups
        group = groups.group_of(row) if groups and row else None
        if groups and group and not groups.is_open(group.key) and not on_group:
            groups.toggle(group.key)
            self._refold()
        place = self.listing.place(alert_id, group.key if group and on_group else None)
        if place is not None:
            self._go(place)
            if line is not None:
                self.scroll_to(y=max(0, place - line), animate=False, force=True)
                self._reveal(place)

    @property
    def line(self) -> int:
        """Rows in sight above the cursor's."""
        return max(0, self.cursor - self.scroll_offset.y)

    def _reveal(self, place: int) -> None:
        self.scroll_to_region(Region(0, place, 1, 1), animate=False, force=True)
        self._remember_top()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        # Not Textual's own, which paints all: where rows came above, all in sight stays as it is.
        self.vertical_scrollbar.position = new_value
        self._remember_top()
        self.repaint()
        self._seen()

    def _move(self, by: int) -> None:
        self.touched = True
        self.follow = False
        self._go(self.cursor + by)

    def action_move_down(self) -> None:
        self._move(1)

    def action_move_up(self) -> None:
        self._move(-1)

    def action_alert_next(self) -> None:
        self._move(1)

    def action_alert_previous(self) -> None:
        self._move(-1)

    def action_move_first(self) -> None:
        self._move(-len(self.listing))

    def action_move_last(self) -> None:
        self._move(len(self.listing))

    def action_move_page_down(self) -> None:
        self._move(max(1, self.scrollable_content_region.height - 1))

    def action_move_page_up(self) -> None:
        self._move(-max(1, self.scrollable_content_region.height - 1))

    def action_list_follow(self) -> None:
        self.follow = not self.follow
        if self.follow and len(self.store):
            self._go(self._newest())
        self._seen()

    def action_mark(self) -> None:
        group, row, groups = self._head_group(), self.row, self.store.groups
        if group is not None:
            self.marked.flip_group(group)
        elif self.alert_id:
            self.marked.flip(self.alert_id, groups.group_of(row) if groups and row else None)
        self._move(1)

    def _marks_changed(self) -> None:
        self.repaint()
        self._seen()

    def action_mark_range(self) -> None:
        """First V: the range begins here. Second V: all rows from there to here are marked."""
        if not self.alert_id:
            return
        start = self.listing.place(self._range_from) if self._range_from else None
        low, high = sorted((self.cursor if start is None else start, self.cursor))
        for place in range(low, high + 1):
            group, alert_id = self.listing.at(place)
            self.marked.add(group.ids() if group and not alert_id else [alert_id])
        self._range_from = self.alert_id if start is None else ""
        self._marks_changed()

    @property
    def in_range(self) -> bool:
        """A range has begun and waits for its end."""
        return bool(self._range_from)

    def on_click(self, event: events.Click) -> None:
        place = event.y - self.gutter.top + self.scroll_offset.y
        if 0 <= place < len(self.listing):
            again = place == self.cursor
            self._move(place - self.cursor)
            if again:
                self.post_message(self.Opened())

    def scroll_over(self, rows: int) -> None:
        """Say how many rows there are. Textual lays out the whole screen anew for that: seven
        milliseconds, which only a view needs that is as high as what it holds."""
        size = Size(self.scrollable_content_region.width, rows)
        if size != self.virtual_size:
            self.set_reactive(AlertList.virtual_size, size)
            self._scroll_update(size)

    # Painting -------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.scroll_over(len(self.listing))
        if self.listing.place(self.alert_id, self.head) is not None:
            self._reveal(self.cursor)

    def look(self, y: int) -> Look:
        place = y + self.scroll_offset.y
        if place >= len(self.listing):
            return (self.empty,) if y == 1 and not len(self.store) else ()
        group, alert_id = self.listing.at(place)
        if group is not None and not alert_id:
            groups = self.store.groups
            opened = groups is not None and groups.is_open(group.key)
            marks, on = self.marked.sign(group), group.key == self.head
            about: Look = (group.key, group.changes, opened, self._count_widths)
        else:
            marks = "✓" if alert_id in self.marked else " "
            on = self.head is None and alert_id == self.alert_id
            about = (self.store.get(alert_id), group is not None, self._count_width)
        over = ("cursor" if self.has_focus else "cursor-blurred") if on else ""
        return (*about, marks, over or ("marked" if marks == "✓" else ""), self._pattern)

    def picture(self, y: int, look: Look, width: int) -> Strip:
        place = y + self.scroll_offset.y
        if place >= len(self.listing):
            parts: list[Part] = [(f"  {one}", "dim") for one in look]
            return self.strip(parts, width, Style(), self.rich_style)
        marks, over, pattern = look[-3:]
        group, alert_id = self.listing.at(place)
        row = self.store.get(alert_id)
        if row is not None:
            indent = 2 if group else 0
            marked = marks == "✓"
            parts = alert_parts(row, width - indent, pattern, self._count_width, marked)
            parts = [(" " * indent, ""), *parts] if indent else parts
        elif group is not None and (groups := self.store.groups) is not None:
            opened, title = groups.is_open(group.key), groups.title(group)
            widths = self._count_widths
            parts = group_parts(group, title, width, pattern, opened, marks, widths)
        else:
            parts = []
        return self.strip(parts, width, self.role_style(over), self.rich_style)

    def show_empty(self, text: str) -> None:
        """What to say where there is no row."""
        self.empty = text
        self.repaint()
