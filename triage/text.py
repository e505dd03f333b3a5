"""The one door for untrusted text: what logs say reaches a screen only through :func:`clean`."""

from __future__ import annotations

import unicodedata
from typing import Any

import orjson

# Printable by Python's book, yet blank or able to fake an empty field on a screen.
_BLANKS = {"\u00a0", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}
_MAX_COMBINING = 4


def _visible(char: str) -> str:
    code = ord(char)
    if char == "\t":
        return "\\t"
    if char == "\n":
        return "\\n"
    if char == "\r":
        return "\\r"
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def clean(value: object, limit: int = 0) -> str:
    """Text that is safe to show: one line, no control, bidi or invisible characters.

    Whatever ``str.isprintable`` refuses (C0, C1, DEL, bidi overrides, zero-width characters,
    line separators, surrogates, private use) is shown as a visible ``\\xNN``, ``\\uNNNN`` or
    ``\\UNNNNNNNN``; so are blanks that pass for printable; runs of combining marks are capped at
    four. ``limit`` > 0 cuts the result to that many characters, the last being ``…``.
    """
    text = value if isinstance(value, str) else str(value)
    if limit > 0 and len(text) > limit * 2:
        text = text[: limit * 2]  # never escape a megabyte to show eighty cells of it
    if not (text.isascii() and text.isprintable()):
        text = _escape(text)
    if limit > 0 and len(text) > limit:
        return text[: limit - 1] + "…"
    return text


def _escape(text: str) -> str:
    out: list[str] = []
    combining = 0
    for char in text:
        if unicodedata.combining(char):
            combining += 1
            if combining > _MAX_COMBINING:
                out.append(_visible(char))
                continue
        else:
            combining = 0
        if char in _BLANKS or not char.isprintable():
            out.append(_visible(char))
        else:
            out.append(char)
    return "".join(out)


def clean_lines(value: str) -> str:
    """As :func:`clean`, but keeps line feeds: for texts that are shown on several lines."""
    return "\n".join(clean(line) for line in value.replace("\r\n", "\n").split("\n"))


def encodable(text: str) -> str:
    """``text`` without lone surrogates, such as stand for bytes of a file name that is no UTF-8:
    each becomes a visible ``\\udcNN``."""
    return text.encode("utf-8", "backslashreplace").decode()


def json_line(doc: dict[str, Any]) -> str:
    """A document as one line of JSON, safe to print: what a terminal could obey is ``\\uNNNN``."""
    line = orjson.dumps(doc, default=str).decode()
    if line.isascii() and "\x7f" not in line:
        return line
    return "".join(
        char if char.isprintable() else "".join(f"\\u{unit:04x}" for unit in _utf16(char))
        for char in line
    )


def _utf16(char: str) -> list[int]:
    raw = char.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
