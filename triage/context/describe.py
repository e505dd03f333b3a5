"""One line for an event: what kind, who did it, to what."""

from __future__ import annotations

from triage.event import Event
from triage.fields import Doc, first_text, lookup, values

_SCRIPT = 300  # characters of a script that are told
# What an audited event is about where no field of ECS has it.
_OBJECTS = tuple(
    f"winlog.event_data.{name}"
    for name in ("TargetImage", "ObjectName", "ObjectDN", "Resource", "New_Value")
)


def describe(event: Event) -> str:
    """One line for an event, its kind as the first word. Not cleaned: it quotes the log."""
    doc = event.doc
    categories, kinds = values(doc, "event.category"), values(doc, "event.type")
    process = first_text(doc, "process.name", "process.executable") or "?"
    if lookup(doc, "dns.question.name") is not None:
        answers = ", ".join(str(ip) for ip in values(doc, "dns.resolved_ip"))
        name = first_text(doc, "dns.question.name")
        return f"dns {process} asked {name}" + (f" → {answers}" if answers else "")
    if "network" in categories and lookup(doc, "destination.ip") is not None:
        return _connection(doc, process, "denied" in kinds)
    if (script := first_text(doc, "powershell.file.script_block_text")) != "":
        file = first_text(doc, "file.name")
        return f"script {file}{': ' if file else ''}{' '.join(script[:_SCRIPT].split())}"
    if "process" in categories and "start" in kinds:
        parent = first_text(doc, "process.parent.name")
        line = first_text(doc, "process.command_line") or process
        return f"start {parent} → {line}" if parent else f"start {line}"
    if "process" in categories and "end" in kinds:
        return f"end {process}"
    target = first_text(doc, "Target.process.executable", "winlog.event_data.TargetImage")
    if "process" in categories and "access" in kinds and target:
        rights = first_text(doc, "winlog.event_data.GrantedAccess")
        return f"access {process} → {target} {rights}".rstrip()
    if "authentication" in categories:
        return _logon(doc, "end" in kinds)
    if lookup(doc, "registry.path") is not None:
        data = first_text(doc, "registry.data.strings")
        return f"registry {process} {first_text(doc, 'registry.path')}" + (
            f" = {data}" if data else ""
        )
    return _audited(doc) or _file(doc, process, kinds) or _other(doc, process)


def _connection(doc: Doc, process: str, denied: bool) -> str:
    domain = first_text(doc, "destination.domain")
    arrow = "←" if first_text(doc, "network.direction") in ("ingress", "incoming") else "→"
    side = "source" if arrow == "←" else "destination"
    port = first_text(doc, "destination.port")
    place = first_text(doc, f"{side}.ip") + (f":{port}" if port else "")
    return (
        f"net {process} {arrow} {place}"
        + (f" {domain}" if domain else "")
        + (" blocked" if denied else "")
    )


def _logon(doc: Doc, ended: bool) -> str:
    """Who came in how, from where, and why not."""
    if not lookup(doc, "winlog.logon.type"):
        kind = "logoff" if ended else first_text(doc, "event.action") or "logon"
    else:
        kind = "logoff" if ended else f"logon {first_text(doc, 'winlog.logon.type')}"
    service = first_text(doc, "service.name")
    came = first_text(doc, "source.ip", "source.domain")
    why = (
        first_text(doc, "winlog.logon.failure.sub_status", "winlog.logon.failure.reason")
        or "failed"
    )
    return (
        f"{kind} {_user(doc)}"
        + (f" as {_user(doc, 'user.effective')}" if lookup(doc, "user.effective.name") else "")
        + (f" to {service}" if service else "")
        + (f" from {came}" if came else "")
        + (f": {why}" if first_text(doc, "event.outcome") == "failure" else "")
    )


def _audited(doc: Doc) -> str:
    """What was done to accounts, services, tasks and shares; "" for any other event."""
    action, by = first_text(doc, "event.action"), _user(doc)
    did = f" by {by}" if by else ""
    if action.startswith("scheduled-task-"):
        task = first_text(doc, "winlog.event_data.TaskName")
        return f"task {action.removeprefix('scheduled-task-')} {task}{did}"
    if action.startswith("service-"):
        path = first_text(doc, "winlog.event_data.ServiceFileName", "winlog.event_data.ImagePath")
        name = first_text(doc, "service.name")
        return f"service {action.removeprefix('service-')} {name}" + (f": {path}" if path else did)
    if action.startswith("network-share-object-"):
        place = first_text(doc, "file.target_path", "winlog.event_data.ShareName")
        came = first_text(doc, "source.ip")
        return f"share {place}{did}" + (f" from {came}" if came else "")
    if threat := first_text(doc, "winlog.event_data.Threat_Name"):
        return f"threat {threat} {first_text(doc, 'file.path')}".rstrip()
    if "iam" in values(doc, "event.category"):
        kind = "account" if {"user", "group"} & set(values(doc, "event.type")) else "audit"
        target = _user(doc, "user.target") or first_text(doc, "winlog.computerObject.name")
        group = first_text(doc, "group.name")
        whom = f" {target or first_text(doc, *_OBJECTS)}".rstrip()
        return f"{kind} {action}{whom}{f' in {group}' if group else ''}{did}"
    return ""


def _file(doc: Doc, process: str, kinds: list[object]) -> str:
    path = first_text(doc, "file.path", "file.name")
    if not path:
        return ""
    what = "load" if first_text(doc, "event.code") == "7" else f"file {kinds[0] if kinds else ''}"
    return f"{what.rstrip()} {process} {path}"


def _other(doc: Doc, process: str) -> str:
    action = first_text(doc, "event.action", "event.code", "message") or "event"
    target = first_text(doc, *_OBJECTS, "winlog.channel")
    return " ".join(part for part in (action, process if process != "?" else "", target) if part)


def _user(doc: Doc, of: str = "user") -> str:
    return first_text(doc, f"{of}.name", f"{of}.id")
