"""Process: what an event tells of a process, its host and its user; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from triage.event import fits
from triage.fields import Doc, first_text, lookup

Read = Callable[[str], Any]  # the value of a field, as ``lookup`` has it
#: What tells of a change.
FIELDS = (
    "event.type", "event.category", "process.entity_id", "process.parent.entity_id",
    "process.pid", "process.parent.pid", "process.name", "process.executable",
    "process.command_line", "process.parent.name", "process.parent.executable",
    "process.parent.command_line", "user.name", "user.domain", "process.hash.sha256",
    "process.Ext.token.integrity_level_name", "winlog.event_data.IntegrityLevel",
    "process.hash.sha1", "process.hash.md5", "process.pe.imphash", "process.hash.imphash",
    "process.code_signature.subject_name", "process.code_signature.exists",
    "process.code_signature.signed", "process.code_signature.trusted",
    "process.code_signature.valid",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProcessChange:
    """What one event tells of a process: its start, or its end."""

    ended: bool
    values: tuple[str | int, ...]  # in the order of triage.case's process table


def host_of(doc: Doc) -> str:
    """The name of the host an event comes from, "" where it says none."""
    host = doc.get("host")
    if host.__class__ is dict and host.get("name").__class__ is str:
        name: str = host["name"]
        return name
    return first_text(doc, "host.name", "host.hostname", "winlog.computer_name", "agent.name")


def process_change(doc: Doc, host: str, time: int | None) -> ProcessChange | None:
    """The start or end of a process, where the event is one and names the process; ``time`` in
    ns."""
    return change_of(partial(lookup, doc), host, time)


def change_of(read: Read, host: str, time: int | None) -> ProcessChange | None:
    """As :func:`process_change`, of an event that ``read`` gives the values of :data:`FIELDS`
    of."""
    kinds = read("event.type")
    started = has(kinds, "start")
    ended = not started and has(kinds, "end")
    if not (started or ended) or not has(read("event.category"), "process"):
        return None
    entity_id = text(read, "process.entity_id")
    if not entity_id:
        return None
    return ProcessChange(
        ended,
        (
            host,
            entity_id,
            text(read, "process.parent.entity_id"),
            _number(read, "process.pid"),
            _number(read, "process.parent.pid"),
            text(read, "process.name"),
            text(read, "process.executable"),
            text(read, "process.command_line"),
            text(read, "process.parent.name"),
            text(read, "process.parent.executable"),
            text(read, "process.parent.command_line"),
            _user(read),
            0 if ended else time or 0,
            time or 0 if ended else 0,
            text(read, "process.hash.sha256"),
            text(
                read,
                "process.Ext.token.integrity_level_name",
                "winlog.event_data.IntegrityLevel",
            ),
            text(read, "process.hash.sha1"),
            text(read, "process.hash.md5"),
            text(read, "process.pe.imphash", "process.hash.imphash"),
            text(read, "process.code_signature.subject_name"),
            _signature(read, "process"),
        ),
    )


def signature(doc: Doc, what: str) -> str:
    """ "trusted", "not trusted" or "not signed"; "" where the event does not tell of ``what``
    ("process", "file")."""
    return _signature(partial(lookup, doc), what)


def user_of(doc: Doc) -> str:
    """The user an event names, as ``DOMAIN\\name`` where it has both."""
    return _user(partial(lookup, doc))


def _signature(read: Read, what: str) -> str:
    told = f"{what}.code_signature"
    if read(f"{told}.exists") is False or read(f"{told}.signed") is False:
        return "not signed"
    trusted = read(f"{told}.trusted")
    if trusted is None:
        trusted = read(f"{told}.valid")
    known = trusted is not None or read(f"{told}.subject_name") is not None
    return ("trusted" if trusted is True else "not trusted") if known else ""


def _user(read: Read) -> str:
    name, domain = text(read, "user.name"), text(read, "user.domain")
    return f"{domain}\\{name}" if domain and name else name


def text(read: Read, *names: str) -> str:
    """The first value, as text, of the first of some fields that has one; "" where none has."""
    for name in names:
        found = read(name)
        if found.__class__ is str:
            one: str = found
            return one
        if found is not None:
            return str(found[0] if found.__class__ is list else found)
    return ""


def has(found: Any, value: str) -> bool:
    """Whether a field has a value, among others or alone."""
    return found == value or (found.__class__ is list and value in found)


def _number(read: Read, name: str) -> int:
    found = read(name)
    try:
        number = int(found) if found is not None and found.__class__ is not list else 0
    except (TypeError, ValueError):
        return 0
    return number if fits(number) else 0
