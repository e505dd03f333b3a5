"""The report as one HTML file that opens offline: no script, no link out, nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from triage.case.model import AlertRow
from triage.case.words import told
from triage.export.figures import timeline
from triage.export.forest import Branch, forest
from triage.export.html_evidence import evidence, tags
from triage.export.markup import Html, el, join, table, text
from triage.export.report import Decided, Report, report, stamp, state
from triage.export.selection import Selection

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
            el("td", state(row), tags(row)),
        )
        for number, row in enumerate(told_.rows, start=1)
    ), "alerts")  # fmt: skip


def _number(number: int, linked: bool) -> Html:
    label = f"{number:,}"
    return el("td", el("a", label, href=f"#a{number}") if linked else label, class_="number")


def _severity(row: AlertRow) -> Html:
    return el("td", el("span", row.severity, class_=f"severity {row.severity}"))


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


_PARTS = {
    "summary": _summary,
    "timeline": _timeline,
    "attack": _attack,
    "alerts": _alerts,
    "decisions": _decisions,
    "trees": _trees,
    "evidence": evidence,
}
