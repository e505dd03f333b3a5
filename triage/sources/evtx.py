"""EVTX files, and the JSON that EVTX parsers print of a record (three shapes of it)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from triage.fields import Doc, flatten
from triage.sources.block import RecordError
from triage.sources.evtx_process import Chunk, ChunkReader, Item
from triage.sources.winevent import WinEvent, event_data, number, text

MAGIC = b"ElfFile\x00"
CHUNK_BYTES = 65536
_HEADER_BYTES, _CHUNK_HEADER_BYTES, _CHUNK_MAGIC = 4096, 128, b"ElfChnk\x00"
_RECORDS_AT, _RECORD_BYTES = 512, 28  # where they begin in a chunk, and the least one takes
_ABSURD = 1 << 48  # a record number that is damage
_BATCH = 16  # chunks parsed at a time: a megabyte


def read_records(
    file: IO[bytes], wanted: Callable[[int, bytes], bool] | None = None
) -> Iterator[Item]:
    """The records of an EVTX file in the order they lie in it.

    A text in place of a record is the reason why a record, or a whole chunk of 64 KiB, could not
    be read; those behind it still come. Windows makes files larger than it has chunks for: what
    lies behind the last chunk in use is no damage. ``wanted(number, header)`` of a chunk may say
    that it is not; see ``numbers_in``. Raises RecordError where the file is no EVTX.
    """
    in_use = _chunks_in_use(file)
    reader = ChunkReader()
    counted = _Counted(reader)
    batch: list[Chunk] = []
    for place in range(in_use):
        file.seek(_HEADER_BYTES + place * CHUNK_BYTES)
        header = file.read(_CHUNK_HEADER_BYTES)
        sound = header.startswith(_CHUNK_MAGIC)
        if sound and wanted is not None and not wanted(place, header):
            continue
        if sound:
            batch.append((place, header + file.read(CHUNK_BYTES - len(header))))
        if len(batch) == _BATCH or not sound:
            yield from counted.read(batch)
            batch = []
        if reader.given_up:
            return
        if not header:
            reason = f"EVTX: the file ends before chunk number {place} of {in_use}"
            yield Item(place, 0, reason)
            return
        if not sound:
            yield Item(place, 0, f"EVTX: chunk number {place}: no chunk lies there")
    yield from counted.read(batch)


def place_of(chunk: int) -> int:
    """The byte of the file at which a chunk begins."""
    return _HEADER_BYTES + chunk * CHUNK_BYTES


def numbers_in(header: bytes) -> tuple[int, int] | None:
    """The numbers of a chunk's first and last record, by its header; None where it makes no sense.

    Windows counts the records of a log without end, also over a clearing; an export counts anew.
    """
    if len(header) < 40:
        return None
    first, last = struct.unpack_from("<QQ", header, 24)
    fits = 0 < first <= last < min(first + CHUNK_BYTES // _RECORD_BYTES, _ABSURD)
    return (first, last) if fits else None


def is_whole(chunk: bytes) -> bool:
    """Whether a chunk's records are those that its checksum was made of."""
    if len(chunk) < CHUNK_BYTES:
        return False
    end, checksum = struct.unpack_from("<II", chunk, 48)
    return bool(zlib.crc32(chunk[_RECORDS_AT : min(end, CHUNK_BYTES)]) == checksum)


class _Counted:
    """Gives each record the number that it has, or by its place should have: damage may lie."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self._last = 0

    def read(self, chunks: Sequence[Chunk]) -> Iterator[Item]:
        spans = {place: numbers_in(chunk) for place, chunk in chunks}
        now = -1
        for item in self._reader.read(chunks):
            span = spans[item.chunk]
            if item.chunk != now and span:
                self._last = span[0] - 1
            now = item.chunk
            if isinstance(item.content, str):
                yield item
                continue
            told = item.number
            trusted = self._last < told <= span[1] if span else 0 < told < _ABSURD
            self._last = told if trusted else self._last + 1
            yield item._replace(number=self._last)


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
        at += CHUNK_BYTES
        if magic == _CHUNK_MAGIC:
            used = max(used, (at - _HEADER_BYTES) // CHUNK_BYTES)
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
        keywords=text(system.get("Keywords")),
        version=number(system.get("Version")),
        pid=number(execution.get("ProcessID")),
        tid=number(execution.get("ThreadID")),
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
        if name != "Data":
            plain = name.isalnum()  # as nearly all are; quicker to ask
            if plain or (name[:1] not in "#@" and not name.endswith("_attributes")):
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
