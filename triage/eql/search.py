"""Search: a query over a collection of events, as Elasticsearch's EQL search API answers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from triage import times
from triage.eql.compile import CompiledStage, compile_stage
from triage.eql.evaluate import Evaluator
from triage.eql.expressions import parse_expression
from triage.eql.machine import UNTIL, SequenceMachine, distinct
from triage.eql.nodes import Query, Stage
from triage.eql.parser import parse
from triage.eql.tree import combinations
from triage.eql.values import FieldTypes
from triage.fields import Doc, lookup

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: the documents that make it, and the values that join them."""

    events: tuple[Doc | None, ...]  # one a stage; None where a missing-event stage is
    join_keys: Key  # () without join keys


def search(
    query: str | Query,
    events: Iterable[Doc],
    *,
    timestamp_field: str = "@timestamp",
    event_category_field: str = "event.category",
    tiebreaker_field: str | None = None,
    size: int = 10,
    field_types: FieldTypes = None,
    max_samples_per_key: int = 1,
) -> list[Hit]:
    """The hits of a query over events, in any order given, as a list in result order.

    Events are ordered by ``timestamp_field``, then ``tiebreaker_field``, then as given; sequences
    by the event that completes them, samples by join key. Without pipes the last ``size`` results
    are returned (of samples the first), as Elasticsearch does by default; ``head`` and ``tail``
    decide instead where they are written. ``field_types`` maps a field to "date", "ip",
    "version", … as a mapping would. Raises EqlError for what Elasticsearch rejects.
    """
    parsed = parse(query) if isinstance(query, str) else query
    types = {timestamp_field: "date_nanos", **(field_types or {})}
    compiled: dict[Stage, CompiledStage] = {}  # `with runs` repeats a stage
    stages = []
    for stage in (*parsed.stages, *([parsed.until] if parsed.until else [])):
        if stage not in compiled:
            compiled[stage] = compile_stage(
                stage, category_field=event_category_field, field_types=types
            )
        stages.append(compiled[stage])
    ordered = _ordered(events, timestamp_field, tiebreaker_field)
    if parsed.kind == "sample":
        samples = _samples(stages, [doc for _, doc in ordered], max_samples_per_key)
        hits = [hit for _, hit in zip(range(size), samples, strict=False)]
    elif parsed.kind == "sequence":
        hits = _sequences(parsed, stages, ordered)
    else:
        matches = stages[0].matches
        hits = [Hit((doc,), ()) for _, doc in ordered if matches(doc)]
    if not parsed.pipes:
        return hits if parsed.kind == "sample" else hits[max(0, len(hits) - size) :]
    for pipe in parsed.pipes:
        count = min(pipe.count, len(hits))
        hits = hits[:count] if pipe.name == "head" else hits[len(hits) - count :]
    return hits


def evaluate(expression: str, event: Doc | None = None, field_types: FieldTypes = None) -> Any:
    """The value of an expression: text, number, boolean, or None for null.

    Fields are read from ``event``. Where fields hold several values, a condition is true when any
    choice of them makes it so, and another expression gives the list of its values.
    """
    node, source = parse_expression(expression)
    evaluator = Evaluator(node, source, field_types)
    found = tuple(lookup(event or {}, name) for name in evaluator.fields)
    results = [evaluator.run(values) for values in combinations(found)]
    if len(results) == 1:
        return results[0]
    if all(result is None or isinstance(result, bool) for result in results):
        return True if True in results else None if None in results else False
    return results


def _ordered(
    events: Iterable[Doc], timestamp_field: str, tiebreaker_field: str | None
) -> list[tuple[int | None, Doc]]:
    """(time in ns or None, document) in order; events without a time come first."""
    keyed = []
    for place, doc in enumerate(events):
        time = times.parse(_first(lookup(doc, timestamp_field)))
        tie = _first(lookup(doc, tiebreaker_field)) if tiebreaker_field else None
        keyed.append(((time is not None, time or 0, _rank(tie), place), time, doc))
    keyed.sort(key=lambda one: one[0])
    return [(time, doc) for _, time, doc in keyed]


def _first(value: Any) -> Any:
    return value[0] if value.__class__ is list else value


def _rank(value: Any) -> tuple[int, float, str]:
    """A sort key for values of any kind: numbers, then texts, then null."""
    if isinstance(value, int | float):
        return (0, value, "")
    return (2, 0, "") if value is None else (1, 0, str(value))


def _key_rank(key: Key) -> tuple[tuple[int, float, str], ...]:
    """The order of join keys; null comes first."""
    return tuple((-1, 0, "") if value is None else _rank(value) for value in key)


def _sequences(
    query: Query, stages: list[CompiledStage], events: list[tuple[int | None, Doc]]
) -> list[Hit]:
    machines: dict[Key, SequenceMachine[int]] = {}
    found: list[tuple[int, Key, tuple[int | None, ...]]] = []
    numbers = [*range(len(query.stages)), UNTIL]
    for place, (time, doc) in enumerate(events):
        if time is None:
            continue
        touched: dict[Key, list[int]] = {}
        for number, stage in zip(numbers, stages, strict=False):
            if stage.matches(doc):
                for key in stage.keys(doc):
                    touched.setdefault(key, []).append(number)
        for key, matched in touched.items():
            machine = machines.get(key)
            if machine is None:
                machine = machines[key] = SequenceMachine(query)
            found.extend(_completed(key, machine.feed(time, matched, place)))
            if machine.idle:
                del machines[key]
    for key, machine in machines.items():
        found.extend(_completed(key, machine.flush()))
    found.sort(key=lambda one: (one[0], _key_rank(one[1])))
    return [
        Hit(tuple(None if place is None else events[place][1] for place in places), key)
        for _, key, places in found
    ]


def _completed(
    key: Key, results: list[tuple[int | None, ...]]
) -> Iterator[tuple[int, Key, tuple[int | None, ...]]]:
    for places in results:
        yield max(place for place in places if place is not None), key, places


def _samples(stages: list[CompiledStage], events: list[Doc], most: int) -> Iterator[Hit]:
    """Samples by join key in order: up to ``most`` a key, each of distinct events."""
    groups: dict[Key, list[list[int]]] = {}
    for place, doc in enumerate(events):
        for number, stage in enumerate(stages):
            if stage.matches(doc):
                for key in stage.keys(doc):
                    groups.setdefault(key, [[] for _ in stages])[number].append(place)
    for key in sorted(groups, key=_key_rank):
        choices = groups[key]
        for _, chosen in zip(range(most), _combined(choices, 0, []), strict=False):
            yield Hit(tuple(events[place] for place in chosen), key)


def _combined(choices: list[list[int]], at: int, taken: list[int]) -> Iterator[list[int]]:
    """Every way to take one of each list, all different, in the order of the lists."""
    if at == len(choices):
        yield list(taken)
        return
    # Only as many of each later list as there are lists can be in each other's way.
    later = [
        [place for place in some[: len(choices) + at + 1] if place not in taken]
        for some in choices[at + 1 :]
    ]
    for place in choices[at]:
        if place in taken:
            continue
        if distinct([[place], *later]) is None:
            continue
        yield from _combined(choices, at + 1, [*taken, place])
