"""triage convert: print the events of logs as ECS."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from triage.cli.common import PATHS, Commands, command, say_refused, say_reject
from triage.errors import Reject
from triage.sources import Follower, RecordError, decode
from triage.text import json_line

_DESCRIPTION = """\
Read log files and folders once and print their events as ECS documents, one JSON line each.

  triage convert sysmon.evtx > events.ndjson

Exit code: 0 when the logs were read, 2 on bad usage or unreadable input.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(commands, "convert", "print the events of logs as ECS NDJSON", _DESCRIPTION)
    parser.add_argument("paths", nargs="+", metavar="PATH", help=PATHS)
    parser.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    follower = Follower(options.paths, once=True)
    events = 0
    try:
        for doc in documents(follower):
            events += 1
            print(json_line(doc))
        return say_refused(follower, events)
    finally:
        follower.close()


def documents(follower: Follower) -> Iterator[dict[str, Any]]:
    """The events of all that a follower reads; what cannot be read is told."""
    for block in follower.poll():
        for reject in block.rejects:
            say_reject(reject)
        for record, position in zip(block.records, block.positions, strict=True):
            try:
                doc = decode(block.format, record)
            except RecordError as error:
                say_reject(Reject(block.source, position, len(record), str(error), b""))
                continue
            if doc is not None:
                yield doc
