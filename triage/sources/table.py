"""One row of a table, with its header: Export-Csv, Event Viewer, Kibana's Discover."""

from __future__ import annotations

import csv
import re

from triage import times
from triage.fields import Doc, put
from triage.sources import clock, getwinevent, messages, sysmon
from triage.sources.block import MAX_RECORD_BYTES, RecordError
from triage.sources.winevent import WinEvent, event_data

_VIEWER_COLUMNS = 5  # Event Viewer's header; its rows have the message as a sixth
# Whole numbers among the fields that a table shows; any other text stays as it is.
_WHOLE = (".port", ".pid", ".bytes", ".packets", ".size", ".args_count", ".exit_code", ".thread.id")
_LISTS = frozenset({"event.category", "event.type"})
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_IDS = ("id", "Id", "rt")  # record_id, ProcessId, DestinationPort…: numbers that are texts to ECS


def decode(record: bytes) -> WinEvent | Doc:
    """The record of a header row and a row; a nested document where it is one of ECS.

    Raises RecordError with the reason.
    """
    names, values = parse(record)
    if len(values) < len(names):
        raise RecordError(f"a row of {len(values)} columns under a header of {len(names)}")
    row = dict(zip(names, values, strict=False))
    if "@timestamp" in row:
        return _document(row)
    if getwinevent.is_record(row):
        return getwinevent.from_properties(row)
    if is_viewer(names, values):
        return _viewer(values)
    raise RecordError(f"a row without @timestamp; its columns are {', '.join(names)[:200]}")


def parse(record: bytes) -> tuple[list[str], list[str]]:
    """(names, values) of a header row and a row behind it; the values are [] without one."""
    try:
        shown = record.decode()
    except UnicodeDecodeError:
        shown = record.decode("cp1252", "replace")  # what Windows PowerShell calls "Default"
    line = shown.partition("\n")[0]
    delimiter = max(",;\t", key=line.count)
    csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        # Not splitlines: what else it takes for a line end (U+2028, a form feed) may stand in a
        # value without quotes, and would cost all columns behind it.
        lines = (part + "\n" for part in shown.split("\n"))
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        names, *rest = [row for row in rows if row]
    except (csv.Error, ValueError) as error:
        raise RecordError(f"not a row of a table: {error}") from error
    return [name.strip() for name in names], rest[0] if rest else []


def is_known(names: list[str], values: list[str]) -> bool:
    """Whether a table with this header and first row is one that is read."""
    columns = dict.fromkeys(names)
    if len(names) > 1 and "@timestamp" in columns:
        return True
    return getwinevent.is_record(columns) or is_viewer(names, values)


def may_be_header(row: bytes) -> bool:
    """Whether this row may yet turn out to be the header of a table that is read."""
    names, _ = parse(row)
    return is_known(names, []) or len(names) == _VIEWER_COLUMNS


def is_viewer(names: list[str], values: list[str]) -> bool:
    """Whether this is Event Viewer's: its header is in the language of the system."""
    wide = len(names) == _VIEWER_COLUMNS and len(values) == _VIEWER_COLUMNS + 1
    return wide and values[3].isdecimal()


def _viewer(values: list[str]) -> WinEvent:
    level, shown, provider, event_id, task, message = values
    pairs = messages.told(provider, event_id, message)
    return WinEvent(
        provider=provider,
        event_id=event_id,
        time=clock.utc(shown, pairs.get("UtcTime", "")),
        level=level,
        keywords=level,  # the Security log's table has them in the place of the level
        task=task,
        message=message,
        data=event_data(pairs.items()),
    )


def _document(row: dict[str, str]) -> Doc:
    told = _told(row)
    meant = row.get("winlog.event_data.UtcTime") or told.get("UtcTime", "")
    stamp = row["@timestamp"]
    doc: Doc = {"@timestamp": stamp if "T" in stamp else clock.utc(stamp, meant)}
    if times.parse(doc["@timestamp"]) is None:
        raise RecordError(f"a row whose @timestamp is no time: {stamp[:60]!r}")
    for name, value in row.items():
        if name.startswith("_") or name == "@timestamp" or value in ("", "-"):
            continue  # Kibana writes a dash for nothing; _id and _index are Elasticsearch's own
        digits = value.replace(",", "")
        if name.endswith(_WHOLE):
            put(doc, name, int(digits) if digits.isdecimal() and len(digits) < 19 else value)
        elif name in _LISTS:
            put(doc, name, value.split(", "))
        else:
            put(doc, name, digits if _THOUSANDS.fullmatch(value) and name[-2:] in _IDS else value)
    for name, value in told.items():
        if value and row.get(f"winlog.event_data.{name}", "") in ("", "-"):
            put(doc, f"winlog.event_data.{name}", value)
    return doc


def _told(row: dict[str, str]) -> dict[str, str]:
    """What Sysmon's message says; a table has only the columns that somebody had chosen."""
    provider, channel = row.get("winlog.provider_name", ""), row.get("winlog.channel")
    ours = provider == sysmon.PROVIDER or (provider in ("", "-") and channel == sysmon.CHANNEL)
    return messages.lines(row.get("message", "")) if ours else {}
