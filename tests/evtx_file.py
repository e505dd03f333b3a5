"""Writes EVTX files of made-up Sysmon events: the format itself, without templates."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

_CHUNK, _CHUNK_HEADER = 65536, 512
_EPOCH = 13_411_699_200  # seconds from 1601 to 2026
_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
CHANNEL = "Microsoft-Windows-Sysmon/Operational"


def sysmon(record_id: int, seconds: float, event_id: int = 1, **data: str) -> bytes:
    """A Sysmon record of host ``pc-1``, ``seconds`` into 2026; ``data`` as EventData has it."""
    minutes, second = divmod(seconds, 60)
    utc = f"2026-01-01 {int(minutes) // 60 % 24:02}:{int(minutes) % 60:02}:{second:06.3f}"
    system = [
        ("Provider", {"Name": "Microsoft-Windows-Sysmon"}, ""),
        ("EventID", {}, str(event_id)),
        ("TimeCreated", {"SystemTime": utc.replace(" ", "T") + "Z"}, ""),
        ("EventRecordID", {}, str(record_id)),
        ("Channel", {}, CHANNEL),
        ("Computer", {}, "pc-1"),
    ]
    pairs = {"UtcTime": utc, **data}
    return _record(record_id, seconds, system, pairs)


def process(record_id: int, name: str = "tool.exe", **data: str) -> bytes:
    """The start of a process in second ``record_id``."""
    given = {
        "ProcessGuid": f"{{00000000-0000-0000-0000-{record_id:012}}}",
        "ProcessId": str(1000 + record_id),
        "Image": f"C:\\Windows\\System32\\{name}",
        "CommandLine": f"{name} /run {record_id}",
    }
    return sysmon(record_id, record_id, 1, **{**given, **data})


def evtx(records: Iterable[bytes], per_chunk: int = 20) -> bytes:
    """A file of these records, so many in a chunk."""
    every = list(records)
    chunks = [_chunk(every[at : at + per_chunk]) for at in range(0, len(every), per_chunk)]
    header = struct.pack(
        "<8sQQQIHHHH",
        b"ElfFile\x00",
        0,
        max(len(chunks) - 1, 0),
        len(every) + 1,
        *(128, 1, 3, 4096, len(chunks)),
    ).ljust(120, b"\0")
    header += struct.pack("<II", 0, zlib.crc32(header))
    return header.ljust(4096, b"\0") + b"".join(chunks)


def _chunk(records: list[bytes]) -> bytes:
    ids = [struct.unpack_from("<Q", record, 8)[0] for record in records]
    body, last = b"", _CHUNK_HEADER
    for record in records:
        last = _CHUNK_HEADER + len(body)
        body += _placed(record, last)
    end = _CHUNK_HEADER + len(body)
    assert end <= _CHUNK, "fewer records a chunk, please"
    header = struct.pack(
        "<8sQQQQIIII",
        b"ElfChnk\x00",
        *(ids[0], ids[-1], ids[0], ids[-1]),
        *(128, last, end, zlib.crc32(body)),
    ).ljust(120, b"\0")
    tables = bytes(_CHUNK_HEADER - 128)
    header += struct.pack("<II", 0, zlib.crc32(header + tables)) + tables
    return (header + body).ljust(_CHUNK, b"\0")


def _record(
    record_id: int, seconds: float, system: Sequence[tuple[str, Mapping[str, str], str]],
    data: Mapping[str, str],
) -> bytes:  # fmt: skip
    inner = b"".join(_element(name, attributes, _text(text)) for name, attributes, text in system)
    values = b"".join(_element("Data", {"Name": name}, _text(text)) for name, text in data.items())
    event = _element(
        "Event",
        {"xmlns": _NAMESPACE},
        _element("System", {}, inner) + _element("EventData", {}, values),
    )
    body = b"\x0f\x01\x01\x00" + event + b"\x00"
    size = 24 + len(body) + 4
    filetime = int((seconds + _EPOCH) * 10_000_000)
    return struct.pack("<4sIQQ", b"\x2a\x2a\0\0", size, record_id, filetime) + body + _u32(size)


# Names lie where they are used; each is told its own place, which is known once the record's is.
_PLACE = b"\xfePLC"


def _placed(record: bytes, at: int) -> bytes:
    out = bytearray(record)
    found = out.find(_PLACE)
    while found >= 0:
        out[found : found + 4] = _u32(at + found + 4)
        found = out.find(_PLACE, found + 4)
    return bytes(out)


def _element(name: str, attributes: Mapping[str, str], content: bytes) -> bytes:
    told = b"".join(b"\x06" + _name(key) + _text(value) for key, value in attributes.items())
    body = _name(name) + (_u32(len(told)) + told if told else b"") + b"\x02" + content + b"\x04"
    return (b"\x41" if told else b"\x01") + _u32(len(body)) + body


def _name(name: str) -> bytes:
    letters = name.encode("utf-16-le")
    hashed = 0
    for letter in name:
        hashed = (hashed * 65599 + ord(letter)) & 0xFFFFFFFF
    return _PLACE + struct.pack("<IHH", 0, hashed & 0xFFFF, len(name)) + letters + b"\0\0"


def _text(text: str) -> bytes:
    if not text:
        return b""
    letters = text.encode("utf-16-le")
    return b"\x05\x01" + struct.pack("<H", len(letters) // 2) + letters


def _u32(value: int) -> bytes:
    return struct.pack("<I", value)
