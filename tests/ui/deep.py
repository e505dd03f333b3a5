"""A case with hostile text in every field, and a rule whose guide asks questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.ui.helpers import hunt_into

BAD = "\x1b[31m[/]\u202e[@click=app.quit]x[/]\x07"
HOST = f"ws\x1b]0;t\x07[b]{BAD}"
RULE = r'''
[rule]
name = "Odd \u001b[31m[/] start \u202e"
rule_id = "odd-start"
type = "eql"
severity = "high"
risk_score = 73
description = "What it is \u001b[2J[/]"
query = 'sequence by process.entity_id [process where process.name : "cmd*"] [network where true]'
note = """## Triage and analysis

### Investigating odd starts

A start with **strong**, `code`, [a link](https://example.org/[b]) and \u001b[31m[/] in it.

```
SELECT [/] FROM \u001b]52;c;x\u0007
```

### Possible investigation steps

- Look at `process.name` \u001b[5m[@click=app.quit]
  - What else did it do? $investigate_0
- $investigate_1
- Ask the host itself. $osquery_0
- A question without an answer. $investigate_2

### False positive analysis

- An administrator's [/] script.

### Response and remediation

- Isolate the host.
- Reset the account.
"""
false_positives = ["Backups \u001b[31m"]
references = ["https://example.org/\u001b[31m[/]"]

[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0002"
name = "Execution"
reference = ""

[[transform.investigate]]
label = "Events of the process \u001b[31m[/]"
providers = [[{ field = "process.entity_id", queryType = "phrase", value = "{{process.entity_id}}" }]]
relativeFrom = "now-1h"
relativeTo = "now"

[[transform.investigate]]
label = "Alerts on the host"
providers = [[
  { field = "event.kind", queryType = "phrase", value = "signal" },
  { field = "host.id", queryType = "phrase", value = "{{host.id}}" },
]]
relativeFrom = "now-48h/h"
relativeTo = "now"

[[transform.investigate]]
label = "Unanswerable"
providers = [[{ field = "file.path", queryType = "phrase", value = "{{file.path}}" }]]

[[transform.osquery]]
label = "Services"
query = "SELECT * FROM services WHERE name = '{{process.name}}' OR x = '[/]\u001b[31m'"

[[triage.drilldown]]
name = "Other starts of {{user.name}}"
query = 'process where user.name == {{user.name}} and process.entity_id != {{process.entity_id}}'
window = "1h"
'''  # noqa: E501 - a rule file


def event(second: int, category: str, kind: str, **fields: Any) -> dict[str, Any]:
    """An event of the hostile host."""
    return {
        "@timestamp": f"2026-03-12T10:{second // 60:02}:{second % 60:02}.000Z",
        "event": {"category": [category], "type": [kind], "id": f"e{second}{category}"},
        "host": {"name": HOST},
        "user": {"name": f"mia{BAD}"},
        **fields,
    }


def process(id_: str, parent: str, **fields: Any) -> dict[str, Any]:
    """A process that is hostile by name, path and command line."""
    name = f"cmd{id_}{BAD}.exe"
    return {
        "entity_id": id_,
        "pid": 100 + len(id_),
        "name": name,
        "executable": f"C:\\{BAD}\\{name}",
        "command_line": f"{name} /c {BAD}" + "A" * 200,
        "hash": {"sha256": f"{BAD}ff", "sha1": "bb", "md5": "cc"},
        "code_signature": {"exists": True, "trusted": False, "subject_name": f"Contoso {BAD}"},
        "parent": {"entity_id": parent, "name": f"up{BAD}.exe", "pid": 7},
        "Ext": {"token": {"integrity_level_name": f"high{BAD}"}},
        **fields,
    }


def make(folder: Path) -> Path:
    """The case, beside its logs and its rule."""
    docs = [
        event(0, "process", "start", process=process("r", "u")),
        event(1, "process", "start", process=process("a", "r")),
        event(2, "network", "start", process=process("a", "r"),
              dns={"question": {"name": f"name{BAD}.example"}, "resolved_ip": ["203.0.113.7"]}),
        event(3, "network", "start", process=process("a", "r"),
              destination={"ip": "203.0.113.7", "port": 443},
              network={"transport": "tcp", "direction": "egress"}),
        event(4, "file", "creation", process=process("a", "r"),
              file={"path": f"C:\\{BAD}\\dropped.dll", "hash": {"sha256": "dd"}}),
        event(5, "registry", "change", process=process("a", "r"),
              registry={"path": f"HKLM\\{BAD}\\Run", "data": {"strings": [BAD]}}),
        event(6, "process", "start", process=process("aa", "a")),
        event(90, "process", "end", process=process("a", "r")),
    ]  # fmt: skip
    (folder / "logs").mkdir()
    log = folder / "logs" / "odd.ndjson"
    log.write_text("".join(json.dumps(one) + "\n" for one in docs))
    (folder / "rule.toml").write_text(RULE)
    case = folder / "odd.triage"
    hunt_into(case, [str(log)], [folder / "rule.toml"])
    return case
