"""Match: a block of raw records in, the events that touch a rule out. Pure, and without memory.

The result of a block depends on the block and the rules alone, so blocks may be matched in any
order, in any process, on any machine; all that needs order or memory is in ``sequence``.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from triage.engine import front
from triage.engine.gates import Gate
from triage.engine.index import UNTIL, WAITING_FIELDS, ExceptedRule, Step, StepIndex
from triage.engine.process import host_of
from triage.engine.result import CASE_FIELDS, BlockResult, Gathered, Hit, StoredEvent, Suppression
from triage.engine.sieve import Demands, Sieve
from triage.engine.sight import Sight
from triage.engine.trial import Trial
from triage.eql.access import Reader, reader
from triage.errors import Reject
from triage.event import order_of
from triage.fields import Doc, lookup
from triage.sources import Block, RecordError, decode
from triage.sources.block import EXCERPT_BYTES
from triage.sources.evtx_glance import EvtxGlance
from triage.sources.glance import Glance

_MOST_SIEVES = 32
_MOST_SIGHTS = 64
_NOTHING: Mapping[str, Any] = {}
_WAITING = {name: reader(name) for name in WAITING_FIELDS}


class Matcher:
    """The rules and exceptions, compiled; calling it with a block gives the block's result.

    What it remembers between blocks makes it fast and changes no result.
    """

    def __init__(
        self,
        rules: Iterable[ExceptedRule],
        *,
        processes: bool = True,
        optimise: bool = True,
        waiting: bool = False,
    ) -> None:
        """``processes``: whether to gather processes and contacts, which only a case needs.
        ``optimise``: False tries every step on every event, for tests to compare with.
        ``waiting``: leave stages of sequences to triage.engine.waiting, where they can wait.
        """
        self.index = index = StepIndex(rules, waiting=waiting)
        self.processes = processes
        self._optimise = optimise
        self._readers = {field: reader(field) for field in index.fields}
        self._sieves: dict[frozenset[str], Sieve] = {}  # of documents, by their outermost keys
        self._any_sieve = self._sieve(self._readers, front.of_documents(self._readers, plain=False))
        self._on_documents = Trial(reader)
        # The same of records that a glance is enough for.
        read = sorted({name for step in index.steps for name in step.condition.fields})
        case = CASE_FIELDS if processes else ()
        names = tuple(dict.fromkeys((*index.fields, *read, *WAITING_FIELDS, *case)))
        self._glances: tuple[Glance | EvtxGlance, ...] = (Glance(names), EvtxGlance(names))
        self._sights: dict[Any, Sight] = {}  # by what records have in common

    def __call__(self, block: Block) -> BlockResult:
        run = Gathered(block)
        glances = self._glances if self._optimise else ()
        glance = next((one for one in glances if one.takes(block)), None)
        if glance is not None:
            self._at_a_glance(glance, block, run)
        else:
            for number in range(len(block.records)):
                self._whole(block, number, run)
        return run.result()

    def _whole(self, block: Block, number: int, run: Gathered, alive: int | None = None) -> None:
        """A record that has to be decoded; ``alive``: the steps it may fill, where known."""
        record, position = block.records[number], block.positions[number]
        try:
            doc = decode(block.format, record)
        except RecordError as error:
            run.rejects.append(
                Reject(block.source, position, len(record), str(error), record[:EXCERPT_BYTES])
            )
            return
        if doc is None:
            return
        host = host_of(doc)
        order = order_of(doc, block.source, position)
        run.note(host, order[0] if order else None)
        if self.processes:
            run.tell_case(partial(lookup, doc), host, order[0] if order else None)
        if alive is None:
            alive = self._sieve_for(doc).alive(doc) if self._optimise else self.index.every
        if not alive:
            return
        todo = self.index.plan(alive)
        if todo.steps:
            place = order or (0, 0, block.source, position)
            stored = StoredEvent.of_record(block.format, record, place, host)
            self._on_documents.tell(todo.steps, doc, stored, run)
        if todo.fields and order:
            values = [_WAITING[name](doc) for name in todo.fields]
            run.pending.add(number, order[0], todo.waiting, values)

    def _at_a_glance(self, glance: Any, block: Block, run: Gathered) -> None:
        """A block's records, of which most need not be decoded."""
        # Every line of this is run for every event: what can be is at hand.
        look, time_of, sights, plan = glance.look, glance.time_of, self._sights, self.index.plan
        wait, add_host, add_time = run.pending.add, run.hosts.add, run.times.append
        processes = self.processes
        for number, record in enumerate(block.records):
            seen = look(record)
            if seen is None:
                self._whole(block, number, run)
                continue
            form = seen.form
            sight = sights.get(form.keys) or self._sight(glance, form)
            alive = sight.alive(seen)
            todo = plan(alive)
            time = time_of(seen)
            if todo.steps:
                holds = sight.holds
                held = [step for step in todo.steps if holds(step, seen)]
                if any(step.exceptions for step in held):
                    self._whole(block, number, run, alive)
                    continue
                if held:
                    tiebreaker = glance.tiebreaker_of(seen) if time is not None else 0
                    place = (time or 0, tiebreaker, block.source, block.positions[number])
                    stored = StoredEvent.of_record(block.format, record, place, seen.host.name)
                    sight.tell(held, seen, stored, run)
            add_host(seen.host.name)
            add_time(time)
            if processes and sight.concerns(seen):
                run.tell_case(sight.told(seen), seen.host.name, time)
            if todo.fields and time is not None:
                wait(number, time, todo.waiting, sight.values(todo.fields, seen))

    def awake(
        self, block: Block, number: int, steps: int
    ) -> tuple[Sequence[Hit], Sequence[Suppression]]:
        """The hits of a record whose stages (a mask) need wait no longer.

        A hit that fills the opening stage too takes the place of the one that was told before.
        """
        record, position = block.records[number], block.positions[number]
        try:
            doc = decode(block.format, record) or {}
        except RecordError:
            return (), ()
        order = order_of(doc, block.source, position)
        if order is None:
            return (), ()
        stored = StoredEvent.of_record(block.format, record, order, host_of(doc))
        run = Gathered(block)
        tried = self._on_documents
        tried.tell(self.index.of(steps), doc, stored, run)
        hits: list[Hit] = []
        for hit in run.hits:
            first = self.index.openers[hit.rule_id].step
            excepted = any(test(doc) for _, test in first.exceptions)
            if not excepted and tried.holds(first, doc) and hit.key in tried.keys(first, doc):
                hit = hit._replace(stages=tuple(sorted((first.stage, *hit.stages), key=_in_order)))
            hits.append(hit)
        return hits, run.suppressed

    def steps(self, doc: Doc) -> Sequence[Step]:
        """The steps that are tried on a document: all that its fields do not rule out."""
        return self.index.of(self._sieve_for(doc).alive(doc))

    def _sieve_for(self, doc: Doc) -> Sieve:
        """The sieve of documents with these outermost keys: it asks for no field they lack."""
        keys = frozenset(doc)
        sieve = self._sieves.get(keys)
        if sieve is None:
            if len(self._sieves) >= _MOST_SIEVES or any("." in key for key in keys):
                return self._any_sieve
            own = _within(keys, self._readers)
            sieve = self._sieves[keys] = self._sieve(own, front.of_documents(own))
        return sieve

    def _sight(self, glance: Any, form: Any) -> Sight:
        """The same of what is seen at a glance."""
        if len(self._sights) >= _MOST_SIGHTS:
            self._sights.clear()
        way = glance.way(form)
        own = {name: way.open[name] for name in self.index.fields if name in way.open}
        sieve = self._sieve(own, front.at_a_glance(way, own), way.known)
        sight = self._sights[form.keys] = Sight(way, sieve, self.processes)
        return sight

    def _sieve(
        self, names: Container[str], reading: front.Reading, known: Mapping[str, Any] = _NOTHING
    ) -> Sieve:
        """The sieve that reads these fields; of others the value is known, or there is none."""
        index = self.index
        every = index.every
        asked: list[Demands] = []
        for name, demands in zip(index.fields, index.demands, strict=True):
            if name in names:
                asked.append(demands)
            else:
                value = known.get(name)
                every &= Gate(demands, every).mask(front.key(value), value, every)[0]
        return Sieve(asked, reading, every, index.rough)


def _within(keys: Container[str], readers: Mapping[str, Reader]) -> dict[str, Reader]:
    """The readers of the fields below some outermost keys."""
    return {name: read for name, read in readers.items() if name.partition(".")[0] in keys}


def _in_order(stage: int) -> tuple[bool, int]:
    return stage == UNTIL, stage
