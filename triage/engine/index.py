"""Which steps of which rules can an event touch? Rules by what their conditions demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from triage.engine.gates import bits, branches, demands_of, name_of, runner
from triage.eql import compile_stage
from triage.eql.tree import AllOf, Leaf, Tree
from triage.fields import Doc

_MOST_MASKS = 4_096  # whose steps are remembered
UNTIL = -1  # the stage number of a sequence's `until`
# Join keys by which later stages can wait, the best first: few events share a process.
WAITING_FIELDS = ("process.entity_id", "process.parent.entity_id", "host.id")

_IN_EVERY_EVENT = (
    "event.action", "event.category", "event.dataset", "event.kind", "event.module",
    "event.outcome", "event.provider", "event.type", "data_stream.dataset", "host.os.family",
    "host.os.type",
)  # fmt: skip
_NOBODYS_VALUES = (None, "", "a value that nobody names", 7, 40_961, 1.5, True, False)


class Condition(Protocol):
    """A compiled stage of a query, as triage.eql gives it."""

    @property
    def categories(self) -> frozenset[str] | None: ...
    @property
    def tree(self) -> Tree: ...
    def matches(self, doc: Doc) -> bool: ...
    @property
    def fields(self) -> frozenset[str]: ...
    def reading(
        self, reader_of: Callable[[str], Callable[[Any], Any]]
    ) -> tuple[Callable[[Any], bool], Callable[[Any], list[tuple[Any, ...]]]]: ...


class RuleLike(Protocol):
    """What the engine needs of a rule; triage.rules.Rule is one."""

    @property
    def rule_id(self) -> str: ...
    @property
    def query(self) -> Any: ...
    @property
    def event_category_field(self) -> str: ...
    @property
    def lookback(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...


# A rule with its exceptions: (id of the item, test of an event) pairs.
ExceptedRule = tuple[RuleLike, Sequence[tuple[str, Callable[[Doc], bool]]]]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One stage of one rule, ready to be tried on events."""

    rule_id: str
    stage: int  # its place in the query, UNTIL for `until`
    condition: Condition
    join: tuple[tuple[str, bool], ...]  # its keys: field, and whether it is optional
    # The rule's exceptions, each with the id of its item; one that holds keeps the event from here.
    exceptions: tuple[tuple[str, Callable[[Doc], bool]], ...]
    # The field by whose value a later stage waits for the first one; "" where it does not wait.
    waits_by: str = ""


@dataclass(frozen=True, slots=True)
class Opener:
    """The stage of a rule that the others wait for."""

    step: Step
    place: int  # among its join keys, of the value by which they wait
    before: int | None  # ns before it and behind it in which they may lie; None: any time
    behind: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with an event that may fill the steps of one mask."""

    steps: tuple[Step, ...]  # to be tried at once, in the order of the rules
    waiting: int  # mask of the steps that wait until a first stage is open
    fields: tuple[str, ...]  # by whose values they wait


class StepIndex:
    """The steps of all runnable rules, found by what an event holds.

    A step is one bit or, where its condition has alternatives, several; masks are sets of bits.
    """

    def __init__(self, rules: Iterable[ExceptedRule], *, waiting: bool = False) -> None:
        """``waiting``: whether the stages of a sequence wait for one of them."""
        self.steps: list[Step] = []  # by bit; a step with alternatives is there several times
        self.openers: dict[str, Opener] = {}  # of the rules whose other stages wait
        self.waiting: dict[str, int] = {}  # mask of the waiting steps of a rule
        self._fields: dict[str, int] = {}  # mask of the steps that wait by a field
        self._waits = waiting
        self._trees: list[Tree] = []
        self._of: dict[int, tuple[Step, ...]] = {}
        self._plans: dict[int, Plan] = {}
        for rule, exceptions in rules:
            self._add(rule, tuple(exceptions))
        self.every = (1 << len(self.steps)) - 1
        # Steps that wait for one process among all: hardly any is ever woken, so that it is enough
        # to know roughly which events may fill them. By host whole days of events may be.
        self.rough = sum(steps for field, steps in self._fields.items() if field != "host.id")
        demands = self._demands()
        self.fields = tuple(demands)  # every field that a step demands something of
        self.demands = tuple(demands.values())

    def _add(
        self, rule: RuleLike, exceptions: tuple[tuple[str, Callable[[Doc], bool]], ...]
    ) -> None:
        stages = list(enumerate(rule.query.stages))
        if rule.query.until is not None:
            stages.append((UNTIL, rule.query.until))
        conditions = [
            compile_stage(stage, category_field=rule.event_category_field) for _, stage in stages
        ]
        trees = [
            _with_category(one.tree, one.categories, rule.event_category_field)
            for one in conditions
        ]
        opening = _opening(rule, trees) if self._waits else None
        for (number, stage), condition, tree in zip(stages, conditions, trees, strict=True):
            join = tuple((key.name, key.optional) for key in stage.keys)
            waits = opening is not None and number != opening[0]
            waits_by = stage.keys[opening[1]].name if opening is not None and waits else ""
            step = Step(rule.rule_id, number, condition, join, exceptions, waits_by)
            if opening is not None and not waits:
                self.openers[rule.rule_id] = Opener(step, *_reach(rule.query, *opening))
            for branch in branches(tree):
                if waits_by:
                    bit = 1 << len(self.steps)
                    self.waiting[rule.rule_id] = self.waiting.get(rule.rule_id, 0) | bit
                    self._fields[waits_by] = self._fields.get(waits_by, 0) | bit
                self.steps.append(step)
                self._trees.append(branch)

    def _demands(self) -> dict[str, list[tuple[Tree, int]]]:
        """For each field what is demanded of it, and the mask of the steps that do."""
        demands: dict[str, dict[str, tuple[Tree, int]]] = {}
        for bit, tree in enumerate(self._trees):
            for field, demand in demands_of(tree).items():
                known = demands.setdefault(field, {})
                name = name_of(demand)
                known[name] = (demand, known.get(name, (demand, 0))[1] | 1 << bit)
        return {field: list(known.values()) for field, known in demands.items()}

    def plan(self, mask: int) -> Plan:
        """What is to be done with an event that may fill the steps of a mask."""
        known = self._plans.get(mask)
        if known is None:
            if len(self._plans) >= _MOST_MASKS:
                self._plans.clear()
            fields = tuple(field for field, steps in self._fields.items() if steps & mask)
            waiting = sum(self._fields.values()) & mask
            known = self._plans[mask] = Plan(self.of(mask & ~waiting), waiting, fields)
        return known

    def of(self, mask: int) -> tuple[Step, ...]:
        """The steps of a mask, each once, in the order of the rules."""
        known = self._of.get(mask)
        if known is None:
            if len(self._of) >= _MOST_MASKS:
                self._of.clear()
            known = tuple(dict.fromkeys(self.steps[bit] for bit in bits(mask)))
            self._of[mask] = known
        return known


def _opening(rule: RuleLike, trees: Sequence[Tree]) -> tuple[int, int] | None:
    """The stage that a sequence's others can wait for, and the place among its join keys by which
    they do; ``trees``: the conditions of all stages.

    None where they can not: a match must have an event of that stage, and each other stage a key
    that is never missing, of a field whose values are kept with the blocks. It is the first stage,
    or where that is as broad as "any process start" and the time is limited, a narrow later one.
    """
    query = rule.query
    if query.kind != "sequence" or len(query.stages) < 2:
        return None
    fit = [at for at, stage in enumerate(query.stages) if not stage.missing]
    if query.maxspan is not None:
        fit.sort(key=lambda at: not _is_narrow(trees[at], rule.event_category_field))
    for at in fit if query.maxspan is not None else [at for at in fit if not at]:
        place = _place(query, at)
        if place is not None:
            return at, place
    return None


def _place(query: Any, opening: int) -> int | None:
    others = [stage for at, stage in enumerate(query.stages) if at != opening]
    if query.until is not None:
        others.append(query.until)
    places: list[tuple[int, int]] = []
    for place in range(len(query.stages[opening].keys)):
        names = {stage.keys[place].name for stage in others}
        optional = any(stage.keys[place].optional for stage in (*others, query.stages[opening]))
        if names <= set(WAITING_FIELDS) and not optional:
            places.append((max(map(WAITING_FIELDS.index, names)), place))
    return min(places)[1] if places else None


def _reach(query: Any, opening: int, place: int) -> tuple[int, int | None, int | None]:
    first, last = opening == 0, opening == len(query.stages) - 1 and query.until is None
    return place, 0 if first else query.maxspan, 0 if last else query.maxspan


def _is_narrow(tree: Tree, category_field: str) -> bool:
    """Whether few events fulfil a condition: each alternative asks something particular of a field
    that is not in every event. What is particular is not what values that nobody names are."""
    common = {category_field, *_IN_EVERY_EVENT}
    return all(
        any(
            not any(map(runner(demand), _NOBODYS_VALUES))
            for field, demand in demands_of(branch).items()
            if field not in common
        )
        for branch in branches(tree)
    )


def _with_category(tree: Tree, categories: frozenset[str] | None, field: str) -> Tree:
    if categories is None:
        return tree

    def test(value: Any) -> bool:
        found = value if value.__class__ is list else (value,)
        return any(one.__class__ is str and one in categories for one in found)

    leaf = Leaf((field,), test, f"category {sorted(categories)} of {field}")
    return AllOf((leaf, *tree.members)) if isinstance(tree, AllOf) else AllOf((leaf, tree))
