"""Defender, the Task Scheduler and the System log as ECS.

Elastic's integration names Defender's fields; the other two it takes as they are, so that only
names for what their event data says are added here, and no category by which a rule for another
log would take them for its own.
"""

from __future__ import annotations

from typing import Any

from triage.fields import Doc, nested, put
from triage.sources.derive import file_of
from triage.sources.winevent import number

# event id: (event.category, event.type, event.action)
_DEFENDER = {
    "1116": ("malware", "info", "malware-detected"),
    "1117": ("malware", "info", "malware-detected"),
    "2000": ("process", "info", "antivirus-updated"),
    "2050": ("file", "info", "file-uploaded"),
    "5007": ("configuration", "change", "antivirus-configuration-changed"),
}
_DEFENDER_FIELDS = {
    "Target_Commandline": "process.command_line",
    "Parent_Commandline": "process.parent.command_line",
    "Destination": "destination.domain",
    "FWLink": "event.reference",
}
_TASKS = {
    "100": ("process", "info", "scheduled-task-started"),
    "102": ("process", "info", "scheduled-task-completed"),
    "106": ("configuration", "creation", "scheduled-task-created"),
    "129": ("process", "info", "scheduled-task-process-created"),
    "140": ("configuration", "change", "scheduled-task-updated"),
    "141": ("configuration", "deletion", "scheduled-task-deleted"),
    "142": ("configuration", "change", "scheduled-task-disabled"),
    "200": ("process", "info", "scheduled-task-action-started"),
    "201": ("process", "info", "scheduled-task-action-completed"),
}
# Service Control Manager: which of its values names the service, and the action.
_SERVICES = {
    "7023": ("param1", "service-terminated"),
    "7024": ("param1", "service-terminated"),
    "7031": ("param1", "service-terminated"),
    "7034": ("param1", "service-terminated"),
    "7036": ("param1", "service-state-changed"),
    "7040": ("param4", "service-start-type-changed"),
    "7045": ("ServiceName", "service-installed"),
}


def map_defender(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """Put the ECS fields of an event of Windows Defender into ``doc``; its event data."""
    event = doc["event"]
    category, type_, action = _DEFENDER.get(code, ("process", "info", ""))
    event.update(category=[category], type=[type_])
    if code == "1117" and data.get("Action_Name") == "Quarantine":
        action = "malware-quarantined"
    if action:
        event["action"] = action
    failed = number(data.get("Error_Code"))
    if failed is not None:
        event["outcome"] = "failure" if failed else "success"
    for name, path in _DEFENDER_FIELDS.items():
        if name in data:
            put(doc, path, data[name])
    _user(doc, data.get("User") or data.get("Detection_User", ""))
    path = next((data[name] for name in ("Path", "FileName", "Filename") if name in data), "")
    if path:
        # "containerfile:_C:\x.zip; file:_C:\x.zip->evil.exe": the last is what was found
        doc["file"] = file_of(path.rpartition(":_")[2])
    if "Sha256" in data:
        put(doc, "file.hash.sha256", data["Sha256"].lower())
    if (program := data.get("Process_Name", "Unknown")) != "Unknown":
        if code != "1126":
            put(doc, "process.executable", program)
        put(doc, "process.name", program.rpartition("\\")[2])
    return dict(data)


def map_tasks(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """Put the ECS fields of an event of TaskScheduler/Operational into ``doc``; its event data."""
    if (kind := _TASKS.get(code)) is not None:
        category, type_, action = kind
        doc["event"].update(category=[category], type=[type_], action=action)
    _user(doc, data.get("UserContext") or data.get("UserName", ""))
    if code == "129" and "Path" in data:
        put(doc, "process.executable", data["Path"])
        put(doc, "process.name", data["Path"].rpartition("\\")[2])
    if code == "129" and (pid := number(data.get("ProcessID"))) is not None:
        put(doc, "process.pid", pid)
    return dict(data)


def map_system(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """Put the ECS fields of an event of the System log into ``doc``; its event data."""
    provider = doc["event"].get("provider", "")
    if provider in ("Service Control Manager", "") and code in _SERVICES:
        name, action = _SERVICES[code]
        doc["event"]["action"] = action
        if name in data:
            put(doc, "service.name", data[name])
        if code == "7036" and "param2" in data:
            put(doc, "service.state", data["param2"])
    elif provider in ("Microsoft-Windows-Eventlog", "") and code == "104":
        doc["event"]["action"] = "Log clear"  # the task's name, which rules ask for
        cleared = nested(doc["winlog"], "user_data")
        if who := cleared.get("SubjectUserName"):
            _user(doc, f"{cleared.get('SubjectDomainName') or '.'}\\{who}")
    elif provider == "Microsoft-Windows-DNS-Client" and "QueryName" in data:
        put(doc, "dns.question.name", data["QueryName"])
    return dict(data)


def _user(doc: Doc, text: str) -> None:
    domain, _, name = text.rpartition("\\")
    if not name or "\\" in domain:
        return
    if name.startswith("S-1-"):
        put(doc, "user.id", name)
        return
    doc["user"] = {"name": name, **({"domain": domain} if domain not in ("", ".") else {})}
    doc["related"] = {"user": [name]}
