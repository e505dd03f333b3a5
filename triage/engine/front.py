"""Front: the fields that most events are asked for, read together and looked up at once.

The sieve asks an event some ten questions, nearly always the same ones with the same answers. Once
it is known which, those fields are read by one function written for them, and the place in the
tree that they lead to is remembered by all their values together.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from triage.engine.gates import key_of
from triage.eql.values import text_of
from triage.fields import Doc

_SHARE = 0.1  # of the events that are asked for a field, for it to be among them
_VARIETY = 0.25  # distinct combinations of values among the sampled events
_MOST = 24  # fields

Reader = Callable[[Any], Any]


class Way(Protocol):
    """How the fields are read that are asked for of records of one form."""

    @property
    def open(self) -> Mapping[str, Reader]:
        """What reads the fields that each record may have a value of its own of."""

    @property
    def known(self) -> Mapping[str, Any]:
        """The values of others that have one; what is in neither has none."""

    def reader(self, name: str) -> Reader:
        """What reads any of them."""

    def several(self, names: Sequence[str]) -> Reader:
        """What reads some as a tuple."""

    def together(self, kinds: Mapping[str, Container[type]]) -> Reader:
        """What reads some as a tuple, equal where they are, and good for nothing else. ``kinds``:
        the types of some values of each."""

    def joined(self, names: Sequence[str]) -> Reader:
        """What reads the texts of some as one, with a NUL between them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How some fields are read, in their order."""

    readers: Sequence[Reader]
    # Makes what reads some of them, by their places, as one text.
    joined: Callable[[Sequence[int]], Reader]
    # Makes what reads some of them as one key, equal where all of them are; told for their places
    # the types of some values of each. None where documents are too odd for it.
    together: Callable[[Mapping[int, Container[type]]], Reader] | None = None


def key(value: Any) -> Any:
    """What the sieve remembers a value by."""
    return value if value.__class__ is str else key_of(value)


def often(asked: Sequence[int]) -> list[int]:
    """The fields worth a thought, of those ``asked`` for so many times each."""
    enough = max(asked, default=0) * _SHARE
    fields = sorted(range(len(asked)), key=asked.__getitem__, reverse=True)
    return [at for at in fields[:_MOST] if asked[at] > enough]


def choose(samples: Sequence[tuple[Any, ...]]) -> list[int]:
    """Which fields to read together: those whose values come in few combinations.

    ``samples``: the keys of the fields, of some events.
    """
    columns = list(zip(*samples, strict=True))
    chosen: list[int] = []
    for at in sorted(range(len(columns)), key=lambda at: len(set(columns[at]))):
        together = zip(*(columns[one] for one in (*chosen, at)), strict=True)
        if len(set(together)) <= len(samples) * _VARIETY and _is_alike(columns[at]):
            chosen.append(at)
    return chosen


def of_documents(own: Mapping[str, Reader], *, plain: bool = True) -> Reading:
    """How fields of documents are read, by their names; ``plain``: no outermost key has a dot."""
    names, readers = list(own), list(own.values())

    def together(places: Mapping[int, Container[type]]) -> Reader:
        return read_together([names[at] for at in places], [readers[at] for at in places])

    def joined(places: Sequence[int]) -> Reader:
        some = [readers[at] for at in places]

        def read(doc: Doc) -> str:
            texts: list[str] = []
            for one in some:
                value = one(doc)
                if value.__class__ is str:
                    texts.append(value)
                elif value is not None:
                    texts += map(text_of, value if value.__class__ is list else (value,))
            return "\0".join(texts)

        return read

    return Reading(readers, joined, together if plain else None)


def at_a_glance(way: Way, own: Mapping[str, Reader]) -> Reading:
    """How fields of records are read that are only glanced at."""
    names = list(own)
    return Reading(
        list(own.values()),
        lambda places: way.joined([names[at] for at in places]),
        lambda kinds: way.together({names[at]: some for at, some in kinds.items()}),
    )


def _is_alike(keys: Iterable[Any]) -> bool:
    """Whether values, by their keys, can be told apart by being equal or not: 1 is 1.0 and True."""
    kinds = kinds_of(keys) - {type(None)}
    return kinds <= {str, int} or kinds == {bool}


def kinds_of(keys: Iterable[Any]) -> set[type]:
    """The types of values, by their keys; of those in lists as well."""
    kinds: set[type] = set()
    for one in keys:
        if one.__class__ is not tuple:
            kinds.add(one.__class__)
        elif len(one) == 2 and one[0].__class__ is type:
            kinds.add(one[0])
        else:
            kinds |= kinds_of(one)
    return kinds


def read_together(names: Sequence[str], readers: Sequence[Reader]) -> Callable[[Doc], Any]:
    """A function that gives the keys of all the fields of a document, as a tuple.

    For documents without a dot in an outermost key: then a field lies at the end of its path, or
    behind a dotted key further in. What is neither text nor missing is left to its reader. The
    code is written from the names alone, each as a literal.
    """
    code = ["def read(doc):"]
    for at, name in enumerate(names):
        first, *rest = name.split(".")
        other = f"v{at} = key(r{at}(doc))"
        if len(rest) not in (1, 2):
            code.append(f"    {other}")
            continue
        code += [
            f"    node = doc.get({first!r})",
            "    if node.__class__ is dict:",
        ]
        if len(rest) == 1:
            code.append(f"        v{at} = node.get({rest[0]!r})")
        else:
            code += [
                f"        inner = node.get({rest[0]!r})",
                f"        v{at} = inner.get({rest[1]!r}) if inner.__class__ is dict else inner",
                f"        if v{at} is None:",
                f"            v{at} = node.get({'.'.join(rest)!r})",
                f"        elif inner.__class__ is not dict: {other}",
            ]
        code += [
            f"        if v{at}.__class__ is not str and v{at} is not None:",
            f"            if v{at}.__class__ is list and len(v{at}) == 1"
            f" and v{at}[0].__class__ is str:",
            f"                v{at} = v{at}[0]",
            f"            else: {other}",
            "    elif node is None:",
            f"        v{at} = None",
            f"    else: {other}",
        ]
    code.append(f"    return ({''.join(f'v{at}, ' for at in range(len(names)))})")
    space: dict[str, Any] = {"key": key}
    space.update({f"r{at}": read for at, read in enumerate(readers)})
    exec("\n".join(code), space)  # noqa: S102 - see above: nothing but quoted names gets into it
    made: Callable[[Doc], Any] = space["read"]
    return made
