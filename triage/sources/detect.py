"""What a file is, by its first bytes: its format and encoding, or why it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from triage.fields import Doc
from triage.sources import evtx, evtxecmd, getwinevent, ndjson, objects, rows, splunk, table
from triage.sources.block import RecordError

HEAD_BYTES = 1 << 16  # as many first bytes are looked at
_TINY = 64  # bytes below which a file may yet become anything
_LINES = 32  # lines that are tried before a file is given up
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_EVENT = re.compile(rb"<Event[\s>]")
# An Elasticsearch response begins with one of these members; its hits are an array.
_RESPONSE = re.compile(
    rb'\{\s*(?:"id"\s*:\s*"[^"\\]*"\s*,\s*)?"(?:took|timed_out|_shards|_scroll_id|pit_id|hits|is_partial|is_running|rawResponse)"'
    rb"\s*:"
)
_HITS = re.compile(rb'"hits"\s*:\s*\[')
# Other archives are read, and never seen here.
_PACKED = ((b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07", "RAR"), (b"MSCF", "CAB"))
UNDERSTOOD = (
    "EVTX, Windows event XML, JSON (lines, arrays, _search) of ECS (winlogbeat, Elastic Agent, "
    "Elastic Defend), winlogbeat 6, NXLog, evtx_dump, chainsaw search, EvtxECmd, Get-WinEvent and "
    "Elasticsearch, or CSV of Export-Csv, Event Viewer and Kibana"
)


@dataclass(frozen=True, slots=True)
class Detected:
    """A format that is read: a name from FORMATS, and where its text begins."""

    format: str
    encoding: str  # "utf-8", "utf-16-le", "utf-16-be"; "" for binary formats
    start: int  # bytes of the byte order mark


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is not read, with the reason: what was seen.

    ``foreign``: nothing in it says that it ever was a log of events; there are such files in any
    folder, and nobody need do anything about them.
    """

    reason: str
    foreign: bool = False


def detect(head: bytes, final: bool = False) -> Detected | Refused | None:
    """What the file is that begins with ``head``; None where that can not be told yet.

    ``final`` says that no more bytes will come, so that the answer is never None unless there is
    nothing in it at all. File names do not count.
    """
    if head.startswith(evtx.MAGIC):
        return Detected("evtx", "", 0)
    if not final and evtx.MAGIC.startswith(head):
        return None
    encoding, start = encoding_of(head)
    body = head[start:]
    if encoding != "utf-8":
        body = body[: len(body) & ~1].decode(encoding, "replace").encode()
    body = body.lstrip(b"\x00 \t\r\n")
    if not body:
        return None
    whole = len(head) >= HEAD_BYTES or final
    found = _text_format(body, whole)
    if isinstance(found, str):
        return Detected(found, encoding, start)
    if found is not None and not final and len(head) < _TINY:
        return None
    return found


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding of a text file that begins with ``head``, and the bytes of its mark."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    # Without a mark: the first characters of any of our formats are ASCII.
    if head[1:2] == b"\x00" and head[:1] != b"\x00":
        return "utf-16-le", 0
    if head[:1] == b"\x00" and head[1:2] != b"\x00" and head[2:3] == b"\x00":
        return "utf-16-be", 0
    return "utf-8", 0


def _text_format(body: bytes, whole: bool) -> str | Refused | None:
    for magic, name in _PACKED:
        if body.startswith(magic):
            return Refused(f"packed with {name}: unpack it first")
    if body[:1] == b"<":
        return _xml_format(body, whole)
    if body[:1] == b"[" and body[1:].lstrip()[:1] in (b"", b"{", b"[", b"]"):
        return _objects_format(body, whole)
    if splunk.BEGIN.match(body):
        return "xml"
    if body[:1] != b"{":
        # Before its cells are looked at: a message may hold whatever an attacker logs.
        found = _table_format(body, whole)
        if not isinstance(found, Refused):
            return found
    return _json_format(body, whole)


def _xml_format(body: bytes, whole: bool) -> str | Refused | None:
    event = _EVENT.search(body)
    prolog = body[: event.start()] if event else body
    if b"<!DOCTYPE" in prolog or b"<!ENTITY" in prolog:
        return Refused("XML with a DOCTYPE or ENTITY declaration is refused: it may hide anything")
    if event is not None:
        return "xml"
    return _unknown(body) if whole else None


def _json_format(body: bytes, whole: bool) -> str | Refused | None:
    if _RESPONSE.match(body) and _HITS.search(body):
        return "search"  # also where all of it is one line, which would pass for one object
    lines = body.split(b"\n")
    complete = lines if whole else lines[:-1]
    refused: Refused | None = None
    for line in complete[:_LINES]:
        line = line.strip(b" \t\r\x00")
        if not line:
            continue
        try:
            doc = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(doc, dict):
            found = _shape(doc)
            if isinstance(found, str):
                return found
            refused = refused or found
    if refused is not None:
        return refused
    if body[:1] == b"{":
        if _RESPONSE.match(body):
            return _unknown(body) if whole else None
        if len(lines) == 1 or (not whole and len(lines) <= _LINES):
            # One long line is not yet whole, or cut off by our looking at the head only.
            return "ecs" if whole and len(body) > 1024 else (_unknown(body) if whole else None)
        return _objects_format(body, whole)
    if not whole and len(complete) < _LINES:
        return None
    return _unknown(body)


def _objects_format(body: bytes, whole: bool) -> str | Refused | None:
    """A JSON array, or objects over several lines: what the first of them are."""
    refused: Refused | None = None
    found = objects.cut(body, 0, "utf-8", final=False, source="", hits=False)
    for record in found.records[:_LINES]:
        try:
            doc = orjson.loads(record)
        except orjson.JSONDecodeError:
            continue
        shape = _shape(doc)
        if isinstance(shape, str):
            return "json"
        refused = refused or shape
    if refused is not None or not whole:
        return refused
    empty = body.strip(b"[] \t\r\n\x00") == b""
    # An object may be longer than what is looked at.
    return "json" if empty or len(body) > HEAD_BYTES // 2 else _unknown(body)


def _table_format(body: bytes, whole: bool) -> str | Refused | None:
    header = rows.header(body, "utf-8")
    found = rows.cut(body, 0, "utf-8", whole, "", header)
    try:
        if found.records:
            return "csv" if table.is_known(*table.parse(found.records[0])) else _unknown(body)
        if whole or not table.may_be_header(header):
            return "csv" if whole and table.is_known(*table.parse(header)) else _unknown(body)
    except RecordError:
        return _unknown(body)
    return None


def _shape(doc: Doc) -> str | Refused:
    """Which of the JSON shapes one object is; :func:`triage.sources.ndjson.decode` reads all."""
    foreign = ndjson.foreign_reason(doc)
    if foreign:
        return Refused(foreign)
    if "_source" in doc or (len(doc) == 1 and next(iter(doc)) in ("index", "create", "update")):
        return "elasticsearch"
    if isinstance(doc.get("Event"), dict):
        return "evtx-json"
    if "EventID" in doc and ("Channel" in doc or "SourceName" in doc):
        return "nxlog"
    if getwinevent.is_record(doc) or ndjson.is_event_data(doc):
        return "json"
    if evtxecmd.is_record(doc):
        return "evtxecmd"
    if "log_name" in doc and "event_id" in doc:
        return "winlogbeat6"
    if "@timestamp" in doc or "winlog.event_id" in doc:
        return "ecs"
    return Refused(f"JSON objects without @timestamp; {ndjson.seen_keys(doc)}", foreign=True)


def _unknown(body: bytes) -> Refused:
    shown = ascii(body[:24].decode("utf-8", "replace"))
    return Refused(f"unknown content, it begins with {shown}", foreign=True)
