"""EVTX files, and the JSON that EVTX parsers print of a record (three shapes of it)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from triage.fields import Doc, flatten
from triage.sources.block import RecordError
from triage.sources.evtx_process import Chunk, ChunkReader
from triage.sources.winevent import WinEvent, event_data, number, text

MAGIC = b"ElfFile\x00"
_HEADER_BYTES, _CHUNK_BYTES, _CHUNK_MAGIC = 4096, 65536, b"ElfChnk\x00"
_BATCH = 16  # chunks parsed at a time: a megabyte


def read_records(file: IO[bytes]) -> Iterator[bytes | str]:
    """The records of an EVTX file in the order they lie in it, as the parser's JSON.

    A text in place of a record is the reason why a record, or a whole chunk of 64 KiB, could not
    be read; those behind it still come. Windows makes files larger than it has chunks for: what
    lies behind the last chunk in use is no damage. Raises RecordError where the file is no EVTX,
    and where the parser, which runs in a process of its own, keeps dying over it.
    """
    in_use = _chunks_in_use(file)
    reader = ChunkReader()
    batch: list[Chunk] = []
    for place in range(in_use):
        file.seek(_HEADER_BYTES + place * _CHUNK_BYTES)
        chunk = file.read(_CHUNK_BYTES)
        sound = chunk.startswith(_CHUNK_MAGIC)
        if sound:
            batch.append((place, chunk))
        if len(batch) == _BATCH or not sound:
            yield from reader.read(batch)
            batch = []
        if not chunk:
            yield f"EVTX: the file ends before chunk number {place} of {in_use}"
            return
        if not sound:
            yield f"EVTX: chunk number {place}: no chunk lies there"
    yield from reader.read(batch)


def _chunks_in_use(file: IO[bytes]) -> int:
    """How many chunks hold records, by the header, and by the chunks where the header is old.

    Windows brings the header up to date only when it closes the file; till then it is marked dirty.
    """
    file.seek(0)
    header = file.read(128)
    if not header.startswith(MAGIC):
        raise RecordError("EVTX: the file does not begin like one")
    count, dirty = int.from_bytes(header[42:44], "little"), header[120:121] == b"\x01"
    used = 0 if dirty else count
    at = _HEADER_BYTES
    while file.seek(at) and (magic := file.read(len(_CHUNK_MAGIC))):
        at += _CHUNK_BYTES
        if magic == _CHUNK_MAGIC:
            used = max(used, (at - _HEADER_BYTES) // _CHUNK_BYTES)
    return used


def from_json(doc: Doc) -> WinEvent:
    """The record in ``{"Event": {"System": …, "EventData": …}}``.

    Understands evtx_dump (``#attributes``), chainsaw search (``X_attributes``) and converters
    from XML (``@Name`` or plain keys beside the text).
    """
    event = doc.get("Event")
    system = event.get("System") if isinstance(event, dict) else None
    if not isinstance(event, dict) or not isinstance(system, dict):
        raise RecordError("a Windows event without System")
    provider = _attributes(system, "Provider")
    execution = _attributes(system, "Execution")
    event_id = text(system.get("EventID"))
    if not event_id:
        raise RecordError("a Windows event without EventID")
    return WinEvent(
        provider=text(provider.get("Name")),
        provider_guid=text(provider.get("Guid")),
        event_id=event_id,
        channel=text(system.get("Channel")),
        computer=text(system.get("Computer")),
        time=text(_attributes(system, "TimeCreated").get("SystemTime")),
        record_id=text(system.get("EventRecordID")),
        level=text(system.get("Level")),
        version=number(text(system.get("Version"))),
        pid=number(text(execution.get("ProcessID"))),
        tid=number(text(execution.get("ThreadID"))),
        user_sid=text(_attributes(system, "Security").get("UserID")),
        data=event_data(data_pairs(event.get("EventData"))),
        user_data=user_data(event.get("UserData")),
    )


def _attributes(parent: Doc, name: str) -> Doc:
    node = parent.get(name)
    if isinstance(node, dict):
        inner = node.get("#attributes")
        if isinstance(inner, dict):
            return inner
        return {key.lstrip("@"): value for key, value in node.items()}
    beside = parent.get(f"{name}_attributes")
    return beside if isinstance(beside, dict) else {}


def data_pairs(node: Any) -> Iterator[tuple[str, Any]]:
    """The names and values of an EventData, in any spelling; "" where a value has no name."""
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        if name[:1] in "#@" or name.endswith("_attributes"):
            continue
        if name != "Data":
            yield name, value
            continue
        if isinstance(value, dict) and isinstance(value.get("#text"), list):
            value = value["#text"]
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                given = item.get("@Name") or item.get("Name")
                yield text(given), item
            else:
                yield "", item


def user_data(node: Any) -> dict[str, str]:
    """The values of a UserData by name; ``xml_name`` is that of its element."""
    if not isinstance(node, dict):
        return {}
    data: dict[str, str] = {}
    for name, body in node.items():
        if not isinstance(body, dict) or name[:1] in "#@" or name.endswith("_attributes"):
            continue
        data["xml_name"] = name
        for key, value in flatten(body).items():
            if "#attributes" not in key and "_attributes" not in key and key[:1] != "@":
                shown = text(value)
                if shown:
                    data[key.removesuffix(".#text")] = shown
    return data
