"""The feed: what changed in the case since the last look, and whether the engine still runs.

It works in a thread of its own and hands on immutable news that replace one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import apsw

from triage.case.faults import meaning
from triage.case.lock import said
from triage.case.model import AlertRow, EngineState
from triage.case.read import CaseReader
from triage.times import SECOND
from triage.ui.format import clock_time
from triage.ui.troubles import DISK_FULL, engine_reason, free_bytes, troubles

_RESTARTS = 5
_TOLD = 8 * SECOND  # a restart is shown for at least so long
_SILENT = 15 * SECOND  # an engine speaks twice a second
_FIRST = 300  # alerts that are shown at once, the newest: more than any screen holds
_SLICE = 1_000  # of the rest, and of what arrives, read in one go
_LOOK_EVERY = SECOND  # between two looks at the case's disk, and at what the engine says beside it
_DOCUMENTS = 200  # alert documents read in one go


class EngineLike(Protocol):
    """The engine's process as the console needs it."""

    @property
    def exit_reason(self) -> str: ...
    def alive(self) -> bool: ...
    def restart(self) -> None: ...


@dataclass(frozen=True, slots=True)
class News:
    """The case as of one moment: changed rows, and all that the status line says."""

    rows: tuple[AlertRow, ...]
    engine: EngineState
    engine_word: str  # what the engine can not say itself: that it died; "" where all is well
    rules: int  # that run
    broken: int  # rule and exception files that can not be used
    roots: tuple[str, ...]  # what is watched
    sources: int  # logs followed
    journal: int  # the newest journal entry that the rows have in them
    # Values of the wanted fields of alert documents, by field and alert id, and how many alerts are
    # still to be read for them.
    documents: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    unread: int = 0
    total: int = 0  # alerts in the case while they are read for the first time, else 0
    troubles: tuple[str, ...] = ()  # what is wrong while the engine runs, the worst first
    foreign: int = 0  # files that are no logs


class Supervisor:
    """Starts the engine again when it dies: five times, waiting twice as long each time."""

    def __init__(self, engine: EngineLike | None, clock: Callable[[], int]) -> None:
        self._engine = engine
        self._clock = clock
        self._tries = 0
        self._next = 0
        self._word = ""
        self._told_until = 0

    def look(self, state: EngineState) -> str:
        """What to say of the engine, "" where it runs; restarts it where that is due."""
        now = self._clock()
        if self._engine is None:
            silent = state.state in ("live", "reading") and now - state.at > _SILENT
            return f"silent since {clock_time(state.at)}" if silent else ""
        if self._engine.alive():
            if now < self._told_until:
                return self._word  # a restart takes a moment; people take longer to see it
            if self._next and now > self._next + 60 * SECOND:
                self._tries = self._next = 0  # a minute of health: what was is forgotten
            return ""
        reason = engine_reason(self._engine.exit_reason)
        told = f": {reason}" if reason else ""
        if self._tries >= _RESTARTS:
            return f"engine stopped{told}"
        if now >= self._next:
            self._tries += 1
            self._next = now + (1 << self._tries) * SECOND
            self._engine.restart()
            self._word = f"engine restarted ({self._tries}/{_RESTARTS}){told}"
            self._told_until = now + _TOLD
        return self._word


class Feed:
    """Asks the case what is new; one thread at a time may poll it."""

    def __init__(
        self,
        case: str,
        engine: EngineLike | None,
        clock: Callable[[], int],
        wanted: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        """``wanted``: the fields of alert documents whose values are to come with the news."""
        self._case = case
        self._wanted = wanted
        self._fields: frozenset[str] = frozenset()  # whose values were asked for last
        self._documents: Iterator[list[str]] | None = None  # alerts to read for a new one
        self._fresh: frozenset[str] = frozenset()  # the new ones
        self._unread = 0
        self._clock = clock
        self._free: int | None = None
        self._looked: int | None = None
        self._said = ""
        self._reader = CaseReader(case)
        self._supervisor = Supervisor(engine, clock)
        self._change = 0
        self._last: News | None = None
        self._rest: Iterator[list[AlertRow]] | None = None  # of the first reading
        self._total = 0
        self._waiting: list[AlertRow] = []  # changed alerts that are still to be told
        self._due = False  # the case changed since they were read
        self._journal = 0  # the newest entry when they were read

    @property
    def reading(self) -> bool:
        """There is more to read of what the case held at first: poll at once."""
        return self._rest is not None or self._documents is not None or bool(self._waiting)

    def _look_for_fields(self) -> None:
        """Begin to read the fields that are wanted now and were not before."""
        wanted = self._wanted()
        if wanted == self._fields:
            return
        unfinished = self._fresh if self._documents is not None else frozenset()
        self._fresh = wanted - (self._fields - unfinished)
        self._fields = wanted
        self._documents = self._reader.alert_ids(_DOCUMENTS) if self._fresh else None
        self._unread = self._reader.alert_count() if self._fresh else 0

    def _next_documents(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """The wanted fields of some more alerts."""
        ids = next(self._documents, []) if self._documents is not None else []
        self._unread = max(0, self._unread - len(ids))
        if not ids:
            self._documents, self._unread = None, 0
        return self._reader.field_values(ids, self._fresh)

    def _rows(self) -> list[AlertRow]:
        """The alerts that are new since the last call. The first gives the newest, and those that
        follow the others by and by: a screen need not wait for a hundred thousand."""
        if self._last is None:
            self._due = False
            self._journal = self._reader.journal_end()
            self._change = int(self._reader.meta("change") or 0)
            self._total = self._reader.alert_count()
            found = self._reader.newest_alerts(_FIRST)
            if len(found) < self._total:
                self._rest = self._reader.alert_slices(_SLICE)
            return found
        if self._rest is not None:
            found = next(self._rest, [])
            if found:
                return found
            self._rest = None
        self._total = 0
        if not self._waiting and self._due:
            self._due = False
            # Before the rows: what is decided in between is asked about in vain, never overlooked.
            self._journal = self._reader.journal_end()
            self._waiting = self._reader.alerts(after=self._change)
            self._change = self._waiting[-1].change if self._waiting else self._change
        found, self._waiting = self._waiting[:_SLICE], self._waiting[_SLICE:]
        return found

    def poll(self) -> News | None:
        """What changed since the last call; None where nothing did."""
        changed = self._reader.changed()
        before = self._last
        state = self._reader.engine() if changed or before is None else before.engine
        word = self._supervisor.look(state)
        beside = self._look_beside()
        self._look_for_fields()
        reading = self.reading
        if not (changed or beside or reading) and before is not None and word == before.engine_word:
            return None
        self._due = self._due or changed
        first = self._rest is not None
        rows = self._rows()
        journal = before.journal if before and self._waiting else self._journal
        ids = [row.id for row in rows]
        documents = self._reader.field_values(ids, self._fields) if self._fields else {}
        if reading and not first:
            for name, found in self._next_documents().items():
                documents.setdefault(name, {}).update(found)
        if reading and before is not None:
            self._last = replace(
                before,
                rows=tuple(rows),
                engine=state,
                engine_word=word,
                journal=journal,
                documents=documents,
                unread=self._unread,
                total=self._total,
            )
            return self._last
        problems = {one[0] for one in self._reader.problems() if one[3] == "error"}
        roots = tuple(self._reader.meta("roots").splitlines())
        states, behind_since = self._reader.source_states()
        shown = replace(state, message=self._said) if self._said else state
        wrong = troubles(shown, states, behind_since, self._free, self._clock())
        rules = state.rules or sum(one.runnable for one in self._reader.rules())
        foreign = states.get("not a log", 0)
        sources = sum(states.values()) - states.get("skipped", 0) - foreign
        self._last = News(
            tuple(rows),
            state,
            word,
            rules,
            len(problems),
            roots,
            sources,
            journal,
            documents,
            self._unread,
            self._total,
            wrong,
            foreign,
        )
        return self._last

    def _look_beside(self) -> bool:
        """Once a second; True where there is something new to say. An engine whose disk is full can
        not write that into the case."""
        now = self._clock()
        if self._looked is not None and 0 <= now - self._looked < _LOOK_EVERY:
            return False
        self._looked = now
        said_before, self._said = self._said, said(self._case)
        before, self._free = self._free, free_bytes(self._case)
        filled = (
            before is not None
            and self._free is not None
            and ((before < DISK_FULL) != (self._free < DISK_FULL))
        )
        return filled or said_before != self._said

    def failed(self, error: apsw.Error) -> News | None:
        """The last news with what keeps the case from being read; None where that is no news."""
        word = str(meaning(error))
        if self._last is None or self._last.engine_word == word:
            return None
        self._last = replace(self._last, rows=(), engine_word=word)
        return self._last

    def close(self) -> None:
        self._reader.close()
