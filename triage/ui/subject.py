"""One alert and what lies around it, each part read once, when a pane first asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from triage import context, times
from triage.case.model import AlertDetail, AlertRow
from triage.case.read import CaseReader

T = TypeVar("T")
_NEIGHBOURS = 200  # of the host's other alerts, the newest that are looked at
WINDOWS = tuple(minutes * 60 * times.SECOND for minutes in (1, 5, 15, 60, 1440))


class Readers:
    """A connection to the case for each thread that asks: SQLite's are not to be shared."""

    def __init__(self, case: str) -> None:
        self._case = case
        self._local = threading.local()
        self._all: list[CaseReader] = []
        self._lock = threading.Lock()

    def here(self) -> CaseReader:
        """The calling thread's reader."""
        found: CaseReader | None = getattr(self._local, "reader", None)
        if found is None:
            found = CaseReader(self._case)
            self._local.reader = found
            with self._lock:
                self._all.append(found)
        return found

    def close(self) -> None:
        """Close all of them; no thread may use one any more."""
        with self._lock:
            for reader in self._all:
                reader.close()
            self._all.clear()


class _Once(Generic[T]):
    """A value made once, also when several threads ask at the same time."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def get(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


def _others(case: CaseReader, row: AlertRow) -> tuple[tuple[AlertRow, tuple[str, ...]], ...]:
    found = [one for one in case.alerts_on(row.host, _NEIGHBOURS) if one.id != row.id]
    by_rule: dict[str, tuple[str, ...]] = {}
    result: list[tuple[AlertRow, tuple[str, ...]]] = []
    for one in found:
        if one.rule_id not in by_rule:
            detail = case.alert(one.id)
            by_rule[one.rule_id] = context.technique_ids(detail.doc) if detail else ()
        result.append((one, by_rule[one.rule_id]))
    return tuple(result)


class Subject:
    """An alert, its surroundings and its neighbours, for the panes to show.

    Made and used in worker threads; every part reads through the connection of the thread that
    first asks for it.
    """

    def __init__(self, readers: Readers, alert: AlertDetail, window: int) -> None:
        self.alert = alert
        self.window = window  # ns each side
        self._readers = readers
        self._answers: dict[context.Asked, int | None] = {}
        self._around = _Once(lambda: context.around(readers.here(), alert, window))
        self._tree = _Once(lambda: context.process_tree(readers.here(), alert))
        self._forest = _Once(lambda: context.host_tree(readers.here(), alert))
        self._count = _Once(lambda: readers.here().process_count(alert.row.host))
        self._kin = _Once(lambda: context.kin(readers.here(), alert))
        self._neighbours = _Once(lambda: _others(readers.here(), alert.row))
        self._tests = _Once(lambda: context.matched_values(alert))
        self._members = _Once(lambda: readers.here().members(alert.row.id))
        self._incidents = _Once(lambda: readers.here().incidents_with(alert.row.id))
        self._drilldowns = _Once(lambda: context.drilldowns(readers.here(), alert))

    @property
    def around(self) -> context.Around:
        return self._around.get()

    @property
    def tree(self) -> context.ProcessNode | None:
        return self._tree.get()

    @property
    def forest(self) -> context.Forest:
        """All processes of the host."""
        return self._forest.get()

    @property
    def process_count(self) -> int:
        """How many processes of the host the case knows."""
        return self._count.get()

    @property
    def signers(self) -> dict[str, tuple[str, str]]:
        """Who signed a process's program and how far that is trusted, by entity id, where no start
        tells it but a load of its own image around the alert does."""
        return context.signers(self.around.events)

    @property
    def members(self) -> list[AlertRow]:
        """The alerts an incident is made of, oldest first; none where this is no incident."""
        return self._members.get()

    @property
    def incidents(self) -> list[AlertRow]:
        """The incidents this alert is part of, that stand."""
        return self._incidents.get()

    @property
    def tests(self) -> tuple[context.MatchedTest, ...]:
        return self._tests.get()

    @property
    def connections(self) -> tuple[context.Connection, ...]:
        return context.connections(self.alert, self.around.events)

    @property
    def destinations(self) -> tuple[context.Destination, ...]:
        """The same by address, with what the whole case knows of it."""
        return context.destinations(self._readers.here(), self.alert, self.connections)

    @property
    def touched(self) -> tuple[context.Touched, ...]:
        """The files and registry keys of the alert's processes and of what they started."""
        return context.touched(self.alert, self.around.events)

    @property
    def drilldowns(self) -> tuple[context.DrillDown, ...]:
        """The rule's drill-downs with what they find in the case."""
        return self._drilldowns.get()

    def answer(self, asked: context.Asked) -> int | None:
        """How many events or alerts a guide's question finds, counted once; None: see
        :func:`triage.context.answer`."""
        if asked not in self._answers:
            self._answers[asked] = context.answer(self._readers.here(), asked)
        return self._answers[asked]

    @property
    def kin(self) -> tuple[context.Kin, ...]:
        """The related alerts, the strongest ties first."""
        return self._kin.get()

    @property
    def neighbours(self) -> tuple[tuple[AlertRow, tuple[str, ...]], ...]:
        """The other alerts on the same host, newest first, each with its technique ids."""
        return self._neighbours.get()

    @property
    def matched_ids(self) -> frozenset[str]:
        return frozenset(one.event.id for one in self.alert.matched)


class Subjects:
    """The alerts looked at last, so that six panes read one alert once."""

    def __init__(self, readers: Readers, keep: int = 4) -> None:
        self._readers = readers
        self._keep = keep
        self._lock = threading.Lock()
        self._found: dict[tuple[str, int, int], Subject] = {}

    def get(self, alert_id: str, window: int) -> Subject | None:
        """The alert as the case has it now, with what was already read around it."""
        alert = self._readers.here().alert(alert_id)
        if alert is None:
            return None
        key = (alert_id, alert.row.change, window)
        with self._lock:
            found = self._found.pop(key, None)
            if found is None:
                found = Subject(self._readers, alert, window)
                self._reuse(found)
            self._found[key] = found
            while len(self._found) > self._keep:
                del self._found[next(iter(self._found))]
        return found

    def _reuse(self, fresh: Subject) -> None:
        """A decision changes the alert, not its events: what was read around it stays."""
        for known in reversed(self._found.values()):
            same = known.alert.row.id == fresh.alert.row.id and known.window == fresh.window
            if same and known.matched_ids == fresh.matched_ids:
                fresh._neighbours = known._neighbours
                fresh._around = known._around
                fresh._tree = known._tree
                fresh._answers = known._answers
                fresh._forest = known._forest
                fresh._count = known._count
                return
