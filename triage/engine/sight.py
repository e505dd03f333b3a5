"""Sight: how records of one form are judged by what is seen of them at a glance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triage.engine.front import Reader, Way
from triage.engine.process import Read
from triage.engine.result import CASE_FIELDS
from triage.engine.sieve import Sieve
from triage.engine.trial import Trial


class Sight:
    """What is known of records of one form, and what the rules ask of them."""

    __slots__ = ("_case", "_joins", "_way", "alive", "concerns", "holds", "tell")

    def __init__(self, way: Way, sieve: Sieve, processes: bool) -> None:
        """``processes``: whether the case wants to know of them."""
        trial = Trial(way.reader)
        self.alive = sieve.alive
        self.holds = trial.holds
        self.tell = trial.tell
        self._way = way
        self._joins: dict[tuple[str, ...], Reader] = {}
        if processes:
            #: Whether a record may have something to say of a process or a connection.
            self.concerns = _concern(way)
            self._case = way.several(CASE_FIELDS)

    def values(self, fields: tuple[str, ...], seen: Any) -> Any:
        """The values of a record by which it waits."""
        read = self._joins.get(fields)
        if read is None:
            read = self._joins[fields] = self._way.several(fields)
        return read(seen)

    def told(self, seen: Any) -> Read:
        """What gives the values of the fields that the case wants to know."""
        return dict(zip(CASE_FIELDS, self._case(seen), strict=True)).__getitem__


def _concern(way: Way) -> Callable[[Any], bool]:
    kinds, *others = map(way.reader, ("event.type", "destination.ip", "dns.resolved_ip"))

    def concerns(seen: Any) -> bool:
        kind = kinds(seen)
        told = kind if kind.__class__ is list else (kind,)
        return "start" in told or "end" in told or any(read(seen) is not None for read in others)

    return concerns
