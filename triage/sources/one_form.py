"""One form for what tools write differently: the ids of processes, the directions of flows.

Elastic Defend, Sysmon through winlogbeat and through Elastic Agent, and our own mapping name the
same things in their own ways; rules join and compare them, so downstream sees one.
"""

from __future__ import annotations

from triage.fields import Doc
from triage.sources.winevent import guid

# ECS has "ingress" and "egress" for what a host sees of itself; Sysmon's first modules, the
# filtering platform and older endpoints said it in other words.
_DIRECTIONS = {
    "inbound": "ingress",
    "incoming": "ingress",
    "outbound": "egress",
    "outgoing": "egress",
}
_GUID_LENGTHS = (36, 38)  # without and with braces


def _named(given: str) -> str:
    return guid(given) if len(given) in _GUID_LENGTHS else given


def _directed(given: str) -> str:
    return _DIRECTIONS.get(given.lower(), given)


# The fields that have one form, and what makes it of a text.
SETTLED = {
    "process.entity_id": _named,
    "process.parent.entity_id": _named,
    "network.direction": _directed,
}


def settle(doc: Doc) -> Doc:
    """Bring an ECS document into that form, in place; the document.

    GUIDs among the ids of a process are lower case in braces; any other id, such as the base64
    of Elastic Defend, is the same wherever it comes from and stays.
    """
    process = doc.get("process")
    if process.__class__ is dict:
        _name(process, "entity_id")
        parent = process.get("parent")
        if parent.__class__ is dict:
            _name(parent, "entity_id")
    elif process is None:
        _name(doc, "process.entity_id")
        _name(doc, "process.parent.entity_id")
    network = doc.get("network")
    if network.__class__ is dict:
        _direct(network, "direction")
    elif network is None:
        _direct(doc, "network.direction")
    return doc


def _name(holder: Doc, name: str) -> None:
    given = holder.get(name)
    if given.__class__ is str:
        holder[name] = _named(given)


def _direct(holder: Doc, name: str) -> None:
    given = holder.get(name)
    if given.__class__ is str:
        holder[name] = _directed(given)
