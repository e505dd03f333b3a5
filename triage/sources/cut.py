"""Cutting bytes of a log into records, as its framing wants it; pure, no I/O."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import add

from triage.errors import Reject
from triage.sources import objects, rows, splunk
from triage.sources.block import EXCERPT_BYTES, MAX_RECORD_BYTES, Cut, reject, too_long

_BLANK = (b"", b" ", b"\t")  # how a line begins that may be none
# What may stand between events without being one.
_FILLER = re.compile(rb"(?:\s|\x00|<\?xml[^>]*\?>|</?Events(?:\s[^>]*)?>|<!--.*?-->)*", re.DOTALL)


def cut(
    framing: str,
    buffer: bytes,
    base: int,
    encoding: str,
    final: bool,
    source: str = "",
    header: bytes = b"",
) -> Cut:
    """Cut ``buffer``, which begins at byte ``base`` of the file, into whole records.

    ``framing`` is "lines", "xml", "objects", "hits" or "rows" (whose ``header`` is that of
    :func:`header`: it goes before each record, which means nothing without). Bytes behind the last
    whole record are left, unless ``final`` says that no more will come: then they are the last
    record. A record is never longer than MAX_RECORD_BYTES: a longer one becomes a Reject, if the
    buffer holds all of it.
    """
    if framing == "xml":
        return _cut_events(buffer, base, encoding, final, source)
    if framing in ("objects", "hits"):
        return objects.cut(buffer, base, encoding, final, source, hits=framing == "hits")
    if framing == "rows":
        return rows.cut(buffer, base, encoding, final, source, header)
    if encoding == "utf-8":
        return _cut_lines(buffer, base, final, source)
    return _cut_wide_lines(buffer, base, encoding, final, source)


def header(framing: str, head: bytes, encoding: str) -> bytes:
    """What of the first bytes of a file goes before each record: the header of a table."""
    return rows.header(head, encoding) if framing == "rows" else b""


def overlong_end(framing: str, buffer: bytes, base: int, encoding: str) -> int | None:
    """Where in ``buffer`` a record ends that began before it; None where it goes on behind.

    ``base`` is the byte offset of the buffer, needed to tell the halves of UTF-16 units apart.
    """
    if framing == "xml":
        start, end = _tags(encoding)
        places = [at for at in (_find(buffer, end, base, encoding, after=True),) if at is not None]
        opening = _search(start, buffer, 0, base, encoding)
        if opening is not None:
            places.append(opening)
        return min(places, default=None)
    if framing in ("objects", "hits"):
        return objects.overlong_end(buffer, base, encoding, hits=framing == "hits")
    newline = "\n".encode(encoding)
    return _find(buffer, newline, base, encoding, after=True)


def _cut_lines(buffer: bytes, base: int, final: bool, source: str) -> Cut:
    end = len(buffer) if final else buffer.rfind(b"\n") + 1
    if not end:
        # A hole may be of any size; the line behind it is not lost with it.
        hole = len(buffer) - len(buffer.lstrip(b"\x00"))
        return Cut(rejects=[_hole(source, base, hole)] if hole else [], consumed=hole)
    lines = buffer.split(b"\n")
    if end < len(buffer) or not lines[-1]:
        lines.pop()
    lengths = accumulate(map(len, lines), initial=base)
    starts = list(map(add, lengths, range(len(lines))))  # a byte more for each line's end
    begins = {line[:1] for line in lines}
    plain = b"\r" not in buffer and b"\x00" not in buffer and begins.isdisjoint(_BLANK)
    if plain and max(map(len, lines)) <= MAX_RECORD_BYTES:
        return Cut(lines, starts, [], end)
    out = Cut(consumed=end)
    for start, line in zip(starts, lines, strict=True):
        _add_line(out, line, start, source)
    return out


def _hole(source: str, start: int, length: int) -> Reject:
    return Reject(source, start, length, f"a hole of {length:,} NUL bytes", b"\x00" * 16)


def _add_line(out: Cut, line: bytes, start: int, source: str) -> None:
    if line[:1] == b"\x00":
        # A writer that does not append leaves a hole where a truncated file was.
        rest = line.lstrip(b"\x00")
        hole = len(line) - len(rest)
        out.rejects.append(_hole(source, start, hole))
        line, start = rest, start + hole
    line = line.removesuffix(b"\r")
    if not line.strip():
        return
    if len(line) > MAX_RECORD_BYTES:
        out.rejects.append(too_long(source, start, line, len(line)))
        return
    out.records.append(line)
    out.positions.append(start)


def _cut_wide_lines(buffer: bytes, base: int, encoding: str, final: bool, source: str) -> Cut:
    out = Cut()
    newline = "\n".encode(encoding)
    at = 0
    while at < len(buffer):
        end = _find(buffer, newline, base, encoding, start=at, after=True)
        if end is None:
            if not final:
                break
            end = len(buffer)
        _add_wide(out, buffer[at:end], base + at, encoding, source)
        at = end
    out.consumed = at
    return out


def _add_wide(out: Cut, raw: bytes, start: int, encoding: str, source: str) -> None:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.upper()
        out.rejects.append(reject(source, start, raw, f"not {name}: {error.reason}"))
        return
    line = text.rstrip("\r\n")
    if not line.strip():
        return
    if len(raw) > MAX_RECORD_BYTES:
        out.rejects.append(too_long(source, start, raw, len(raw)))
        return
    out.records.append(line.encode())
    out.positions.append(start)


def _cut_events(buffer: bytes, base: int, encoding: str, final: bool, source: str) -> Cut:
    out = Cut()
    opening, closing = _tags(encoding)
    at = 0
    end: int | None = 0
    while True:
        start = _search(opening, buffer, at, base, encoding)
        if start is None:
            break
        if end is not None and end <= start:  # else still ahead: looking again would be quadratic
            end = _find(buffer, closing, base, encoding, start=start, after=True)
        second = _search(opening, buffer, start + 2, base, encoding, end)
        _outside(out, buffer[at:start], base + at, encoding, source)
        at = start
        if end is None and second is None:
            break
        raw = buffer[start : end if second is None else second]
        if second is not None:
            reason = "an <Event> that is cut short: the next one begins within it"
            out.rejects.append(reject(source, base + start, raw, reason))
        else:
            out.add(raw, base + start, encoding, source)
        at = start + len(raw)
    if final and at < len(buffer):
        if start is None:
            _outside(out, buffer[at:], base + at, encoding, source)
        else:
            reason = "an <Event> that is cut short: the file ends within it"
            out.rejects.append(reject(source, base + at, buffer[at:], reason))
        at = len(buffer)
    elif start is None and len(buffer) - at > EXCERPT_BYTES:
        # No event begins here; keep what could be the begin of one, and let filler wait.
        keep = len(buffer) - 16
        keep -= (base + keep) % len("<".encode(encoding))
        classic = _classic(buffer[at:], encoding)
        if classic:
            # The last of them may go on.
            _outside(out, buffer[at : at + classic[-1]], base + at, encoding, source)
            at += classic[-1]
        elif not _is_filler(buffer[at:], encoding):
            _outside(out, buffer[at:keep], base + at, encoding, source)
            at = keep
        elif len(buffer) - at > MAX_RECORD_BYTES // 2:
            at = keep
    out.consumed = at
    return out


def _outside(out: Cut, raw: bytes, start: int, encoding: str, source: str) -> None:
    classic = _classic(raw, encoding)
    if classic:
        for one, end in pairwise([*classic, len(raw)]):
            out.add(raw[one:end].rstrip(), start + one, encoding, source)
        raw = raw[: classic[0]]
    if not _is_filler(raw, encoding):
        out.rejects.append(reject(source, start, raw, "text outside <Event>"))


def _classic(raw: bytes, encoding: str) -> list[int]:
    """Where events in Splunk's classic form begin."""
    return [found.start() for found in splunk.BEGIN.finditer(raw)] if encoding == "utf-8" else []


def _is_filler(raw: bytes, encoding: str) -> bool:
    narrow = raw if encoding == "utf-8" else raw.decode(encoding, "replace").encode()
    match = _FILLER.match(narrow)
    rest = narrow[match.end() if match else 0 :]
    # The tail may hold the begin of more filler, such as "</Even".
    return not rest or (len(rest) < 12 and rest.startswith((b"</", b"<?", b"<E")))


@lru_cache(maxsize=3)
def _tags(encoding: str) -> tuple[re.Pattern[bytes], bytes]:
    """The begin of an ``<Event>`` (not of ``<EventData>`` or ``<Events>``) and its end tag."""
    start = re.escape("<Event".encode(encoding))
    after = b"|".join(re.escape(char.encode(encoding)) for char in "> \t\r\n")
    return re.compile(start + b"(?:" + after + b")"), "</Event>".encode(encoding)


def _aligned(at: int, base: int, encoding: str) -> bool:
    return encoding == "utf-8" or (base + at) % 2 == 0


def _find(
    buffer: bytes, needle: bytes, base: int, encoding: str, start: int = 0, after: bool = False
) -> int | None:
    at = buffer.find(needle, start)
    while at >= 0 and not _aligned(at, base, encoding):
        at = buffer.find(needle, at + 1)
    if at < 0:
        return None
    return at + len(needle) if after else at


def _search(
    pattern: re.Pattern[bytes],
    buffer: bytes,
    start: int,
    base: int,
    encoding: str,
    end: int | None = None,
) -> int | None:
    stop = len(buffer) if end is None else end
    match = pattern.search(buffer, start, stop)
    while match is not None and not _aligned(match.start(), base, encoding):
        match = pattern.search(buffer, match.start() + 1, stop)
    return match.start() if match is not None else None
