"""What several commands share: options, what goes to standard error, and the progress line."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from triage import config
from triage.errors import Reject, TriageError
from triage.text import clean

if TYPE_CHECKING:
    from triage.exceptions import ExceptionSet
    from triage.run import Config
    from triage.sources import Follower

OK, FAILED = 0, 2
_NOT_READ = ("refused", "not a log", "unreadable")
PATHS = "log files and folders (read with all below them); formats are told by content"
Commands = argparse._SubParsersAction  # what a command registers itself with


def command(
    commands: Commands[argparse.ArgumentParser], name: str, summary: str, description: str
) -> argparse.ArgumentParser:
    """A command's own parser; its description is shown as it is written."""
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def rule_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which rules and exceptions are in force."""
    parser.add_argument(
        "--rules",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="add a folder or file of rules (Elastic's TOML); may be given several times",
    )
    parser.add_argument(
        "--no-bundled-rules", action="store_true", help="do without the rules that came with triage"
    )
    parser.add_argument(
        "--exceptions",
        type=Path,
        default=config.exceptions_dir(),
        metavar="DIR",
        help="folder of exception lists (default: %(default)s)",
    )


def unsafe_option(parser: argparse.ArgumentParser) -> None:
    """The option to use a case that others could change."""
    parser.add_argument(
        "--unsafe-state",
        action="store_true",
        help="use the case file although others could write to it, or put another in its place",
    )


def rule_config(options: argparse.Namespace) -> Config:
    """Those options as an engine takes them; raises TriageError where they leave no rule."""
    for path in options.rules:
        if not path.exists():
            raise TriageError(f"--rules {path}: there is no such file or folder")
        check_rule_folder(path)
    if not options.exceptions.is_dir() and options.exceptions != config.exceptions_dir():
        say(f"triage: --exceptions {options.exceptions}: no such folder yet; none are in force")
    bundled = () if options.no_bundled_rules else (config.bundled("rules"),)
    rules = (*bundled, *options.rules)
    if not rules:
        raise TriageError("--no-bundled-rules leaves no rule to run; add some with --rules DIR")
    from triage.run import Config  # a console only passes the options on: it needs no engine

    return Config(rules, options.exceptions, config.cache_dir())


def check_rule_folder(path: Path) -> None:
    """Raise TriageError where a folder of rules holds none: silence would pass for "no alerts"."""
    if path.is_dir() and next(path.rglob("*.toml"), None) is None:
        sigma = next((one for end in ("yml", "yaml") for one in path.rglob(f"*.{end}")), None)
        hint = f"; {sigma.name} looks like a Sigma rule, and Sigma is not read yet" if sigma else ""
        raise TriageError(f"{path}: there is no rule file (*.toml) in this folder{hint}")


def say(text: str) -> None:
    """Tell something on standard error; what it quotes can do the terminal no harm."""
    for line in text.split("\n"):
        print(clean(line), file=sys.stderr)


def say_reject(reject: Reject) -> None:
    """Tell of a record that could not be read."""
    say(f"triage: {reject.source} at {reject.position}: not read: {reject.reason}")


def say_refused(follower: Follower, events: int, *, named: bool = False) -> int:
    """Tell which files were not read, unless they were ``named`` already; FAILED where nothing
    could be read at all."""
    from triage.sources import UNDERSTOOD

    refused = [one for one in follower.sources() if one.state in _NOT_READ]
    for one in () if named else refused:
        word = one.state if one.state == "not a log" else "not read"
        say(f"triage: {one.path}: {word}: {one.reason}")
    if any(one.state == "not a log" for one in refused):
        say(f"triage: what is read is {UNDERSTOOD}")
    if not follower.sources():
        say("triage: no logs found there: the folder is empty")
        return FAILED
    return FAILED if refused and not events else OK


class Progress:
    """A line on standard error, rewritten in place on a terminal, silent elsewhere."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._shown = False
        self._next = 0.0
        self._began = time.monotonic()

    def __call__(self, events: int) -> None:
        """Show how far the reading is, at most five times a second."""
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + 0.2
        sources = self._follower.sources()
        total = sum(one.size for one in sources)
        read = sum(
            one.size if one.state != "reading" else min(one.offset, one.size) for one in sources
        )
        share = read / total if total else 1.0
        left = (now - self._began) / share * (1 - share) if share > 0 else 0.0
        self.say(f"{share:4.0%}  {events:,} events  about {left:.0f} s left")

    def say(self, text: str) -> None:
        """Show a line in the place of the last."""
        if sys.stderr.isatty():
            self._shown = True
            print(f"\r\x1b[K{clean(text)}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave a clean line behind."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False


def loaded_exceptions(options: argparse.Namespace) -> ExceptionSet:
    """The exception lists of --exceptions; what is wrong with them goes to standard error."""
    from triage.exceptions import load_exceptions

    found = load_exceptions(options.exceptions)
    for problem in found.problems:
        say(str(problem))
    return found
