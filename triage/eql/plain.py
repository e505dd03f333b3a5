"""Plain: a parsed query as lists, texts and numbers, to be kept and taken up again.

Taking it up costs a third of parsing and is as strict: whatever the lists hold, there comes a query
that can be compiled as one that was parsed, or ValueError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from triage.eql.check import check_condition
from triage.eql.lexer import Source
from triage.eql.nodes import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Field,
    Literal,
    Match,
    Membership,
    Negative,
    Node,
    Not,
    Or,
    Pipe,
    Query,
    Stage,
)
from triage.errors import EqlError

T = TypeVar("T")
Plain: TypeAlias = list[Any]  # what JSON can say

_KINDS = ("event", "sequence", "sample")
_CONSTANTS = frozenset({str, int, float, bool, type(None)})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_PATTERNS = frozenset({":", "like", "like~", "regex", "regex~"})


def edition() -> bytes:
    """What tells this parser from others, which may make another query of the same text."""
    found = hashlib.blake2b(digest_size=16)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return found.digest()


def to_plain(query: Query) -> Plain:
    """A query without its text; :func:`from_plain` gives the same again."""
    stages = list(dict.fromkeys(query.stages))
    return [
        query.kind,
        [_stage_to(stage) for stage in stages],
        [stages.index(stage) for stage in query.stages],
        None if query.until is None else _stage_to(query.until),
        query.maxspan,
        [[pipe.name, pipe.count] for pipe in query.pipes],
    ]


def from_plain(plain: object, text: str) -> Query:
    """The query of a text. ValueError where ``plain`` is not that of a sound query."""
    try:
        return _query(plain, Source(text))
    except (EqlError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError(f"no parsed query: {error}") from error


# -- to --------------------------------------------------------------------------------------------


def _stage_to(stage: Stage) -> Plain:
    keys = [_node_to(key) for key in stage.keys]
    place = stage.missing, stage.line, stage.column, stage.text
    return [stage.category, _node_to(stage.condition), keys, *place]


def _node_to(node: Node) -> Plain:
    place = node.start, node.end
    match node:
        case Literal(value=value):
            return ["literal", value, *place]
        case Field(name=name, optional=optional):
            return ["field", name, optional, *place]
        case Call(name=name, insensitive=insensitive, args=args):
            return ["call", name, insensitive, list(map(_node_to, args)), *place]
        case Negative(operand=operand):
            return ["negative", _node_to(operand), *place]
        case Arithmetic(op=op, left=left, right=right):
            return ["arithmetic", op, _node_to(left), _node_to(right), *place]
        case Comparison(op=op, left=left, right=right):
            return ["comparison", op, _node_to(left), _node_to(right), *place]
        case Membership(value=value, items=items, insensitive=insensitive):
            return ["in", _node_to(value), _nodes_to(items), insensitive, *place]
        case Match(value=value, op=op, patterns=patterns):
            return ["match", _node_to(value), op, _nodes_to(patterns), *place]
        case Not(operand=operand):
            return ["not", _node_to(operand), *place]
        case And(terms=terms):
            return ["and", list(map(_node_to, terms)), *place]
        case Or(terms=terms):
            return ["or", list(map(_node_to, terms)), *place]


def _nodes_to(nodes: Sequence[Node]) -> Plain:
    """Long lists hold nothing but literals: they are kept as columns, which is the fastest."""
    literals = [node for node in nodes if isinstance(node, Literal)]
    if len(literals) < len(nodes):
        return ["nodes", *map(_node_to, nodes)]
    columns = zip(*((one.value, one.start, one.end) for one in literals), strict=True)
    return ["literals", *map(list, columns)]


# -- from ------------------------------------------------------------------------------------------


def _query(plain: Any, source: Source) -> Query:
    kind, some, order, until, maxspan, pipes = plain
    stages = [_stage(one, source) for one in some]
    found = Query(
        _one_of(_KINDS, kind),
        tuple(stages[at] for at in order),
        None if until is None else _stage(until, source),
        None if maxspan is None else _is(int, maxspan),
        tuple(Pipe(_is(str, name), _is(int, count)) for name, count in pipes),
        source.text,
    )
    keys = {len(stage.keys) for stage in (*found.stages, *([found.until] if found.until else []))}
    enough = len(found.stages) == 1 if kind == "event" else len(found.stages) > 1
    if not enough or len(keys) > 1:
        raise TypeError("its stages do not fit together")
    return found


def _stage(plain: Any, source: Source) -> Stage:
    category, condition, keys, missing, line, column, text = plain
    node = _node(condition)
    check_condition(node, source)
    return Stage(
        None if category is None else _is(str, category),
        node,
        tuple(_is(Field, _node(key)) for key in keys),
        _is(bool, missing),
        _is(int, line),
        _is(int, column),
        _is(str, text),
        source.text,
    )


def _node(plain: Any) -> Node:
    kind, *parts, start, end = plain
    return _MAKERS[kind](*parts, _is(int, start), _is(int, end))


def _nodes(plain: Any) -> tuple[Node, ...]:
    kind, *parts = plain
    return _literals(*parts) if kind == "literals" else tuple(map(_node, parts))


def _literals(values: Any, starts: Any, ends: Any) -> tuple[Literal, ...]:
    if not _CONSTANTS.issuperset(map(type, values)) or {*map(type, starts), *map(type, ends)} != {
        int
    }:
        raise TypeError("no constants")
    return tuple(map(Literal, values, starts, ends))


def _literal(value: Any, start: int, end: int) -> Literal:
    if type(value) not in _CONSTANTS:
        raise TypeError("no constant")
    return Literal(value, start, end)


def _match(value: Any, op: Any, patterns: Any, start: int, end: int) -> Match:
    kind, *columns = patterns
    if kind != "literals" or set(map(type, columns[0])) != {str}:
        raise TypeError("no patterns")
    return Match(_node(value), _one_of(_PATTERNS, op), _literals(*columns), start, end)


def _two(make: type[Comparison] | type[Arithmetic], ops: Container[str]) -> Callable[..., Node]:
    return lambda op, left, right, start, end: make(
        _one_of(ops, op), _node(left), _node(right), start, end
    )


def _several(make: type[And] | type[Or]) -> Callable[..., Node]:
    def made(terms: Any, start: int, end: int) -> Node:
        if len(terms) < 2:
            raise TypeError("too few terms")
        return make(tuple(map(_node, terms)), start, end)

    return made


# By what a node begins with: a function of the parts that follow, the last two its place.
_MAKERS: dict[str, Callable[..., Node]] = {
    "literal": _literal,
    "field": lambda name, optional, *place: Field(_is(str, name), _is(bool, optional), *place),
    "call": lambda name, insensitive, args, *place: Call(
        _is(str, name), _is(bool, insensitive), tuple(map(_node, args)), *place
    ),
    "negative": lambda operand, *place: Negative(_node(operand), *place),
    "arithmetic": _two(Arithmetic, _ARITHMETIC),
    "comparison": _two(Comparison, _COMPARISONS),
    "in": lambda value, items, insensitive, *place: Membership(
        _node(value), _nodes(items), _is(bool, insensitive), *place
    ),
    "match": _match,
    "not": lambda operand, *place: Not(_node(operand), *place),
    "and": _several(And),
    "or": _several(Or),
}


def _is(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _one_of(words: Container[str], word: Any) -> str:
    if word not in words:
        raise TypeError(f"unknown {word!r}")
    return str(word)
