"""triage serve: the same console in a browser on this machine."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import threading
from pathlib import Path

from triage import config, seal
from triage.case.mend import damage
from triage.case.model import EngineState
from triage.case.place import check_place
from triage.case.read import CaseReader
from triage.cli.common import OK, PATHS, Commands, command, rule_config, rule_options, say
from triage.cli.watch import (
    case_options,
    check_roots,
    default_case,
    engine_of,
    mended,
    theme_folders,
)
from triage.errors import TriageError
from triage.run import EngineProcess, wall_clock
from triage.sources.evtx_process import COMMAND as EVTX_PARSER

_DESCRIPTION = """\
Follow log files and folders as `triage watch` does, and show the console in a browser.

The server listens on this machine alone (127.0.0.1) and prints a link that opens the console once,
in one browser. What is shown there may only be looked at: no decision, exception, export or
file is written, unless --write allows it. Ctrl+C ends the server and all that it shows.

  triage serve ./logs
  triage serve --case night.triage                a case as it is, without its logs
  triage serve ./logs --write                     decide in the browser as in a terminal
  triage serve ./logs --port 8000                 for a tunnel: ssh -L 8000:127.0.0.1:8000 HOST
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    serve = command(commands, "serve", "the console in a browser", _DESCRIPTION)
    serve.add_argument("paths", nargs="*", metavar="PATH", help=PATHS)
    rule_options(serve)
    case_options(serve)
    serve.add_argument(
        "--write",
        action="store_true",
        help="let the browser decide, except and export (default: it may only look)",
    )
    serve.add_argument(
        "--port", type=int, default=0, metavar="N", help="listen on this port (default: a free one)"
    )
    serve.add_argument("--session", action="store_true", help=argparse.SUPPRESS)
    serve.set_defaults(command=_serve)


def _serve(options: argparse.Namespace) -> int:
    if options.session:
        return _session(options)
    from triage.serve import check_installed

    check_installed()
    from triage.serve.web import Server, run  # needs what was just checked

    if not 0 <= options.port < 65536:
        raise TriageError(f"--port {options.port}: ports go up to 65535; 0 takes a free one")
    case = _case(options)
    names = [Path(path).name or path for path in options.paths] or [Path(case).stem]
    server = Server(_console(case, options), f"triage · {', '.join(names)}", say)
    # Open as long as the server: whoever may only read needs what SQLite keeps beside a case.
    kept = CaseReader(case)
    keeper = Keeper(engine_of(case, options)) if options.paths else None
    try:
        asyncio.run(run(server, options.port, lambda link: _ready(link, options.write)))
    except KeyboardInterrupt:
        pass  # Windows has no other way
    finally:
        if keeper:
            keeper.stop()
        kept.close()
    return OK


def _case(options: argparse.Namespace) -> str:
    """The case to show, fit to be opened; raises TriageError where there is none."""
    if not options.paths and not options.case:
        raise TriageError("there is nothing to show: give logs, or a case with --case FILE")
    case = options.case or str(default_case(options.paths))
    if not options.unsafe_state:
        check_place(case)
    if options.paths:
        check_roots(options.paths)
        rule_config(options)
        mended(case)
    elif not os.path.exists(case):
        raise TriageError(f"{case}: there is no such case; give the logs it is to be made of")
    elif why := damage(case):
        raise TriageError(f"{case}: {why}; give its logs as well, and it is mended")
    return case


def _ready(link: str, write: bool) -> None:
    may = "decisions are written" if write else "for looking only; --write lets it decide"
    say(f"triage: the console is ready, {may}. This link opens it once; Ctrl+C ends it.")
    print(link, flush=True)


def _console(case: str, options: argparse.Namespace) -> list[str]:
    """The command of one console behind a page."""
    words = [sys.executable, "-m", "triage", "serve", "--session", "--case", case]
    words += ["--exceptions", str(options.exceptions), "--user", options.user]
    if options.themes:
        words += ["--themes", str(options.themes)]
    if options.write:
        words.append("--write")
    return [*words, "--", *options.paths]


def _session(options: argparse.Namespace) -> int:
    """One of these consoles, for :class:`triage.serve.session.Session`."""
    from triage.ui import run_console

    if not options.write:
        seal.seal(tempfile.gettempdir(), [EVTX_PARSER])
    run_console(
        options.case,
        roots=options.paths,
        exceptions=options.exceptions,
        themes=theme_folders(options),
        engine=None,
        who=options.user,
        clock=wall_clock,
        read_only=not options.write,
        remember=config.screen_file(options.case),
    )
    return OK


class Keeper:
    """Runs the engine for all consoles, and starts it again when it dies."""

    def __init__(self, engine: EngineProcess) -> None:
        from triage.ui.feed import Supervisor

        self._engine = engine
        self._supervisor = Supervisor(engine, wall_clock)
        self._stop = threading.Event()
        engine.start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        before = ""
        while not self._stop.wait(1):
            word = self._supervisor.look(EngineState())
            if word and word != before:
                say(f"triage: {word}")
            before = word

    def stop(self) -> None:
        """Stop the engine, its last commit done."""
        self._stop.set()
        self._thread.join()
        self._engine.stop()
