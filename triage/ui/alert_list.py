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
from triage.ui.alert_row import alert_parts, group_parts
from triage.ui.format import time_pattern
from triage.ui.grouping import Group, GroupKey
from triage.ui.lines import Part
from triage.ui.lines_view import RoleView
from triage.ui.listing import listing
from triage.ui.store import AlertStore, Change


class AlertList(RoleView, can_focus=True):
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

    def __init__(self, store: AlertStore, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.store = store
        self.listing = listing(store)
        self.alert_id = ""  # under the cursor; in the head of a group its first one
        self.head: GroupKey | None = None  # of the group whose head the cursor is on
        self.marked: set[str] = set()
        self.follow = False
        self.touched = False  # until the first key, the cursor stays at the top while logs are read
        self.settled = True  # False while the engine reads what exists for the first time
        self._range_from = ""
        self._pattern = "%H:%M:%S"
        self._cursor_before = 0
        self._line_before = 0  # where on the screen the cursor's row was painted
        self._top: tuple[GroupKey | None, str] = (None, "")  # the topmost row in sight
        self._count_width = 0  # of the column of counts: none while every alert stands for itself
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
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.listing))
        self._choose_pattern()
        self._count_width = (
            len(f"×{self.store.most_collapsed + 1} ") if self.store.most_collapsed else 0
        )
        place = self.listing.place(self.alert_id, self.head)
        if self.marked:
            self.marked = {one for one in self.marked if self.store.shows(one)}
        newest_first = self.follow or not (self.touched or self.settled)
        if len(self.store) and newest_first and (change.added or change.reset):
            self._go(self._newest(change) if self.follow else 0)
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
        self._note_unseen(change)  # last: what is in sight depends on where we scrolled to
        self.refresh()
        self.post_message(self.Seen())

    def _note_unseen(self, change: Change) -> None:
        if len(change.added) == len(self.store):
            return  # the first look at the case: all of it is new, and none of it news
        self.listing.arrived(change.added, *self._visible())

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

    def _remember_top(self) -> None:
        top = self.scroll_offset.y
        self._line_before = self.cursor - top
        self._top = self._at(top) if top < len(self.listing) else (None, "")

    def _newest(self, change: Change | None = None) -> int:
        """The row of the newest alert; after a ``change`` only what it added is looked at, and what
        the cursor is on, which was the newest before."""
        store = self.store
        if store.sort == "newest":
            return 0
        if store.sort == "oldest":
            newest = store[-1]
        elif change is None or change.reset or self.row is None or not store.shows(self.alert_id):
            newest = max(store, key=lambda row: row.time)
        else:
            added = [row for one in change.added if (row := store.get(one)) is not None]
            newest = max([self.row, *added], key=lambda row: row.time)
        return self.listing.place(newest.id) or 0

    def _choose_pattern(self) -> None:
        if not self.store.total:
            return
        if self.store.sort in ("newest", "oldest") and len(self.store):
            instants = [self.store[0].time, self.store[-1].time]
        else:
            instants = [row.time for row in self.store[:2000]]
        self._pattern = time_pattern(instants)

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
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.listing))
        self._go(self.cursor)
        self.refresh()

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
        self.refresh()
        self.post_message(self.Seen())

    def _go(self, place: int) -> None:
        if not len(self.listing):
            return
        place = max(0, min(place, len(self.listing) - 1))
        head, alert_id = self._at(place)
        moved = alert_id != self.alert_id
        self.refresh_line(self.cursor)  # the rows it leaves and comes to: no need to paint all
        self.head, self.alert_id = head, alert_id
        self._cursor_before = place
        self._reveal(place)
        self.refresh_line(place)
        if moved:
            self.post_message(self.Moved(alert_id))
        self.post_message(self.Seen())

    def restore(self, open_groups: Iterable[GroupKey], marked: Iterable[str]) -> None:
        """Open these groups and mark these alerts, as far as they are shown."""
        if self.store.groups is not None:
            self.store.groups.open(open_groups)
        self.marked = {one for one in marked if self.store.shows(one)}
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
        super().watch_scroll_y(old_value, new_value)
        self._remember_top()
        self.post_message(self.Seen())

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
        self.post_message(self.Seen())

    def action_mark(self) -> None:
        group = self._head_group()
        if group is not None:
            ids = set(group.ids())
            self.marked = self.marked - ids if ids <= self.marked else self.marked | ids
        elif self.alert_id:
            self.marked ^= {self.alert_id}
        if self.store.groups is not None:
            self.refresh()  # the group's row tells, and so do those of its alerts
        self._move(1)

    def action_mark_range(self) -> None:
        """First V: the range begins here. Second V: all rows from there to here are marked."""
        if not self.alert_id:
            return
        start = self.listing.place(self._range_from) if self._range_from else None
        low, high = sorted((self.cursor if start is None else start, self.cursor))
        for place in range(low, high + 1):
            group, alert_id = self.listing.at(place)
            self.marked.update(group.ids() if group and not alert_id else [alert_id])
        self._range_from = self.alert_id if start is None else ""
        self.refresh()
        self.post_message(self.Seen())

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

    # Painting -------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.listing))
        if self.listing.place(self.alert_id, self.head) is not None:
            self._reveal(self.cursor)

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        base = self.rich_style
        place = y + self.scroll_offset.y
        if not len(self.store):
            parts: list[Part] = [(f"  {self.empty}", "dim")] if y == 1 else []
            return self.strip(parts, width, Style(), base)
        if place >= len(self.listing):
            return Strip.blank(width, base)
        group, alert_id = self.listing.at(place)
        head = group is not None and not alert_id
        marked = self._marks(group) == "✓" if group and head else alert_id in self.marked
        over = Style()
        under = group.key == self.head if group and head else alert_id == self.alert_id
        if under and head == (self.head is not None):
            over = self.role_style("cursor" if self.has_focus else "cursor-blurred")
        elif marked:
            over = self.role_style("marked")
        return self.strip(self._parts(group, alert_id, marked, width), width, over, base)

    def _parts(self, group: Group | None, alert_id: str, marked: bool, width: int) -> list[Part]:
        if group is not None and not alert_id:
            groups = self.store.groups
            opened = groups is not None and groups.is_open(group.key)
            marks, counts = self._marks(group), self.store.counts
            return group_parts(group, width, self._pattern, opened, marks, counts)
        row = self.store.get(alert_id)
        if row is None:
            return []
        indent = 2 if group else 0
        parts = alert_parts(row, width - indent, self._pattern, self._count_width, marked)
        return [(" " * indent, ""), *parts] if indent else parts

    def _marks(self, group: Group) -> str:
        """The sign before a group: all of its alerts are marked, some, or none."""
        if not self.marked:
            return " "
        marked = sum(key[-1] in self.marked for key in group.keys)
        return "✓" if marked == len(group) else "·" if marked else " "

    def show_empty(self, text: str) -> None:
        """What to say where there is no row; painted anew where it changes."""
        if text != self.empty:
            self.empty = text
            if not len(self.store):
                self.refresh()
