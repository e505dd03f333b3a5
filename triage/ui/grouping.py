"""Groups of alerts: by what they are put together, and how they stand in the list. No widget.

A group stands where its first alert would stand, so the list's order holds between groups and
within them. All is kept up alert by alert: a batch of arrivals never groups the others again.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any

from triage import attack
from triage.case.model import SEVERITIES, AlertRow
from triage.ui.format import short_host

Key = tuple[Any, ...]
GroupKey = tuple[str, ...]
Pair = tuple[AlertRow, AlertRow]
_BARS = " ▁▂▃▄▅▆▇█"
_SLICE = 5_000  # alerts sorted in one go


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to put alerts together."""

    key: Callable[[AlertRow], GroupKey]  # the same for alerts that belong together; cheap
    title: Callable[[AlertRow], tuple[str, str]]  # what they share and its detail; not cleaned


@lru_cache(maxsize=65_536)
def network(address: str) -> str:
    """The /24 or /64 an address lies in; the text itself where it is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))


@lru_cache(maxsize=4096)
def technique(threat: str) -> str:
    """The id of the first technique of a rule, the most exact one; "" where it names none."""
    found = [one for one in threat.split() if one.startswith("T") and not one.startswith("TA")]
    first = found[0] if found else ""
    return next((one for one in found if one.startswith(f"{first}.")), first)


def _cause_title(row: AlertRow) -> tuple[str, str]:
    steps = (row.parent, row.process, network(row.destination))
    return row.rule_name, " → ".join(one for one in steps if one)


def _technique_title(row: AlertRow) -> tuple[str, str]:
    found = technique(row.threat)
    known = attack.technique(found) if found else None
    return (f"{found} {known.name}" if known else found) or "no technique", ""


# An alert is in one group, so that counts add up and a decision acts once.
GROUPINGS: dict[str, Grouping] = {
    "cause": Grouping(
        lambda row: (
            row.rule_id, row.parent.lower(), row.process.lower(), network(row.destination)
        ),
        _cause_title,
    ),
    "rule and host": Grouping(
        lambda row: (row.rule_id, row.host.lower()),
        lambda row: (row.rule_name, short_host(row.host)),
    ),
    "tree": Grouping(
        lambda row: (row.host.lower(), row.root_id or row.id),
        lambda row: (row.root or row.process or "no process", short_host(row.host)),
    ),
    "user": Grouping(lambda row: (row.user.lower(),), lambda row: (row.user or "no user", "")),
    "technique": Grouping(lambda row: (technique(row.threat),), _technique_title),
}  # fmt: skip


@dataclass(slots=True)
class Group:
    """Alerts that belong together, and what its row tells of them."""

    key: GroupKey
    title: tuple[str, str]
    keys: list[Key] = field(default_factory=list)  # of its alerts, in the list's order
    times: list[int] = field(default_factory=list)  # ns, ascending
    states: dict[str, int] = field(default_factory=dict)  # alerts by status
    severities: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def severity(self) -> str:
        """The highest of its alerts'."""
        return next((one for one in reversed(SEVERITIES) if self.severities.get(one)), "")

    def ids(self) -> list[str]:
        """The ids of its alerts, in the list's order."""
        return [key[-1] for key in self.keys]

    def sparkline(self, width: int) -> str:
        """Arrivals from the first to the last of them, in ``width`` characters."""
        times, first = self.times, self.times[0]
        length = times[-1] - first + 1
        marks = [bisect_left(times, first + -(-length * at // width)) for at in range(width)]
        counts = [after - at for at, after in zip(marks, [*marks[1:], len(times)], strict=True)]
        most = max(counts)
        return "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in counts)

    def tally(self, row: AlertRow, by: int) -> None:
        """Count a row in, or out."""
        self.states[row.status] = self.states.get(row.status, 0) + by
        self.severities[row.severity] = self.severities.get(row.severity, 0) + by


class Groups:
    """The groups of the alerts shown, in order; those that are open are followed by their alerts.

    ``size_first`` puts the largest group first.
    """

    def __init__(
        self,
        grouping: Grouping,
        order: Callable[[AlertRow], Key],
        size_first: bool,
    ) -> None:
        self._grouping = grouping
        self._order = order
        self._size_first = size_first
        self._groups: dict[GroupKey, Group] = {}
        self._ranks: list[Key] = []  # (…, group key), ascending
        self._open: set[GroupKey] = set()
        self._heads: list[int] | None = None  # row of each open group; None: to be worked out
        self._places: list[int] = []  # of each open group among all groups
        self._before: list[int] = [0]  # how many alerts lie open before each, and at last in all

    # Alerts come and go ---------------------------------------------------------------------------

    def collect(self, rows: Iterable[AlertRow]) -> None:
        """Take rows in without an order; :meth:`arrange` gives it once all are in."""
        key_of, order = self._grouping.key, self._order
        for row in rows:
            key = key_of(row)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(key, self._grouping.title(row))
            group.keys.append(order(row))
            group.times.append(row.time)
            group.tally(row, 1)

    def arrange(self) -> Iterator[None]:
        """Put all in order; stops now and then, for whoever has other things to do."""
        sorted_since = 0
        for group in self._groups.values():
            group.keys.sort()
            group.times.sort()
            sorted_since += len(group)
            if sorted_since > _SLICE:
                sorted_since = 0
                yield
        self._ranks = sorted(map(self.rank, self._groups.values()))
        self._heads = None

    def update(
        self, gone: Iterable[AlertRow], come: Iterable[AlertRow], changed: Iterable[Pair]
    ) -> None:
        """Take rows out and in; ``changed`` are (old, new) rows that keep their place."""
        before: dict[GroupKey, Key | None] = {}
        for row in gone:
            group = self._groups[self._grouping.key(row)]
            if group.key not in before:
                before[group.key] = self.rank(group)
            del group.keys[bisect_left(group.keys, self._order(row))]
            del group.times[bisect_left(group.times, row.time)]
            group.tally(row, -1)
        for row in come:
            key = self._grouping.key(row)
            found = self._groups.get(key)
            if key not in before:
                before[key] = self.rank(found) if found else None
            if found is None:
                found = self._groups[key] = Group(key, self._grouping.title(row))
            insort(found.keys, self._order(row))
            insort(found.times, row.time)
            found.tally(row, 1)
        for old, new in changed:
            group = self._groups[self._grouping.key(old)]
            group.tally(old, -1)
            group.tally(new, 1)
        for key, rank in before.items():
            self._move(self._groups[key], rank)
        self._heads = None

    def _move(self, group: Group, before: Key | None) -> None:
        after = self.rank(group) if group.keys else None
        if before == after:
            return
        if before is not None:
            del self._ranks[bisect_left(self._ranks, before)]
        if after is not None:
            insort(self._ranks, after)
        else:
            del self._groups[group.key]
            self._open.discard(group.key)

    def rank(self, group: Group) -> Key:
        """Where the group stands, comparable with those of others."""
        first = group.keys[0]
        return (-len(group.keys), *first, group.key) if self._size_first else (*first, group.key)

    def group_of(self, row: AlertRow) -> Group | None:
        """The group an alert belongs to, where there is one."""
        return self._groups.get(self._grouping.key(row))

    def get(self, key: GroupKey) -> Group | None:
        return self._groups.get(key)

    @property
    def key(self) -> Callable[[AlertRow], GroupKey]:
        """The key of the group an alert belongs to."""
        return self._grouping.key

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    # Open and closed ------------------------------------------------------------------------------

    @property
    def opened(self) -> frozenset[GroupKey]:
        """The groups whose alerts are shown."""
        return frozenset(self._open)

    def is_open(self, key: GroupKey) -> bool:
        return key in self._open

    def open(self, keys: Iterable[GroupKey]) -> None:
        """Show the alerts of these groups, as far as there are such groups."""
        self._open = set(keys) & self._groups.keys()
        self._heads = None

    def toggle(self, key: GroupKey) -> None:
        """Show a group's alerts below it, or no longer."""
        if key in self._groups:
            self._open ^= {key}
            self._heads = None

    def toggle_all(self) -> None:
        """Close all groups where any is open, else open all of them."""
        self._open = set() if self._open else set(self._groups)
        self._heads = None

    # Rows of the list -----------------------------------------------------------------------------

    def _layout(self) -> list[int]:
        if self._heads is None:
            found = sorted(
                (bisect_left(self._ranks, self.rank(self._groups[key])), len(self._groups[key]))
                for key in self._open
            )
            self._places = [place for place, _ in found]
            self._before = [0, *accumulate(size for _, size in found)]
            self._heads = [
                place + before for place, before in zip(self._places, self._before, strict=False)
            ]
        return self._heads

    def __len__(self) -> int:
        self._layout()
        return len(self._ranks) + self._before[-1]

    def at(self, row: int) -> tuple[Group, str]:
        """What the list shows in a row: a group's head ("" for the id), or an alert of a group."""
        nearest = bisect_right(self._layout(), row) - 1
        if nearest < 0:
            return self._at(row), ""
        group = self._at(self._places[nearest])
        below = row - self._layout()[nearest]
        if below == 0:
            return group, ""
        if below <= len(group):
            return group, group.keys[below - 1][-1]
        return self._at(self._places[nearest] + below - len(group)), ""

    def _at(self, place: int) -> Group:
        return self._groups[self._ranks[place][-1]]

    def place(self, group: Group) -> int:
        """The row of a group's head."""
        place = bisect_left(self._ranks, self.rank(group))
        self._layout()
        return place + self._before[bisect_left(self._places, place)]

    def place_of(self, row: AlertRow) -> int | None:
        """The row of an alert; of its group's head where that is closed."""
        group = self.group_of(row)
        if group is None:
            return None
        if group.key not in self._open:
            return self.place(group)
        return self.place(group) + 1 + bisect_left(group.keys, self._order(row))
