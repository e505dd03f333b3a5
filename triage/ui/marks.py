"""The marks of the list: the alerts that a decision is about, where it is about several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from triage.ui.grouping import Group, GroupKey
from triage.ui.store import AlertStore, Change


class Marks(Set[str]):
    """The ids of the marked alerts."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids = set(ids)
        self._within: dict[GroupKey, int] = {}  # how many of a group's, as far as it was asked

    def __contains__(self, one: object) -> bool:
        return one in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Iterable[str]) -> None:
        """Mark these too."""
        self._ids.update(ids)
        self._within.clear()

    def clear(self) -> None:
        """Take all marks off."""
        self._ids.clear()
        self._within.clear()

    def flip(self, alert_id: str, group: Group | None) -> None:
        """Mark an alert, or take its mark off; ``group``: the one it is in."""
        self._ids ^= {alert_id}
        if group is not None:
            self._within.pop(group.key, None)

    def flip_group(self, group: Group) -> None:
        """Mark all alerts of a group, or take their marks off where all are marked."""
        ids = group.ids()
        if self._ids.issuperset(ids):
            self._ids.difference_update(ids)
        else:
            self._ids.update(ids)
        self._within.pop(group.key, None)

    def follow(self, store: AlertStore, change: Change) -> None:
        """What is no longer shown is no longer marked: no decision is about what nobody sees."""
        changed = self._ids if change.reset else change.touched & self._ids
        if changed or change.reset:
            self._ids -= {one for one in changed if not store.shows(one)}
            self._within.clear()

    def sign(self, group: Group) -> str:
        """What stands before a group: all of its alerts are marked, some, or none."""
        if not self._ids:
            return " "
        marked = self._within.get(group.key)
        if marked is None:
            marked = self._within[group.key] = sum(key[-1] in self._ids for key in group.keys)
        return "✓" if marked == len(group) else "·" if marked else " "
