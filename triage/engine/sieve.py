"""Sieve: an event's fields, asked one after another until no step is left or none can be told.

A decision tree that grows with the events it sees: a node is the steps still alive, its question
the field that most of them demand something of, its branches the values seen. What an event's
path ends with is what its gates leave; a path walked before costs one look-up a question.
The fields that most events are asked for are soon read together (``front``), and those with ever
new values are left to the end (``tail``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from triage.engine import front
from triage.engine.gates import Gate, key_of, only_excludes
from triage.engine.tail import Tail
from triage.eql.tree import Tree

Demands = Sequence[tuple[Tree, int]]  # what is demanded of a field, and by which steps

_FAMILY_DEPTH = 3  # questions after which the gates are made anew, for the steps left alone
_MOST_FAMILIES = 128
_MOST_NODES = 8_000  # then the tree begins anew, as it does after so many branches
_MOST_BRANCHES = 60_000
_MOST_VALUES = 2_000  # branches of one node
# So many new values after a fresh start it is clear which fields hold ever new ones; those are
# then asked last, when few steps are left to be tested.
_TRIAL = 2_000
_EVER_NEW = 0.05  # share of the new values
_LEARN = 500  # events after which it is clear which fields to read together
_MOST_TAILS = 256
_MOST_KNOWN = 10_000  # combinations of their values that are remembered


class _Family:
    """The gates of the nodes below one mask, made for its steps alone."""

    __slots__ = ("gates", "mask")

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.gates: dict[int, Gate] = {}  # by field


class _Node:
    """A state of knowledge: the steps alive, and what to ask next (-1: nothing)."""

    __slots__ = ("asked", "at", "branches", "depth", "family", "mask", "tail")

    def __init__(self, mask: int, asked: int, depth: int, family: _Family) -> None:
        self.mask = mask
        self.asked = asked  # mask of the fields asked on the way
        self.depth = depth
        self.family = family
        self.at = -1
        self.branches: dict[Any, _Node] = {}
        self.tail: Tail | None = None  # to be asked where nothing else is


class Sieve:
    """The steps an event may fill, of those in ``every``."""

    def __init__(
        self,
        demands: Sequence[Demands],
        reading: front.Reading,
        every: int,
        rough: int = 0,
    ) -> None:
        """``demands`` and ``reading``: what is demanded of each field, and how they are read;
        ``rough``: the steps for whose sake nothing is asked."""
        self._demands = demands
        self._reading = reading
        self._learning = 0 if reading.together is None else _LEARN
        self._asked = [0] * len(demands)
        self._often: list[int] = []  # fields that most events are asked for
        self._samples: list[tuple[Any, ...]] = []  # their values
        self._front: frozenset[int] = frozenset()  # the fields that are read together
        self._read: Callable[[Any], Any] | None = None
        self._known: dict[Any, _Node] = {}  # by the values of those fields
        self._exact = every & ~rough
        self._covers = [_cover(one) for one in demands]
        # A field with ever new values is not worth asking for what only excludes some of them.
        self._picks = [_cover([pair for pair in one if not only_excludes(pair[0])])
                       for one in demands]  # fmt: skip
        self._readers = reading.readers
        self._every = every
        self._new: list[int] = [0] * len(demands)  # values of each field met for the first time
        self._trial = 0
        self._last: frozenset[int] = frozenset()  # fields to ask last
        self._asking = list(self._covers)  # for each field the steps to ask it for
        self._tails: dict[tuple[int, tuple[int, ...]], Tail] = {}
        self._families = {every: _Family(every)}  # by mask
        self._begin()

    def alive(self, doc: Any) -> int:
        """The mask of the steps that an event may fill."""
        readers = self._readers
        if self._read is not None:
            values = self._read(doc)
            node = self._known.get(values) or self._enter(doc, values)
        elif self._learning:
            return self._learn(doc)
        else:
            node = self._root
        at = node.at
        while at >= 0:
            value = readers[at](doc)
            key = value if value.__class__ is str else key_of(value)
            node = node.branches.get(key) or self._grow(node, key, value)
            at = node.at
        return node.mask if node.tail is None else node.tail(doc)

    def _learn(self, doc: Any) -> int:
        """As :meth:`alive`, while it is learnt which fields are worth reading together."""
        node = self._root
        while (at := node.at) >= 0:
            self._asked[at] += 1
            value = self._readers[at](doc)
            key = front.key(value)
            node = node.branches.get(key) or self._grow(node, key, value)
        mask = node.mask if node.tail is None else node.tail(doc)
        self._learning -= 1
        if self._learning == _LEARN // 2:
            self._often = [at for at in front.often(self._asked) if at not in self._last]
        if self._learning < _LEARN // 2:
            self._samples.append(tuple(front.key(self._readers[at](doc)) for at in self._often))
        if not self._learning:
            self._read_together()
        return mask

    def _read_together(self) -> None:
        chosen = front.choose(self._samples)
        columns = list(zip(*self._samples, strict=True))
        self._samples = []
        if chosen and self._reading.together is not None:
            kinds = {self._often[at]: front.kinds_of(columns[at]) for at in chosen}
            self._front = frozenset(kinds)
            self._read = self._reading.together(kinds)
            self._begin()

    def _enter(self, doc: Any, values: Any) -> _Node:
        """The node that the fields read together lead to; remembered once all of them are."""
        node, sure = self._root, True
        while (at := node.at) in self._front:
            value = self._readers[at](doc)
            key = front.key(value)
            known = node.branches.get(key)
            sure = sure and known is not None
            node = known or self._grow(node, key, value)
        if sure:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[values] = node
        return node

    def _begin(self) -> None:
        # What the gates have learnt outlives the tree.
        self._nodes: dict[tuple[int, int], _Node] = {}
        self._known.clear()
        self._count = 0
        self._root = self._node(self._every, 0, 0, self._families[self._every])

    def _grow(self, node: _Node, key: Any, value: Any) -> _Node:
        # A value of a field with few is met again for certain, one of the others hardly ever.
        often = 2 if self._trial < _TRIAL else 1
        mask, sure = self._gate(node.family, node.at).mask(key, value, node.mask, often)
        if not sure:
            self._new[node.at] += 1
            self._trial += 1
            if self._trial == _TRIAL:
                share = _EVER_NEW * _TRIAL
                self._ask_last(at for at, new in enumerate(self._new) if new > share)
        if len(self._nodes) >= _MOST_NODES or self._count >= _MOST_BRANCHES:
            self._begin()
        found = self._node(node.mask & mask, node.asked | 1 << node.at, node.depth + 1, node.family)
        if sure and len(node.branches) < _MOST_VALUES:
            node.branches[key] = found
            self._count += 1
        elif sure and node.at not in self._front:
            self._ask_last([node.at])  # only now is it asked often enough to show
        return found

    def _ask_last(self, fields: Iterable[int]) -> None:
        """From now on, of fields with ever new values."""
        self._last |= frozenset(fields)
        for at in self._last:
            self._asking[at] = self._picks[at]
        self._begin()

    def _node(self, mask: int, asked: int, depth: int, family: _Family) -> _Node:
        known = self._nodes.get((mask, asked))
        if known is not None:
            return known
        if depth == _FAMILY_DEPTH and len(self._families) < _MOST_FAMILIES:
            family = self._families.setdefault(mask, _Family(mask))
        node = self._nodes[mask, asked] = _Node(mask, asked, depth, family)
        if exact := mask & self._exact:
            left = [
                (at in self._front, at not in self._last, (cover & exact).bit_count(), -at)
                for at, cover in enumerate(self._asking)
                if cover & exact and not asked >> at & 1
            ]
            best = max(left, default=None)
            if best is not None and best[1]:
                node.at = -best[3]
            elif best is not None:
                node.tail = self._tail(mask, [-at for *_, at in left])
        return node

    def _tail(self, mask: int, fields: Sequence[int]) -> Tail:
        tail = self._tails.get((mask, tuple(fields)))
        if tail is None:
            if len(self._tails) >= _MOST_TAILS:
                self._tails.clear()
            demands = {at: self._demands[at] for at in fields}
            tail = self._tails[mask, tuple(fields)] = Tail(
                mask, demands, self._reading, self._exact
            )
        return tail

    def _gate(self, family: _Family, at: int) -> Gate:
        gate = family.gates.get(at)
        if gate is None:
            every = family.mask
            some = [(tree, steps & every) for tree, steps in self._demands[at] if steps & every]
            gate = family.gates[at] = Gate(some, every)
        return gate


def _cover(demands: Demands) -> int:
    cover = 0
    for _, mask in demands:
        cover |= mask
    return cover
