"""Gates: which steps can an event still fill? Told field by field, before any test is run.

What a step's condition demands of one field, all else taken for granted, is a necessary condition
of its own. The steps whose demand a value meets are a bit mask, worked out once for a value and
remembered; the masks of an event's fields together leave a handful of some thousand steps, and
only those are tested. A gate may leave too much and never too little, so that the outcome is the
same with all gates open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import re2

from triage.eql.tree import AllOf, AnyOf, Fixed, Leaf, Negation, Tree, tree_fields
from triage.eql.values import fold, text_of

_MAX_BRANCHES = 64  # alternatives a step is split into
_MEMO_SIZE = 2048  # values a gate remembers
_SEEN_SIZE = 8192  # values it counts
_MOST_VIEWS = 128
_FEW_PARTS = 16  # up to so many texts are looked for one by one
_SHORTEST = 3  # characters of a text worth looking for; shorter ones are found everywhere


@dataclass(frozen=True, slots=True)
class _View:
    """What of a gate matters to some steps."""

    exact: bool  # whether values that are named whole do
    parts: tuple[tuple[str, int], ...]  # texts that values hold, and the steps behind them
    find: Callable[[bytes], Any] | None  # one pass for all of the parts, where they are many
    tests: tuple[tuple[Callable[[Any], bool], int], ...]


class Gate:
    """One field: which steps its value leaves."""

    __slots__ = (
        "_exact",
        "_excluded",
        "_exclusions",
        "_masks",
        "_memo",
        "_named",
        "_open",
        "_parts",
        "_seen",
        "_tests",
        "_views",
    )

    def __init__(self, demands: Iterable[tuple[Tree, int]], every: int) -> None:
        """``demands``: what is demanded of the field, and the mask of the steps that do;
        ``every``: the mask of all steps that come here."""
        self._open = every  # mask of the steps that demand nothing
        self._memo: dict[Any, int] = {}
        self._masks: dict[int, int] = {}  # equal masks are one object: there are few
        self._seen: dict[Any, int] = {}  # how often a value was met
        self._views: dict[int, _View] = {}  # by the mask of the steps
        # The value's text is a key of one, or holds a key of the other; only the rest is tested.
        self._exact: dict[str, int] = {}
        self._named = 0  # mask of the steps behind them
        self._parts: dict[str, int] = {}
        self._tests: list[tuple[Callable[[Any], bool], int]] = []
        # Demands that only exclude values: few values are, so new ones are not asked.
        self._exclusions: list[tuple[Callable[[Any], bool], int]] = []
        self._excluded = 0
        for tree, mask in demands:
            self._open &= ~mask
            needs = needs_of(tree)
            if needs is None and only_excludes(tree):
                self._exclusions.append((runner(tree), mask))
                self._excluded |= mask
            elif needs is None:
                self._tests.append((runner(tree), mask))
            for exact, text in needs or ():
                self._named |= mask if exact else 0
                known = self._exact if exact else self._parts
                known[text] = known.get(text, 0) | mask

    def mask(self, key: Any, value: Any, alive: int, often: int = 2) -> tuple[int, bool]:
        """The mask of the steps that a value leaves, and whether it will always be that.

        ``key`` is ``value`` where that is a string, else its :func:`key_of`. Of a value that has
        not been met ``often`` only what matters to the steps ``alive`` is found out.
        """
        known = self._memo.get(key)
        if known is not None:
            return known, True
        # Most values of most fields never come again: only those that do are worth every test.
        times = self._seen.get(key, 0) + 1
        again = times >= often
        if again:
            alive = -1
        view = self._views.get(alive) or self._view(alive)
        mask = self._open
        if value is not None and (view.exact or view.parts):
            mask |= self._by_text(value, view)
        for test, steps in view.tests:
            if test(value):
                mask |= steps
        if not again:
            if len(self._seen) >= _SEEN_SIZE:
                self._seen.clear()
            self._seen[key] = times
            return mask | self._excluded, False
        for test, steps in self._exclusions:
            if test(value):
                mask |= steps
        mask = self._masks.setdefault(mask, mask)
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
            self._masks.clear()
        self._memo[key] = mask
        return mask, True

    def _by_text(self, value: Any, view: _View) -> int:
        several = value if value.__class__ is list else (value,)
        texts = [fold(one if one.__class__ is str else text_of(one)) for one in several]
        mask = 0
        if view.exact:
            for text in texts:
                mask |= self._exact.get(text, 0)
        if view.parts:
            joined = texts[0] if len(texts) == 1 else "\0".join(texts)
            if view.find is None or view.find(joined.encode("utf-8", "replace")):
                for part, steps in view.parts:
                    if part in joined:
                        mask |= steps
        return mask

    def _view(self, alive: int) -> _View:
        if len(self._views) >= _MOST_VIEWS:
            self._views.clear()
        parts = tuple((text, steps) for text, steps in self._parts.items() if steps & alive)
        found = self._views[alive] = _View(
            bool(self._named & alive),
            parts,
            _finder(text for text, _ in parts) if len(parts) > _FEW_PARTS else None,
            tuple((test, steps) for test, steps in self._tests if steps & alive),
        )
        return found


def key_of(value: Any) -> Any:
    """What a gate remembers a value by that is no string: never two values by one key."""
    if value is None:
        return value
    if value.__class__ is list:
        return tuple([one if one.__class__ is str else (one.__class__, one) for one in value])
    return value.__class__, value


def needs_of(tree: Tree, shortest: int = _SHORTEST) -> list[tuple[bool, str]] | None:
    """Texts of which a value must be (True) or hold (False) one; None where that is not known."""
    match tree:
        case Leaf(need=need) if need is not None:
            if min(map(len, need.parts), default=shortest) < shortest:
                return None
            return [(True, text) for text in need.wholes] + [(False, text) for text in need.parts]
        case AllOf(members=members):
            known = [needs for one in members if (needs := needs_of(one, shortest)) is not None]
            return min(known, key=lambda needs: (not all(exact for exact, _ in needs), len(needs)),
                       default=None)  # fmt: skip
        case AnyOf(members=members):
            found: list[tuple[bool, str]] = []
            for one in members:
                needs = needs_of(one, shortest)
                if needs is None:
                    return None
                found += needs
            return found
    return None


def all_needs_of(tree: Tree) -> list[frozenset[str]]:
    """Sets of texts of each of which one must occur in a value."""
    if isinstance(tree, AllOf):
        return [texts for member in tree.members for texts in all_needs_of(member)]
    needs = needs_of(tree, shortest=1)
    return [] if needs is None else [frozenset(text for _, text in needs)]


def only_excludes(tree: Tree) -> bool:
    """Whether a demand holds of whatever is not named in it."""
    match tree:
        case Negation():
            return True
        case AllOf(members=members) | AnyOf(members=members):
            return all(map(only_excludes, members))
    return False


def _finder(texts: Iterable[str]) -> Callable[[bytes], Any]:
    """The search for any of the texts in one pass."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 8 << 20
    expression = "|".join(re2.escape(text) for text in texts)
    compiled = re2.compile(expression.encode("utf-8", "replace"), options)
    search: Callable[[bytes], Any] = compiled.search
    return search


def branches(tree: Tree) -> list[Tree]:
    """A condition as alternatives that together mean the same, their negations at the leaves.

    ``(a and b) or (c and d)`` demands nothing of any one field; each of its alternatives does.
    """
    found = [_pushed(tree, False)]
    done: list[Tree] = []
    while found:
        one = found.pop()
        split = _split(one)
        if split is None or len(found) + len(done) + len(split) > _MAX_BRANCHES:
            done.append(one)
        else:
            found.extend(split)
    return done


def _split(tree: Tree) -> list[Tree] | None:
    if isinstance(tree, AnyOf) and _mixed(tree):
        return list(tree.members)
    if isinstance(tree, AllOf):
        for member in tree.members:
            if isinstance(member, AnyOf) and _mixed(member):
                others = tuple(one for one in tree.members if one is not member)
                return [_flat(AllOf, (*others, one)) for one in member.members]
    return None


def _mixed(tree: Tree) -> bool:
    return len(set(tree_fields(tree))) > 1


def _pushed(tree: Tree, negated: bool) -> Tree:
    """The same condition, or its contrary, with negations at the leaves only."""
    match tree:
        case Fixed(value=value):
            return Fixed(value is not negated)
        case Negation(member=member):
            return _pushed(member, not negated)
        case AllOf(members=members) | AnyOf(members=members):
            kind = AllOf if isinstance(tree, AllOf) is not negated else AnyOf
            return _flat(kind, (_pushed(member, negated) for member in members))
    return Negation(tree) if negated else tree


def _flat(kind: type[AllOf] | type[AnyOf], members: Iterable[Tree]) -> Tree:
    flat: list[Tree] = []
    for member in members:
        flat.extend(member.members if isinstance(member, kind) else (member,))
    return kind(tuple(flat))


def demands_of(tree: Tree) -> dict[str, Tree]:
    """What a condition with negations at its leaves demands of each field, of those it does of."""
    if isinstance(tree, AllOf):
        parts: dict[str, list[Tree]] = {}
        for member in tree.members:
            for field, part in demands_of(member).items():
                parts.setdefault(field, []).append(part)
        return {
            field: AllOf(tuple(some)) if len(some) > 1 else some[0] for field, some in parts.items()
        }
    if isinstance(tree, AnyOf):
        each = [demands_of(member) for member in tree.members]
        return {
            field: AnyOf(tuple(one[field] for one in each))
            for field in each[0]
            if all(field in one for one in each)
        }
    leaf = tree.member if isinstance(tree, Negation) else tree
    return {leaf.fields[0]: tree} if isinstance(leaf, Leaf) and len(leaf.fields) == 1 else {}


def name_of(tree: Tree) -> str:
    """A text that tells conditions apart; leaves of equal text test the same."""
    match tree:
        case Leaf(text=text):
            return text
        case Negation(member=member):
            return f"not({name_of(member)})"
        case AllOf(members=members):
            return "all(" + "\0".join(map(name_of, members)) + ")"
        case AnyOf(members=members):
            return "any(" + "\0".join(map(name_of, members)) + ")"
        case Fixed(value=value):
            return str(value)


def runner(tree: Tree) -> Callable[[Any], bool]:
    """The test of one field's value that a demand stands for."""
    match tree:
        case Leaf(test=test):
            return test
        case Negation(member=member):
            inner = runner(member)
            return lambda value: not inner(value)
        case AllOf(members=members):
            tests = tuple(map(runner, members))
            return lambda value: all(test(value) for test in tests)
        case AnyOf(members=members):
            tests = tuple(map(runner, members))
            return lambda value: any(test(value) for test in tests)
        case Fixed(value=fixed):
            return lambda value: fixed


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
