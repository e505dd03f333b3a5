"""The alerts a console shows: a sequence with a filter and an order. No widget, no database.

Rows lie in a dict by id; what is shown is a sorted list of (sort key …, id), so that an update of
one row costs a bisection, also among 100,000.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from triage.case.model import SEVERITIES, AlertRow
from triage.ui.filtering import Predicate
from triage.ui.grouping import GROUPINGS, Groups, Key

_RANK = {name: -rank for rank, name in enumerate(SEVERITIES)}
SORTS: dict[str, Callable[[AlertRow], Key]] = {
    "newest": lambda row: (-row.time, row.id),
    "oldest": lambda row: (row.time, row.id),
    "severity": lambda row: (_RANK.get(row.severity, 1), -row.time, row.id),
    "risk": lambda row: (-row.risk_score, -row.time, row.id),
    "rule": lambda row: (row.rule_name.lower(), -row.time, row.id),
    "host": lambda row: (row.host.lower(), -row.time, row.id),
    "count": lambda row: (-row.count, -row.time, row.id),
    "undecided": lambda row: (row.status != "open", row.status == "closed", -row.time, row.id),
}
# Beyond this many changed rows, going through all of them once is quicker than a bisection each.
_BULK = 100


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
        self._keys: list[Key] = []
        self._shown: set[str] = set()
        self._predicate: Predicate = lambda _row: True
        self._sort = "newest"
        self.grouping = ""  # a name of GROUPINGS
        self.groups: Groups | None = None  # of the alerts shown
        self._listeners: list[Callable[[Change], None]] = []
        self._counts: dict[str, int] = {}
        self.most_collapsed = 0  # the largest ``collapsed`` of any row so far

    # The sequence ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> AlertRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[AlertRow]: ...
    def __getitem__(self, index: int | slice) -> AlertRow | list[AlertRow]:
        if isinstance(index, slice):
            return [self._rows[key[-1]] for key in self._keys[index]]
        return self._rows[self._keys[index][-1]]

    def __iter__(self) -> Iterator[AlertRow]:
        return (self._rows[key[-1]] for key in self._keys)

    def get(self, alert_id: str) -> AlertRow | None:
        """The row of that id, shown or not."""
        return self._rows.get(alert_id)

    def shows(self, alert_id: str) -> bool:
        """Whether an alert passes the filter."""
        return alert_id in self._shown

    def place(self, alert_id: str) -> int | None:
        """The index of an alert among those shown; None where it is not shown."""
        if alert_id not in self._shown:
            return None
        return bisect_left(self._keys, self.key(alert_id))

    def key(self, alert_id: str) -> Key:
        """The sort key of an alert, unique and comparable with those of :meth:`key_at`."""
        return SORTS[self._sort](self._rows[alert_id])

    def key_at(self, index: int) -> Key:
        """The sort key of the row at ``index``."""
        return self._keys[index]

    @property
    def total(self) -> int:
        """How many alerts there are, shown or not."""
        return len(self._rows)

    @property
    def sort(self) -> str:
        return self._sort

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
        order, groups = SORTS[self._sort], self.groups
        added: list[str] = []
        gone: list[AlertRow] = []
        come: list[AlertRow] = []
        stayed: list[tuple[AlertRow, AlertRow]] = []  # shown where they were: (before, now)
        for alert_id, row in fresh.items():
            old = self._rows.get(alert_id)
            self._rows[alert_id] = row
            self.most_collapsed = max(self.most_collapsed, row.collapsed)
            self._count(row, 1)
            passes = self._predicate(row)
            if old is not None:
                self._count(old, -1)
                if alert_id in self._shown:
                    same = order(old) == order(row)
                    if passes and same and (groups is None or groups.key(old) == groups.key(row)):
                        stayed.append((old, row))
                        continue
                    gone.append(old)
            elif passes:
                added.append(alert_id)
            if passes:
                come.append(row)
        self._place(gone, come)
        if groups is not None:
            groups.update(gone, come, stayed)
        self._tell(Change(False, tuple(added), frozenset(fresh)))

    def _place(self, gone: list[AlertRow], come: list[AlertRow]) -> None:
        """Take keys out of the order and others in."""
        order = SORTS[self._sort]
        if len(gone) > _BULK:
            out = {row.id for row in gone}
            self._keys = [key for key in self._keys if key[-1] not in out]
        else:
            for row in gone:
                del self._keys[bisect_left(self._keys, order(row))]
        self._shown.difference_update(row.id for row in gone)
        if len(come) > _BULK:
            self._keys.extend(sorted(map(order, come)))
            self._keys.sort()  # two runs: they are merged, not sorted
        else:
            for row in come:
                insort(self._keys, order(row))
        self._shown.update(row.id for row in come)

    def set_filter(self, predicate: Predicate) -> None:
        """Show the alerts that pass ``predicate``."""
        self._predicate = predicate
        self._arrange()
        self._tell(Change(True))

    def set_sort(self, name: str) -> None:
        """Order by a name of SORTS."""
        self._sort = name
        self.set_grouping(self.grouping)

    def set_grouping(self, name: str) -> None:
        """Group by a name of GROUPINGS; not at all by ""."""
        opened = self.groups.opened if self.groups and name == self.grouping else ()
        self.grouping = name
        self.groups = None
        if name:
            order = SORTS[self._sort]
            self.groups = Groups(GROUPINGS[name], order, self._sort == "count", opened)
        self._arrange()
        self._tell(Change(True))

    def next_sort(self) -> str:
        """The order that follows the present one."""
        names = list(SORTS)
        return names[(names.index(self._sort) + 1) % len(names)]

    def next_grouping(self) -> str:
        """The grouping that follows the present one; "" follows the last."""
        names = ["", *GROUPINGS]
        return names[(names.index(self.grouping) + 1) % len(names)]

    def _arrange(self) -> None:
        order, passes = SORTS[self._sort], self._predicate
        shown = [row for row in self._rows.values() if passes(row)]
        self._keys = sorted(map(order, shown))
        self._shown = {row.id for row in shown}
        if self.groups is not None:
            self.groups.build(shown)

    def _count(self, row: AlertRow, by: int) -> None:
        name: str = row.status
        if row.close_reason == "false_positive" and row.status == "closed":
            name = "false_positive"
        self._counts[name] = self._counts.get(name, 0) + by

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)
