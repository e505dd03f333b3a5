"""What is handed over: some alerts of a case, and everything the case knows of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from triage.case.model import HARMLESS, AlertDetail, AlertRow
from triage.case.read import CaseReader
from triage.fields import Doc


def _silent(_done: int, _total: int) -> None:
    """Nobody wants to know how far it is."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Alerts of a case, in order of time, to be written in one format."""

    case: CaseReader
    name: str  # of the case, as reports are titled
    rows: tuple[AlertRow, ...]
    words: str  # what was chosen: "the whole case", "alerts that pass severity>=high"
    now: int  # ns: when it is handed over
    who: str  # by whom
    # Told how many alerts of how many are written; what it raises ends the work.
    progress: Callable[[int, int], None] = _silent

    def details(self) -> Iterator[AlertDetail]:
        """All that is known of each alert, one at a time, telling the progress."""
        for row in self._counted():
            detail = self.case.alert(row.id)
            if detail is not None:
                yield detail

    def documents(self) -> Iterator[tuple[AlertRow, Doc]]:
        """Each alert's document with today's state and its events, telling the progress."""
        for row in self._counted():
            for doc in self.case.documents([row.id]):
                if row.superseded:
                    doc["triage.superseded"] = True
                yield row, doc

    def _counted(self) -> Iterator[AlertRow]:
        for place, row in enumerate(self.rows):
            self.progress(place, len(self.rows))
            yield row
        self.progress(len(self.rows), len(self.rows))


def stands(row: AlertRow) -> bool:
    """Whether an alert still tells of something: nobody found it harmless, nor did a late event
    put another in its place."""
    return not row.superseded and row.close_reason not in HARMLESS
