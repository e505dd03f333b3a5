"""Cutting a table (CSV) into its rows, quoted line ends and all; pure, no I/O."""

from __future__ import annotations

import re

from triage.sources.block import MAX_RECORD_BYTES, Cut, reject
from triage.sources.wide import narrow

_ROW = re.compile(rb'(?:[^"\n]++|"(?:[^"]++|"")*+"(?!"))*+(?:\n|\Z)')
_TYPE = b"#TYPE "  # what Export-Csv of Windows PowerShell writes above the header


def header(head: bytes, encoding: str) -> bytes:
    """The header row, in UTF-8, of a table that begins with ``head`` (from its mark on)."""
    text = head.decode(encoding, "replace").removeprefix("\ufeff").encode()
    at = 0
    while match := _ROW.match(text, at):
        row = match[0].strip()
        if row and not row.startswith(_TYPE):
            return row
        if match.end() in (at, len(text)):
            break
        at = match.end()
    return b""


def cut(
    buffer: bytes, base: int, encoding: str, final: bool, source: str, header_row: bytes
) -> Cut:
    """The rows of a buffer that begins with one, each behind the header row and a line end.

    Headers are left out. A quote that is never closed costs the line it is in.
    """
    text, unit = narrow(buffer, encoding)
    out = Cut()
    at = 0
    while at < len(text):
        match = _ROW.match(text, at)
        end = match.end() if match else -1
        open_end = match is None or (end == len(text) and not match[0].endswith(b"\n"))
        if open_end and not final and (len(text) - at) * unit <= MAX_RECORD_BYTES:
            break
        if match is None:
            end = text.find(b"\n", at) + 1 or len(text)
            raw = buffer[at * unit : end * unit]
            reason = "a row with a quote that is never closed"
            out.rejects.append(reject(source, base + at * unit, raw, reason))
        elif open_end and not final:
            break
        elif match[0].strip():
            _add(
                out, buffer[at * unit : end * unit], base + at * unit, encoding, source, header_row
            )
        at = end
    out.consumed = len(buffer) if final else at * unit
    return out


def _add(out: Cut, raw: bytes, start: int, encoding: str, source: str, header_row: bytes) -> None:
    before = len(out.records)
    out.add(raw, start, encoding, source)
    if len(out.records) == before:
        return
    row = out.records[-1].removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    if row.strip() == header_row or row.startswith(_TYPE):
        out.records.pop()
        out.positions.pop()
    else:
        out.records[-1] = header_row + b"\n" + row
