"""The commands of triage: the only place that reads arguments, prints and exits."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from triage import __version__, config
from triage.case.lock import CaseHeldError
from triage.case.read import CaseReader
from triage.case.schema import MEMORY
from triage.errors import TriageError
from triage.run import (
    Config,
    Engine,
    EngineProcess,
    follow,
    hunt,
    stop_on_signals,
    wall_clock,
)
from triage.sources import Follower, RecordError, decode
from triage.sources.block import Reject
from triage.text import clean, json_line

OK, FAILED = 0, 2
_PATHS = "log files and folders (read with all below them); formats are told by content"

_DESCRIPTION = """\
Watch endpoint logs live, see alerts as they happen, understand each one in a minute, decide.

  triage watch ./logs      the console: alerts as they happen, with all that is around them
  triage hunt ./logs       read once, print the alerts as NDJSON
  triage convert ./logs    print the events as ECS NDJSON
"""
_WATCH = """\
Follow log files and folders, run the detection rules over them and show the alerts in a console.

What exists is read first, then what is appended, new files and rotated ones. All that is found and
decided is kept in one case file; start the command again and it goes on where it was. The logs are
only ever read.

  triage watch ./logs
  triage watch ./logs --rules ./my-rules --case incident-42.triage
  triage watch ./logs --headless --case night.triage     the engine alone; open the console later
"""
_HUNT = """\
Read log files and folders once and print the alerts, in order of time.

Standard output holds nothing but alerts: with --format ndjson one document a line (kibana.alert.*
and ECS; the matched events under triage.events), with --format table one row each. Progress, counts
and problems go to standard error.

  triage hunt ./logs | jq '."kibana.alert.rule.name"'
  triage hunt sysmon.evtx --format table
  triage hunt ./logs --rules ./my-rules --no-bundled-rules --case incident-42.triage

Exit code: 0 when the logs were read (with or without alerts), 2 on bad usage or unreadable input.
"""
_CONVERT = """\
Read log files and folders once and print their events as ECS documents, one JSON line each.

  triage convert sysmon.evtx > events.ndjson

Exit code: 0 when the logs were read, 2 on bad usage or unreadable input.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 2 bad usage or unreadable input."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if "command" not in options:
        parser.print_help()
        return OK
    try:
        code: int = options.command(options)
    except CaseHeldError as error:
        _say(f"triage: {error}")
        return FAILED
    except TriageError as error:
        _say(f"triage: {error}")
        return FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain of it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="triage", description=_DESCRIPTION, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"triage {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    watch = _command(commands, "watch", "follow logs and open the console", _WATCH)
    watch.add_argument("paths", nargs="+", metavar="PATH", help=_PATHS)
    _rule_options(watch)
    watch.add_argument(
        "--case",
        metavar="FILE",
        help="the case file (default: one in the user's state folder, named after the logs)",
    )
    watch.add_argument(
        "--headless", action="store_true", help="run the engine alone, without a console"
    )
    watch.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)
    watch.add_argument(
        "--user",
        metavar="NAME",
        default=_user(),
        help="who decides, as the case records it (default: %(default)s)",
    )
    watch.add_argument(
        "--themes", metavar="DIR", type=Path, help="a folder with more themes (*.toml)"
    )
    watch.set_defaults(command=_watch)

    hunt_ = _command(commands, "hunt", "read logs once and print the alerts", _HUNT)
    hunt_.add_argument("paths", nargs="+", metavar="PATH", help=_PATHS)
    _rule_options(hunt_)
    hunt_.add_argument(
        "--format", choices=("ndjson", "table"), default="ndjson", help="default: %(default)s"
    )
    hunt_.add_argument("--case", metavar="FILE", help="also keep alerts and evidence in this case")
    hunt_.set_defaults(command=_hunt)

    convert = _command(commands, "convert", "print the events of logs as ECS NDJSON", _CONVERT)
    convert.add_argument("paths", nargs="+", metavar="PATH", help=_PATHS)
    convert.set_defaults(command=_convert)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _rule_options(parser: argparse.ArgumentParser) -> None:
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


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "analyst"


def _config(options: argparse.Namespace) -> Config:
    for path in options.rules:
        if not path.exists():
            raise TriageError(f"--rules {path}: there is no such file or folder")
    bundled = () if options.no_bundled_rules else (config.bundled("rules"),)
    rules = (*bundled, *options.rules)
    if not rules:
        raise TriageError("--no-bundled-rules leaves no rule to run; add some with --rules DIR")
    return Config(rules, options.exceptions)


# watch --------------------------------------------------------------------------------------------


def _watch(options: argparse.Namespace) -> int:
    settings = _config(options)
    roots = [str(path) for path in options.paths]
    case = options.case or str(_default_case(roots))
    if options.headless:
        stop = threading.Event()
        stop_on_signals(stop, attached=options.attached)
        if not options.attached:
            _say(f"triage: following {', '.join(roots)} into {case}; Ctrl+C stops")
        follow(settings, case, roots, stop)
        return OK
    for root in roots:
        if not os.path.lexists(root):
            raise TriageError(f"{root}: there is no such file or folder; give a log or a folder")
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise TriageError("the console needs a terminal; use `triage watch --headless` or `hunt`")
    from triage.ui import run_console  # only a console needs a screen: it costs half a second

    CaseReader(case).close()  # a case that cannot be used is said here, before the screen is taken
    engine = EngineProcess(_engine_arguments(options, case), Path(f"{case}-engine.log"))
    engine.start()
    try:
        run_console(
            case,
            roots=roots,
            exceptions=options.exceptions,
            themes=[path for path in (config.themes_dir(), options.themes) if path],
            engine=engine,
            who=options.user,
            clock=wall_clock,
        )
    finally:
        engine.stop()
    return OK


def _engine_arguments(options: argparse.Namespace, case: str) -> list[str]:
    arguments = ["--case", case, "--exceptions", str(options.exceptions)]
    for path in options.rules:
        arguments += ["--rules", str(path)]
    if options.no_bundled_rules:
        arguments.append("--no-bundled-rules")
    return [*arguments, "--", *options.paths]


def _default_case(roots: Sequence[str]) -> Path:
    """One case for each set of logs, named after the first of them."""
    places = sorted(os.path.abspath(root) for root in roots)
    mark = hashlib.blake2b("\n".join(places).encode("utf-8", "surrogateescape"), digest_size=4)
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in Path(places[0]).name) or "logs"
    return config.cases_dir() / f"{name}-{mark.hexdigest()}.triage"


# hunt ---------------------------------------------------------------------------------------------


def _hunt(options: argparse.Namespace) -> int:
    settings = _config(options)
    follower = Follower(options.paths, once=True)
    engine = Engine(settings, options.case or MEMORY, follower)
    try:
        problems = engine.book.problems
        for problem in problems:
            _say(str(problem))
        if not engine.book.rules:
            raise TriageError("no rule could be loaded; see the problems above, or add --rules DIR")
        progress = _Progress()
        try:
            alerts = hunt(engine, progress)
        finally:
            progress.end()
        if options.case:
            for left in engine.gather(float("inf")):
                progress.say(f"keeping evidence, {left:,} alerts left")
            progress.end()
        reader = CaseReader(engine.writer.connection)
        if options.format == "table":
            _print_table(reader, alerts)
        else:
            for doc in reader.documents(alerts):
                print(json_line(doc))
        return _report(engine, reader)
    finally:
        engine.close()


def _report(engine: Engine, reader: CaseReader) -> int:
    """Counts and what was refused, on standard error; the exit code."""
    rows = [row for row in reader.alerts() if not row.superseded]
    parts = [
        f"{engine.events:,} events",
        f"{len(rows):,} alerts",
        f"{len(engine.book.rules):,} rules",
    ]
    for count, word in (
        (engine.rejects, "records that could not be read"),
        (engine.collapsed, "alerts beyond a rule's max_signals"),
        (engine.suppressed, "events kept out by exceptions"),
        (engine.evicted, "open events dropped at a limit"),
    ):
        if count:
            parts.append(f"{count:,} {word}")
    _say("triage: " + ", ".join(parts))
    for reject in reader.rejects(5):
        _say_reject(reject)
    if engine.rejects > 5:
        _say(f"triage: … and {engine.rejects - 5:,} more records that could not be read")
    return _refused(engine.follower, engine.events)


def _refused(follower: Follower, events: int) -> int:
    """Say which files were not read; FAILED where nothing could be read at all."""
    refused = [one for one in follower.sources() if one.state in ("refused", "unreadable")]
    for one in refused:
        _say(f"triage: {one.path}: not read: {one.reason}")
    return FAILED if refused and not events else OK


def _print_table(reader: CaseReader, alerts: Sequence[str]) -> None:
    from triage import times  # the table alone shows times

    by_id = {row.id: row for row in reader.alerts()}
    lines: list[tuple[str, ...]] = [("TIME", "SEVERITY", "RISK", "RULE", "HOST", "USER", "PROCESS")]
    for alert_id in alerts:
        row = by_id[alert_id]
        rule = row.rule_name + (f" (×{row.count})" if row.count > 1 else "")
        cells = (times.iso(row.time), row.severity, f"{row.risk_score:.0f}", rule)
        lines.append(tuple(clean(cell, 60) for cell in (*cells, row.host, row.user, row.process)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


class _Progress:
    """A line on standard error, rewritten in place on a terminal, silent elsewhere."""

    def __init__(self) -> None:
        self._shown = False
        self._next = 0.0
        self._began = time.monotonic()

    def __call__(self, engine: Engine) -> None:
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + 0.2
        state = engine.state("reading")
        done = state.total_bytes - state.lag_bytes
        share = done / state.total_bytes if state.total_bytes else 1.0
        left = (now - self._began) / share * (1 - share) if share > 0 else 0.0
        self.say(f"{share:4.0%}  {engine.events:,} events  about {left:.0f} s left")

    def say(self, text: str) -> None:
        """Show a line in the place of the last."""
        if sys.stderr.isatty():
            self._shown = True
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave a clean line behind."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._shown = False


# convert ------------------------------------------------------------------------------------------


def _convert(options: argparse.Namespace) -> int:
    follower = Follower(options.paths, once=True)
    events = 0
    try:
        for line in _documents(follower):
            events += 1
            print(line)
        return _refused(follower, events)
    finally:
        follower.close()


def _documents(follower: Follower) -> Iterator[str]:
    for block in follower.poll():
        for reject in block.rejects:
            _say_reject(reject)
        for record, position in zip(block.records, block.positions, strict=True):
            try:
                doc = decode(block.format, record)
            except RecordError as error:
                _say_reject(Reject(block.source, position, len(record), str(error), b""))
                continue
            if doc is not None:
                yield json_line(doc)


def _say_reject(reject: Reject) -> None:
    _say(f"triage: {reject.source} at {reject.position}: not read: {reject.reason}")


def _say(text: str) -> None:
    for line in text.split("\n"):
        print(clean(line), file=sys.stderr)
