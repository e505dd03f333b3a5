"""The console: what an analyst looks at. A case comes in, decisions go back; nothing else."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from triage.ui.feed import EngineLike


def run_console(
    case: str,
    *,
    roots: Sequence[str],
    exceptions: Path,
    themes: Sequence[Path],
    engine: EngineLike | None,
    who: str,
    clock: Callable[[], int],
    read_only: bool = False,
    remember: Path | None = None,
    tour: bool = False,
) -> None:
    """Show ``case`` until the analyst leaves.

    ``roots`` are what is watched, as the status line names them; ``exceptions`` is the folder of
    exception lists; ``themes`` the folders of theme files, ours and the user's; ``engine`` is
    watched and restarted where given; ``who`` signs decisions; ``clock`` gives ns since 1970;
    ``remember`` is the file from which the screen is as it was left, and where it is kept;
    ``tour`` has a strip say what to look at, step by step.
    """
    from triage.ui.app import Console  # here: importing Textual takes longer than a command's help

    console = Console(
        case,
        roots=roots,
        exceptions=exceptions,
        themes_in=themes,
        engine=engine,
        who=who,
        clock=clock,
        read_only=read_only,
        remember=remember,
        tour=tour,
    )
    # Alerts are many objects in no cycle: Python would look through all of them again and again.
    # It looks at what is new ten thousand at a time, which a key that comes need not notice; at
    # what is older not less often than usual, since what a screen leaves behind is in cycles.
    gc.set_threshold(10_000, 10, 10)
    # A key that comes while the feed's or a pane's thread computes waits so long for Python's lock.
    sys.setswitchinterval(0.001)
    try:
        console.run()
    finally:
        console.close()
