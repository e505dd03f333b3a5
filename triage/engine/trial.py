"""Trial: steps tried on events, and what is told of those that they fill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from triage.engine.index import Step
from triage.engine.result import Gathered, Hit, StoredEvent, Suppression

Keys = Callable[[Any], list[tuple[Any, ...]]]


class Trial:
    """The steps of rules, tried on events whose fields are read in one way."""

    def __init__(self, reader_of: Callable[[str], Callable[[Any], Any]]) -> None:
        """``reader_of`` gives what reads a field."""
        self._reader_of = reader_of
        self._ready: dict[Step, tuple[Callable[[Any], bool], Keys]] = {}

    def holds(self, step: Step, event: Any) -> bool:
        """Whether an event fulfils the condition of a step."""
        ready = self._ready.get(step) or self._made(step)
        return ready[0](event)

    def keys(self, step: Step, event: Any) -> list[str]:
        """The join keys of an event, each as JSON."""
        ready = self._ready.get(step) or self._made(step)
        return [orjson.dumps(key, default=str).decode() for key in ready[1](event)]

    def tell(self, steps: Iterable[Step], event: Any, stored: StoredEvent, run: Gathered) -> None:
        """Tell which of some steps an event fills, or would but for an exception."""
        touched: dict[tuple[str, str], tuple[int, ...]] = {}
        joins: dict[tuple[tuple[str, bool], ...], list[str]] = {}  # most rules join by the same
        for step in steps:
            if not self.holds(step, event):
                continue
            # As in Elastic, an excepted event can fill no stage: a benign first connection never
            # hides the malicious second one.
            if step.exceptions:
                item_id = next((id_ for id_, test in step.exceptions if test(event)), None)
                if item_id is not None:
                    run.suppressed.append(Suppression(item_id, step.rule_id, stored))
                    continue
            keys = joins.get(step.join)
            if keys is None:
                keys = joins[step.join] = self.keys(step, event)
            for key in keys:
                name = (step.rule_id, key)
                touched[name] = (*touched.get(name, ()), step.stage)
        run.hits.extend(
            [Hit(rule_id, key, stages, stored) for (rule_id, key), stages in touched.items()]
        )

    def _made(self, step: Step) -> tuple[Callable[[Any], bool], Keys]:
        made = self._ready[step] = step.condition.reading(self._reader_of)
        return made
