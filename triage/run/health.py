"""Health: what an engine knows of its own work, log by log and rule by rule."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from triage.case.model import SourceState as CaseSource
from triage.engine.result import BlockResult
from triage.engine.sequence import Advance
from triage.engine.timing import RuleTimes
from triage.sources import Block, SourceState
from triage.times import SECOND

_RATE_SECONDS = 5  # events a second are those of about the last five
_LEFT_SECONDS = 30  # what is left to read is told by the speed of the last thirty
_RULES_TOLD = 10


class Rate:
    """How fast a number grows, a second, over about the last ``seconds``."""

    def __init__(self, seconds: int = _RATE_SECONDS) -> None:
        self._span = seconds * SECOND
        self._marks: list[tuple[int, int]] = []

    def __call__(self, value: int, now: int) -> float:
        """Take the number as it is ``now`` (ns); the speed at which it has grown."""
        self._marks.append((now, value))
        while len(self._marks) > 2 and now - self._marks[0][0] > self._span:
            self._marks.pop(0)
        (then, before), (now, value) = self._marks[0], self._marks[-1]
        return (value - before) * SECOND / (now - then) if now > then else 0.0


@dataclass(slots=True)
class _Log:
    """What was read of one log in this run."""

    events: int = 0
    rejects: int = 0
    error: str = ""
    behind_since: int = 0  # ns; 0 where all is read
    rate: Rate = field(default_factory=Rate)


class Health:
    """Counts, speeds and delays; ``clock`` gives ns since 1970."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._logs: dict[str, _Log] = {}
        self._told: dict[str, tuple[SourceState, CaseSource]] = {}  # as last said
        self._evicted: Counter[str] = Counter()
        self._limits: Counter[str] = Counter()
        self._speed = Rate(_LEFT_SECONDS)
        self.times = RuleTimes()
        self.rate = Rate()

    def took(self, block: Block, result: BlockResult) -> None:
        """Note what a block held."""
        log = self._logs.setdefault(block.source, _Log())
        log.events += result.events
        log.rejects += len(result.rejects)
        if result.rejects:
            log.error = result.rejects[-1].reason

    def evicted(self, advance: Advance) -> None:
        """Note hits that were dropped at limits."""
        self._evicted.update(hit.rule_id for hit in advance.evicted)
        self._limits.update(advance.limits)

    @property
    def evicted_by(self) -> dict[str, int]:
        """The rules that lost the most open hits, the most first."""
        return dict(self._evicted.most_common(_RULES_TOLD))

    @property
    def evicted_at(self) -> dict[str, int]:
        """How many open hits were lost at which limit."""
        return {limit: lost for limit, lost in self._limits.items() if lost}

    @property
    def slowest(self) -> dict[str, float]:
        """The rules that take the most time: seconds in the sample."""
        return self.times.slowest(_RULES_TOLD)

    def of_all(self, sources: Iterable[SourceState]) -> list[CaseSource]:
        """How the logs stand; what was known of others, gone since, is let go."""
        before, self._told = self._told, {}
        for one in sources:
            known = before.get(one.path)
            rests = known is not None and known[0] == one and not (known[1].lag or known[1].rate)
            log = self._logs.get(one.path)
            if (
                known
                and rests
                and log
                and (log.events, log.rejects)
                == (
                    known[1].events,
                    known[1].rejects,
                )
            ):
                self._told[one.path] = known  # there may be thousands, and most rest
            else:
                self._told[one.path] = one, self.of(one)
        self._logs = {path: self._logs[path] for path in self._told}
        return [told for _, told in self._told.values()]

    def of(self, source: SourceState) -> CaseSource:
        """How a log stands."""
        now = self._clock()
        log = self._logs.setdefault(source.path, _Log())
        lag = lag_of(source)
        log.behind_since = (log.behind_since or now) if lag else 0
        return CaseSource(
            source.path,
            source.format,
            source.state,
            source.reason,
            source.offset,
            source.size,
            log.events,
            log.rejects,
            lag,
            log.behind_since,
            round(log.rate(log.events, now), 1),
            log.error,
        )

    def seconds_left(self, total: int, lag: int) -> float:
        """How long it takes to read ``lag`` more of ``total`` bytes; 0.0 where nobody knows."""
        speed = self._speed(total - lag, self._clock())
        return lag / speed if lag and speed > 0 else 0.0


def lag_of(source: SourceState) -> int:
    """Bytes of a log that are not read yet."""
    if source.state != "reading":
        return 0
    # An EVTX file's offset counts records; it is read in one go, so it is behind as a whole.
    return source.size if source.format == "evtx" else max(0, source.size - source.offset)


def memory() -> int:
    """Bytes of memory this process takes; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return _peak_memory()
    import resource

    return pages * resource.getpagesize()


def _peak_memory() -> int:
    """The most it ever took: all that systems other than Linux tell without more ado."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
