"""The commands of triage, a module each: the only place that reads arguments, prints and exits."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from triage import __version__
from triage.cli.common import FAILED, OK, say
from triage.errors import TriageError

_DESCRIPTION = """\
Watch endpoint logs live, see alerts as they happen, understand each one in a minute, decide.

  triage watch ./logs      the console: alerts as they happen, with all that is around them
  triage serve ./logs      the same console in a browser on this machine
  triage demo              a tour: a day of logs with attacks in it, played live
  triage hunt ./logs       read once, print the alerts as NDJSON
  triage query EQL ./logs  ask the logs a question
  triage rules check DIR   what is wrong with rules, and where
  triage sources ./logs    what logs hold, and what the rules can make of them
  triage export CASE       hand a case over: report, CSV, STIX …
  triage exceptions list   what was found to be benign; import and export it
  triage convert ./logs    print the events as ECS NDJSON
  triage doctor            is this machine, or a case file, fit for work?
  triage journal CASE      who decided what, when and why
  triage keys              the keys of the console, as a table to change them
  triage verify CASE       is its audit journal whole, and do its alerts stand as it says?
"""

_COMMANDS = (
    *(
        "watch",
        "serve",
        "demo",
        "hunt",
        "query",
        "sources",
        "rules",
        "exceptions",
        "export",
        "convert",
    ),
    *("doctor", "journal", "verify", "keys"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 1 for what `doctor` or `verify` find, 2 bad
    usage or unreadable input."""
    parser = argparse.ArgumentParser(
        prog="triage", description=_DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"triage {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    # Of a command that is named no other's modules are needed: a console is to be there at once.
    given = sys.argv[1:] if arguments is None else arguments
    for name in [name for name in given[:1] if name in _COMMANDS] or _COMMANDS:
        import_module(f"triage.cli.{name}").register(commands)
    options = parser.parse_args(arguments)
    if "command" not in options:
        parser.print_help()
        return OK
    try:
        code: int = options.command(options)
    except TriageError as error:
        say(f"triage: {error}")
        return FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain of it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code
