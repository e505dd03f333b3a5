"""The report as one HTML file that opens offline: no script, no link out, nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from triage import guide
from triage.case.model import AlertRow
from triage.case.words import told
from triage.context import Connection, describe
from triage.event import Event
from triage.export.figures import timeline
from triage.export.forest import Branch, forest
from triage.export.markup import Html, el, join, table, text
from triage.export.report import Decided, Deep, Report, report, said_of, stamp, state
from triage.export.selection import Selection
from triage.fields import Doc, first_text, flatten

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_DEEPEST = 60  # generations of a process tree: browsers mind more
_SECTIONS = (
    ("summary", "Summary"),
    ("timeline", "Timeline"),
    ("attack", "ATT&CK"),
    ("alerts", "Alerts"),
    ("decisions", "Decisions"),
    ("trees", "Process trees"),
    ("evidence", "Evidence"),
)
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


def write(selection: Selection) -> Iterator[str]:
    """The whole page, in pieces."""
    told_ = report(selection)
    yield "<!doctype html>\n"
    yield '<html lang="en">\n'
    yield _head(told_)
    yield "<body>\n"
    yield el(
        "header",
        el("h1", told_.title),
        el("p", told_.subtitle),
        el("nav", *(el("a", name, href=f"#{id_}") for id_, name in _SECTIONS)),
    )
    yield "\n<main>\n"
    for id_, name in _SECTIONS:
        yield f'<section id="{id_}">'
        yield el("h2", name)
        for piece in _PARTS[id_](told_):
            yield piece
            yield "\n"
        yield "</section>\n"
    yield "</main>\n</body>\n</html>\n"


def _head(told_: Report) -> str:
    style = Path(__file__).with_name("report.css").read_text("utf-8")
    return (
        '<head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'
        '<meta name="color-scheme" content="light dark">'
        f"{el('title', told_.title)}<style>{style}</style></head>\n"
    )


def _summary(told_: Report) -> Iterator[Html]:
    pairs = (join((el("dt", label), el("dd", value))) for label, value in told_.facts)
    yield el("dl", *pairs)


def _timeline(told_: Report) -> Iterator[Html]:
    if not told_.rows:
        yield el("p", "There are no alerts.", class_="dim")
        return
    keys = (
        el("span", el("i", class_=f"dot {name}"), f" {name}")
        for name in ("critical", "high", "medium", "low")
    )
    yield el("figure", timeline(told_.rows), el("figcaption", *keys, " · times are UTC"))


def _attack(told_: Report) -> Iterator[Html]:
    if not told_.matrix:
        yield el("p", "No alert that stands names a technique.", class_="dim")
        return
    most = max(cell.count for column in told_.matrix for cell in column.cells)
    yield el("div", *(
        el("div",
           el("h3", column.name, " ", el("small", column.tactic)),
           *(
               el("div",
                  el("b", f"×{cell.count:,}"),
                  el("span", cell.technique or "tactic alone"), " ", cell.name,
                  class_=f"cell {cell.severity} heat{_heat(cell.count, most)}")
               for cell in column.cells
           ),
           class_="column")
        for column in told_.matrix
    ), class_="matrix")  # fmt: skip


def _heat(count: int, most: int) -> int:
    """1 to 4: how much of the most frequent one."""
    return min(4, 1 + 4 * (count - 1) // max(1, most))


def _alerts(told_: Report) -> Iterator[Html]:
    deep = {one.number for one in told_.deep}
    heads = ("#", "Time (UTC)", "Severity", "Risk", "Rule", "Host", "User", "Process", "State")
    yield table(heads, (
        (
            _number(number, number in deep),
            stamp(row.time)[:-4],
            _severity(row),
            f"{row.risk_score:g}",
            row.rule_name + (f" ×{row.count:,}" if row.count > 1 else ""),
            row.host, row.user, row.process,
            el("td", state(row), _tags(row)),
        )
        for number, row in enumerate(told_.rows, start=1)
    ), "alerts")  # fmt: skip


def _number(number: int, linked: bool) -> Html:
    label = f"{number:,}"
    return el("td", el("a", label, href=f"#a{number}") if linked else label, class_="number")


def _severity(row: AlertRow) -> Html:
    return el("td", el("span", row.severity, class_=f"severity {row.severity}"))


def _tags(row: AlertRow) -> Html:
    return join(join((" ", el("span", tag, class_="tag"))) for tag in row.tags)


def _decisions(told_: Report) -> Iterator[Html]:
    if not told_.decided:
        yield el("p", "Nobody decided anything yet.", class_="dim")
        return
    deep = {one.number for one in told_.deep}
    taken_back = {one.entry.undoes for one in told_.decided if one.entry.undoes}
    yield table(("When", "Who", "What", "Why", "Alerts"), (
        (
            el("td", stamp(one.entry.at), class_="time"),
            one.entry.who,
            el("td", el("del", told(one.entry)) if one.entry.id in taken_back else told(one.entry)),
            one.why,
            _of(one, deep),
        )
        for one in told_.decided
    ))  # fmt: skip


def _of(one: Decided, deep: set[int], most: int = 12) -> Html:
    links = [
        el("a", f"{number}", href=f"#a{number}") if number in deep else text(number)
        for number in one.alerts[:most]
    ]
    more = f" and {len(one.alerts) - most:,} others" if len(one.alerts) > most else ""
    return el("td", Html(", ".join(links)), more)


def _trees(told_: Report) -> Iterator[Html]:
    found = forest(told_.deep)
    if not found:
        yield el("p", "No alert names a process.", class_="dim")
    for host, branches in found:
        yield el("h3", host or "no host")
        yield el("ul", *(_branch(one, 0) for one in branches), class_="tree")


def _branch(branch: Branch, depth: int) -> Html:
    process = branch.process
    links = [el("a", f"#{number}", href=f"#a{number}", class_="flag") for number in branch.alerts]
    hidden = el("span", f"… {len(branch.alerts) - 12} more", class_="dim")
    when = stamp(process.start)[:-4] if process.start else ""
    line = el(
        "div",
        el("b", process.name or "?"), " ",
        el("span", process.pid or "", class_="dim"), " ",
        *links[:12], hidden if len(links) > 12 else None,
        el("code", process.command_line or process.executable), " ",
        el("span", " · ".join(one for one in (process.user, when) if one), class_="dim"),
        class_="subject" if branch.alerts else None,
    )  # fmt: skip
    children, more = branch.shown()
    if depth >= _DEEPEST:
        children, more = [], len(branch.children)
    below = [_branch(one, depth + 1) for one in children]
    if more:
        below.append(el("li", el("span", f"… {more:,} more processes", class_="dim")))
    return el("li", line, el("ul", *below) if below else None)


def _evidence(told_: Report) -> Iterator[Html]:
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
           el("b", state(row)), _tags(row),
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


_PARTS = {
    "summary": _summary,
    "timeline": _timeline,
    "attack": _attack,
    "alerts": _alerts,
    "decisions": _decisions,
    "trees": _trees,
    "evidence": _evidence,
}
