"""Process tree: where the alert's process comes from, and what it and its parent started."""

from __future__ import annotations

from collections.abc import Iterator

from triage.context import ProcessNode
from triage.ui.format import clock_time, plural, shortened
from triage.ui.lines import BLANK, Item, Line, Page, line
from triage.ui.subject import Subject

_SHOWN = 8  # siblings or children in a row before the rest is folded


def build(subject: Subject, unfolded: frozenset[str]) -> Iterator[Page]:
    """One line a process, its command line beside it; long families are folded."""
    root = subject.tree
    if root is None:
        yield Page((line(("No process: the matched events name none.", "dim")),))
        return
    lines = [*_lines(root, "", "", unfolded), BLANK]
    lines.append(line(("▶ this alert   ⚑ has alerts   ⏎ unfolds or shows the process", "dim")))
    yield Page(tuple(lines), start=_key(_subject(root)))


def _lines(node: ProcessNode, lead: str, stem: str, unfolded: frozenset[str]) -> Iterator[Line]:
    """The subtree of a node; ``lead`` stands before it, ``stem`` before what is below it."""
    yield _one(node, lead)
    shown, hidden = _folded(node, unfolded)
    last = len(shown) - 1 if not hidden else len(shown)
    for place, child in enumerate(shown):
        branch, below = ("└ ", "  ") if place == last else ("├ ", "│ ")
        yield from _lines(child, stem + branch, stem + below, unfolded)
    if hidden:
        key = f"fold {_key(node)}"
        what = f"… {plural(hidden, 'more process', 'more processes')}"
        yield Line(((stem + "└ ", "dim"), (what, "link")), Item("fold", key))


def _folded(node: ProcessNode, unfolded: frozenset[str]) -> tuple[list[ProcessNode], int]:
    """The children to show, and how many are not; the alert's own line is never folded away."""
    children = list(node.children)
    if len(children) <= _SHOWN + 1 or f"fold {_key(node)}" in unfolded:
        return children, 0
    needed = {id(one) for one in children if one.role in ("subject", "ancestor") or one.alerts}
    room = max(0, _SHOWN - len(needed))
    for child in children:
        if room and id(child) not in needed:
            needed.add(id(child))
            room -= 1
    shown = [one for one in children if id(one) in needed]
    return shown, len(children) - len(shown)


def _subject(node: ProcessNode) -> ProcessNode:
    """The alert's own process below ``node``; the node itself where it is not there."""
    stack = [node]
    while stack:
        one = stack.pop()
        if one.role == "subject":
            return one
        stack.extend(one.children)
    return node


def _key(node: ProcessNode) -> str:
    process = node.process
    return process.entity_id or f"{process.name} {process.pid} {process.start}"


def _one(node: ProcessNode, lead: str) -> Line:
    process = node.process
    subject = node.role == "subject"
    role = "subject" if subject else "dim" if node.role == "sibling" else ""
    command = process.command_line.strip()
    # The command line says the program again; its arguments are what tells processes apart.
    told = _arguments(command, process.name) if command else process.executable
    when = f"  {clock_time(process.start)}" if process.start else ""
    if process.end:
        when += f"–{clock_time(process.end)}"
    flag = f" ⚑{node.alerts if node.alerts > 1 else ''}" if node.alerts and not subject else ""
    parts = [
        (lead, "dim"),
        ("▶ " if subject else "", "subject"),
        (process.name or "?", role),
        (f" {process.pid}" if process.pid else "", "dim"),
        (flag, "warn"),
        (f"  {shortened(told)}" if told else "", "" if subject else "dim"),
        (f"  {process.user}" if process.user else "", "accent" if subject else "dim"),
        (when, "dim"),
    ]  # fmt: skip
    item = Item("process", _key(node), process, command or process.executable)
    # The alert's own process is shown in full, the others on one row.
    return Line(tuple(parts), item, len(lead) + 2, wrap=subject)


def _arguments(command: str, name: str) -> str:
    if command.startswith('"'):
        program, _, rest = command[1:].partition('"')
    else:
        end = command.lower().find(name.lower())
        cut = end + len(name) if end >= 0 else len(command.split(" ", 1)[0])
        program, rest = command[:cut], command[cut:]
    base = program.replace("/", "\\").rsplit("\\", 1)[-1].lower()
    same = base == name.lower() or f"{base}.exe" == name.lower()
    return rest.strip() if same else command
