"""Which steps of which rules can an event touch? Rules by the category their steps ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from triage.eql import compile_stage
from triage.fields import Doc, values

UNTIL = -1  # the stage number of a sequence's `until`


class Condition(Protocol):
    """A compiled stage of a query, as triage.eql gives it."""

    def matches(self, doc: Doc) -> bool: ...
    def keys(self, doc: Doc) -> list[tuple[Any, ...]]: ...


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


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of one rule, ready to be tried on events."""

    rule_id: str
    stage: int  # its place in the query, UNTIL for `until`
    condition: Condition
    # The rule's exceptions, each with the id of its item; one that holds keeps the event from here.
    exceptions: tuple[tuple[str, Callable[[Doc], bool]], ...]


class StepIndex:
    """The steps of all runnable rules, found by an event's category."""

    def __init__(self, rules: Iterable[ExceptedRule]) -> None:
        # category field -> category -> steps, and the steps that take any event
        self._fields: dict[str, tuple[dict[str, list[Step]], list[Step]]] = {}
        for rule, exceptions in rules:
            self._add(rule, tuple(exceptions))

    def _add(
        self, rule: RuleLike, exceptions: tuple[tuple[str, Callable[[Doc], bool]], ...]
    ) -> None:
        stages = list(enumerate(rule.query.stages))
        if rule.query.until is not None:
            stages.append((UNTIL, rule.query.until))
        by_category, any_event = self._fields.setdefault(rule.event_category_field, ({}, []))
        for number, stage in stages:
            condition = compile_stage(stage, category_field=rule.event_category_field)
            step = Step(rule.rule_id, number, condition, exceptions)
            if condition.categories is None:
                any_event.append(step)
                continue
            for category in condition.categories:
                by_category.setdefault(category, []).append(step)

    def candidates(self, doc: Doc) -> Iterable[Step]:
        """The steps that ask for one of the event's categories, and those that ask for none."""
        for field, (by_category, any_event) in self._fields.items():
            seen: set[int] = set()
            for category in values(doc, field):
                for step in by_category.get(category, ()) if isinstance(category, str) else ():
                    if id(step) not in seen:
                        seen.add(id(step))
                        yield step
            yield from any_event
