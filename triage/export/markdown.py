"""The report as Markdown, for a ticket or a wiki: what a log says stays text there too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from triage.case.words import told
from triage.context import describe
from triage.export.escape import markdown as md
from triage.export.escape import shown
from triage.export.forest import Branch, forest
from triage.export.report import Deep, Report, report, said_of, stamp, state
from triage.export.selection import Selection

_CELL = 300  # characters: wikis draw longer cells badly
_DEEPEST = 60  # generations of a process tree


def write(selection: Selection) -> Iterator[str]:
    """The whole text, in pieces."""
    told_ = report(selection)
    yield f"# Case {md(told_.title)}\n\nThis is {md(told_.subtitle)}\n"
    for title, part in (
        ("Summary", _summary),
        ("ATT&amp;CK", _attack),
        ("Alerts", _alerts),
        ("Decisions", _decisions),
        ("Process trees", _trees),
        ("Evidence", _evidence),
    ):
        yield f"\n## {title}\n\n"
        yield from part(told_)


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    names = list(heads)
    yield f"| {' | '.join(names)} |\n|{' --- |' * len(names)}\n"
    for row in rows:
        yield f"| {' | '.join(md(one, _CELL) or ' ' for one in row)} |\n"


def _summary(told_: Report) -> Iterator[str]:
    yield from _table(("", ""), told_.facts)


def _attack(told_: Report) -> Iterator[str]:
    if not told_.matrix:
        yield "No alert that stands names a technique.\n"
        return
    yield from _table(("Tactic", "Technique", "Name", "Alerts"), (
        (column.name, cell.technique, cell.name, f"{cell.count:,}")
        for column in told_.matrix
        for cell in column.cells
    ))  # fmt: skip


def _alerts(told_: Report) -> Iterator[str]:
    heads = ("#", "Time", "Severity", "Risk", "Rule", "Host", "User", "Process", "State")
    yield from _table(heads, (
        (number, stamp(row.time), row.severity, f"{row.risk_score:g}",
         row.rule_name + (f" ×{row.count:,}" if row.count > 1 else ""),
         row.host, row.user, row.process, " ".join((state(row), *row.tags)))
        for number, row in enumerate(told_.rows, start=1)
    ))  # fmt: skip


def _decisions(told_: Report) -> Iterator[str]:
    if not told_.decided:
        yield "Nobody decided anything yet.\n"
        return
    yield from _table(("When", "Who", "What", "Why", "Alerts"), (
        (stamp(one.entry.at), one.entry.who, told(one.entry), one.why,
         ", ".join(map(str, one.alerts)))
        for one in told_.decided
    ))  # fmt: skip


def _trees(told_: Report) -> Iterator[str]:
    """As blocks of code: nothing in them is markup, and a tree may be as deep as it is."""
    for host, branches in forest(told_.deep):
        lines = [line for one in branches for line in _branch(one, "", "")]
        longest = max(len(run) for line in lines for run in re.findall("`*", line))
        fence = "`" * max(3, longest + 1)
        yield f"Host {md(host) or '-'}\n\n{fence}text\n"
        yield from (f"{line}\n" for line in lines)
        yield f"{fence}\n\n"


def _branch(branch: Branch, lead: str, stem: str) -> Iterator[str]:
    """A line a process: ``lead`` stands before it, ``stem`` before what is below it."""
    process = branch.process
    flags = "".join(f" ◄ #{number}" for number in branch.alerts)
    command = shown(process.command_line or process.executable, _CELL)
    yield f"{lead or '· '}{shown(process.name or '?', _CELL)} {process.pid or ''}{flags}  {command}"
    children, more = branch.shown()
    if len(stem) >= 2 * _DEEPEST:
        children, more = [], len(branch.children)
    for place, child in enumerate(children, start=1):
        last = place == len(children) and not more
        yield from _branch(child, stem + ("└ " if last else "├ "), stem + ("  " if last else "│ "))
    if more:
        yield f"{stem}└ … {more:,} more processes"


def _evidence(told_: Report) -> Iterator[str]:
    for one in told_.deep:
        yield from _deep(one)


def _deep(one: Deep) -> Iterator[str]:
    row = one.alert.row
    yield f"### {one.number}: {md(row.rule_name)}\n\n"
    yield (
        f"Severity {md(row.severity)}, risk {row.risk_score:g}, {stamp(row.time)}, {md(row.host)},"
        f" {md(row.user)}: {md(state(row))}\n\nWhat: {md(row.reason)}\n\n"
    )
    if one.tests:
        yield from _table(("Field", "Value"), (
            (", ".join(test.fields), ", ".join(test.values)) for test in one.tests
        ))  # fmt: skip
        yield "\n"
    if one.nearby:
        matched = {each.event.id for each in one.alert.matched}
        yield from _table(("UTC", "Event"), (
            (stamp(event.time)[11:-4], ("► " if event.id in matched else "") + describe(event))
            for event in one.nearby
        ))  # fmt: skip
        yield "\n"
    for note in one.alert.notes:
        yield f"- {md(note.who)}, {stamp(note.at)}: {md(note.body)}\n"
    for step in one.steps:
        tick = one.alert.ticks.get(step.id)
        if tick:
            yield f"- {md(said_of(tick))}: {md(step.text)}\n"
    yield "\n"
