"""Plain: a parsed query as data without code, to be kept and taken up again.

Taking it up costs a tenth of parsing and is as strict: whatever is found there, there comes a query
that can be compiled as one that was parsed, or ValueError.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from triage.eql.check import check_condition
from triage.eql.lexer import Source
from triage.eql.nodes import Pipe, Query, Stage
from triage.errors import EqlError


class PlainQuery(Struct, frozen=True, array_like=True):
    """A query without its text, as msgspec writes and reads it."""

    kind: Literal["event", "sequence", "sample"]
    stages: tuple[Stage, ...]  # each once
    order: tuple[int, ...]  # their places in the query
    until: Stage | None
    maxspan: int | None
    pipes: tuple[Pipe, ...]


def edition() -> bytes:
    """What tells this parser from others, which may make another query of the same text."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.digest()


def to_plain(query: Query) -> PlainQuery:
    """A query without its text; :func:`from_plain` gives the same again."""
    stages = list(dict.fromkeys(query.stages))
    return PlainQuery(
        query.kind,  # type: ignore[arg-type]  # the parser knows no other
        tuple(replace(stage, query_text="") for stage in stages),
        tuple(map(stages.index, query.stages)),
        None if query.until is None else replace(query.until, query_text=""),
        query.maxspan,
        query.pipes,
    )


def from_plain(plain: PlainQuery, text: str) -> Query:
    """The query of a text. ValueError where ``plain`` is not that of a sound query."""
    source = Source(text)
    stages = [replace(stage, query_text=text) for stage in plain.stages]
    until = None if plain.until is None else replace(plain.until, query_text=text)
    try:
        order = tuple(stages[at] for at in plain.order)
        for stage in (*stages, *([until] if until else [])):
            check_condition(stage.condition, source)
    except (EqlError, IndexError, RecursionError) as error:
        raise ValueError(f"no parsed query: {error}") from error
    enough = len(order) == 1 if plain.kind == "event" else len(order) > 1
    keys = {len(stage.keys) for stage in (*stages, *([until] if until else []))}
    if not enough or len(keys) > 1:
        raise ValueError("no parsed query: its stages do not fit together")
    return Query(plain.kind, order, until, plain.maxspan, plain.pipes, text)
