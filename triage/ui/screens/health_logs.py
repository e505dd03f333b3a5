"""The health screen's texts on logs: their table, one of them, and what of them was not read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from triage.case.model import SourceState
from triage.case.read import CaseReader
from triage.errors import Reject
from triage.sources import FORMATS, UNDERSTOOD
from triage.text import clean
from triage.times import SECOND
from triage.ui.format import about, cut_start, day_time, fit, shown_path, size
from triage.ui.lines import BLANK, Item, Line, Part, field, heading, line

WIDE = 100  # cells from which a log's line has all columns
_MOST_LOGS = 300  # shown, the worst first
MOST_REJECTS = 100
_BAD = ("refused", "unreadable")
_ASIDE = ("gone", "skipped", "not a log")
_HEX_ROW = 16  # bytes


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    right: bool
    wide: bool  # shown only where there is room for all


_COLUMNS = (
    _Column("FORMAT", 11, False, True),
    _Column("STATE", 10, False, False),
    _Column("READ", 8, True, False),
    _Column("SIZE", 7, True, True),
    _Column("BEHIND", 12, True, False),
    _Column("EV/S", 6, True, True),
    _Column("EVENTS", 9, True, False),
    _Column("REJECTS", 7, True, False),
    _Column("GAPS", 4, True, True),
)


def source_lines(case: CaseReader, path: str, now: int) -> list[Line]:
    """All that is known of one log, with the newest of its records that could not be read."""
    one = next((one for one in case.sources() if one.path == path), None)
    if one is None:
        return [line((f"{shown_path(path)} is not followed any more", "dim"))]
    word, role = state_word(one)
    unit = "records" if one.format == "evtx" else "bytes"
    lines = [
        field("log", shown_path(path), copy=path),
        field("format", FORMATS.get(one.format, one.format) or "not known"),
        field("state", (word, role), f": {one.reason}" if one.reason else ""),
        *([field("read is", UNDERSTOOD)] if one.state == "not a log" else ()),
        field("read", f"{one.offset:,} {unit}, the log has {size(one.size)}"),
        field("behind", _behind(one, now) or "not at all"),
        field("rate", f"{one.rate:,.1f} events a second"),
        field("events", f"{one.events:,} since the engine started"),
        field("rejects", f"{one.rejects:,} since the engine started"),
        field("last error", (one.error or "none", "warn" if one.error else "dim")),
        field("gaps", f"{one.gaps:,}"),
        BLANK,
    ]
    rejects = case.rejects(MOST_REJECTS, path)
    lines += reject_table(rejects, len(rejects), "Its records that can not be read, the newest")
    lines += gap_lines([gap for gap in case.gaps() if gap[1] == path])
    return lines


def reject_lines(reject: Reject) -> list[Line]:
    """A record that could not be read: where, why, and how it begins, as text and byte by byte."""
    text = reject.excerpt.decode("utf-8", "backslashreplace")
    lines = [
        field("log", shown_path(reject.source), copy=reject.source),
        field("place", _place(reject)),
        field("length", f"{reject.length:,} bytes" if reject.length else "-"),
        field("why", (reject.reason, "warn")),
        BLANK,
    ]
    if not reject.excerpt:
        return [*lines, line(("nothing of it could be kept", "dim"))]
    more = reject.length - len(reject.excerpt)
    lines.append(heading("It begins", f"{more:,} bytes more are in the log" if more > 0 else ""))
    lines += [line(f"  {row}", indent=2) for row in text.split("\n")]
    lines += [BLANK, heading("Byte by byte")]
    for at in range(0, len(reject.excerpt), _HEX_ROW):
        row = reject.excerpt[at : at + _HEX_ROW]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        parts = (
            (f"  {at:>4}  ", "dim"),
            (f"{row.hex(' '):<{3 * _HEX_ROW}} ", ""),
            (shown, "accent"),
        )
        lines.append(Line(parts, wrap=False))
    return lines


def state_word(one: SourceState) -> Part:
    """A log's state in a word, and its role."""
    if one.state in _BAD:
        return one.state, "bad"
    if one.state in _ASIDE:
        return one.state, "dim"
    if one.state == "reading":
        return "reading", "accent"
    return ("waiting", "dim") if one.reason else ("up to date", "good")


def log_table(sources: Sequence[SourceState], now: int, width: int) -> Iterator[Line]:
    """Every log in a row of ``width`` cells, the worst first; ``now`` in ns."""
    folder = _folder(sources)
    where = f" in {shown_path(folder)}" if folder else ""
    yield heading("Logs", f"{len(sources):,}{where} · ⏎ opens one" if sources else "0")
    if not sources:
        yield line(("  none yet", "dim"))
        yield BLANK
        return
    columns = [one for one in _COLUMNS if width >= WIDE or not one.wide]
    room = max(12, width - 4 - sum(one.width + 1 for one in columns))
    titles = " ".join(_cell(one.title, one) for one in columns)
    yield Line(((f"  {fit('LOG', room)}  {titles}", "dim"),), wrap=False)
    worst = sorted(
        sources, key=lambda one: (one.state not in _BAD, not one.lag, not one.rejects, one.path)
    )
    for one in worst[:_MOST_LOGS]:
        yield _log(one, now, room, columns, folder)
        told = one.reason or (f"last: {one.error}" if one.error else "")
        if told:
            yield line((f"    {told}", "dim" if one.state in _ASIDE else "warn"), wrap=False)
    if len(worst) > _MOST_LOGS:
        yield line((f"  … and {len(worst) - _MOST_LOGS:,} more", "dim"))
    yield BLANK


def _folder(sources: Sequence[SourceState]) -> str:
    """The folder that holds all of them: it need not stand in every row."""
    try:
        folder = os.path.commonpath([os.path.dirname(one.path) for one in sources])
    except ValueError:  # on several drives
        return ""
    return "" if folder == os.sep else folder


def _log(one: SourceState, now: int, room: int, columns: Sequence[_Column], folder: str) -> Line:
    word, role = state_word(one)
    cells: dict[str, Part] = {
        "FORMAT": (one.format or "-", ""),
        "STATE": (word, role),
        "READ": (_read(one), ""),
        "SIZE": (size(one.size), "dim"),
        "BEHIND": (_behind(one, now, brief=True) or "-", "warn" if one.lag else "dim"),
        "EV/S": (f"{one.rate:,.0f}", "dim"),
        "EVENTS": (f"{one.events:,}", ""),
        "REJECTS": (f"{one.rejects:,}", "warn" if one.rejects else "dim"),
        "GAPS": (f"{one.gaps:,}", "warn" if one.gaps else "dim"),
    }
    sign: Part = ("● ", "dim" if one.state in _ASIDE else "good")
    if one.state in _BAD:
        sign = ("✗ ", "bad")
    name = clean(one.path[len(folder) :].lstrip(os.sep))
    parts: list[Part] = [sign, (fit(cut_start(name, room), room), ""), (" ", "")]
    for column in columns:
        text, role = cells[column.title]
        parts.append((" " + _cell(text, column), role))
    return Line(tuple(parts), Item("source", one.path, one, one.path), wrap=False)


def _cell(text: str, column: _Column) -> str:
    return text.rjust(column.width) if column.right else fit(text, column.width)


def _read(one: SourceState) -> str:
    if one.state in (*_BAD, "not a log"):
        return "-"
    if one.format == "evtx" and one.lag:
        return f"{one.offset:,}"  # records: how many there are is not known before the end
    return f"{min(99, 100 * one.offset // one.size)} %" if one.lag and one.size else "100 %"


def _behind(one: SourceState, now: int, *, brief: bool = False) -> str:
    """Bytes that are not read, and for how long there have been some; "" where all is read."""
    if not one.lag:
        return ""
    late = about(max(0, now - one.behind_since) / SECOND) if one.behind_since else ""
    if brief:
        return f"{size(one.lag)} {late}".strip()
    return f"{size(one.lag)} not read" + (f", for {late}" if late else "")


def _place(reject: Reject) -> str:
    return f"byte {reject.position:,}" if reject.excerpt else f"{reject.position:,}"


def reject_table(
    rejects: Sequence[Reject], total: int, title: str = "Records that can not be read"
) -> Iterator[Line]:
    """Records that could not be read, the newest of ``total``."""
    if not rejects:
        return
    note = f"{total:,}" + (f", the newest {len(rejects)}" if total > len(rejects) else "")
    yield heading(title, f"{note} · ⏎ opens one")
    for one in rejects:
        yield Line(
            (
                ("  ! ", "warn"),
                (f"{shown_path(one.source)} at {one.position:,}", "accent"),
                (f"  {size(one.length)}  ", "dim"),
                (one.reason, ""),
            ),
            Item("reject", f"{one.source} {one.position}", one, one.reason),
            4,
        )
        excerpt = one.excerpt.decode("utf-8", "backslashreplace")
        yield Line((("    " + excerpt, "dim"),), wrap=False)
    yield BLANK


def gap_lines(gaps: Sequence[tuple[int, str, str]]) -> Iterator[Line]:
    """Where logs lost something: (at ns, log, what)."""
    if gaps:
        yield heading("Gaps", "a log lost something before it was read")
    for at, source, message in gaps:
        yield line(
            (f"  {day_time(at)}  ", "dim"), (shown_path(source), "accent"), f"  {message}", indent=4
        )
