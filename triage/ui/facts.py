"""Facts: the fields and values that a line, an event, a process or an alert stands for.

The one place that tells what can be pivoted on, and put into the filter or left out of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from triage.case.model import AlertDetail, AlertRow, Process
from triage.context import Destination
from triage.event import Event
from triage.fields import Doc, values
from triage.ui.lines import Item

Fact = tuple[str, str]  # (ECS field, value)
# What an analyst looks for elsewhere, the most telling first.
_TELLING = (
    "destination.ip", "destination.domain", "dns.question.name", "dns.resolved_ip", "source.ip",
    "file.path", "file.name", "file.hash.sha256", "file.hash.sha1", "file.hash.md5",
    "registry.path", "registry.value", "registry.data.strings",
    "process.name", "process.executable", "process.hash.sha256", "process.hash.sha1",
    "process.hash.md5", "process.pe.imphash", "process.command_line", "process.entity_id",
    "process.parent.name", "process.parent.executable", "process.parent.entity_id",
    "process.code_signature.subject_name", "dll.name", "dll.hash.sha256", "service.name",
    "user.name", "user.id", "host.name", "host.ip", "event.code",
)  # fmt: skip
_MOST = 4  # values of one field: a host may have many addresses


def of_item(item: Item | None) -> tuple[Fact, ...]:
    """The facts of the line that ``item`` belongs to."""
    if item is None:
        return ()
    if item.facts:
        return item.facts
    value = item.value
    if isinstance(value, Event):
        return of_doc(value.doc)
    if isinstance(value, Process):
        return of_process(value)
    if isinstance(value, Destination):
        return of_destination(value)
    return of_row(value) if isinstance(value, AlertRow) else ()


def of_doc(doc: Doc) -> tuple[Fact, ...]:
    """The telling fields of an event's document."""
    return _told((name, str(value)) for name in _TELLING for value in values(doc, name)[:_MOST])


def of_process(process: Process) -> tuple[Fact, ...]:
    """What tells a process from others, and where it ran."""
    return _told(
        (
            ("process.name", process.name),
            ("process.executable", process.executable),
            ("process.hash.sha256", process.sha256),
            ("process.hash.sha1", process.sha1),
            ("process.hash.md5", process.md5),
            ("process.pe.imphash", process.imphash),
            ("process.code_signature.subject_name", process.signer),
            ("process.command_line", process.command_line),
            ("process.entity_id", process.entity_id),
            ("process.parent.name", process.parent_name),
            ("user.name", account(process.user)),
            ("host.name", process.host),
        )
    )


def of_destination(one: Destination) -> tuple[Fact, ...]:
    """The other side of connections, and who had them."""
    inbound = any(each.direction == "ingress" for each in one.connections)
    side = "source" if inbound else "destination"
    ports = (str(each.port) for each in one.connections if each.port is not None)
    return _told(
        (
            (f"{side}.ip", one.address),
            *(("dns.question.name", name) for name in one.names),
            *(("destination.port", port) for port in ports),
            *(("process.name", each.process) for each in one.connections),
        )
    )


def of_row(row: AlertRow) -> tuple[Fact, ...]:
    """What an alert's line in the list tells."""
    return _told(
        (
            ("host.name", row.host),
            ("user.name", account(row.user)),
            ("process.name", row.process),
            ("process.entity_id", row.entity_id),
        )
    )


def of_alert(alert: AlertDetail) -> tuple[Fact, ...]:
    """The telling fields of an alert's events, and what its line tells."""
    docs = [one.event.doc for one in alert.matched] or [alert.doc]
    return _told((*(fact for doc in docs for fact in of_doc(doc)), *of_row(alert.row)))


def account(user: str) -> str:
    """The name alone of ``DOMAIN\\name``: what the field user.name holds."""
    return user.rpartition("\\")[2]


def _told(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Those that have a value, each once."""
    return tuple(dict.fromkeys(fact for fact in facts if fact[1]))
