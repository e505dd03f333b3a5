"""ECS: the names of the fields that known sources give, to tell a misspelt one from a rare one.

``ecs.txt`` holds the field names of the Elastic Common Schema 9.5, one a line: the names alone, as
its ``generated/csv/fields.csv`` lists them.
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

# What sources give besides ECS: Windows event logs, Sysmon, Elastic Defend, and the integrations
# whose rules Elastic publishes; each has a namespace of its own.
_NAMESPACES = frozenset(
    (
        "Effective_process",
        "Events",
        "Memory_protection",
        "Ransomware",
        "Responses",
        "Target",
        "auditd",
        "aws",
        "aws_bedrock",
        "azure",
        "azure_openai",
        "beat",
        "cisco",
        "crowdstrike",
        "cyberarkpas",
        "endpoint",
        "fortinet",
        "gcp",
        "github",
        "google_workspace",
        "kibana",
        "kubernetes",
        "m365_defender",
        "microsoft_defender_endpoint",
        "o365",
        "okta",
        "panw",
        "powershell",
        "sentinel_one_cloud_funnel",
        "slack",
        "suricata",
        "sysmon",
        "system",
        "winlog",
        "zeek",
    )
)
_SUFFIXES = (".text", ".caseless", ".keyword")  # multi-fields of a mapping


@cache
def _names() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("ecs.txt").read_text("utf-8").split())


def known(field: str) -> bool:
    """Whether some known source gives ``field``."""
    if field in _names() or field.partition(".")[0] in _NAMESPACES:
        return True
    for suffix in _SUFFIXES:
        if field.endswith(suffix):
            return known(field.removesuffix(suffix))
    # Elastic Defend keeps what ECS has no name for under Ext, in any object.
    return ".Ext." in field and field.partition(".")[0] in {
        name.partition(".")[0] for name in _names()
    }


def names() -> list[str]:
    """All field names of ECS, sorted."""
    return sorted(_names())


def nearest(field: str) -> str | None:
    """The known field that is spelt most like ``field``, None where none is near."""
    found = difflib.get_close_matches(field, _names(), n=1, cutoff=0.85)
    return found[0] if found else None
