"""UTF-16 text as one byte a unit, so that brackets and quotes are looked for in one way."""

from __future__ import annotations

import re

_OTHER = b"x"
_ASCII = bytes(range(128)) + _OTHER * 128
_WIDE = re.compile(rb"[^\x00]+")  # of the upper halves: units that are no ASCII


def narrow(buffer: bytes, encoding: str) -> tuple[bytes, int]:
    """(the text with one byte for each unit, bytes of a unit); no ASCII where there was none.

    ``buffer`` begins with a whole unit. A place in the result times the bytes of a unit is the
    place in the buffer; half a unit at the end is left out.
    """
    if encoding == "utf-8":
        return buffer, 1
    whole = len(buffer) & ~1
    low, high = buffer[0:whole:2], buffer[1:whole:2]
    if encoding == "utf-16-be":
        low, high = high, low
    text = bytearray(low.translate(_ASCII))
    for run in _WIDE.finditer(high):
        text[run.start() : run.end()] = _OTHER * (run.end() - run.start())
    return bytes(text), 2
