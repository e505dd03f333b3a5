"""triage journal: a case's audit journal as text or NDJSON."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from triage import times
from triage.case.journal import Record, matches, records
from triage.case.verify import open_case
from triage.cli.common import OK, Commands, command
from triage.text import clean, json_line

_DESCRIPTION = """\
Print who decided what in a case, when, why and on which alerts, oldest first: the text that the
console's journal screen (J) shows. The case is only read.

  triage journal night.triage > audit.txt
  triage journal night.triage --only 'who:sam action:close'
  triage journal night.triage --format ndjson       with each entry's hash

Exit code: 0 done, 2 bad usage or no case.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(commands, "journal", "print a case's audit journal", _DESCRIPTION)
    parser.add_argument("case", type=Path, metavar="CASE", help="a case file")
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="words, who:NAME, alert:ID, action:NAME"
    )
    parser.add_argument(
        "--format", choices=("text", "ndjson"), default="text", help="default: %(default)s"
    )
    parser.set_defaults(command=_journal)


def _journal(options: argparse.Namespace) -> int:
    with closing(open_case(options.case)) as connection:
        for record in records(connection):
            if matches(record, options.only):
                _print(record, options.format)
    return OK


def _print(record: Record, form: str) -> None:
    if form == "text":
        for text in record.lines():
            print(clean(text))
        return
    entry = record.entry
    doc = {**asdict(entry), "at": times.iso(entry.at), "what": record.what}
    alerts = [asdict(one) for one in record.alerts]
    print(json_line({**doc, "undone_by": record.undone_by, "alerts": alerts, "hash": record.hash}))
