"""Process tree: where the alert's process comes from and what it started, or the whole host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from triage.case.model import Process
from triage.context import ProcessNode
from triage.ui.format import clock_time, plural, shortened
from triage.ui.lines import BLANK, Item, Line, Page, line
from triage.ui.subject import Subject

HOST = "host"  # unfolded: every process of the host
_SIGNS = "▶ this alert   ⚑ has alerts"
Signers = Mapping[str, tuple[str, str]]  # entity id → signer, and how far it is trusted
_SHOWN = 8  # siblings or children in a row before the rest is folded


def build(subject: Subject, unfolded: frozenset[str]) -> Iterator[Page]:
    """One line a process, its command line beside it; long families are folded, and so is what
    the alert's host does besides, until it is asked for."""
    root = subject.tree
    if HOST in unfolded:
        yield Page((line(("reading the host's processes …", "dim")),), first_word=True)
        yield _whole_host(subject, unfolded)
        return
    count = subject.process_count
    whole = Line(((f"… all {plural(count, 'process', 'processes')} of the host", "link"),),
                 Item("fold", HOST))  # fmt: skip
    if root is None:
        yield Page((whole, BLANK, line(("No process: the matched events name none.", "dim"))))
        return
    start = _key(_subject(root))
    signs = line((f"{_SIGNS}   ⏎ unfolds or shows the process   T its timeline", "dim"))
    tail = (BLANK, whole, signs)
    # At once without what only the logs tell: who signed the programs.
    yield Page((*_lines(root, "", "", unfolded, {}), *tail), first_word=True, start=start)
    yield Page((*_lines(root, "", "", unfolded, subject.signers), *tail), start=start)


def _whole_host(subject: Subject, unfolded: frozenset[str]) -> Page:
    """Every process of the host; what holds no alert is shut, and space opens or shuts it."""
    forest = subject.forest
    lines: list[Line] = [Line((("… only the alert's family", "link"),), Item("fold", HOST))]
    if forest.shown < forest.total:
        more = f"the {forest.shown:,} of {forest.total:,} processes nearest to the alert are shown"
        lines.append(line((more, "warn")))
    start = ""
    signers = subject.signers
    for root in forest.roots:
        lines.extend(_opened(root, "", "", unfolded, signers, _alarming(root)))
        if _has_subject(root):
            start = _key(_subject(root))
    lines += [BLANK, line((f"{_SIGNS}   space opens and shuts   ⏎ shows the process", "dim"))]
    return Page(tuple(lines), f"{forest.shown:,} on the host", start=start)


def _alarming(root: ProcessNode) -> set[int]:
    """The nodes, by identity, that lead to an alert: these stand open."""
    found: set[int] = set()

    def walk(node: ProcessNode) -> bool:
        below = [walk(child) for child in node.children]  # depth is bounded by the tree's maker
        if any(below):
            found.add(id(node))
        return any(below) or node.alerts > 0 or node.role == "subject"

    walk(root)
    return found


def _has_subject(root: ProcessNode) -> bool:
    return _subject(root).role == "subject"


def _opened(
    node: ProcessNode,
    lead: str,
    stem: str,
    unfolded: frozenset[str],
    signers: Signers,
    open_: set[int],
) -> Iterator[Line]:
    """The subtree of a node, where it stands open: by itself, or because somebody turned it."""
    shown = (id(node) in open_) is not (shut_key(node.process) in unfolded)
    yield _one(node, lead, signers, "" if not node.children else "▾ " if shown else "▸ ")
    last = len(node.children) - 1
    for place, child in enumerate(node.children if shown else ()):
        branch, below = ("└ ", "  ") if place == last else ("├ ", "│ ")
        yield from _opened(child, stem + branch, stem + below, unfolded, signers, open_)


def shut_key(process: Process) -> str:
    """What is in the set of unfolded things where a process of the whole host was turned."""
    return f"turn {_process_key(process)}"


def _lines(
    node: ProcessNode, lead: str, stem: str, unfolded: frozenset[str], signers: Signers
) -> Iterator[Line]:
    """The subtree of a node; ``lead`` stands before it, ``stem`` before what is below it."""
    yield _one(node, lead, signers)
    shown, hidden = _folded(node, unfolded)
    last = len(shown) - 1 if not hidden else len(shown)
    for place, child in enumerate(shown):
        branch, below = ("└ ", "  ") if place == last else ("├ ", "│ ")
        yield from _lines(child, stem + branch, stem + below, unfolded, signers)
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
    return _process_key(node.process)


def _process_key(process: Process) -> str:
    return process.entity_id or f"{process.name} {process.pid} {process.start}"


def _one(node: ProcessNode, lead: str, signers: Signers, turn: str = "") -> Line:
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
    signer, word = process.signer, process.signature
    if not word:
        signer, word = signers.get(process.entity_id, ("", ""))
    sure = word == "trusted"
    parts = [
        (lead, "dim"),
        (turn, "accent"),
        ("▶ " if subject else "", "subject"),
        (process.name or "?", role),
        (f" {process.pid}" if process.pid else "", "dim"),
        (flag, "warn"),
        (f"  {shortened(told)}" if told else "", "" if subject else "dim"),
        (f"  {process.user}" if process.user else "", "accent" if subject else "dim"),
        (f" {process.integrity}" if process.integrity else "", "dim"),
        (when, "dim"),
        (f"  {signer or word}" if word else "", "dim" if sure else "warn"),
        (f" ({word})" if signer and word and not sure else "", "warn"),
        (f"  {(process.sha256 or process.sha1 or process.md5)[:12]}", "dim"),
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
