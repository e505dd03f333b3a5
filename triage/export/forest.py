"""The process trees of several alerts as one: what two alerts share is told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from triage.case.model import Process
from triage.context import ProcessNode
from triage.export.report import Deep

MAX_QUIET = 12  # children without an alert below them that are shown of one process


@dataclass(slots=True)
class Branch:
    """A process, what it started, and which alerts are about it."""

    process: Process
    children: dict[str, Branch] = field(default_factory=dict)  # by key
    alerts: list[int] = field(default_factory=list)  # their numbers

    def shown(self) -> tuple[list[Branch], int]:
        """The children to tell, by start, and how many more there are; those that lead to an alert
        are never left out."""
        ordered = sorted(
            self.children.values(), key=lambda one: (one.process.start, one.process.pid)
        )
        quiet = [one for one in ordered if not one.matters()]
        left = {id(one) for one in quiet[MAX_QUIET:]}
        return [one for one in ordered if id(one) not in left], len(left)

    def matters(self) -> bool:
        """Whether an alert is about this process or one below it."""
        stack, seen = [self], set[int]()
        while stack:
            one = stack.pop()
            if one.alerts:
                return True
            if id(one) not in seen:  # a log may tell of a process that is its own ancestor
                seen.add(id(one))
                stack.extend(one.children.values())
        return False


def forest(deep: Sequence[Deep]) -> list[tuple[str, list[Branch]]]:
    """The trees of the alerts by host, each host's in order of their first process."""
    hosts: dict[str, dict[str, Branch]] = {}
    known: dict[tuple[str, str], Branch] = {}
    for one in deep:
        if one.tree is not None:
            host = one.tree.process.host or one.alert.row.host
            _merge(one.tree, one.number, host, hosts.setdefault(host, {}), known)
    found: list[tuple[str, list[Branch]]] = []
    for host, roots in sorted(hosts.items()):
        # A tree that began higher up may since have taken in what was a root of its own.
        below = {key for branch in known.values() for key in branch.children}
        top = [branch for key, branch in roots.items() if key not in below]
        top = top or list(roots.values())[:1]
        found.append((host, sorted(top, key=lambda branch: branch.process.start)))
    return found


def _merge(
    node: ProcessNode,
    number: int,
    host: str,
    siblings: dict[str, Branch],
    known: dict[tuple[str, str], Branch],
) -> None:
    key = _key(node.process)
    branch = known.get((host, key))
    if branch is None:
        branch = known[host, key] = Branch(node.process)
    elif node.process.start and not branch.process.start:
        branch.process = node.process  # its own start tells more than a child's event did
    siblings.setdefault(key, branch)
    if node.role == "subject" and number not in branch.alerts:
        branch.alerts.append(number)
    for child in node.children:
        if _key(child.process) != key:
            _merge(child, number, host, branch.children, known)


def _key(process: Process) -> str:
    return f"{process.host} {process.entity_id or (process.name, process.pid, process.start)}"
