"""The list of alerts, painted row by row; its cursor holds on to an alert, not to a row number."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from triage.case.model import AlertRow
from triage.text import clean
from triage.ui import keys
from triage.ui.format import (
    SEVERITY_LETTER,
    fit,
    moment,
    short_host,
    state_role,
    state_word,
    time_pattern,
)
from triage.ui.lines import Part
from triage.ui.lines_view import RoleView
from triage.ui.store import AlertStore, Change, Key

_STATE_WIDTH = 8  # "● closed"
_MAX_UNSEEN = 10_000


class AlertList(RoleView, can_focus=True):
    """The alerts of a store, as lines: severity, time, rule, host, user, count, state."""

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
        self.alert_id = ""  # under the cursor
        self.marked: set[str] = set()
        self.follow = False
        self.touched = False  # until the first key, the cursor stays at the top while logs are read
        self.settled = True  # False while the engine reads what exists for the first time
        self._range_from = ""
        self._unseen: list[Key] = []
        self._pattern = "%H:%M:%S"
        self._cursor_before = 0
        self._line_before = 0  # where on the screen the cursor's row was painted
        self._top_id = ""  # the alert on the topmost row in sight
        self._count_width = 0  # of the column of counts: none while every alert stands for itself
        self.empty = ""  # what to say where there is no row
        store.listen(self._store_changed)

    # The store ------------------------------------------------------------------------------------

    def _store_changed(self, change: Change) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.store))
        self._choose_pattern()
        self._count_width = (
            len(f"×{self.store.most_collapsed + 1} ") if self.store.most_collapsed else 0
        )
        known = self.store.get(self.alert_id) is not None
        place = self.store.place(self.alert_id) if known else None
        if change.reset:
            self._unseen.clear()
        self.marked = {one for one in self.marked if self.store.place(one) is not None}
        newest_first = self.follow or not (self.touched or self.settled)
        if len(self.store) and newest_first and (change.added or change.reset):
            self._go(self._newest() if self.follow else 0)
        elif place is not None:
            self._keep_on_screen(place, change)
        elif len(self.store):
            self._go(min(self._cursor_before, len(self.store) - 1))
        elif self.alert_id:
            self.alert_id = ""
            self.post_message(self.Moved(""))
        self._cursor_before = self.cursor
        self._note_unseen(change)  # last: what is in sight depends on where we scrolled to
        self.refresh()
        self.post_message(self.Seen())

    def _note_unseen(self, change: Change) -> None:
        if len(change.added) == len(self.store):
            return  # the first look at the case: all of it is new, and none of it news
        first, last = self._visible()
        for alert_id in change.added[:_MAX_UNSEEN]:
            place = self.store.place(alert_id)
            if place is not None and not first <= place < last:
                insort(self._unseen, self.store.key(alert_id))
        del self._unseen[_MAX_UNSEEN:]

    def _keep_on_screen(self, place: int, change: Change) -> None:
        """Rows came or went above: scroll by as much, so that nothing moves under the eyes."""
        if change.reset:
            self._reveal(place)
            return
        line = self._line_before
        if not 0 <= line < self.scrollable_content_region.height:
            # The cursor was scrolled out of sight: then the topmost row is what holds still.
            top = self._top_id and self.store.place(self._top_id)
            place, line = (self.scroll_offset.y if top in (None, "") else int(top)), 0
        self.scroll_to(y=max(0, place - line), animate=False, force=True)
        self._remember_top()

    def _remember_top(self) -> None:
        top = self.scroll_offset.y
        self._line_before = self.cursor - top
        self._top_id = self.store[top].id if top < len(self.store) else ""

    def _newest(self) -> int:
        if self.store.sort == "newest":
            return 0
        if self.store.sort == "oldest":
            return len(self.store) - 1
        rows = self.store
        return max(range(len(rows)), key=lambda place: rows[place].time)

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
        if not self._unseen or not len(self.store):
            return 0, 0
        first, last = self._visible()
        last = min(last, len(self.store))
        if first >= last:
            return 0, 0
        low, high = self.store.key_at(first), self.store.key_at(last - 1)
        start, end = bisect_left(self._unseen, low), bisect_right(self._unseen, high)
        del self._unseen[start:end]
        return start, len(self._unseen) - start

    # Cursor and marks -----------------------------------------------------------------------------

    @property
    def cursor(self) -> int:
        """The row the cursor is on; 0 where it is on none."""
        known = self.store.get(self.alert_id) is not None
        return (self.store.place(self.alert_id) or 0) if known else 0

    @property
    def row(self) -> AlertRow | None:
        """The alert under the cursor."""
        return self.store.get(self.alert_id) if len(self.store) else None

    def targets(self) -> list[AlertRow]:
        """What a decision is about: the marked rows, else the one under the cursor."""
        if self.marked:
            return [row for one in self.marked if (row := self.store.get(one)) is not None]
        return [self.row] if self.row else []

    def unmark(self) -> None:
        """Take all marks off."""
        self.marked.clear()
        self._range_from = ""
        self.refresh()
        self.post_message(self.Seen())

    def _go(self, place: int) -> None:
        if not len(self.store):
            return
        place = max(0, min(place, len(self.store) - 1))
        alert_id = self.store[place].id
        moved = alert_id != self.alert_id
        self.alert_id = alert_id
        self._cursor_before = place
        self._reveal(place)
        self.refresh()
        if moved:
            self.post_message(self.Moved(alert_id))
        self.post_message(self.Seen())

    def go_to(self, alert_id: str) -> None:
        """Put the cursor on an alert, where it is shown."""
        place = self.store.place(alert_id)
        if place is not None:
            self._go(place)

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
        self._move(-len(self.store))

    def action_move_last(self) -> None:
        self._move(len(self.store))

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
        if self.alert_id:
            self.marked ^= {self.alert_id}
            self._move(1)

    def action_mark_range(self) -> None:
        """First V: the range begins here. Second V: all rows from there to here are marked."""
        if not self.alert_id:
            return
        start = self.store.place(self._range_from) if self._range_from else None
        if start is None:
            self._range_from = self.alert_id
            self.marked.add(self.alert_id)
        else:
            low, high = sorted((start, self.cursor))
            self.marked.update(row.id for row in self.store[low : high + 1])
            self._range_from = ""
        self.refresh()
        self.post_message(self.Seen())

    @property
    def in_range(self) -> bool:
        """A range has begun and waits for its end."""
        return bool(self._range_from)

    def on_click(self, event: events.Click) -> None:
        place = event.y - self.gutter.top + self.scroll_offset.y
        if 0 <= place < len(self.store):
            again = self.store[place].id == self.alert_id
            self._move(place - self.cursor)
            if again:
                self.post_message(self.Opened())

    # Painting -------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.store))
        if self.alert_id and self.store.place(self.alert_id) is not None:
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
        if place >= len(self.store):
            return Strip.blank(width, base)
        row = self.store[place]
        over = Style()
        if row.id == self.alert_id:
            over = self.role_style("cursor" if self.has_focus else "cursor-blurred")
        elif row.id in self.marked:
            over = self.role_style("marked")
        return self.strip(self.columns(row, width), width, over, base)

    def show_empty(self, text: str) -> None:
        """What to say where there is no row; painted anew where it changes."""
        if text != self.empty:
            self.empty = text
            if not len(self.store):
                self.refresh()

    def columns(self, row: AlertRow, width: int) -> list[Part]:
        """The parts of an alert's line for a list of ``width`` cells."""
        time = moment(row.time).strftime(self._pattern)
        host_width, user_width = (20, 18) if width >= 100 else (12, 10) if width >= 66 else (12, 0)
        count_width = self._count_width
        fixed = 3 + len(time) + 1 + 1 + host_width + 1 + count_width + _STATE_WIDTH
        fixed += user_width + 1 if user_width else 0
        closed = row.status == "closed"
        text_role = "dim" if closed or row.superseded else ""
        name = f"↷ {clean(row.rule_name, 300)}" if row.superseded else clean(row.rule_name, 300)
        room = max(8, width - fixed)
        tags = clean(" ".join(f"#{tag}" for tag in row.tags), max(4, room // 3)) if row.tags else ""
        parts: list[Part] = [
            ("✓" if row.id in self.marked else " ", "accent"),
            (SEVERITY_LETTER.get(row.severity, "?") + " ", row.severity if not closed else "dim"),
            (time + " ", "dim"),
            (fit(name, room - len(tags) - bool(tags)) + " ", text_role),
            (tags and tags + " ", "accent"),
            (fit(clean(short_host(row.host), 60), host_width) + " ", text_role),
        ]
        if user_width:
            user = row.user.rpartition("\\")[2] if user_width < 18 else row.user
            parts.append((fit(clean(user, 60), user_width) + " ", "dim"))
        if count_width:
            count = f"×{row.count} " if row.collapsed else ""
            parts.append((fit(count, count_width), "warn"))
        word = state_word(row.status, row.close_reason)
        parts.append((word, state_role(row.status, row.close_reason)))
        return parts
