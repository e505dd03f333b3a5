"""Which log a Windows event is of, and its way to ECS: one table from log to mapper.

Both ways use it: of a record (``to_ecs``), and of a document that a shipper made of a record
without mapping it (``complete``). An event of a log that is not in the table is an event
all the same: ``winlog.*``, ``event.code`` and ``event.provider``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from triage import times
from triage.fields import Doc, lookup, nested
from triage.sources import powershell, security, services, sysmon
from triage.sources.winevent import WinEvent, event_data, guid, outcome, text

# Puts the fields of one event, by its code and event data, into a document that has ``event`` and
# ``winlog``; what the event data is to be from then on.
Mapper = Callable[[Doc, str, dict[str, str]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Channel:
    """A log that is mapped, and what Elastic calls what comes out of it."""

    mapper: Mapper
    module: str
    dataset: str  # "" where Elastic has none


def _as_it_is(_doc: Doc, _code: str, data: dict[str, str]) -> dict[str, Any]:
    return dict(data)


SYSMON = Channel(sysmon.map_fields, "sysmon", "windows.sysmon_operational")
_SECURITY = Channel(security.map_fields, "system", "system.security")
_SYSTEM = Channel(services.map_system, "system", "system.system")
_OPERATIONAL = Channel(powershell.map_operational, "windows", "windows.powershell_operational")
_CLASSIC = Channel(powershell.map_classic, "windows", "windows.powershell")
_DEFENDER = Channel(services.map_defender, "windows", "windows.windows_defender")
_TASKS = Channel(services.map_tasks, "windows", "")

_PROVIDERS = {
    sysmon.PROVIDER: SYSMON,
    "Microsoft-Windows-Security-Auditing": _SECURITY,
    "Microsoft-Windows-PowerShell": _OPERATIONAL,
    "PowerShellCore": _OPERATIONAL,
    "PowerShell": _CLASSIC,
    "Microsoft-Windows-Windows Defender": _DEFENDER,
    "Microsoft-Windows-TaskScheduler": _TASKS,
    "Service Control Manager": _SYSTEM,
}
# For the logs that many providers write, and for tables that have no column for the provider.
_CHANNELS = {
    sysmon.CHANNEL.lower(): SYSMON,
    "security": _SECURITY,
    "system": _SYSTEM,
    "application": Channel(_as_it_is, "system", "system.application"),
    "microsoft-windows-powershell/operational": _OPERATIONAL,
    "powershellcore/operational": _OPERATIONAL,
    "windows powershell": _CLASSIC,
    "microsoft-windows-windows defender/operational": _DEFENDER,
    "microsoft-windows-taskscheduler/operational": _TASKS,
}
_LEVELS = {
    "0": "information",
    "1": "critical",
    "2": "error",
    "3": "warning",
    "4": "information",
    "5": "verbose",
}


def channel_of(provider: str, channel: str) -> Channel | None:
    """The log of an event; None where it is none of the table."""
    return _PROVIDERS.get(provider) or _CHANNELS.get(channel.lower())


def to_ecs(win: WinEvent) -> Doc:
    """The ECS document of a record, its fields mapped where its log is known."""
    created = times.parse(win.time)
    stamp = times.iso(created) if created is not None else ""
    event: Doc = {"kind": "event", "code": win.event_id, "provider": win.provider}
    level = _LEVELS.get(win.level, win.level.lower())
    doc: Doc = {
        "event": event,
        "host": {"os": {"type": "windows"}},
        "winlog": _winlog(win),
    }
    if win.computer:
        # No record carries the host.id that Elastic's agents add; sequences are joined by it.
        doc["host"].update(name=win.computer, id=win.computer)
    if stamp:
        doc["@timestamp"] = stamp
        event["created"] = stamp
    if level:
        doc["log"] = {"level": level}
    if win.message:
        doc["message"] = win.message
    _say_outcome(doc, win.keywords)
    _map(doc, channel_of(win.provider, win.channel), win.event_id, win.data)
    if win.task and win.task != "None":
        event.setdefault("action", win.task)
    return doc


def complete(doc: Doc, winlog: Doc) -> Doc:
    """A shipper's document of a Windows event as it is to be: mapped by us where nobody did."""
    provider, channel = winlog.get("provider_name"), winlog.get("channel")
    known = channel_of(text(provider), text(channel))
    if known is SYSMON:
        return _sysmon(doc, winlog)
    written = winlog.get("time_created") or doc.get("@timestamp")
    if written is not None:
        _event(doc)["created"] = written
    if known is None or lookup(doc, "event.category") is not None:
        return doc
    event = _event(doc)
    event["code"] = text(winlog.get("event_id") or event.get("code"))
    event.setdefault("kind", "event")
    if provider:
        event.setdefault("provider", text(provider))
    if "outcome" not in event:
        _say_outcome(doc, winlog.get("keywords", ""))
    _fill(doc, winlog, known)
    return doc


def _sysmon(doc: Doc, winlog: Doc) -> Doc:
    """As :func:`complete`, of Sysmon: whoever maps it names the process."""
    if doc.get("process") is not None:
        _name_stream(doc, SYSMON)
        return doc
    event = _event(doc)
    code = text(winlog.get("event_id") or event.get("code"))
    event.update(kind="event", code=code, provider=sysmon.PROVIDER)
    winlog["event_id"] = code
    # The shipper's @timestamp is SystemTime and its event.created the moment it read the record.
    # Elastic Agent's pipeline keeps the latter, so we keep it for Agent's documents (those with
    # event.dataset); a winlogbeat one gets the time the record was written.
    written = winlog.pop("time_created", None)
    if written is None and "dataset" not in event and "UtcTime" in nested(winlog, "event_data"):
        written = doc.get("@timestamp")
    if written is not None:
        event["created"] = written
    _fill(doc, winlog, SYSMON)
    return doc


def _event(doc: Doc) -> Doc:
    event: Doc = nested(doc, "event")
    doc["event"] = event
    return event


def _fill(doc: Doc, winlog: Doc, known: Channel) -> None:
    """Map a shipper's document; what it says beside our fields stays."""
    ours: Doc = {"event": doc["event"], "winlog": winlog}
    _map(ours, known, doc["event"]["code"], event_data(nested(winlog, "event_data").items()))
    _merge(doc, ours)


def _merge(doc: Doc, ours: Doc) -> None:
    for name, value in ours.items():
        given = doc.get(name)
        if given is not value and given.__class__ is dict and value.__class__ is dict:
            _merge(given, value)
        else:
            doc[name] = value


def _map(doc: Doc, known: Channel | None, code: str, data: dict[str, str]) -> None:
    kept = (known.mapper if known is not None else _as_it_is)(doc, code, data)
    if known is not None:
        event = doc["event"]
        event.setdefault("module", known.module)
        if known.dataset:
            event.setdefault("dataset", known.dataset)
            _name_stream(doc, known)
    if kept:
        doc["winlog"]["event_data"] = kept
    else:
        doc["winlog"].pop("event_data", None)


def _name_stream(doc: Doc, known: Channel) -> None:
    """Where Elastic would keep it. Rules tell Sysmon by it, whose user is always the system."""
    if "data_stream" not in doc and "data_stream.dataset" not in doc:
        doc["data_stream"] = {"type": "logs", "dataset": known.dataset, "namespace": "default"}


def _say_outcome(doc: Doc, keywords: Any) -> None:
    if said := outcome(keywords):
        doc["event"]["outcome"] = said
        doc["winlog"]["keywords"] = [f"Audit {said.title()}"]


def _winlog(win: WinEvent) -> Doc:
    winlog: Doc = {
        name: value
        for name, value in (
            ("channel", win.channel),
            ("provider_name", win.provider),
            ("provider_guid", guid(win.provider_guid)),
            ("event_id", win.event_id),
            ("record_id", win.record_id),
            ("computer_name", win.computer),
            ("opcode", win.opcode),
            ("task", win.task),
        )
        if value
    }
    if win.version is not None:
        winlog["version"] = win.version
    if win.pid is not None:
        winlog["process"] = {"pid": win.pid}
        if win.tid is not None:
            winlog["process"]["thread"] = {"id": win.tid}
    user = {
        name: value
        for name, value in (
            ("identifier", win.user_sid),
            ("name", win.user_name),
            ("domain", win.user_domain),
        )
        if value
    }
    if user:
        winlog["user"] = user
    if win.user_data:
        winlog["user_data"] = win.user_data
    return winlog
