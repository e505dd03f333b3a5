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
    window: int = WINDOWS[1]  # of related events, ns each side

    def __post_init__(self) -> None:
        self.subjects = Subjects(self.readers)
