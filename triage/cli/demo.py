"""triage demo: the tour of the first start, on logs of our own that are played live."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from triage import config
from triage.cli.common import OK, Commands, command
from triage.cli.watch import default_user
from triage.errors import TriageError
from triage.run import EngineProcess, Replay, wall_clock

_DESCRIPTION = """\
Show the console at work. A working day of a made-up company, with attacks in it, is written anew
into a temporary folder while the console follows it, and a strip at the bottom says what to look
at and which key to press. Needs no network; when you leave, all of it is removed.

  triage demo
  triage demo --seconds 20       the whole day in twenty seconds
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    demo = command(commands, "demo", "a tour of the console", _DESCRIPTION)
    demo.add_argument(
        "--seconds",
        metavar="N",
        type=float,
        default=90.0,
        help="how long the day takes (default: 90)",
    )
    demo.set_defaults(command=_demo)


def _demo(options: argparse.Namespace) -> int:
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise TriageError("the demo needs a terminal")
    if not 0 < options.seconds <= 86400:
        raise TriageError("--seconds must be more than 0 and at most 86400, a day")
    from triage.ui import run_console  # only a console needs a screen: it costs half a second

    # Not the XML log of the samples: a file that is saved whole can not be written bit by bit.
    samples = list(config.bundled("samples/logs").glob("*.ndjson"))
    with tempfile.TemporaryDirectory(prefix="triage-demo-") as name:
        folder = Path(name)
        logs, exceptions, case = folder / "logs", folder / "exceptions", folder / "demo.triage"
        logs.mkdir()
        replay = Replay(samples, logs, options.seconds)
        engine = EngineProcess(
            str(case), ["--exceptions", str(exceptions), "--", str(logs)], folder / "engine.log"
        )
        engine.start()
        replay.start()
        try:
            run_console(
                str(case),
                roots=[str(logs)],
                exceptions=exceptions,
                themes=[config.bundled("themes"), config.themes_dir()],
                engine=engine,
                who=default_user(),
                clock=wall_clock,
                tour=True,
            )
        finally:
            replay.stop()
            engine.stop()
    return OK
