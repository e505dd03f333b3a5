"""The desk: what every screen works with. No widget lives here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from triage.case.decide import Decisions
from triage.ui.store import AlertStore
from triage.ui.subject import WINDOWS, Readers, Subjects


@dataclass
class Desk:
    """A case on the analyst's desk."""

    case: str  # path of the case file
    exceptions: Path  # folder of exception lists
    decisions: Decisions
    who: str
    clock: Callable[[], int]  # ns since 1970
    read_only: bool
    readers: Readers
    store: AlertStore = field(default_factory=AlertStore)
    subjects: Subjects = field(init=False)
    seen: int = 0  # the newest journal entry whose effect is on the screen
    # Values of the fields of alert documents that the filter names, as far as they are read.
    documents: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    preparing: bool = False  # the next dialog is being made ready: what is typed is meant for it
    window: int = WINDOWS[1]  # of related events, ns each side

    def __post_init__(self) -> None:
        self.subjects = Subjects(self.readers)

    def wanted(self) -> frozenset[str]:
        """The fields of alert documents whose values are to be read."""
        return frozenset(self.documents)

    def want(self, fields: frozenset[str]) -> None:
        """Ask for the values of these fields, and let others go."""
        self.documents = {name: self.documents.get(name, {}) for name in fields}
