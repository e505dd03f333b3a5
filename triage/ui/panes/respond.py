"""Response: the rule's guide, its bullets ticked off step by step, its questions answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triage import context, guide
from triage.case.model import AlertDetail, Tick
from triage.fields import first_text, tables, values
from triage.markdown import Investigation, Osquery, Plugin, Span
from triage.ui.format import day_time, plural
from triage.ui.lines import BLANK, Item, Line, Page, heading, line, paragraphs
from triage.ui.subject import Subject

_ROLES = {"code": "accent", "strong": "title", "link": "link"}
_BOXES = {"done": ("[✓] ", "good"), "not_applicable": ("[–] ", "dim"), "failed": ("[✗] ", "bad")}
_WORDS = {"not_applicable": "not applicable, ", "failed": "failed, "}
_NOT_YET = object()


def guide_of(alert: AlertDetail) -> guide.Guide:
    """The guide of the alert's rule."""
    doc = alert.doc
    return guide.steps(
        first_text(doc, "kibana.alert.rule.note"), first_text(doc, "kibana.alert.rule.setup")
    )


def build(subject: Subject, _unfolded: frozenset[str]) -> Iterator[Page]:
    """The guide at once; then again with each answer to one of its questions."""
    alert = subject.alert
    found = guide_of(alert)
    answers: dict[object, int | None] = {}
    start = next((step.id for step in found.steps if not _closed(alert, step)), "")
    done = sum(_closed(alert, step) for step in found.steps)
    badge = f"{done}/{len(found.steps)}" if found.steps else ""
    questions = [
        context.ask(alert, one)
        for section in found.sections
        for block in section.blocks
        for one in block.plugins
        if isinstance(one, Investigation)
    ]
    drilled = tables(alert.doc.get("triage.drilldowns"))
    questions += context.over_logs(alert)

    def page(last: bool) -> Page:
        drill = subject.drilldowns if last and drilled else None
        lines = list(_lines(alert, found, answers, drill, bool(drilled)))
        follows = zip(lines, [None, *lines], strict=False)
        kept = tuple(one for one, before in follows if one is not BLANK or before is not BLANK)
        return Page(kept, badge, first_word=not last, start=start)

    if questions or drilled:
        yield page(last=False)
    for asked in questions:
        answers[asked] = subject.answer(asked)
    yield page(last=True)


def _closed(alert: AlertDetail, step: guide.Step) -> bool:
    tick = alert.ticks.get(step.id)
    return tick is not None and tick.closed


def _lines(
    alert: AlertDetail,
    found: guide.Guide,
    answers: dict[object, int | None],
    drilldowns: Sequence[context.DrillDown] | None,
    drilled: bool,
) -> Iterator[Line]:
    if not found.steps:
        yield line(("The rule has no guide: no steps to take are written down.", "dim"))
    for section in found.sections:
        steps = [block.step for block in section.blocks if block.step]
        closed = sum(_closed(alert, step) for step in steps)
        if section.title:
            yield heading(section.title, f"{closed}/{len(steps)}" if steps else "")
        for block in section.blocks:
            yield from _block(alert, block, answers)
        yield BLANK
    if drilled:
        yield heading("Drill-downs")
        if drilldowns is None:
            yield line(("…", "dim"))
        for one in drilldowns or ():
            yield _drilldown(one)
        for place, asked in enumerate(context.over_logs(alert)):
            yield _question(asked, asked.label, answers, place, 6)
        yield BLANK
    known = [str(one) for one in values(alert.doc, "kibana.alert.rule.false_positives")]
    if known:
        yield heading("Known false positives")
        for text in known:
            yield from paragraphs(text, indent=2)
        yield BLANK
    references = [str(one) for one in values(alert.doc, "kibana.alert.rule.references")]
    if references:
        yield heading("References")
        for url in references:
            yield Line(((f"  {url}", "link"),), Item("field", f"reference {url}", url, url), 4)
    if found.steps:
        yield BLANK
        yield line(("space ticks   ⏎ outcome and note, or a question's events   y copies", "dim"))


def _block(
    alert: AlertDetail, block: guide.Block, answers: dict[object, int | None]
) -> Iterator[Line]:
    if block.kind == "code":
        item = Item("field", f"code {block.text}", block.text, block.text)
        for place, text in enumerate(block.text.split("\n")):
            yield Line((("    " + text, "accent"),), None if place else item, 6)
        return
    lead = "  " * block.depth
    parts = tuple((text, _ROLES.get(style, "")) for text, style in block.spans)
    if block.step is not None:
        yield from _step(alert, block.step, lead, parts)
    elif block.kind == "bullet":
        yield Line((("  " + lead + "• ", "dim"), *parts), None, len(lead) + 4)
    else:
        yield Line((("  ", ""), *parts), None, 2)
        if not block.plugins:
            yield BLANK
    for place, one in enumerate(block.plugins):
        yield from _plugin(alert, one, lead + "    ", block.spans, answers, place)


def _step(alert: AlertDetail, step: guide.Step, lead: str, parts: Sequence[Span]) -> Iterator[Line]:
    tick = alert.ticks.get(step.id)
    box, role = _BOXES.get(tick.outcome, ("[ ] ", "")) if tick else ("[ ] ", "")
    if tick and tick.closed:
        parts = [(text, "dim") for text, _ in parts]
    yield Line(((lead + box, role), *parts), Item("step", step.id, step, step.text), len(lead) + 4)
    if tick:
        yield line(
            (f"{lead}    {said(tick)}", role or "dim"),
            (f"  {tick.note}" if tick.note else "", ""),
            indent=len(lead) + 4,
        )


def said(tick: Tick) -> str:
    """Who said of a step how it ended, and when."""
    return f"{_WORDS.get(tick.outcome, '')}{tick.who}, {day_time(tick.at)} UTC"


def _plugin(
    alert: AlertDetail,
    one: Plugin,
    lead: str,
    spans: Sequence[Span],
    answers: dict[object, int | None],
    place: int,
) -> Iterator[Line]:
    alone = "".join(text for text, _ in spans) == one.label  # the step says it already
    label = "" if alone else one.label
    if isinstance(one, Osquery):
        query = context.filled(alert, one.query)
        yield Line(
            ((lead + "osquery  ", "dim"), (label, ""), ("  y copies the query" if label else
             "y copies the query", "dim")),
            Item("osquery", f"osquery {query}", query, query),
            len(lead) + 2,
        )  # fmt: skip
        yield Line(((lead + "  " + query, "accent"),), None, len(lead) + 4, wrap=False)
        return
    yield _question(context.ask(alert, one), label, answers, place, len(lead) + 2)


def _question(
    asked: context.Asked, label: str, answers: dict[object, int | None], place: int, indent: int
) -> Line:
    told, role = _told(asked, answers.get(asked, _NOT_YET))
    return Line(
        (
            (" " * (indent - 2) + "⌕ ", "dim"),
            (label + "  " if label else "", ""),
            (told, role),
            (f"  {asked.window}" if not asked.problem else "", "dim"),
            (f"  {', '.join(asked.notes)}" if asked.notes else "", "dim"),
        ),
        Item("question", f"question {place} {asked}", asked, asked.label),
        indent,
    )


def _told(asked: context.Asked, count: object) -> tuple[str, str]:
    """How many a question finds, in words."""
    what = "other alert" if asked.alerts else "event"
    if asked.problem:
        return f"not asked: {asked.problem}", "warn"
    if count is _NOT_YET:
        return "…", "dim"
    if not isinstance(count, int):
        return "⏎ searches the logs", "link"
    return plural(count, what), "match" if count else "dim"


def _drilldown(one: context.DrillDown) -> Line:
    window = "around the alert" if one.window == "alert" else f"the {one.window} before"
    count = plural(len(one.results), "other alert")
    told = one.problem.partition("\n")[0]
    return Line(
        (
            ("    ⌕ ", "dim"),
            (f"{one.name}  ", ""),
            (told or count, "warn" if told else "match" if one.results else "dim"),
            ("" if told else f"  {window}", "dim"),
        ),
        Item("drilldown", f"drilldown {one.name}", one, one.query),
        6,
    )
