"""Which alerts pass a filter, in what order and in which groups: made anew in slices, kept up alert
by alert. No widget.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from triage.case.model import SEVERITIES, AlertRow
from triage.ui.filter_fields import Predicate
from triage.ui.grouping import GROUPINGS, Group, Groups, Key, Keyed
from triage.ui.ordering import by_and_by, insert

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
_STEP = 100  # rows looked at between two pauses
# Beyond this many rows that go, looking through all is quicker than taking out one by one.
_BULK = 100
_LATEST = (1 << 63) - 1  # ns: no instant is later


@dataclass
class Arrangement:
    """The alerts that pass ``predicate``, ordered by ``sort`` and put together by ``grouping``."""

    predicate: Predicate
    sort: str  # a name of SORTS
    grouping: str  # a name of GROUPINGS; "" for none
    keys: list[Key] = field(default_factory=list)  # (sort key …, alert id), ascending
    shown: set[str] = field(default_factory=set)
    groups: Groups | None = field(init=False, default=None)
    first: int = field(init=False, default=_LATEST)  # ns: of the times of all that were ever shown
    last: int = field(init=False, default=-_LATEST)
    newest: str = field(init=False, default="")  # id of the one of that time

    def __post_init__(self) -> None:
        self.order = SORTS[self.sort]
        if self.grouping:
            by = GROUPINGS[self.grouping]
            self.groups = Groups(by, self.order, self.sort == "count")

    def build(self, rows: Sequence[AlertRow]) -> Iterator[None]:
        """Arrange ``rows``; pauses about each half millisecond, for whoever has other things to do.

        The rows of a group come to it in order, so that no group need be sorted.
        """
        passes, order, groups = self.predicate, self.order, self.groups
        group_of: dict[str, Group] = {}  # by alert
        for start in range(0, len(rows), _STEP):
            for row in rows[start : start + _STEP]:
                if passes(row):
                    self.keys.append(order(row))
                    if groups is not None:
                        group_of[row.id] = groups.collect(row)
                    self._show(row)
            yield
        self.keys = yield from by_and_by(self.keys)
        if groups is None:
            return
        for start in range(0, len(self.keys), _STEP):
            for key in self.keys[start : start + _STEP]:
                groups.append(group_of.pop(key[-1]), key)
            yield
        yield from groups.arrange()

    def drop(self) -> Iterator[None]:
        """Let all go, a part at a time: also that takes long for a hundred thousand."""
        while self.keys:
            del self.keys[-_STEP:]
            yield
        if self.groups is not None:
            yield from self.groups.drop()

    def apply(self, changes: Iterable[tuple[AlertRow | None, AlertRow]]) -> list[str]:
        """Take in (old, new) rows; the ids of those that are new and shown."""
        order, groups = self.order, self.groups
        added: list[str] = []
        gone: list[Keyed] = []
        come: list[Keyed] = []
        stayed: list[tuple[AlertRow, AlertRow]] = []
        for old, row in changes:
            passes = self.predicate(row)
            if old is None:
                if passes:
                    added.append(row.id)
            elif row.id in self.shown:
                before = order(old)
                same = passes and before == order(row)
                if same and (groups is None or groups.key(old) == groups.key(row)):
                    stayed.append((old, row))
                    continue
                gone.append((before, old))
                self.shown.discard(old.id)
            if passes:
                come.append((order(row), row))
                self._show(row)
        self._place(gone, come)
        if groups is not None:
            groups.update(gone, come, stayed)
        return added

    def _show(self, row: AlertRow) -> None:
        self.shown.add(row.id)
        if row.time > self.last:
            self.last, self.newest = row.time, row.id
        self.first = min(self.first, row.time)

    def _place(self, gone: Sequence[Keyed], come: Sequence[Keyed]) -> None:
        if len(gone) > _BULK:
            out = {row.id for _, row in gone}
            self.keys = [key for key in self.keys if key[-1] not in out]
        else:
            for key, _ in gone:
                del self.keys[bisect_left(self.keys, key)]
        insert(self.keys, sorted(key for key, _ in come))
