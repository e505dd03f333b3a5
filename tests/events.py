"""Made-up endpoint events for tests: a small fleet of fictitious hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from triage import times

START = 1_767_225_600 * times.SECOND  # 2026-01-01T00:00:00Z


def event(
    seconds: float, category: str, kind: str, entity_id: str, name: str, **fields: Any
) -> dict[str, Any]:
    """One ECS event of host ``pc-1``, ``seconds`` after START; ``fields`` by dotted name."""
    doc: dict[str, Any] = {
        "@timestamp": times.iso(START + int(seconds * 1000) * 1_000_000),
        "event": {"category": [category], "type": [kind], "kind": "event"},
        "host": {"name": "pc-1", "os": {"type": "windows"}},
        "user": {"name": "mara", "domain": "NORDWIND"},
        "process": {
            "entity_id": entity_id,
            "name": name,
            "executable": f"C:\\Windows\\System32\\{name}",
            "pid": 100 + sum(entity_id.encode()) % 9000,
        },
    }
    for field, value in fields.items():
        put(doc, field, value)
    return doc


def put(doc: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    for part in path:
        doc = doc.setdefault(part, {})
    doc[last] = value


def start(seconds: float, entity_id: str, name: str, **fields: Any) -> dict[str, Any]:
    """A process start."""
    return event(seconds, "process", "start", entity_id, name, **fields)


def connect(seconds: float, entity_id: str, name: str, **fields: Any) -> dict[str, Any]:
    """An outbound connection to a documentation address (RFC 5737)."""
    outbound = {
        "network.direction": "egress",
        "network.transport": "tcp",
        "destination.ip": "203.0.113.7",
        "destination.port": 443,
        "source.ip": "10.1.2.3",
        "source.port": 50_000,
    }
    return event(seconds, "network", "start", entity_id, name, **{**outbound, **fields})


def line(doc: dict[str, Any]) -> bytes:
    """The event as a line of NDJSON."""
    return orjson.dumps(doc) + b"\n"


def write(path: Path, docs: list[dict[str, Any]]) -> Path:
    """Write events as NDJSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line(doc) for doc in docs))
    return path


RULE = '''
[metadata]
creation_date = "2026/01/01"

[rule]
name = "{name}"
rule_id = "{rule_id}"
description = "A rule for tests."
author = ["triage"]
severity = "high"
risk_score = 73
type = "eql"
language = "eql"
max_signals = {max_signals}
tags = ["Tactic: Execution"]
false_positives = ["The nightly build."]
note = """## Triage and analysis

### Possible investigation steps

- Look at the parent process.

### Response and remediation

- Isolate the host.
"""
query = \'\'\'
{query}
\'\'\'

[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0005"
name = "Defense Evasion"
reference = "https://attack.mitre.org/tactics/TA0005/"
[[rule.threat.technique]]
id = "T1218"
name = "System Binary Proxy Execution"
reference = "https://attack.mitre.org/techniques/T1218/"
'''

# The least a rule needs.
ANY_CMD = """
[rule]
name = "Any cmd"
rule_id = "any-cmd"
type = "eql"
severity = "low"
risk_score = 21
description = "x"
query = 'process where process.name == "cmd.exe"'
"""

BEACON = """sequence by process.entity_id with maxspan=5m
  [process where event.type == "start" and process.name : "beacon.exe"]
  [network where process.name : "beacon.exe" and destination.port == 443]"""


def write_rule(
    path: Path, query: str = BEACON, name: str = "Beacon", rule_id: str = "", max_signals: int = 100
) -> Path:
    """Write a rule file in Elastic's format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = RULE.format(
        query=query, name=name, rule_id=rule_id or f"id-{path.stem}", max_signals=max_signals
    )
    path.write_text(text, "utf-8")
    return path
