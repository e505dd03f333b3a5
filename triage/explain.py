"""Explain: what one rule makes of some events, stage by stage, and why no alert came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from triage import times
from triage.engine.match import Matcher
from triage.engine.result import Hit
from triage.engine.sequence import Sequencer
from triage.eql import CompiledStage, Query, Stage, compile_stage
from triage.eql import Test as EqlTest
from triage.eql import explain as explain_stage
from triage.event import Event, identity, order_of
from triage.fields import Doc
from triage.rules import Rule
from triage.sources import Follower, RecordError, decode


@dataclass(frozen=True, slots=True)
class StageReport:
    """How one stage of the query fared."""

    name: str  # "1", "2", … or "until"
    text: str  # the stage as written
    category: int  # events of the category it asks for
    matched: int  # events that fulfilled its condition
    keyed: int  # of these, events with all join keys
    nearest: Event | None  # one that matched, else the one that failed the fewest tests
    tests: tuple[EqlTest, ...]  # its tests on that event


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a rule made of some events."""

    events: int
    alerts: int
    stages: tuple[StageReport, ...]
    reasons: tuple[str, ...]  # why no alert came; empty where one did


class _Watch:
    """One stage, watched over all events."""

    def __init__(self, name: str, stage: Stage, rule: Rule) -> None:
        self.name = name
        self.stage = stage
        self.compiled: CompiledStage = compile_stage(
            stage, category_field=rule.event_category_field
        )
        self.category = self.matched = self.keyed = 0
        self.failed: int | None = None
        self.nearest: tuple[Doc, str, int] | None = None
        self.tests: tuple[EqlTest, ...] = ()

    def look(self, doc: Doc, source: str, position: int) -> None:
        """Try one event."""
        if self.failed == 0:  # one that matched is shown; from here on counting is enough
            if self.compiled.matches(doc):
                self.category += 1
                self.matched += 1
                self.keyed += bool(self.compiled.keys(doc))
            else:
                self.category += self._of_category(doc)
            return
        if not self._of_category(doc):
            return
        self.category += 1
        tests = tuple(explain_stage(self.compiled, doc))
        matched = self.compiled.matches(doc)
        failed = 0 if matched else max(1, sum(not test.passed for test in tests))
        if matched:
            self.matched += 1
            self.keyed += bool(self.compiled.keys(doc))
        if self.failed is None or failed < self.failed:
            self.failed = failed
            self.nearest = (doc, source, position)
            self.tests = tests

    def _of_category(self, doc: Doc) -> bool:
        if self.compiled.categories is None:
            return True
        first = explain_stage(self.compiled, doc)[:1]
        return bool(first) and first[0].passed

    def report(self) -> StageReport:
        """What was seen."""
        event = None
        if self.nearest is not None:
            doc, source, position = self.nearest
            order = order_of(doc, source, position) or (0, 0, source, position)
            event = Event(identity(doc), order, doc)
        return StageReport(
            self.name,
            self.stage.text,
            self.category,
            self.matched,
            self.keyed,
            event,
            self.tests,
        )


def explain(rule: Rule, follower: Follower, progress: Callable[[int], None]) -> Explanation:
    """Run one runnable rule over all that ``follower`` reads, watching each stage.

    ``progress`` is called with the number of events read so far.
    """
    query = rule.query
    assert query is not None, "only a runnable rule can be explained"  # noqa: S101 - the contract
    watches = [_Watch(str(n), stage, rule) for n, stage in enumerate(query.stages, 1)]
    if query.until is not None:
        watches.append(_Watch("until", query.until, rule))
    matcher = Matcher([(rule, [])], processes=False)
    sequencer = Sequencer([rule])
    hits: list[Hit] = []
    standing: set[tuple[str, ...]] = set()
    events = 0
    for block in follower.poll():
        for record, position in zip(block.records, block.positions, strict=True):
            try:
                doc = decode(block.format, record)
            except RecordError:
                continue
            if doc is None:
                continue
            events += 1
            for watch in watches:
                watch.look(doc, block.source, position)
        result = matcher(block)
        hits.extend(result.hits)
        advance = sequencer.advance(result.hits)
        standing -= {tuple(e.id for e in match.events) for match in advance.superseded}
        standing |= {tuple(e.id for e in match.events) for match in advance.matches}
        progress(events)
    last = sequencer.pass_time(None)
    standing |= {tuple(e.id for e in match.events) for match in last.matches}
    reports = tuple(watch.report() for watch in watches)
    reasons = () if standing else tuple(_reasons(rule, query, reports, hits))
    return Explanation(events, len(standing), reports, reasons)


def _reasons(
    rule: Rule, query: Query, reports: tuple[StageReport, ...], hits: list[Hit]
) -> list[str]:
    wanted = [
        report for report, stage in zip(reports, query.stages, strict=False) if not stage.missing
    ]
    reasons = [
        f"stage {report.name}: no event of its category"
        if not report.category
        else f"stage {report.name}: no event met its condition; see the failed tests above"
        for report in wanted
        if not report.matched
    ]
    reasons += [
        f"stage {report.name}: no event that matched has all join keys"
        for report in wanted
        if report.matched and not report.keyed
    ]
    if reasons or query.kind == "event":
        return reasons
    return _joining(rule, query, hits)


def _joining(rule: Rule, query: Query, hits: list[Hit]) -> list[str]:
    """Why hits of every stage did not join: keys, order, span, until or a missing event."""
    needed = {number for number, stage in enumerate(query.stages) if not stage.missing}
    by_key: dict[str, list[Hit]] = {}
    for hit in hits:
        by_key.setdefault(hit.key, []).append(hit)
    whole = {
        key: own
        for key, own in by_key.items()
        if needed <= {stage for hit in own for stage in hit.stages}
    }
    if not whole:
        best = max(by_key.values(), key=lambda own: len({s for hit in own for s in hit.stages}))
        filled = sorted({stage + 1 for hit in best for stage in hit.stages if stage >= 0})
        return [
            f"every stage matched, but never for one join key: {best[0].key} comes furthest,"
            f" with stage {', '.join(map(str, filled))} of {len(query.stages)}"
        ]
    key, own = next(iter(whole.items()))
    timed = sorted(own, key=lambda hit: hit.event.order)
    span = timed[-1].event.order[0] - timed[0].event.order[0]
    if query.kind == "sample":
        return [
            f"join key {key} fills every stage, but not by distinct events within the rule's"
            f" look-back of {times.span(rule.lookback)}; its events span"
            f" {span / times.SECOND:.3f} s"
        ]
    reasons = [f"join key {key} fills every stage, but not in a sequence that stands:"]
    first = [hit for hit in timed if 0 in hit.stages]
    last = [hit for hit in timed if max(needed) in hit.stages]
    if first and last and first[0].event.order > last[-1].event.order:
        reasons.append("its events come in another order than the stages")
    elif query.maxspan is not None and span > query.maxspan:
        reasons.append(
            f"its events lie {span / times.SECOND:.3f} s apart, maxspan is"
            f" {times.span(query.maxspan)}"
        )
    elif any(-1 in hit.stages for hit in timed):
        reasons.append("an event of `until` ends it before it is complete")
    elif len(needed) < len(query.stages):
        reasons.append("an event that must not happen did")
    else:
        reasons.append("its stages do not follow one another")
    return reasons
