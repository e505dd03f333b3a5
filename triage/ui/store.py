"""The alerts a console shows: a sequence with a filter and an order. No widget, no database.

Rows lie in a dict by id; what is shown is an :class:`Arrangement` of them, so that an update of
one row costs a bisection, also among 100,000. Another filter, order or grouping of many rows is
arranged in slices, and what was shown stays until that is done.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from triage.case.model import AlertRow
from triage.ui.arrangement import SORTS, Arrangement
from triage.ui.filter_fields import Predicate
from triage.ui.grouping import GROUPINGS, Groups, Key

_AT_ONCE = 2_000  # rows that are arranged in one go: nobody notices


@dataclass(frozen=True, slots=True)
class Counts:
    """Alerts by state, over all rows, whatever the filter."""

    open: int = 0
    acknowledged: int = 0
    false_positive: int = 0
    closed: int = 0  # for any other reason

    @property
    def total(self) -> int:
        return self.open + self.acknowledged + self.false_positive + self.closed


@dataclass(frozen=True, slots=True)
class Change:
    """What an update did to the sequence."""

    reset: bool  # filter or order changed, or too much to tell
    added: tuple[str, ...] = ()  # ids that are shown now and were unknown before
    touched: frozenset[str] = frozenset()  # ids of rows that changed


class AlertStore(Sequence[AlertRow]):
    """The alerts that pass the filter, in order; listeners hear of every change."""

    def __init__(self) -> None:
        self._rows: dict[str, AlertRow] = {}
        self._now = Arrangement(lambda _row: True, "newest", "")
        self._next: Arrangement | None = None  # being made
        self._since: dict[str, AlertRow | None] = {}  # rows that changed meanwhile, as they were
        self._listeners: list[Callable[[Change], None]] = []
        self._counts: dict[str, int] = {}
        self.most_collapsed = 0  # the largest ``collapsed`` of any row so far
        # Takes slices of work and does them by and by; where there is none, all is done at once.
        self.later: Callable[[Iterator[None]], None] | None = None

    # The sequence ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._now.keys)

    @overload
    def __getitem__(self, index: int) -> AlertRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[AlertRow]: ...
    def __getitem__(self, index: int | slice) -> AlertRow | list[AlertRow]:
        if isinstance(index, slice):
            return [self._rows[key[-1]] for key in self._now.keys[index]]
        return self._rows[self._now.keys[index][-1]]

    def __iter__(self) -> Iterator[AlertRow]:
        return (self._rows[key[-1]] for key in self._now.keys)

    def get(self, alert_id: str) -> AlertRow | None:
        """The row of that id, shown or not."""
        return self._rows.get(alert_id)

    def shows(self, alert_id: str) -> bool:
        """Whether an alert passes the filter."""
        return alert_id in self._now.shown

    def every(self) -> Iterable[AlertRow]:
        """All alerts, shown or not, in no order."""
        return self._rows.values()

    def place(self, alert_id: str) -> int | None:
        """The index of an alert among those shown; None where it is not shown."""
        if alert_id not in self._now.shown:
            return None
        return bisect_left(self._now.keys, self.key(alert_id))

    def key(self, alert_id: str) -> Key:
        """The sort key of an alert, unique and comparable with those of :meth:`key_at`."""
        return self._now.order(self._rows[alert_id])

    def key_at(self, index: int) -> Key:
        """The sort key of the row at ``index``."""
        return self._now.keys[index]

    @property
    def newest(self) -> AlertRow | None:
        """The newest alert shown; None where none is."""
        now = self._now
        if now.newest not in now.shown:
            now.newest = max(self, key=lambda row: row.time).id if now.keys else ""
        return self._rows.get(now.newest)

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last time (ns) of the alerts that are shown, or were meanwhile."""
        return self._now.first, self._now.last

    @property
    def total(self) -> int:
        """How many alerts there are, shown or not."""
        return len(self._rows)

    @property
    def _wanted(self) -> Arrangement:
        return self._next or self._now

    @property
    def sort(self) -> str:
        """The order asked for, a name of SORTS."""
        return self._wanted.sort

    @property
    def grouping(self) -> str:
        """The grouping asked for, a name of GROUPINGS, or ""."""
        return self._wanted.grouping

    @property
    def groups(self) -> Groups | None:
        """The groups of the alerts shown."""
        return self._now.groups

    @property
    def arranging(self) -> bool:
        """What is shown is not yet what was asked for."""
        return self._next is not None

    @property
    def counts(self) -> Counts:
        """Alerts by state."""
        found = self._counts
        return Counts(**{name: found.get(name, 0) for name in Counts.__dataclass_fields__})

    # Changes --------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call ``listener`` after every change."""
        self._listeners.append(listener)

    def update(self, rows: Iterable[AlertRow]) -> None:
        """Take in new and changed rows."""
        fresh = {row.id: row for row in rows}
        if not fresh:
            return
        changes = [(self._rows.get(alert_id), row) for alert_id, row in fresh.items()]
        for old, row in changes:
            if old is not None:
                self._count(old, -1)
            if self._next is not None:
                self._since.setdefault(row.id, old)
            self.most_collapsed = max(self.most_collapsed, row.collapsed)
            self._count(row, 1)
        self._rows.update(fresh)
        added = self._now.apply(changes)
        self._tell(Change(False, tuple(added), frozenset(fresh)))

    def recheck(self, alert_ids: Iterable[str]) -> None:
        """Look again at alerts of which the filter may think otherwise by now."""
        rows = [row for one in alert_ids if (row := self._rows.get(one)) is not None]
        self._now.apply([(row, row) for row in rows])
        for row in rows if self._next is not None else ():
            self._since.setdefault(row.id, row)
        if rows:
            self._tell(Change(False, (), frozenset(row.id for row in rows)))

    def set_filter(self, predicate: Predicate) -> None:
        """Show the alerts that pass ``predicate``."""
        self.arrange(predicate, self.sort, self.grouping)

    def set_sort(self, name: str) -> None:
        """Order by a name of SORTS."""
        self.arrange(self._wanted.predicate, name, self.grouping)

    def set_grouping(self, name: str) -> None:
        """Group by a name of GROUPINGS; not at all by ""."""
        self.arrange(self._wanted.predicate, self.sort, name)

    def next_sort(self) -> str:
        """The order that follows the present one."""
        names = list(SORTS)
        return names[(names.index(self.sort) + 1) % len(names)]

    def next_grouping(self) -> str:
        """The grouping that follows the present one; "" follows the last."""
        names = ["", *GROUPINGS]
        return names[(names.index(self.grouping) + 1) % len(names)]

    def arrange(self, predicate: Predicate, sort: str, grouping: str) -> None:
        """Show what passes ``predicate``, by a name of SORTS and one of GROUPINGS, or ""."""
        self._since = {}
        self._next = Arrangement(predicate, sort, grouping)
        work = self._arranging(self._next, list(self._rows.values()))
        if self.later is not None and len(self._rows) > _AT_ONCE:
            self.later(work)
            return
        for _slice in work:
            pass

    def _arranging(self, made: Arrangement, rows: Sequence[AlertRow]) -> Iterator[None]:
        for _slice in made.build(rows):
            yield
            if self._next is not made:
                break
        if self._next is not made:  # something else is wanted by now
            yield from made.drop()
            return
        made.apply([(old, self._rows[alert_id]) for alert_id, old in self._since.items()])
        before = self._now
        if made.groups and before.groups and made.grouping == before.grouping:
            made.groups.open(before.groups.opened)
        self._now, self._next, self._since = made, None, {}
        self._tell(Change(True))
        yield from before.drop()

    def _count(self, row: AlertRow, by: int) -> None:
        name: str = row.status
        if row.close_reason == "false_positive" and row.status == "closed":
            name = "false_positive"
        self._counts[name] = self._counts.get(name, 0) + by

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)
