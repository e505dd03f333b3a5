"""Tail: what fields with ever new values leave of some steps, without remembering any value.

Command lines, paths and process numbers hardly ever come again, so that nothing learnt of one
helps with the next. They are asked last, when few steps are left: all their texts are searched in
one pass for those that the steps need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import re2

from triage.engine.front import Reading
from triage.engine.gates import all_needs_of, only_excludes, runner
from triage.eql.tree import Tree
from triage.eql.values import fold

_MOST_KNOWN = 512  # outcomes of the search that are remembered
_MOST_VALUES = 2_000  # of a tested field
_MAX_MEMORY = 2 << 20  # bytes a search may take

# What is demanded of each of some fields, by their places, with the mask of the steps that do.
Asked = Mapping[int, Sequence[tuple[Tree, int]]]
Search = Callable[[bytes], list[int] | None]


class _Tested:
    """A field whose values are tested one by one, for what no search tells."""

    __slots__ = ("_known", "_tests", "read", "steps")

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read
        self.steps = 0
        self._tests: list[tuple[Callable[[Any], bool], int]] = []
        self._known: dict[
            str | int, int
        ] = {}  # what is left, by value: images come again and again

    def add(self, test: Callable[[Any], bool], steps: int) -> None:
        self._tests.append((test, steps))
        self.steps |= steps

    def left(self, value: Any) -> int:
        """The steps that a value leaves, of all there are."""
        if value.__class__ is not str and value.__class__ is not int:
            return self._left(value)
        known = self._known.get(value)
        if known is None:
            if len(self._known) >= _MOST_VALUES:
                self._known.clear()
            known = self._known[value] = self._left(value)
        return known

    def _left(self, value: Any) -> int:
        left = -1
        for test, steps in self._tests:
            if not test(value):
                left &= ~steps
        return left


class Tail:
    """The steps of ``mask`` that a document's values of some fields leave; only those of ``exact``
    are asked about."""

    def __init__(self, mask: int, asked: Asked, reading: Reading, exact: int = -1) -> None:
        self._mask = mask
        mask &= exact
        needs: dict[frozenset[str], int] = {}  # texts of which one must occur: steps that say so
        searched: list[int] = []
        self._tested: list[_Tested] = []
        for at, demands in asked.items():
            tested = _Tested(reading.readers[at])
            for tree, steps in demands:
                if not steps & mask:
                    continue
                found = all_needs_of(tree)
                for texts in found:
                    needs[texts] = needs.get(texts, 0) | steps & mask
                    searched.append(at)
                if not found and not only_excludes(tree):
                    tested.add(runner(tree), steps & mask)
            if tested.steps:
                self._tested.append(tested)
        texts_of = sorted(set().union(*needs))
        number = {text: at for at, text in enumerate(texts_of)}
        self._needs = [({number[text] for text in texts}, steps) for texts, steps in needs.items()]
        self._search = _search(texts_of) if texts_of else None
        self._joined = reading.joined(list(dict.fromkeys(searched)))
        self._known: dict[tuple[int, ...], int] = {}  # what is left, by the texts found

    def __call__(self, doc: Any) -> int:
        mask = self._mask
        if self._search is not None:
            joined = self._joined(doc)
            joined = joined.lower() if joined.isascii() else fold(joined)
            found = tuple(self._search(joined.encode("utf-8", "replace")) or ())
            known = self._known.get(found)
            mask = self._left(found) if known is None else known
        for one in self._tested:
            if mask & one.steps:
                mask &= one.left(one.read(doc))
        return mask

    def _left(self, found: tuple[int, ...]) -> int:
        have = set(found)
        mask = self._mask
        for texts, steps in self._needs:
            if have.isdisjoint(texts):
                mask &= ~steps
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[found] = mask
        return mask


def _search(texts: Sequence[str]) -> Search:
    """Which of the texts occur, by their numbers; one pass over the bytes, whatever they are."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    made = re2.Set.SearchSet(options)
    for text in texts:
        made.Add(re2.escape(text).encode("utf-8", "replace"))
    made.Compile()
    match: Search = made.Match
    # A search that lacks memory says so by finding nothing; it does from the first search on.
    if all(at in (match(text.encode("utf-8", "replace")) or ()) for at, text in enumerate(texts)):
        return match
    return lambda _: list(range(len(texts)))
