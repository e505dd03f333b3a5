"""Groups of alerts: by what they are put together, and how they stand in the list. No widget.

A group stands where its first alert would stand, so the list's order holds between groups and
within them. All is kept up alert by alert: a batch of arrivals never groups the others again.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, TypeVar

from msgspec import Struct

from triage import attack
from triage.case.model import SEVERITIES, AlertRow
from triage.ui.format import short_host
from triage.ui.ordering import by_and_by, insert

Key = tuple[Any, ...]
GroupKey = tuple[str, ...]
Pair = tuple[AlertRow, AlertRow]
Keyed = tuple[Key, AlertRow]  # an alert and its place in the list's order
_T = TypeVar("_T")
# Several in a list, one in a tuple: Python's collector looks at a list as long as it lives, and at
# a tuple of texts and numbers once.
Few = list[_T] | tuple[_T, ...]
_BARS = " ▁▂▃▄▅▆▇█"
_BULK = 100  # beyond so many groups that move, looking through all is quicker


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


def _behind(found: Few[_T], one: _T) -> Few[_T]:
    """``one`` behind the others."""
    if isinstance(found, list):
        found.append(one)
        return found
    return [*found, one] if found else (one,)


def _changed(found: Few[_T], gone: Iterable[_T], come: Iterable[_T]) -> Few[_T]:
    """``found``, which is ascending, without some and with others."""
    made: list[Any] = found if isinstance(found, list) else list(found)
    for one in gone:
        del made[bisect_left(made, one)]
    insert(made, sorted(come))
    return made if len(made) > 1 else tuple(made)


class Group(Struct, gc=False, eq=False):
    """Alerts that belong together, and what its row tells of them. There may be as many as alerts:
    what one takes in memory counts, and Python's collector need not look at it, nor, where it is of
    one alert, at what it holds."""

    key: GroupKey
    one: AlertRow  # of its alerts: for what they share
    keys: Few[Key] = ()  # of its alerts, in the list's order
    times: Few[int] = ()  # ns, ascending
    # Alerts by status, and by severity.
    open: int = 0
    acknowledged: int = 0
    closed: int = 0
    low: int = 0
    medium: int = 0
    high: int = 0
    critical: int = 0
    changes: int = 0  # another number, another picture

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def severity(self) -> str:
        """The highest of its alerts'."""
        return next((one for one in reversed(SEVERITIES) if getattr(self, one)), "")

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
        self.changes += 1
        setattr(self, row.status, getattr(self, row.status) + by)
        if row.severity in SEVERITIES:
            setattr(self, row.severity, getattr(self, row.severity) + by)


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
        self._ranked: list[Group] = []  # ascending by rank
        self._open: set[GroupKey] = set()
        self._heads: list[int] | None = None  # row of each open group; None: to be worked out
        self._places: list[int] = []  # of each open group among all groups
        self._before: list[int] = [0]  # how many alerts lie open before each, and at last in all

    # Alerts come and go ---------------------------------------------------------------------------

    def collect(self, row: AlertRow) -> Group:
        """Count a row in at the first making; :meth:`append` gives it its place, in order, and
        :meth:`arrange` ends."""
        key = self._grouping.key(row)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key, row)
        group.times = _behind(group.times, row.time)
        group.tally(row, 1)
        return group

    def append(self, group: Group, key: Key) -> None:
        """The next in order of all alerts that were collected."""
        if not group.keys:
            self._ranked.append(group)  # by its first alert: these come in order, too
        group.keys = _behind(group.keys, key)

    def arrange(self) -> Iterator[None]:
        """Put in order what is not yet; stops now and then, for whoever has other things to do."""
        for group in self._ranked:
            if isinstance(group.times, list):
                group.times.sort()  # mostly they came so
            yield
        if self._size_first:
            ranked = yield from by_and_by([(self.rank(one), one) for one in self._ranked])
            self._ranked = [group for _, group in ranked]
        self._heads = None

    def drop(self) -> Iterator[None]:
        """Let all go, a part at a time."""
        self._ranked.clear()  # each lies below, too
        while self._groups:
            for _ in range(min(10, len(self._groups))):
                self._groups.popitem()
            yield

    def update(self, gone: Sequence[Keyed], come: Sequence[Keyed], changed: Iterable[Pair]) -> None:
        """Take rows out and in; ``changed`` are (old, new) rows that keep their place."""
        key_of = self._grouping.key
        moving: dict[GroupKey, Group] = {}
        leaving = [(key_of(row), key, row) for key, row in gone]
        coming = [(key_of(row), key, row) for key, row in come]
        for name, _, row in (*leaving, *coming):
            if name not in moving:
                moving[name] = self._groups.get(name) or Group(name, row)
        self._unrank([group for group in moving.values() if group.keys])
        gone_of: dict[GroupKey, tuple[list[Key], list[int]]] = {}
        come_of: dict[GroupKey, tuple[list[Key], list[int]]] = {}
        for moves, found, by in ((leaving, gone_of, -1), (coming, come_of, 1)):
            for name, key, row in moves:
                keys, times = found.setdefault(name, ([], []))
                keys.append(key)
                times.append(row.time)
                moving[name].tally(row, by)
        for name, group in moving.items():
            keys_gone, times_gone = gone_of.get(name, ((), ()))
            keys_come, times_come = come_of.get(name, ((), ()))
            group.keys = _changed(group.keys, keys_gone, keys_come)
            group.times = _changed(group.times, times_gone, times_come)
        for old, new in changed:
            group = self._groups[key_of(old)]
            group.tally(old, -1)
            group.tally(new, 1)
        for name, group in moving.items():
            if group.keys:
                self._groups[name] = group
            else:
                self._groups.pop(name, None)
                self._open.discard(name)
        staying = sorted((group for group in moving.values() if group.keys), key=self.rank)
        insert(self._ranked, staying, self.rank)
        self._heads = None

    def _unrank(self, groups: Sequence[Group]) -> None:
        """Take groups out of the order, before they change."""
        if len(groups) > _BULK:
            out = {group.key for group in groups}
            self._ranked = [group for group in self._ranked if group.key not in out]
        else:
            for group in groups:
                del self._ranked[self._rank_of(group)]

    def _rank_of(self, group: Group) -> int:
        return bisect_left(self._ranked, self.rank(group), key=self.rank)

    def rank(self, group: Group) -> Key:
        """Where the group stands, comparable with those of others."""
        return (-len(group.keys), *group.keys[0]) if self._size_first else group.keys[0]

    def title(self, group: Group) -> tuple[str, str]:
        """What a group's alerts share, and its detail; not cleaned."""
        return self._grouping.title(group.one)

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
            if len(self._open) > _BULK:
                ranked = enumerate(self._ranked)
                found = [(place, len(one)) for place, one in ranked if one.key in self._open]
            else:
                shown = [self._groups[key] for key in self._open]
                found = sorted((self._rank_of(group), len(group)) for group in shown)
            self._places = [place for place, _ in found]
            self._before = [0, *accumulate(size for _, size in found)]
            self._heads = [
                place + before for place, before in zip(self._places, self._before, strict=False)
            ]
        return self._heads

    def __len__(self) -> int:
        self._layout()
        return len(self._ranked) + self._before[-1]

    def at(self, row: int) -> tuple[Group, str]:
        """What the list shows in a row: a group's head ("" for the id), or an alert of a group."""
        nearest = bisect_right(self._layout(), row) - 1
        if nearest < 0:
            return self._ranked[row], ""
        group = self._ranked[self._places[nearest]]
        below = row - self._layout()[nearest]
        if below == 0:
            return group, ""
        if below <= len(group):
            return group, group.keys[below - 1][-1]
        return self._ranked[self._places[nearest] + below - len(group)], ""

    def place(self, group: Group) -> int:
        """The row of a group's head."""
        place = self._rank_of(group)
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
