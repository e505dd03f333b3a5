"""What the rows of the list are: alerts, or groups and below the open ones their alerts; and which
of those that came were not in sight yet. No widget.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from triage.ui.grouping import Group, GroupKey, Groups, Key
from triage.ui.ordering import insert
from triage.ui.store import AlertStore

_MAX_UNSEEN = 10_000
_MAX_UNSEEN_GROUPS = 500  # all of them are looked at after each key


class Alerts:
    """One alert a row."""

    def __init__(self, store: AlertStore) -> None:
        self._store = store
        self._unseen: list[Key] = []

    def __len__(self) -> int:
        return len(self._store)

    def at(self, row: int) -> tuple[Group | None, str]:
        """The group of a row and the id of its alert; "" in the head of a group."""
        return None, self._store[row].id

    def place(self, alert_id: str, head: GroupKey | None = None) -> int | None:
        """The row of an alert, or of the group ``head``; None where it is not shown."""
        return self._store.place(alert_id) if self._store.get(alert_id) else None

    def arrived(self, alert_ids: Iterable[str], first: int, last: int) -> None:
        """Take in what came and is not in the rows from ``first`` to before ``last``."""
        store, last = self._store, min(last, len(self))
        if first >= last:
            return
        low, high = store.key_at(first), store.key_at(last - 1)
        keys = [store.key(one) for one in alert_ids if store.shows(one)]
        insert(self._unseen, sorted(key for key in keys if not low <= key <= high))
        del self._unseen[_MAX_UNSEEN:]

    def unseen(self, first: int, last: int) -> tuple[int, int]:
        """How many came and were never in sight: (above, below)."""
        last = min(last, len(self))
        if not self._unseen or first >= last:
            return 0, 0
        low, high = self._store.key_at(first), self._store.key_at(last - 1)
        start, end = bisect_left(self._unseen, low), bisect_right(self._unseen, high)
        del self._unseen[start:end]
        return start, len(self._unseen) - start


class Grouped:
    """One group a row, and the alerts of those that are open; see :class:`Alerts`."""

    def __init__(self, store: AlertStore, groups: Groups) -> None:
        self._store = store
        self._groups = groups
        self._unseen: dict[GroupKey, int] = {}  # how many came, by group

    def __len__(self) -> int:
        return len(self._groups)

    def at(self, row: int) -> tuple[Group | None, str]:
        return self._groups.at(row)

    def place(self, alert_id: str, head: GroupKey | None = None) -> int | None:
        group = self._groups.get(head) if head is not None else None
        if group is not None:
            return self._groups.place(group)
        row = self._store.get(alert_id)
        return self._groups.place_of(row) if row and self._store.shows(alert_id) else None

    def arrived(self, alert_ids: Iterable[str], first: int, last: int) -> None:
        for alert_id in alert_ids:
            row = self._store.get(alert_id)
            group = self._groups.group_of(row) if row else None
            if group is not None:
                self._unseen[group.key] = self._unseen.get(group.key, 0) + 1
        while len(self._unseen) > _MAX_UNSEEN_GROUPS:
            del self._unseen[next(iter(self._unseen))]
        self.unseen(first, last)

    def unseen(self, first: int, last: int) -> tuple[int, int]:
        last = min(last, len(self))
        if not self._unseen or first >= last:
            return 0, 0
        top, bottom = self._groups.at(first)[0], self._groups.at(last - 1)[0]
        low, high = self._groups.rank(top), self._groups.rank(bottom)
        above = below = 0
        for key, count in list(self._unseen.items()):
            group = self._groups.get(key)
            rank = self._groups.rank(group) if group else low
            if rank < low:
                above += count
            elif rank > high:
                below += count
            else:
                del self._unseen[key]
        return above, below


def listing(store: AlertStore) -> Alerts | Grouped:
    """The rows of a store as it is grouped now."""
    return Grouped(store, store.groups) if store.groups is not None else Alerts(store)
