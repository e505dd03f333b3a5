"""Cutting JSON objects out of arrays, search responses and text over many lines; pure, no I/O.

Only braces outside strings are counted; whether an object is JSON is for its decoder to say. Where
one has no end the next is looked for: at the same indentation, or behind the next "}, {".
"""

from __future__ import annotations

import re
from array import array

from triage.sources.block import EXCERPT_BYTES, MAX_RECORD_BYTES, Cut, reject
from triage.sources.wide import narrow

# Possessive, so that no text however hostile is looked at twice.
_TO_BRACE = re.compile(rb'(?:[^"{}]++|"(?:[^"\\\x00-\x1f]++|\\.)*+")*+', re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]++|\\.)*+', re.DOTALL)
_FILLER = re.compile(rb"[\s\x00,\[\]]*+")
_FILLERS = b" \t\r\n\x0b\x0c\x00,[]"
_SEPARATED = re.compile(rb"\}\s*+,?\s*+\{")
# Elasticsearch gives a hit such members, and nothing else within a response; in a string the
# quotes would have a backslash.
_HIT = re.compile(rb'\{\s*+"_(?:id|ignored|index|score|source|type|version)"\s*+:')
_MARGIN = 256  # bytes kept that may be the begin of something
_OPEN, _BROKEN = -1, -2
_CUT_SHORT = "a JSON object that is cut short or broken: it has no end"


def cut(buffer: bytes, base: int, encoding: str, final: bool, source: str, hits: bool) -> Cut:
    """The objects of a buffer that begins between two of them, as ``cut.cut`` wants them.

    With ``hits`` only the hits of an Elasticsearch response count, not what is around them.
    """
    text, unit = narrow(buffer, encoding)
    out = Cut()
    known = array("i", bytes(4 * len(text)))
    at = 0
    while True:
        start = _begin(text, at, hits)
        if start is None:
            at = _tail(out, text, at, unit, buffer, base, final, source, hits)
            break
        if not hits:
            _outside(out, text, at, start, unit, buffer, base, source)
        end = _end(text, start, known)
        if end < 0:
            at = max(at, text.rfind(b"\n", at, start), start - _MARGIN)
            room = (len(text) - start) * unit <= MAX_RECORD_BYTES
            if end == _OPEN and room and not final:
                break
            after = _next(text, start, hits)
            if after is None:
                if not final:
                    break
                after = len(text)
            raw = buffer[start * unit : after * unit]
            out.rejects.append(reject(source, base + start * unit, raw, _CUT_SHORT))
            at = after
            continue
        out.add(buffer[start * unit : end * unit], base + start * unit, encoding, source)
        at = end
    out.consumed = len(buffer) if final else at * unit
    return out


def overlong_end(buffer: bytes, base: int, encoding: str, hits: bool) -> int | None:
    """Where the next object may begin in a buffer that lies within one; None where none does."""
    skipped = base % 2 if encoding != "utf-8" else 0
    text, unit = narrow(buffer[skipped:], encoding)
    found = (_HIT if hits else _SEPARATED).search(text)
    if found is None:
        return None
    return skipped + unit * (found.start() if hits else found.end() - 1)


def _begin(text: bytes, at: int, hits: bool) -> int | None:
    if hits:
        found = _HIT.search(text, at)
        return found.start() if found else None
    place = text.find(b"{", at)
    return place if place >= 0 else None


def _end(text: bytes, start: int, known: array[int]) -> int:
    """Behind the object at ``start``; _OPEN where the text ends within it, _BROKEN where a string
    goes over the end of a line, which no string may.

    ``known`` has an item for each byte of the text and keeps the answer for each brace met on the
    way: the objects within a broken one are asked for next, and no brace is counted twice.
    """
    opened: list[int] = []
    at = start
    while True:
        skipped = _TO_BRACE.match(text, at)
        at = skipped.end() if skipped else at
        byte = text[at : at + 1]
        if byte == b"{" and known[at] < 0:
            found = known[at]
            break
        if byte == b"{" and known[at]:
            at = known[at] - 1
            if not opened:
                return at + 1
        elif byte == b"{":
            opened.append(at)
        elif byte == b"}":
            known[opened.pop()] = at + 1
            if not opened:
                return at + 1
        elif not byte:
            found = _OPEN
            break
        else:
            string = _STRING.match(text, at)
            end = string.end() if string else at
            whole = end < len(text) and (end < len(text) - 1 or text[end:] != b"\\")
            found = _BROKEN if whole else _OPEN
            break
        at += 1
    for place in opened:
        known[place] = found
    return found


def _next(text: bytes, start: int, hits: bool) -> int | None:
    """Where the object behind the broken one at ``start`` begins; None where none does yet."""
    if hits:
        found = _HIT.search(text, start + 1)
        return found.start() if found else None
    # No indentation is as long as the margin; looking further back would be quadratic.
    line = text.rfind(b"\n", max(0, start - _MARGIN), start) + 1
    indent = text[line:start] if start - line <= _MARGIN else b"x"
    if not indent.strip(b" \t"):
        place = text.find(b"\n" + indent + b"{", start)
        return place + 1 + len(indent) if place >= 0 else None
    found = _SEPARATED.search(text, start)
    return found.end() - 1 if found else None


def _outside(
    out: Cut, text: bytes, at: int, start: int, unit: int, buffer: bytes, base: int, source: str
) -> None:
    filler = _FILLER.match(text, at, start)
    begin = filler.end() if filler else at
    if begin < start:
        end = begin + len(text[begin:start].rstrip(_FILLERS))
        raw = buffer[begin * unit : end * unit]
        reason = "text outside the JSON objects"
        out.rejects.append(reject(source, base + begin * unit, raw, reason))


def _tail(
    out: Cut,
    text: bytes,
    at: int,
    unit: int,
    buffer: bytes,
    base: int,
    final: bool,
    source: str,
    hits: bool,
) -> int:
    """What is behind the last object; the place up to which it is done with."""
    if hits:
        return len(text) if final else max(at, len(text) - _MARGIN)
    if final:
        _outside(out, text, at, len(text), unit, buffer, base, source)
        return len(text)
    filler = _FILLER.match(text, at)
    if filler is None or filler.end() == len(text):
        # The indentation of the next one is kept: it tells where the one behind it begins.
        return max(at, text.rfind(b"\n", at), len(text) - _MARGIN)
    if len(text) - at > EXCERPT_BYTES:
        _outside(out, text, at, len(text), unit, buffer, base, source)
        return len(text)
    return at
