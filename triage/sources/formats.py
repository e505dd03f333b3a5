"""The formats by name, and the one function that decodes a record of any of them."""

from __future__ import annotations

from triage.fields import Doc
from triage.sources import evtx, ndjson, splunk, table, xml
from triage.sources.channels import to_ecs

# A new format is a line here, its decoder in a module of its own, and its marks in detect.
FORMATS: dict[str, str] = {
    "evtx": "Windows event log (EVTX)",
    "xml": "Windows event XML, or Splunk's raw events",
    "ecs": "ECS documents (NDJSON)",
    "winlogbeat6": "winlogbeat 6 (NDJSON)",
    "nxlog": "NXLog or Logstash (NDJSON)",
    "evtx-json": "evtx_dump or chainsaw search (NDJSON)",
    "evtxecmd": "EvtxECmd (NDJSON)",
    "elasticsearch": "Elasticsearch hits or _bulk (NDJSON)",
    "search": "Elasticsearch _search response",
    "json": "JSON array, or objects over many lines",
    "csv": "CSV: Export-Csv, Event Viewer or Kibana",
}
_FRAMINGS = {"evtx": "evtx", "xml": "xml", "search": "hits", "json": "objects", "csv": "rows"}


def framing(format: str) -> str:
    """How records lie in a file of this format: "evtx", or a framing of ``cut.cut``."""
    return _FRAMINGS.get(format, "lines")


def decode(format: str, record: bytes) -> Doc | None:
    """The ECS document of one record of a Block; None where the record carries no event.

    Raises RecordError with the reason. Pure: any record, in any order, in any process.
    """
    if format == "evtx":
        return to_ecs(evtx.from_json(ndjson.loads(record)))
    if format == "xml":
        # Splunk's raw data holds its classic events among those in XML.
        return xml.decode(record) if record[:1] == b"<" else to_ecs(splunk.parse(record))
    if format == "csv":
        row = table.decode(record)
        return ndjson.complete(row) if isinstance(row, dict) else to_ecs(row)
    return ndjson.decode(record)
