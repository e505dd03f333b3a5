"""The six panes of an alert: what each is called, and the function that makes its page.

A pane is a function from a subject (and what is unfolded in it) to pages: it runs in a worker
thread, knows no widget, and may first give a quick page and then a fuller one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from triage.ui.lines import Page
from triage.ui.panes import attack, connections, overview, related, respond, tree
from triage.ui.subject import Subject

Build = Callable[[Subject, frozenset[str]], Iterator[Page]]


@dataclass(frozen=True, slots=True)
class Pane:
    """A pane by its digit: ``number`` from 1."""

    number: int
    tab: str  # in the tab line
    title: str  # on its border
    build: Build


PANES: tuple[Pane, ...] = (
    Pane(1, "Overview", "Overview", overview.build),
    Pane(2, "Tree", "Process tree", tree.build),
    Pane(3, "Traces", "Connections, files, registry", connections.build),
    Pane(4, "Events", "Related events", related.build),
    Pane(5, "ATT&CK", "MITRE ATT&CK", attack.build),
    Pane(6, "Respond", "Response", respond.build),
)
