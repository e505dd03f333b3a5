"""Process: what an event tells of a process, its host and its user; pure."""

from __future__ import annotations

from dataclasses import dataclass

from triage.event import fits
from triage.fields import Doc, first_text, lookup, values


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


def process_change(
    doc: Doc, host: str, order: tuple[int, int, str, int] | None
) -> ProcessChange | None:
    """The start or end of a process, where the event is one and names the process."""
    event = doc.get("event")
    kinds = event.get("type") if event.__class__ is dict else lookup(doc, "event.type")
    started = kinds == "start" or (kinds.__class__ is list and "start" in kinds)
    ended = kinds == "end" or (kinds.__class__ is list and "end" in kinds)
    if not (started or ended) or "process" not in values(doc, "event.category"):
        return None
    entity_id = first_text(doc, "process.entity_id")
    if not entity_id:
        return None
    time = order[0] if order else 0
    ended = ended and not started
    return ProcessChange(
        ended,
        (
            host,
            entity_id,
            first_text(doc, "process.parent.entity_id"),
            _number(doc, "process.pid"),
            _number(doc, "process.parent.pid"),
            first_text(doc, "process.name"),
            first_text(doc, "process.executable"),
            first_text(doc, "process.command_line"),
            first_text(doc, "process.parent.name"),
            first_text(doc, "process.parent.executable"),
            first_text(doc, "process.parent.command_line"),
            user_of(doc),
            0 if ended else time,
            time if ended else 0,
            first_text(doc, "process.hash.sha256"),
            first_text(
                doc,
                "process.Ext.token.integrity_level_name",
                "winlog.event_data.IntegrityLevel",
            ),
            first_text(doc, "process.hash.sha1"),
            first_text(doc, "process.hash.md5"),
            first_text(doc, "process.pe.imphash", "process.hash.imphash"),
            first_text(doc, "process.code_signature.subject_name"),
            signature(doc, "process"),
        ),
    )


def signature(doc: Doc, what: str) -> str:
    """ "trusted", "not trusted" or "not signed"; "" where the event does not tell of ``what``
    ("process", "file")."""
    told = f"{what}.code_signature"
    if lookup(doc, f"{told}.exists") is False or lookup(doc, f"{told}.signed") is False:
        return "not signed"
    trusted = lookup(doc, f"{told}.trusted")
    if trusted is None:
        trusted = lookup(doc, f"{told}.valid")
    known = trusted is not None or lookup(doc, f"{told}.subject_name") is not None
    return ("trusted" if trusted is True else "not trusted") if known else ""


def user_of(doc: Doc) -> str:
    """The user an event names, as ``DOMAIN\\name`` where it has both."""
    name = first_text(doc, "user.name")
    domain = first_text(doc, "user.domain")
    return f"{domain}\\{name}" if domain and name else name


def _number(doc: Doc, name: str) -> int:
    found = lookup(doc, name)
    try:
        number = int(found) if found is not None and found.__class__ is not list else 0
    except (TypeError, ValueError):
        return 0
    return number if fits(number) else 0
