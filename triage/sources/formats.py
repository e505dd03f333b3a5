"""The formats by name, and the one function that decodes a record of any of them."""

from __future__ import annotations

from triage.fields import Doc
from triage.sources import evtx, ndjson, xml
from triage.sources.winevent import to_ecs

# A new format is a line here, its decoder in a module of its own, and its marks in detect.
FORMATS: dict[str, str] = {
    "evtx": "Windows event log (EVTX)",
    "xml": "Windows event XML",
    "ecs": "ECS documents (NDJSON)",
    "winlogbeat6": "winlogbeat 6 (NDJSON)",
    "nxlog": "NXLog or Logstash (NDJSON)",
    "evtx-json": "evtx_dump or chainsaw search (NDJSON)",
    "evtxecmd": "EvtxECmd (NDJSON)",
    "elasticsearch": "Elasticsearch hits or _bulk (NDJSON)",
}


def framing(format: str) -> str:
    """How records lie in a file of this format: "evtx", "xml" or "lines"."""
    return format if format in ("evtx", "xml") else "lines"


def decode(format: str, record: bytes) -> Doc | None:
    """The ECS document of one record of a Block; None where the record carries no event.

    Raises RecordError with the reason. Pure: any record, in any order, in any process.
    """
    if format == "evtx":
        return to_ecs(evtx.from_json(ndjson.loads(record)))
    if format == "xml":
        return xml.decode(record)
    return ndjson.decode(record)
