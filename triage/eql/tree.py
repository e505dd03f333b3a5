"""Tree: a condition as a boolean tree over leaf tests, and the closure that runs it.

A leaf names the fields it reads and takes their values, so that an engine can share leaves and
reads between rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, TypeAlias

from triage.eql.access import Reader, reader
from triage.fields import Doc

# An event may hold long arrays in several fields of one test or key; so many combinations of
# their values are looked at, that a hostile event costs milliseconds and not hours.
MAX_COMBINATIONS = 10_000

Matcher: TypeAlias = Callable[[Doc], bool]


@dataclass(frozen=True, slots=True)
class Need:
    """What the text of a value must be or hold for a test to pass, with case folded.

    One of ``wholes`` is the text, or one of ``parts`` occurs in it.
    """

    wholes: tuple[str, ...]
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test: ``test`` takes what the event holds in ``fields`` (None, a value or a list).

    Leaves of equal ``text``, compiled for the same field types, test the same.
    """

    fields: tuple[str, ...]
    test: Callable[..., bool]
    text: str  # as written, on one line and without comments
    need: Need | None = None  # what a value of its one field must be like; None: anything may pass


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when all members are."""

    members: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when any member is."""

    members: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """True when its member is false."""

    member: Tree


@dataclass(frozen=True, slots=True)
class Fixed:
    """A condition no event can change."""

    value: bool


Tree: TypeAlias = Leaf | AllOf | AnyOf | Negation | Fixed


def matcher(tree: Tree, reader_of: Callable[[str], Reader] = reader) -> Matcher:
    """The closure of a tree; ``reader_of`` gives what reads a field."""
    match tree:
        case Fixed(value=value):
            return lambda doc: value
        case Leaf(fields=(name,), test=test):
            read = reader_of(name)
            return lambda doc: test(read(doc))
        case Leaf(fields=names, test=test):
            readers = tuple(map(reader_of, names))
            return lambda doc: test(*[read(doc) for read in readers])
        case Negation(member=member):
            inner = matcher(member, reader_of)
            return lambda doc: not inner(doc)
        case AllOf(members=members):
            return _all(tuple(matcher(one, reader_of) for one in members))
        case AnyOf(members=members):
            return _any(tuple(matcher(one, reader_of) for one in members))


def _all(tests: tuple[Matcher, ...]) -> Matcher:
    def all_match(doc: Doc) -> bool:
        for test in tests:  # noqa: SIM110 - all() over a generator costs twice as much
            if not test(doc):
                return False
        return True

    return all_match


def _any(tests: tuple[Matcher, ...]) -> Matcher:
    def any_match(doc: Doc) -> bool:
        for test in tests:  # noqa: SIM110 - any() over a generator costs twice as much
            if test(doc):
                return True
        return False

    return any_match


def tree_fields(tree: Tree) -> Iterator[str]:
    match tree:
        case Leaf(fields=fields):
            yield from fields
        case Negation(member=member):
            yield from tree_fields(member)
        case AllOf(members=members) | AnyOf(members=members):
            for member in members:
                yield from tree_fields(member)


def combinations(found: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Every choice of one value a field, of values that may be None, one or a list."""
    lists = [value if value.__class__ is list else [value] for value in found]
    return islice(product(*lists), MAX_COMBINATIONS)
