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
    # Python looks for cycles among what is new in steps so small that no key notices. At all there
    # is it looks seldom, for that takes a tenth of a second: what is many is in no cycle, and the
    # rest the console looks for while nobody types. What is loaded by now stays anyway.
    gc.freeze()
    gc.set_threshold(5_000, 5, 200)
    # A key that comes while the feed's or a pane's thread computes waits so long for Python's lock.
    sys.setswitchinterval(0.001)
    try:
        console.run()
    finally:
        console.close()
