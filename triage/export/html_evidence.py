"""The part of the HTML report that goes into single alerts: all that an analyst looked at."""

from __future__ import annotations

from collections.abc import Iterator

from triage import guide
from triage.case.model import AlertRow
from triage.context import Connection, describe
from triage.event import Event
from triage.export.markup import Html, el, join, table
from triage.export.report import Deep, Report, said_of, stamp, state
from triage.fields import Doc, first_text, flatten

_FACTS = (
    ("path", ("process.executable",)),
    ("command line", ("process.command_line",)),
    ("parent", ("process.parent.executable", "process.parent.name")),
    ("parent command line", ("process.parent.command_line",)),
    ("user", ("user.name",)),
    ("SHA-256", ("process.hash.sha256",)),
    ("signer", ("process.code_signature.subject_name",)),
    ("file", ("file.path",)),
    ("registry", ("registry.path",)),
)
_STEPS = (
    (guide.INVESTIGATION, "Investigate"),
    (guide.FALSE_POSITIVES, "Is it a false positive?"),
    (guide.REMEDIATION, "Respond and remediate"),
)


def evidence(told_: Report) -> Iterator[Html]:
    """An article for each alert that the report goes into."""
    if len(told_.deep) < len(told_.rows):
        yield el(
            "p",
            f"The evidence of {len(told_.deep):,} of {len(told_.rows):,} alerts, those that matter"
            " most. Select fewer alerts for that of the others.",
        )
    for one in told_.deep:
        yield el(
            "article",
            _title(one), el("p", one.alert.row.reason), _why(one), _who(one), _connections(one),
            _nearby(one), _notes(one), _response(one),
            *(_document(place, event.event) for place, event in enumerate(one.alert.matched, 1)),
            id=f"a{one.number}",
        )  # fmt: skip


def _title(one: Deep) -> Html:
    row = one.alert.row
    return join((
        el("h3", el("span", f"#{one.number}", class_="dim"), " ", row.rule_name),
        el("p",
           el("span", row.severity, class_=f"severity {row.severity}"),
           f" risk {row.risk_score:g} · {stamp(row.time)} · {row.host} · {row.user} · ",
           el("b", state(row)), tags(row),
           " · superseded by a later alert" if row.superseded else "",
           f" · stands for {row.count:,} alerts" if row.count > 1 else ""),
    ))  # fmt: skip


def _why(one: Deep) -> Html:
    if not one.tests:
        return Html("")
    rows = (
        (str(test.stage + 1), ", ".join(test.fields), el("td", el("code", ", ".join(test.values))))
        for test in one.tests
    )
    return join((el("h4", "Why it alerted"), table(("Stage", "Field", "Value"), rows)))


def _who(one: Deep) -> Html:
    docs: list[Doc] = [each.event.doc for each in one.alert.matched] or [one.alert.doc]
    pairs: list[Html] = []
    for label, names in _FACTS:
        if found := next((value for doc in docs if (value := first_text(doc, *names))), ""):
            pairs.append(join((el("dt", label), el("dd", el("code", found)))))
    return join((el("h4", "What it is about"), el("dl", *pairs))) if pairs else Html("")


def _connections(one: Deep) -> Html:
    if not one.connections:
        return Html("")
    rows = (
        (
            f"{each.process} {each.pid or ''}", _place(each), each.domain, each.scope,
            f"{each.count:,}", f"{each.bytes:,}" if each.bytes is not None else "-",
            stamp(each.first)[:-4],
            el("td", el("b", "matched") if each.matched else ""),
        )
        for each in one.connections
    )  # fmt: skip
    heads = ("Process", "Remote", "Name", "Where", "Count", "Bytes", "First (UTC)", "")
    return join((el("h4", "Connections"), table(heads, rows)))


def _place(one: Connection) -> str:
    arrow = "← " if one.direction == "ingress" else "→ "
    port = f" port {one.port}" if one.port is not None else ""
    return f"{arrow}{one.address}{port} {one.transport}".strip()


def _nearby(one: Deep) -> Html:
    matched = {each.event.id for each in one.alert.matched}
    rows = (
        (
            el("td", stamp(event.time)[11:-4], class_="time"),
            el("td", el("code", describe(event)),
               class_="subject" if event.id in matched else None),
        )
        for event in one.nearby
    )  # fmt: skip
    more = el("p", f"… {one.unseen:,} more events nearby", class_="dim") if one.unseen else None
    if not one.nearby:
        return Html("")
    return join((el("h4", "What happened around it"), table(("UTC", "Event"), rows), more))


def _notes(one: Deep) -> Html:
    notes = (
        el("li", el("b", note.who), f", {stamp(note.at)}: ", note.body) for note in one.alert.notes
    )
    return join((el("h4", "Notes"), el("ul", *notes))) if one.alert.notes else Html("")


def _response(one: Deep) -> Html:
    if not one.steps:
        return Html("")
    done = sum(tick.closed for step in one.steps if (tick := one.alert.ticks.get(step.id)))
    parts: list[Html] = []
    for kind, title in _STEPS:
        steps = [step for step in one.steps if step.section == kind]
        if steps:
            parts.append(el("h5", title))
            parts.append(el("ul", *(_step(one, step) for step in steps), class_="steps"))
    summary = el("summary", f"Response steps: {done} of {len(one.steps)} done")
    return el("details", summary, *parts, open=done > 0)


def _step(one: Deep, step: guide.Step) -> Html:
    tick = one.alert.ticks.get(step.id)
    by = el("span", f" {said_of(tick)}", class_="done") if tick else None
    return el(
        "li",
        "[✓] " if tick and tick.closed else "[ ] ",
        step.text,
        by,
        class_=f"depth{min(step.depth, 3)}",
    )


def _document(place: int, event: Event) -> Html:
    rows = ((name, el("td", el("code", value))) for name, value in flatten(event.doc).items())
    return el(
        "details",
        el("summary", f"Matched event {place}: all fields"),
        el("p", f"{event.order[2]} at {event.order[3]:,}, id {event.id}", class_="dim"),
        table(("Field", "Value"), rows),
    )


def tags(row: AlertRow) -> Html:
    """What people call an alert."""
    return join(join((" ", el("span", tag, class_="tag"))) for tag in row.tags)
