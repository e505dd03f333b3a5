"""Nodes: the syntax tree of EQL, as frozen values.

They are msgspec's structures, which are made in a fifth of a dataclass's time, and from JSON as
strictly as their fields say.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

Constant: TypeAlias = str | int | float | bool | None


class Literal(Struct, frozen=True, array_like=True, tag="literal"):
    """A constant."""

    value: Constant
    start: int
    end: int


class Field(Struct, frozen=True, array_like=True, tag="field"):
    """A field of the event by its full name; ``optional`` where written ``?name``."""

    name: str
    optional: bool
    start: int
    end: int


class Call(Struct, frozen=True, array_like=True, tag="call"):
    """A function call: ``name`` is the lower-case name without ``~``."""

    name: str
    insensitive: bool
    args: tuple[Node, ...]
    start: int
    end: int


class Negative(Struct, frozen=True, array_like=True, tag="negative"):
    """Arithmetic minus."""

    operand: Node
    start: int
    end: int


class Arithmetic(Struct, frozen=True, array_like=True, tag="arithmetic"):
    """``op`` is one of ``+ - * / %``."""

    op: str
    left: Node
    right: Node
    start: int
    end: int


class Comparison(Struct, frozen=True, array_like=True, tag="comparison"):
    """``op`` is one of ``== != < <= > >=``."""

    op: Annotated[str, Meta(pattern="^(?:[=!<>]=|[<>])$")]
    left: Node
    right: Node
    start: int
    end: int


class Membership(Struct, frozen=True, array_like=True, tag="in"):
    """``value in (…)``, or ``in~`` when insensitive."""

    value: Node
    items: tuple[Node, ...]
    insensitive: bool
    start: int
    end: int


class Match(Struct, frozen=True, array_like=True, tag="match"):
    """A pattern test: ``op`` is one of ``: like like~ regex regex~``."""

    value: Node
    op: str
    patterns: tuple[Literal, ...]
    start: int
    end: int


class Not(Struct, frozen=True, array_like=True, tag="not"):
    """Logical not."""

    operand: Node
    start: int
    end: int


class And(Struct, frozen=True, array_like=True, tag="and"):
    """All of two or more terms; chains are flat, so their length costs no depth."""

    terms: tuple[Node, ...]
    start: int
    end: int


class Or(Struct, frozen=True, array_like=True, tag="or"):
    """Any of two or more terms."""

    terms: tuple[Node, ...]
    start: int
    end: int


Node: TypeAlias = (
    Literal
    | Field
    | Call
    | Negative
    | Arithmetic
    | Comparison
    | Membership
    | Match
    | Not
    | And
    | Or
)


def is_constant(node: Node) -> bool:
    """Whether no field takes part in an expression."""
    if node.__class__ is Literal:  # as most are
        return True
    match node:
        case Field():
            return False
        case Literal():
            return True
        case Call(args=parts) | And(terms=parts) | Or(terms=parts):
            return all(map(is_constant, parts))
        case Negative(operand=operand) | Not(operand=operand):
            return is_constant(operand)
        case Arithmetic(left=left, right=right) | Comparison(left=left, right=right):
            return is_constant(left) and is_constant(right)
        case Membership(value=value, items=items):
            return is_constant(value) and all(map(is_constant, items))
        case Match(value=value):
            return is_constant(value)


class Stage(Struct, frozen=True, array_like=True, eq=False, weakref=True):
    """One event filter: the whole of an event query, or one ``[…]`` of a sequence or sample.

    Compared by identity, so it can be a cheap dictionary key.
    """

    category: str | None  # None for `any`
    condition: Node
    keys: tuple[Field, ...]  # the query's `by` keys, then the stage's own
    missing: bool  # written `![…]`: no such event may happen
    line: int  # 1-based place of the filter in the query
    column: int
    text: str  # the filter as written, without brackets
    query_text: str  # the text that all offsets of `condition` refer to


class Pipe(Struct, frozen=True, array_like=True):
    """``| head count`` or ``| tail count``."""

    name: str
    count: int


class Query(Struct, frozen=True, eq=False):
    """A parsed and verified query. Compared by identity, so it can be a cheap dictionary key."""

    kind: str  # "event", "sequence" or "sample"
    stages: tuple[Stage, ...]  # `with runs=n` is expanded to n stages
    until: Stage | None
    maxspan: int | None  # nanoseconds
    pipes: tuple[Pipe, ...]
    text: str
