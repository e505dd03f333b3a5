"""triage doctor: whether this machine and a case are fit for work."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from io import TextIOWrapper
from itertools import chain
from pathlib import Path

from triage import config, doctor
from triage.cli.common import OK, Commands, command
from triage.doctor import Check
from triage.run import wall_clock
from triage.text import clean, json_line

_DESCRIPTION = """\
Check this machine (Python, terminal, text encoding, SQLite, disk, rule cache, change notices, open
files) and a case file (integrity, version, who follows logs into it), and say for each problem what
to do. Nothing is changed.

  triage doctor
  triage doctor incident-42.triage

Exit code: 0 without problems (warnings do not count), 1 with, 2 on bad usage.
"""
_PROBLEM = 1
_SIGNS = {"ok": "✓", "warning": "!", "problem": "✗"}


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(commands, "doctor", "check this machine and a case file", _DESCRIPTION)
    parser.add_argument("case", nargs="?", type=Path, metavar="CASE", help="a case file")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="default: %(default)s"
    )
    parser.set_defaults(command=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an output that is not UTF-8 is to be told of
    checks = doctor.machine(config.cases_dir(), config.cache_dir(), os.environ)
    if options.case is not None:
        checks = chain(checks, doctor.case(options.case, wall_clock()))
    found: list[Check] = []
    for check in checks:
        found.append(check)
        if options.format == "text":
            _print(check)
    bad = [check for check in found if check.state == "problem"]
    if options.format == "json":
        print(json_line({"fit": not bad, "checks": [asdict(check) for check in found]}))
    else:
        print(_summary(found))
    return _PROBLEM if bad else OK


def _print(check: Check) -> None:
    print(f"{_SIGNS[check.state]} {check.name:<15} {clean(check.found)}", flush=True)
    if check.advice:
        print(f"  {'':<15} → {clean(check.advice)}", flush=True)


def _summary(found: Sequence[Check]) -> str:
    counts = {word: sum(one.state == word for one in found) for word in ("problem", "warning")}
    told = [f"{n} {word}{'s' * (n > 1)}" for word, n in counts.items() if n]
    return ", ".join(told) or "all is well"
