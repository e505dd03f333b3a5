"""Which alerts pass a filter, in what order and in which groups: made anew in slices, kept up alert
by alert. No widget.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from triage.case.model import SEVERITIES, AlertRow
from triage.ui.filter_fields import Predicate
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
_SLICE = 500  # rows looked at in one go


@dataclass
class Arrangement:
    """The alerts that pass ``predicate``, ordered by ``sort`` and put together by ``grouping``."""

    predicate: Predicate
    sort: str  # a name of SORTS
    grouping: str  # a name of GROUPINGS; "" for none
    keys: list[Key] = field(default_factory=list)  # (sort key …, alert id), ascending
    shown: set[str] = field(default_factory=set)
    groups: Groups | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.order = SORTS[self.sort]
        if self.grouping:
            by = GROUPINGS[self.grouping]
            self.groups = Groups(by, self.order, self.sort == "count")

    def build(self, rows: Sequence[AlertRow]) -> Iterator[None]:
        """Arrange ``rows``; stops after each slice, for whoever has other things to do."""
        passes = self.predicate
        for start in range(0, len(rows), _SLICE):
            found = [row for row in rows[start : start + _SLICE] if passes(row)]
            found.sort(key=self.order)
            self.keys.extend(map(self.order, found))
            self.shown.update(row.id for row in found)
            if self.groups is not None:
                self.groups.collect(found)
            yield
        self.keys.sort()  # of sorted runs: they are merged
        yield
        if self.groups is not None:
            yield from self.groups.arrange()

    def apply(self, changes: Iterable[tuple[AlertRow | None, AlertRow]]) -> list[str]:
        """Take in (old, new) rows; the ids of those that are new and shown."""
        order, groups = self.order, self.groups
        added: list[str] = []
        gone: list[AlertRow] = []
        come: list[AlertRow] = []
        stayed: list[tuple[AlertRow, AlertRow]] = []
        for old, row in changes:
            passes = self.predicate(row)
            if old is None:
                if passes:
                    added.append(row.id)
            elif row.id in self.shown:
                same = passes and order(old) == order(row)
                if same and (groups is None or groups.key(old) == groups.key(row)):
                    stayed.append((old, row))
                    continue
                gone.append(old)
            if passes:
                come.append(row)
        self._place(gone, come)
        if groups is not None:
            groups.update(gone, come, stayed)
        return added

    def _place(self, gone: Sequence[AlertRow], come: Sequence[AlertRow]) -> None:
        if len(gone) > _BULK:
            out = {row.id for row in gone}
            self.keys = [key for key in self.keys if key[-1] not in out]
        else:
            for row in gone:
                del self.keys[bisect_left(self.keys, self.order(row))]
        self.shown.difference_update(row.id for row in gone)
        _merge(self.keys, sorted(map(self.order, come)))
        self.shown.update(row.id for row in come)


def _merge(keys: list[Key], fresh: Sequence[Key]) -> None:
    """Put ``fresh`` into ``keys``, both ascending. What arrives is mostly newer than all that is
    there, so it goes in together where it stands together."""
    places = [bisect_left(keys, key) for key in fresh]
    if len(set(places)) > _BULK:
        keys.extend(fresh)
        keys.sort()  # two runs: they are merged
        return
    end = len(fresh)
    while end:
        place = places[end - 1]
        start = bisect_left(places, place, 0, end)
        keys[place:place] = fresh[start:end]
        end = start
