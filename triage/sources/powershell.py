"""PowerShell's two logs as ECS, with the names that Elastic's Windows integration gives them."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from triage.fields import Doc, nested, put
from triage.sources.derive import arguments, file_of
from triage.sources.winevent import guid, number

# The names differ in case between the two logs.
_RENAMED = {
    "hostid": "process.entity_id",
    "hostapplication": "process.command_line",
    "hostname": "process.title",
    "shellid": "powershell.id",
    "engineversion": "powershell.engine.version",
    "pipelineid": "powershell.pipeline_id",
    "runspaceid": "powershell.runspace_id",
    "hostversion": "powershell.process.executable_version",
    "commandline": "powershell.command.value",
    "commandpath": "powershell.command.path",
    "commandname": "powershell.command.name",
    "commandtype": "powershell.command.type",
    "scriptblockid": "powershell.file.script_block_id",
    "scriptblocktext": "powershell.file.script_block_text",
    "newenginestate": "powershell.engine.new_state",
    "previousenginestate": "powershell.engine.previous_state",
    "newproviderstate": "powershell.provider.new_state",
    "providername": "powershell.provider.name",
}
_NUMBERS = {
    "sequencenumber": "event.sequence",
    "messagenumber": "powershell.sequence",
    "messagetotal": "powershell.total",
    "detailsequence": "powershell.sequence",
    "detailtotal": "powershell.total",
}
_USED_UP = frozenset({
    "contextinfo", "payload", "severity", "user", "userid", "connecteduser", "path", "scriptname",
    "param1", "param2", "param3",
})  # fmt: skip
# What stands before a command line, which may hold any line, is told by its first line; what stands
# behind it by its last, so that a command can forge neither.
_BEFORE_COMMAND = frozenset({
    "newenginestate", "previousenginestate", "newproviderstate", "providername", "detailsequence",
    "detailtotal", "userid", "severity", "hostname", "hostversion", "hostid", "hostapplication",
})  # fmt: skip
_TYPES = {"4105": "start", "4106": "end", "400": "start", "403": "end"}
_PAIR = re.compile(r"[ \t]*(\w[\w ]{0,30}?)[ \t]*=(.*)", re.DOTALL)
_DETAIL = re.compile(r"([^:(]+)\(([^)]+)\):\s*(.*)")
_BINDING = re.compile(r"name=(.+);\s*value=(.+)")
_SIGNATURE = "# SIG # Begin signature block"


def map_operational(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """Put the ECS fields of an event of PowerShell/Operational into ``doc``; what is left of its
    event data."""
    pairs = {**data, **_pairs(data.get("ContextInfo", ""))} if code == "4103" else data
    left = _map(doc, code, pairs)
    sid = nested(doc["winlog"], "user").get("identifier")
    if isinstance(sid, str) and sid:
        put(doc, "user.id", sid)
    if code == "4103" and "Payload" in data:
        put(doc, "powershell.command.invocation_details", _details(data["Payload"]))
    if (script := data.get("ScriptBlockText")) is not None:
        nested(nested(doc, "powershell"), "file").update(_measured(script))
    return left


def map_classic(doc: Doc, code: str, data: dict[str, str]) -> dict[str, Any]:
    """As :func:`map_operational`, for the log "Windows PowerShell", whose values have no names."""
    told = data.get("param2" if code == "800" else "param3", "")
    left = _map(doc, code, {**data, **_pairs(told)})
    if code == "800" and "param3" in data:
        put(doc, "powershell.command.invocation_details", _details(data["param3"]))
    return left


def _map(doc: Doc, code: str, pairs: dict[str, str]) -> dict[str, Any]:
    doc["event"].update(category=["process"], type=[_TYPES.get(code, "info")])
    left: dict[str, Any] = {}
    lowered = {}
    for name, value in pairs.items():
        key = name.replace(" ", "").lower()
        lowered[key] = value
        if (path := _RENAMED.get(key)) is not None:
            put(doc, path, guid(value) if key == "hostid" else value)
        elif (path := _NUMBERS.get(key)) is not None:
            if (count := number(value)) is not None:
                put(doc, path, count)
        elif key not in _USED_UP:
            left[name] = value
    process = nested(doc, "process")
    if "command_line" in process:
        process["args"] = arguments(process["command_line"])
        process["args_count"] = len(process["args"])
    if path := lowered.get("path") or lowered.get("scriptname"):
        doc["file"] = file_of(path)
    _users(doc, lowered)
    return left


def _users(doc: Doc, pairs: dict[str, str]) -> None:
    """Who ran it; in a remote session that is who had connected, and the other the one run as."""
    ran = _account(pairs.get("user") or pairs.get("userid", ""))
    connected = _account(pairs.get("connecteduser", ""))
    if connected:
        put(doc, "source.user", dict(connected))
        if ran:
            put(doc, "destination.user", dict(ran))
    if user := connected or ran:
        doc["user"] = dict(user)
        names = [one["name"] for one in (ran, connected) if one]
        doc["related"] = {"user": list(dict.fromkeys(names))}


def _account(text: str) -> dict[str, str]:
    domain, _, name = text.partition("\\")
    return {"domain": domain, "name": name} if domain and name and "\\" not in name else {}


def _pairs(told: str) -> dict[str, str]:
    """Lines "Name = value"; a line without a name goes on with the value before it."""
    pairs: dict[str, str] = {}
    last = ""
    for line in told.splitlines():
        found = _PAIR.fullmatch(line)
        name = found[1].replace(" ", "") if found is not None else ""
        if found is not None and not (name in pairs and name.lower() in _BEFORE_COMMAND):
            pairs[last := name] = found[2].strip()
        elif last and line.strip():
            pairs[last] += "\n" + line
    return {name: value for name, value in pairs.items() if value}


def _details(payload: str) -> list[dict[str, str]]:
    """What a command was called with, a line each."""
    details: list[dict[str, str]] = []
    for line in payload.splitlines():
        found = _DETAIL.fullmatch(line)
        if found is None:
            if line.strip():
                details.append({"value": line})
            continue
        kind, command, value = found.groups()
        detail = {"type": kind, "related_command": command, "value": value}
        if kind == "ParameterBinding" and (bound := _BINDING.fullmatch(value)) is not None:
            detail.update(name=bound[1], value=bound[2])
        details.append(detail)
    return details


def _measured(script: str) -> Doc:
    """How long and how random a script block is, a signature at its end left out: Shannon entropy
    of its characters in bits, and the standard deviation of their surprisal."""
    text = script.partition(_SIGNATURE)[0]
    if not text:
        return {}
    length = len(text)
    shares = [count / length for count in Counter(text).values()]
    surprisals = [-math.log2(share) for share in shares]
    entropy = sum(p * bits for p, bits in zip(shares, surprisals, strict=True))
    variance = sum(p * (bits - entropy) ** 2 for p, bits in zip(shares, surprisals, strict=True))
    return {
        "script_block_length": length,
        "script_block_unique_symbols": len(shares),
        "script_block_entropy_bits": entropy,
        "script_block_surprisal_stdev": math.sqrt(variance),
    }
