"""triage export: hand a case, or a part of it, over as a file."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path

from triage.case.model import AlertRow
from triage.case.read import CaseReader
from triage.cli.common import OK, Commands, command, say
from triage.cli.watch import default_user
from triage.errors import TriageError
from triage.export import BY_NAME, FORMATS, Selection, write_file
from triage.run import wall_clock
from triage.ui.filtering import FilterError, document_fields, parse

_DESCRIPTION = """\
Hand a case, or a part of it, over: as a report for people, or as data for another program.

{formats}

Without -o it goes to standard output. A file is never overwritten unless --force says so.

  triage export night.triage --format html -o night.html
  triage export night.triage --format csv -o alerts.csv
  triage export night.triage --format stix --select 'state:true_positive'
  triage export night.triage --format ndjson --select 'severity>=high host:ws-014'

Exit code: 0 when it was written, 2 on bad usage, an unreadable case, or an existing file.
"""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    formats = "\n".join(f"  {one.name:<11} {one.words}" for one in FORMATS)
    text = _DESCRIPTION.format(formats=formats)
    parser = command(commands, "export", "hand a case over as a file", text)
    parser.add_argument("case", type=Path, metavar="CASE", help="a case file")
    parser.add_argument("--format", required=True, choices=tuple(BY_NAME), help="see above")
    parser.add_argument(
        "--select",
        default="",
        metavar="FILTER",
        help="only alerts that pass a filter of the console, or those of these ids"
        " (default: the whole case)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write it")
    parser.add_argument("--force", action="store_true", help="overwrite FILE where it exists")
    parser.add_argument(
        "--user",
        metavar="NAME",
        default=default_user(),
        help="who hands it over, as a report says (default: %(default)s)",
    )
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    if not options.case.is_file():
        raise TriageError(f"{options.case}: there is no such case file")
    reader = CaseReader(str(options.case))
    try:
        chosen, words = _select(reader, options.select)
        rows = tuple(sorted(chosen, key=lambda row: (row.time, row.id)))
        name, form = options.case.stem, BY_NAME[options.format]
        selection = Selection(reader, name, rows, words, wall_clock(), options.user)
        if options.output is None:
            if isinstance(sys.stdout, TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8", newline="")  # as it is in a file
            for piece in form.write(selection):
                sys.stdout.write(piece)
            sys.stdout.flush()
            return OK
        try:
            saved = write_file(
                replace(selection, progress=_progress), form, options.output, options.force
            )
        except FileExistsError:
            raise TriageError(
                f"{options.output} exists already; choose another file, or add --force"
            ) from None
        finally:
            _progress(0, 0)
        say(f"triage: {len(rows):,} alerts written to {saved.path}, {saved.size:,} bytes")
        return OK
    finally:
        reader.close()


def _select(case: CaseReader, text: str) -> tuple[list[AlertRow], str]:
    """The alerts a filter or a list of ids chooses, and how to say so."""
    rows = case.alerts()
    words = [word for word in re.split(r"[\s,]+", text) if word]
    if not words:
        return list(rows), "the whole case"
    if all(map(_ID.fullmatch, words)):
        known = {row.id: row for row in rows}
        for word in words:
            if word not in known:
                raise TriageError(f"--select: the case has no alert {word}")
        return [known[word] for word in dict.fromkeys(words)], "alerts chosen by id"
    try:
        fields = document_fields(text)
        documents = case.field_values((row.id for row in rows), fields) if fields else {}
        passes = parse(text, wall_clock, documents)
    except FilterError as error:
        raise TriageError(f"--select, column {error.column}: {error}") from error
    found = [row for row in rows if passes(row)]
    if not found:
        raise TriageError(f"--select: none of {len(rows):,} alerts passes {text!r}")
    return found, f"alerts that pass {text}"


def _progress(done: int, total: int) -> None:
    """A line on a terminal that is rewritten in place; nothing elsewhere, nothing at the end."""
    if sys.stderr.isatty() and (done % 50 == 0 or done == total):
        text = f"{done:,} of {total:,} alerts" if done < total else ""
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
