"""triage verify: whether a case's audit journal is whole, and its alerts as it says."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from triage import times
from triage.case.verify import Fault, Verdict, open_case, verify
from triage.case.words import told
from triage.cli.common import OK, Commands, command
from triage.text import clean, json_line

_DESCRIPTION = """\
Check the audit journal of a case: that no entry was changed, removed or slipped in since it was
written, and that every alert, note and tick stands as the journal says. The case is only read.

  triage verify night.triage
  triage verify night.triage --known 4f6c…      the hash it ended with when you last looked

The last line is the hash the journal ends with. Keep it where nobody who can write to the case can
reach (a ticket, a report): with --known it proves that nothing before it was cut off or rewritten.

Exit code: 0 whole, 1 broken, 2 bad usage or no case.
"""
_BROKEN = 1


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(commands, "verify", "check that a case's journal is whole", _DESCRIPTION)
    parser.add_argument("case", type=Path, metavar="CASE", help="a case file")
    parser.add_argument(
        "--known", default="", metavar="HASH", help="a hash that the chain must still hold"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="default: %(default)s"
    )
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    with closing(open_case(options.case)) as connection:
        verdict = verify(connection, options.known.strip().lower())
    if options.format == "json":
        print(json_line({"whole": verdict.whole, **asdict(verdict)}))
    else:
        _print(verdict)
    return OK if verdict.whole else _BROKEN


def _print(verdict: Verdict) -> None:
    for fault in verdict.faults:
        print(f"✗ {clean(_line(fault))}")
    if verdict.more:
        print(f"✗ … and {verdict.more:,} more")
    entries = f"{verdict.entries:,} {'entry' if verdict.entries == 1 else 'entries'}"
    if verdict.whole:
        print(f"✓ the journal is whole: {entries}, and all alerts stand as it says")
    else:
        print(f"✗ the journal is broken: {entries}")
    print(f"  it ends with {verdict.end or 'nothing yet'}")


def _line(fault: Fault) -> str:
    if fault.entry is not None:
        one = fault.entry
        return f"{fault.what}: {times.iso(one.at)} {one.who} {told(one)}"
    return f"alert {fault.alert_id}: {fault.what}" if fault.alert_id else fault.what
