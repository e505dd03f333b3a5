"""What a rule has looked at in all logs that were read: what an exception would keep from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from triage.case.read import CaseReader
from triage.case.schema import told_path
from triage.context.related import RangeReader
from triage.errors import TriageError
from triage.event import identity
from triage.rules import load_rules
from triage.sources import RecordError, decode, read_range

if TYPE_CHECKING:
    from triage.engine.match import Matcher

MAX_EVENTS = 1_000_000  # read for one backtest, the newest logs first
MAX_TOUCHED = 20_000  # events kept of them
_SLICE = 100  # records between two looks at whether anybody still wants to know


@dataclass(frozen=True, slots=True)
class Looked:
    """How far the reading is, and what came since the last of these."""

    touched: tuple[tuple[str, bytes], ...]  # events that fill a stage: id, document as JSON
    read: int  # events read so far
    share: float  # of all that is to be read, 0 to 1
    whole: bool  # all of the logs were read, within the limits
    missing: tuple[str, ...]  # logs that can not be read any more, each with the reason


def backtest(
    case: CaseReader, paths: Sequence[str], rule_ids: frozenset[str], read: RangeReader = read_range
) -> Iterator[Looked]:
    """The events that fill a stage of these rules, from the newest block to the oldest.

    ``paths``: the rules' files. Yields every hundred records, to be stopped at any time. Ends at
    MAX_EVENTS read or MAX_TOUCHED found, ``whole`` telling whether that was all.
    """
    from triage.engine.match import Matcher  # what a console needs at once is not this

    rules = [
        rule
        for rule in load_rules([Path(path) for path in dict.fromkeys(paths)]).rules
        if rule.runnable and rule.rule_id in rule_ids
    ]
    matcher = Matcher([(rule, []) for rule in rules], processes=False)
    parts = _parts(case)
    total = sum(part.events for part in parts) or 1
    seen = found = 0
    missing: list[str] = []
    for part in parts:
        try:
            for some in _slices(read(part.source, part.format, part.first, part.last)):
                touched = tuple(_touched(matcher, part.format, some))
                seen, found = seen + len(some), found + len(touched)
                yield Looked(touched, seen, min(1.0, seen / total), False, tuple(missing))
                if seen >= MAX_EVENTS or found >= MAX_TOUCHED:
                    return
        except (OSError, TriageError) as error:
            missing.append(f"{part.source}: {error}")
    yield Looked((), seen, 1.0, True, tuple(missing))


@dataclass(slots=True)
class _Part:
    """Records of a log that are read in one go."""

    source: str
    format: str
    first: int
    last: int
    events: int


def _parts(case: CaseReader) -> list[_Part]:
    """What was read, the newest first; an EVTX file in one, since it is read from its beginning."""
    parts: dict[object, _Part] = {}
    for source, format_, first, last, events in case.connection.execute(
        "SELECT source, format, first, last, events FROM block WHERE events > 0"
        " ORDER BY max_time DESC"
    ):
        known = parts.get(source) if format_ == "evtx" else None
        if known is None:
            path = told_path(source)
            parts[source if format_ == "evtx" else (source, first)] = _Part(
                path, format_, first, last, events
            )
        else:
            known.first, known.last = min(first, known.first), max(last, known.last)
            known.events += events
    return list(parts.values())


def _slices(records: Iterable[tuple[int, bytes]]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    for _, record in records:
        some.append(record)
        if len(some) == _SLICE:
            yield some
            some = []
    if some:
        yield some


def _touched(
    matcher: Matcher, format_: str, records: Sequence[bytes]
) -> Iterator[tuple[str, bytes]]:
    for record in records:
        try:
            doc = decode(format_, record)
        except RecordError:
            continue  # counted and kept when the log was first read
        if doc and any(step.condition.matches(doc) for step in matcher.steps(doc)):
            yield identity(doc), orjson.dumps(doc, default=str)
