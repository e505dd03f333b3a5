"""The family of an alert's process: ancestors, siblings and children."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from triage.case.model import AlertDetail, Process
from triage.case.read import CaseReader
from triage.engine.process import host_of, process_change, signature
from triage.event import Event
from triage.fields import Doc, first_text, lookup, nested

_MAX_ANCESTORS = 32
_MAX_FAMILY = 5_000  # processes
_MAX_DEPTH = 4  # generations below the alert's process


@dataclass(frozen=True, slots=True)
class ProcessNode:
    """A process and what it started, as far as the tree of one alert goes."""

    process: Process
    children: tuple[ProcessNode, ...]
    role: str  # "subject" (the alert's own), "ancestor", "sibling", "child", "" any other
    alerts: int  # how many alerts this process has


def process_tree(case: CaseReader, alert: AlertDetail) -> ProcessNode | None:
    """The alert's process in its family: ancestors, siblings and children; None without one.

    A parent whose start no log tells is shown as its child's event describes it.
    """
    subject = subject_of(case, alert)
    if subject is None:
        return None
    counts = case.alerts_by_process(subject.host)
    node = _below(case, subject, "subject", counts, {subject.entity_id}, _MAX_DEPTH)
    current, seen = subject, {subject.entity_id}
    for generation in range(_MAX_ANCESTORS):
        parent = _parent(case, current)
        if parent is None or parent.entity_id in seen:
            break
        family = [node]
        if generation == 0 and parent.entity_id:
            for other in case.children(parent.host, parent.entity_id):
                if other.entity_id != current.entity_id:
                    alerts = counts.get(other.entity_id, 0)
                    family.append(ProcessNode(other, (), "sibling", alerts))
            family.sort(key=lambda one: (one.process.start, one.process.pid))
        node = ProcessNode(parent, tuple(family), "ancestor", counts.get(parent.entity_id, 0))
        current = parent
        seen.add(parent.entity_id)
    return node


def family(case: CaseReader, host: str, entity_ids: Iterable[str]) -> frozenset[str]:
    """The processes of a host with these entity ids, and all that they started, one by another."""
    found = set(entity_ids) - {""}
    todo = list(found)
    while todo and len(found) < _MAX_FAMILY:
        for child in case.children(host, todo.pop()):
            if child.entity_id not in found:
                found.add(child.entity_id)
                todo.append(child.entity_id)
    return frozenset(found)


def subject_of(case: CaseReader, alert: AlertDetail) -> Process | None:
    """The process an alert is about, as its start told or its own events do; None without one."""
    for matched in alert.matched:
        doc = matched.event.doc
        entity_id = first_text(doc, "process.entity_id")
        if entity_id and (known := case.process(host_of(doc), entity_id)) and known.name:
            return known
    for matched in alert.matched:
        told = _told(matched.event)
        if told is not None:
            return told
    return None


def _told(event: Event) -> Process | None:
    """The process of an event as the event itself describes it."""
    doc = event.doc
    if not first_text(doc, "process.name", "process.executable", "process.pid"):
        return None
    start: Doc = {
        **doc,
        "event": {"category": ["process"], "type": ["start"]},
        "process": {"entity_id": "?", **(nested(doc, "process"))},
    }
    change = process_change(start, host_of(doc), None)
    return Process(*change.values) if change else None  # type: ignore[arg-type] # the table's own order


def _parent(case: CaseReader, process: Process) -> Process | None:
    known = case.process(process.host, process.parent_entity_id)
    if known is not None and known.name:
        # Some exports lose a process's own id, and its children still tell it.
        return known if known.pid else replace(known, pid=process.parent_pid)
    told = told_parent(process)
    return replace(told, end=known.end) if told and known else told


def told_parent(process: Process) -> Process | None:
    """The parent of a process as its child describes it; None where it does not."""
    if not (process.parent_name or process.parent_executable or process.parent_pid):
        return None
    return Process(
        host=process.host,
        entity_id=process.parent_entity_id,
        parent_entity_id="",
        pid=process.parent_pid,
        parent_pid=0,
        name=process.parent_name or process.parent_executable.rpartition("\\")[2],
        executable=process.parent_executable,
        command_line=process.parent_command_line,
        parent_name="",
        parent_executable="",
        parent_command_line="",
        user="",
        start=0,
        end=0,
        sha256="",
        integrity="",
    )


def signers(events: Iterable[Event]) -> dict[str, tuple[str, str]]:
    """Who signed a process's program and how far that is trusted ("trusted", "not trusted", "not
    signed"), by entity id: told where a process loads its own image."""
    found: dict[str, tuple[str, str]] = {}
    for event in events:
        doc = event.doc
        path = first_text(doc, "dll.path", "file.path")
        if path and path.lower() == first_text(doc, "process.executable").lower():
            what = "dll" if lookup(doc, "dll.path") is not None else "file"
            word = signature(doc, what)
            if word:
                signer = first_text(doc, f"{what}.code_signature.subject_name")
                found[first_text(doc, "process.entity_id")] = (signer, word)
    return found


def _below(
    case: CaseReader,
    process: Process,
    role: str,
    counts: dict[str, int],
    seen: set[str],
    depth: int,
) -> ProcessNode:
    children: list[ProcessNode] = []
    if depth and process.entity_id:
        for child in case.children(process.host, process.entity_id):
            if child.entity_id not in seen:
                seen.add(child.entity_id)
                children.append(_below(case, child, "child", counts, seen, depth - 1))
    return ProcessNode(process, tuple(children), role, counts.get(process.entity_id, 0))
