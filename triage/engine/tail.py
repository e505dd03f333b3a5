"""Tail: what fields with ever new values leave of some steps, without remembering any value.

Command lines, paths and process numbers hardly ever come again, so that nothing learnt of one
helps with the next. They are asked last, when few steps are left: all their texts are searched in
one pass for those that the steps need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import re2

from triage.engine.gates import needs_of, only_excludes, runner
from triage.eql.tree import Tree
from triage.eql.values import fold, text_of
from triage.fields import Doc

_MOST_KNOWN = 512  # outcomes of the search that are remembered
_MAX_MEMORY = 2 << 20  # bytes a search may take

# What is demanded of a field, with the mask of the steps that do; and how the field is read.
Asked = tuple[Sequence[tuple[Tree, int]], Callable[[Doc], Any]]
Search = Callable[[bytes], list[int] | None]


class Tail:
    """The steps of ``mask`` that a document's values of some fields leave."""

    def __init__(self, mask: int, fields: Iterable[Asked]) -> None:
        self._mask = mask
        needs: dict[frozenset[str], int] = {}  # texts of which one must occur: steps that say so
        self._reads: list[Callable[[Doc], Any]] = []
        self._tests: list[tuple[Callable[[Doc], Any], Callable[[Any], bool], int]] = []
        for demands, read in fields:
            searched = False
            for tree, steps in demands:
                if not steps & mask:
                    continue
                texts = needs_of(tree, shortest=1)
                if texts is not None:
                    key = frozenset(text for _, text in texts)
                    needs[key] = needs.get(key, 0) | steps & mask
                    searched = True
                elif not only_excludes(tree):
                    self._tests.append((read, runner(tree), steps & mask))
            if searched:
                self._reads.append(read)
        texts_of = sorted(set().union(*needs))
        number = {text: at for at, text in enumerate(texts_of)}
        self._needs = [({number[text] for text in texts}, steps) for texts, steps in needs.items()]
        self._search = _search(texts_of) if texts_of else None
        self._known: dict[tuple[int, ...], int] = {}  # what is left, by the texts found

    def __call__(self, doc: Doc) -> int:
        mask = self._mask
        if self._search is not None:
            texts: list[str] = []
            for read in self._reads:
                value = read(doc)
                if value.__class__ is str:
                    texts.append(value)
                elif value is not None:
                    several = value if value.__class__ is list else (value,)
                    texts += [one if one.__class__ is str else text_of(one) for one in several]
            joined = fold("\0".join(texts))
            found = tuple(self._search(joined.encode("utf-8", "replace")) or ())
            known = self._known.get(found)
            mask = self._left(found) if known is None else known
        for read, test, steps in self._tests:
            if mask & steps and not test(read(doc)):
                mask &= ~steps
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
