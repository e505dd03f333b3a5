"""Sorted lists of a hundred thousand things, made and kept up so that no key waits. No widget."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

_T = TypeVar("_T")
_PART = 1_000  # things sorted in one go: a millisecond
_STEP = 100  # things looked at between two pauses


def by_and_by(things: Sequence[Any]) -> Generator[None, None, list[Any]]:
    """``sorted(things)``; pauses about each half millisecond, for whoever has other things to do.

    Things are first put into parts by some marks among them, so that only parts need sorting.
    """
    if len(things) <= _PART:
        return sorted(things)
    marks = sorted(things[::_PART])
    parts: list[list[Any]] = [[] for _ in range(len(marks) + 1)]
    for start in range(0, len(things), _STEP):
        for thing in things[start : start + _STEP]:
            parts[bisect_right(marks, thing)].append(thing)
        yield
    found: list[Any] = []
    for part in parts:
        part.sort()
        found += part
        yield
    return found


def insert(into: list[_T], fresh: Sequence[_T], key: Callable[[_T], Any] | None = None) -> None:
    """Put ``fresh`` into ``into``, both ascending by ``key``.

    What arrives is mostly newer than all that is there, so it goes in together where it stands
    together; where it does not, the list is put together anew, which takes no comparisons.
    """
    told = key or _itself
    places = [bisect_left(into, told(thing), key=key) for thing in fresh]
    if not places:
        return
    if places[0] == places[-1]:
        into[places[0] : places[0]] = fresh
        return
    made = into[: places[0]]
    for (place, after), thing in zip(pairwise([*places, len(into)]), fresh, strict=True):
        made.append(thing)
        made += into[place:after]
    into[:] = made


def _itself(thing: Any) -> Any:
    return thing
