"""triage watch: follow logs and show the alerts in a console."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from triage import config
from triage.case.faults import CaseDamagedError
from triage.case.mend import damage, mend
from triage.case.place import check_place
from triage.case.read import CaseReader
from triage.cli.common import (
    OK,
    PATHS,
    Commands,
    command,
    rule_config,
    rule_options,
    say,
    unsafe_option,
)
from triage.errors import TriageError
from triage.run import EngineProcess, wall_clock

_DESCRIPTION = """\
Follow log files and folders, run the detection rules over them and show the alerts in a console.

What exists is read first, then what is appended, new files and rotated ones. All that is found and
decided is kept in one case file; start the command again and it goes on where it was. The logs are
only ever read.

  triage watch ./logs
  triage watch ./logs --rules ./my-rules --case incident-42.triage
  triage watch ./archive --newest-first                  what happens now before what was
  triage watch ./logs --headless --case night.triage     the engine alone; open the console later
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    watch = command(commands, "watch", "follow logs and open the console", _DESCRIPTION)
    watch.add_argument("paths", nargs="+", metavar="PATH", help=PATHS)
    rule_options(watch)
    case_options(watch)
    watch.add_argument(
        "--headless", action="store_true", help="run the engine alone, without a console"
    )
    watch.add_argument(
        "--rebuild",
        action="store_true",
        help="keep the case file aside and make it anew from the logs, with the decisions in it",
    )
    watch.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)
    watch.set_defaults(command=_watch)


def case_options(parser: argparse.ArgumentParser) -> None:
    """The options of who opens a console that follows logs into a case."""
    parser.add_argument(
        "--case",
        metavar="FILE",
        help="the case file (default: one in the user's state folder, named after the logs)",
    )
    parser.add_argument(
        "--newest-first",
        action="store_true",
        help="read old logs after newer ones: what happens now is seen at once (default: by name)",
    )
    unsafe_option(parser)
    parser.add_argument(
        "--user",
        metavar="NAME",
        default=default_user(),
        help="who decides, as the case records it (default: %(default)s)",
    )
    parser.add_argument(
        "--themes", metavar="DIR", type=Path, help="a folder with more themes (*.toml)"
    )


def default_user() -> str:
    """Who decides where nobody says so: the name of the account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "analyst"


def _watch(options: argparse.Namespace) -> int:
    settings = rule_config(options)
    roots = [str(path) for path in options.paths]
    case = options.case or str(default_case(roots))
    if not options.attached:
        if not options.unsafe_state:
            check_place(case)
        mended(case, options.rebuild)
    if options.headless:
        from triage.run import follow, stop_on_signals  # a console needs none of the engine

        stop = threading.Event()
        stop_on_signals(stop, attached=options.attached)
        if not options.attached:
            check_roots(roots)
            CaseReader(case).close()  # what can not be used is said before anything else
            say(f"triage: following {', '.join(roots)} into {case}; Ctrl+C stops")
        try:
            follow(settings, case, roots, stop, newest_first=options.newest_first, tell=_tell)
        except CaseDamagedError as error:
            raise TriageError(
                f"{error}; quit, and start `triage watch` again to mend it"
            ) from error
        return OK
    check_roots(roots)
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise TriageError("the console needs a terminal; use `triage watch --headless` or `hunt`")
    from triage.ui import run_console  # only a console needs a screen: it costs half a second

    CaseReader(case).close()  # a case that cannot be used is said here, before the screen is taken
    engine = engine_of(case, options)
    engine.start()
    try:
        run_console(
            case,
            roots=roots,
            exceptions=options.exceptions,
            themes=theme_folders(options),
            engine=engine,
            who=options.user,
            clock=wall_clock,
            remember=config.screen_file(case),
        )
    finally:
        engine.stop()
    return OK


def mended(case: str, rebuild: bool = False) -> None:
    """Mend a case that is damaged, and say what became of it."""
    why = damage(case) or ("asked for" if rebuild and os.path.exists(case) else "")
    if not why:
        return
    say(f"triage: {case}: {why}; making it anew from the logs …")
    try:
        done = mend(case, why, wall_clock())
    except OSError as error:
        raise TriageError(f"{case} can not be made anew: {error.strerror or error}") from error
    say(f"triage: the damaged file is kept as {done.kept_as}")
    say(f"triage: taken over: {done.alerts:,} alerts, {done.decisions:,} decisions")
    if done.torn:
        say(f"triage: not all could be read of: {', '.join(done.torn)}")


def _tell(words: str) -> None:
    """What keeps the engine from writing, as the one who runs it without a console reads it."""
    say(f"triage: {words}; nothing is read until that is over" if words else "triage: going on")


def check_roots(roots: Sequence[str]) -> None:
    """Raises TriageError where one of the logs is not there."""
    for root in roots:
        if not os.path.lexists(root):
            raise TriageError(f"{root}: there is no such file or folder; give a log or a folder")


def theme_folders(options: argparse.Namespace) -> list[Path]:
    """Where themes lie: ours, the user's, and what was named."""
    folders = (config.bundled("themes"), config.themes_dir(), options.themes)
    return [path for path in folders if path]


def engine_of(case: str, options: argparse.Namespace) -> EngineProcess:
    """The engine as a process, to be started."""
    arguments = ["--exceptions", str(options.exceptions)]
    for path in options.rules:
        arguments += ["--rules", str(path)]
    if options.no_bundled_rules:
        arguments.append("--no-bundled-rules")
    if options.newest_first:
        arguments.append("--newest-first")
    arguments += ["--", *options.paths]
    return EngineProcess(case, arguments, Path(f"{case}-engine.log"))


def default_case(roots: Sequence[str]) -> Path:
    """One case for each set of logs, named after the first of them."""
    places = sorted(os.path.abspath(root) for root in roots)
    mark = hashlib.blake2b("\n".join(places).encode("utf-8", "surrogateescape"), digest_size=4)
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in Path(places[0]).name) or "logs"
    return config.cases_dir() / f"{name}-{mark.hexdigest()}.triage"
