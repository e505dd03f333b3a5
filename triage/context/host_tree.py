"""The processes of a whole host as a forest, an alert's own process in it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from triage.case.model import AlertDetail, Process
from triage.case.read import CaseReader
from triage.context.tree import ProcessNode, subject_of, told_parent

MAX_PROCESSES = 20_000  # of a host; of more the nearest to the alert
_MAX_DEPTH = 48  # generations; what lies deeper begins a tree of its own


@dataclass(frozen=True, slots=True)
class Forest:
    """The process trees of a host."""

    roots: tuple[ProcessNode, ...]  # by start
    shown: int  # processes in them
    total: int  # processes the case knows of the host


def host_tree(case: CaseReader, alert: AlertDetail) -> Forest:
    """All processes of the alert's host, each below the one that started it.

    A parent whose start no log tells is shown as its child's event describes it.
    """
    host = alert.row.host
    known = {one.entity_id: one for one in case.processes(host, alert.row.time, MAX_PROCESSES)}
    subject = subject_of(case, alert)
    if subject is not None:
        known.setdefault(subject.entity_id, subject)
    for process in list(known.values()):  # parents that are only told of
        if process.parent_entity_id and process.parent_entity_id not in known:
            parent = told_parent(process)
            if parent is not None:
                known[parent.entity_id] = parent
    children: dict[str, list[Process]] = {}
    for process in sorted(known.values(), key=lambda one: (one.start, one.pid)):
        children.setdefault(_parent_in(known, process), []).append(process)
    role = _roles(known, subject.entity_id if subject else "")
    counts = case.alerts_by_process(host)
    grown: set[str] = set()
    roots: list[ProcessNode] = []
    todo = deque([*children.get("", []), *known.values()])  # a ring has no root: any will do
    while todo:
        root = todo.popleft()
        if root.entity_id in grown:
            continue
        made: dict[str, ProcessNode] = {}
        # Not by recursion: a log may tell of a chain of any length.
        stack = [(root, 0, False)]
        while stack:
            process, depth, done = stack.pop()
            id_ = process.entity_id
            below = children.get(id_, [])
            if done:
                kept = tuple(made.pop(one.entity_id) for one in below if one.entity_id in made)
                made[id_] = ProcessNode(process, kept, role.get(id_, ""), counts.get(id_, 0))
            elif id_ not in grown:
                grown.add(id_)
                stack.append((process, depth, True))
                if depth < _MAX_DEPTH:
                    stack.extend((child, depth + 1, False) for child in reversed(below))
                else:
                    todo.extendleft(reversed(below))
        roots.append(made[root.entity_id])
    roots.sort(key=_begun)
    return Forest(tuple(roots), len(grown), max(case.process_count(host), len(grown)))


def _begun(node: ProcessNode) -> tuple[int, int]:
    """When a tree began, as far as the logs tell."""
    start = node.process.start or min((one.process.start for one in node.children), default=0)
    return start, node.process.pid


def _parent_in(known: dict[str, Process], process: Process) -> str:
    parent = process.parent_entity_id
    return parent if parent in known and parent != process.entity_id else ""


def _roles(known: dict[str, Process], subject: str) -> dict[str, str]:
    roles = {subject: "subject"}
    current = known.get(subject)
    while current is not None:
        current = known.get(current.parent_entity_id)
        if current is None or current.entity_id in roles:
            break
        roles[current.entity_id] = "ancestor"
    return roles
