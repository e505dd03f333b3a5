"""triage query: ask logs a question in EQL."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

from triage import ecs
from triage.cli.common import FAILED, PATHS, Commands, Progress, command, say, say_refused
from triage.cli.convert import documents
from triage.context import describe
from triage.eql import EqlError, Hit, Query, compile_stage, parse, search
from triage.event import Event, identity, order_of
from triage.fields import first_text
from triage.sources import Follower
from triage.text import clean, json_line

_DESCRIPTION = """\
Read log files and folders once and print what an EQL query finds, as Elasticsearch would.

Event queries print the events' documents, one a line; sequences and samples one line each with
their join_keys and events, null where a missing-event stage is. Progress goes to standard error.

  triage query 'process where process.name : "rundll32.exe"' ./logs
  triage query 'sequence by process.entity_id [process where true] [network where true]' ./logs
  triage query 'any where event.code == "22"' dns.evtx --size 1000 --format table

Exit code: 0 when the logs were read, 2 for a query that cannot run or unreadable input.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(commands, "query", "ask logs a question in EQL", _DESCRIPTION)
    parser.add_argument("query", metavar="EQL", help="the query, as one argument")
    parser.add_argument("paths", nargs="+", metavar="PATH", help=PATHS)
    parser.add_argument(
        "--size", type=int, default=10, help="how many results at most (default: %(default)s)"
    )
    parser.add_argument(
        "--timestamp-field", default="@timestamp", metavar="FIELD", help="default: %(default)s"
    )
    parser.add_argument(
        "--event-category-field",
        default="event.category",
        metavar="FIELD",
        help="what `process where` asks for (default: %(default)s)",
    )
    parser.add_argument("--tiebreaker-field", metavar="FIELD", help="orders events of one instant")
    parser.add_argument(
        "--field-type",
        action="append",
        default=[],
        metavar="FIELD=TYPE",
        help="what a mapping would tell: date, ip, version, keyword, …; may be given several times",
    )
    parser.add_argument(
        "--max-samples-per-key", type=int, default=1, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--format", choices=("ndjson", "table"), default="ndjson", help="default: %(default)s"
    )
    parser.set_defaults(command=_query)


def _query(options: argparse.Namespace) -> int:
    types: dict[str, str] = {}
    for given in options.field_type:
        field, equals, kind = given.partition("=")
        if not (field and equals and kind):
            say(f"triage: --field-type {given}: write it as FIELD=TYPE, such as source.ip=ip")
            return FAILED
        types[field] = kind
    follower = Follower(options.paths, once=True)
    progress = Progress(follower)
    read = _Counted(documents(follower), progress)
    try:
        query = parse(options.query)
        hits = search(
            query,
            _relevant(query, read, options.event_category_field, types),
            timestamp_field=options.timestamp_field,
            event_category_field=options.event_category_field,
            tiebreaker_field=options.tiebreaker_field,
            size=options.size,
            field_types=types,
            max_samples_per_key=options.max_samples_per_key,
        )
    except EqlError as error:
        progress.end()
        say(f"triage: the query is not EQL: {error}")
        return FAILED
    finally:
        progress.end()
        follower.close()
    for hit in hits:
        if options.format == "table":
            _print_table(hit)
        else:
            print(json_line(_document(query, hit)))
    say(f"triage: {read.count:,} events, {len(hits):,} results")
    return say_refused(follower, read.count)


class _Counted:
    """Passes documents on, and counts them."""

    def __init__(self, docs: Iterator[dict[str, Any]], progress: Progress) -> None:
        self._docs = docs
        self._progress = progress
        self.count = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for doc in self._docs:
            self.count += 1
            self._progress(self.count)
            yield doc


def _relevant(
    query: Query, docs: Iterable[dict[str, Any]], category_field: str, types: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The documents that any stage matches: all that a search needs to hold in memory."""
    stages = dict.fromkeys((*query.stages, *([query.until] if query.until else [])))
    compiled = [
        compile_stage(stage, category_field=category_field, field_types=types) for stage in stages
    ]
    for field in sorted({field for one in compiled for field in one.fields}):
        if not ecs.known(field):
            near = ecs.nearest(field)
            advice = f"; did you mean {near}?" if near else ""
            say(f"triage: no known source gives the field {field}{advice}")
    tests = [one.matches for one in compiled]
    for doc in docs:
        if any(test(doc) for test in tests):
            yield doc


def _document(query: Query, hit: Hit) -> dict[str, Any]:
    if query.kind == "event":
        return hit.events[0] or {}
    return {"join_keys": list(hit.join_keys), "events": list(hit.events)}


def _print_table(hit: Hit) -> None:
    for number, doc in enumerate(hit.events):
        mark = "└" if number and number == len(hit.events) - 1 else "│" if number else " "
        if doc is None:
            print(f"{mark} -")
            continue
        order = order_of(doc, "", 0) or (0, 0, "", 0)
        cells = (first_text(doc, "@timestamp"), first_text(doc, "host.name"))
        line = describe(Event(identity(doc), order, doc))
        print(f"{mark} {clean(cells[0]):<24}  {clean(cells[1], 30):<20}  {clean(line, 160)}")
