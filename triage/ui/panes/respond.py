"""Response: what to look at, what is benign, what to do; ticked off step by step."""

from __future__ import annotations

from collections.abc import Iterator

from triage import guide
from triage.case.model import AlertDetail
from triage.fields import first_text, values
from triage.ui.format import day_time
from triage.ui.lines import BLANK, Item, Line, Page, heading, line, paragraphs
from triage.ui.subject import Subject

_TITLES = (
    (guide.INVESTIGATION, "Investigate"),
    (guide.FALSE_POSITIVES, "Is it a false positive?"),
    (guide.REMEDIATION, "Respond and remediate"),
)


def build(subject: Subject, _unfolded: frozenset[str]) -> Iterator[Page]:
    """The rule's guide as a checklist; a ticked step says who ticked it and when."""
    alert = subject.alert
    doc = alert.doc
    found = guide.steps(
        first_text(doc, "kibana.alert.rule.note"), first_text(doc, "kibana.alert.rule.setup")
    )
    done = sum(step.id in alert.ticks for step in found.steps)
    lines: list[Line] = []
    for kind, title in _TITLES:
        steps = [step for step in found.steps if step.section == kind]
        if steps:
            ticked = sum(step.id in alert.ticks for step in steps)
            lines.append(heading(title, f"{ticked}/{len(steps)}"))
            for step in steps:
                lines.extend(_step(alert, step))
            lines.append(BLANK)
    known = [str(one) for one in values(doc, "kibana.alert.rule.false_positives")]
    if known:
        lines.append(heading("Known false positives"))
        for text in known:
            told = paragraphs(text, indent=2)
            lines.extend(told)
        lines.append(BLANK)
    references = [str(one) for one in values(doc, "kibana.alert.rule.references")]
    if references:
        lines.append(heading("References"))
        lines.extend(
            Line(((f"  {url}", "link"),), Item("field", f"reference {url}", url, url), 4)
            for url in references
        )
    if not found.steps:
        lines.insert(0, line(("The rule has no guide: no steps to take are written down.", "dim")))
    badge = f"{done}/{len(found.steps)}" if found.steps else ""
    yield Page(tuple(lines), badge)


def _step(alert: AlertDetail, step: guide.Step) -> Iterator[Line]:
    tick = alert.ticks.get(step.id)
    lead = "  " * step.depth
    box, role = ("[✓] ", "good") if tick else ("[ ] ", "")
    yield Line(
        ((lead + box, role), (step.text, "dim" if tick else "")),
        Item("step", step.id, step, step.text),
        len(lead) + 4,
    )
    if tick:
        yield line((f"{lead}    {tick.who}, {day_time(tick.at)} UTC", "good"))
