"""The texts of the health screen: engine, logs, records that could not be read, rules, gaps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from triage.case.model import EngineState, RuleState, SourceState
from triage.case.read import CaseReader
from triage.engine.sequence import MAX_KEY_HITS, MAX_OPEN_BYTES, MAX_OPEN_HITS, MAX_RULE_HITS
from triage.errors import Problem, Reject
from triage.sources import FORMATS, UNDERSTOOD
from triage.text import clean
from triage.times import SECOND
from triage.ui.format import about, cut_start, day_time, fit, plural, shown_path, size
from triage.ui.lines import BLANK, LABEL_WIDTH, Item, Line, Part, field, heading, line

WIDE = 100  # cells from which a log's line has all columns
_MOST_LOGS = 300  # shown, the worst first
_MOST_REJECTS = 100
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


def health_lines(
    case: CaseReader,
    word: str,
    troubles: Sequence[str],
    themes: Sequence[Problem],
    now: int,
    width: int,
) -> list[Line]:
    """All of the health screen, for ``width`` cells.

    ``word`` overrides what the engine said of itself; ``themes`` are problems of theme files;
    ``now`` in ns since 1970.
    """
    engine, rules = case.engine(), case.rules()
    names = {rule.rule_id: rule.name for rule in rules}
    return [
        *_engine(engine, word, troubles, now),
        *_logs(case.sources(), now, width),
        *_problems([*(Problem(*one[:3], one[4], one[3]) for one in case.problems()), *themes]),
        *_rejects(case.rejects(_MOST_REJECTS), case.reject_count(), "Records that can not be read"),
        *_costs(engine, names),
        *_rules(rules),
        *_gaps(case.gaps()),
    ]


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
    rejects = case.rejects(_MOST_REJECTS, path)
    lines += _rejects(rejects, len(rejects), "Its records that can not be read, the newest")
    lines += _gaps([gap for gap in case.gaps() if gap[1] == path])
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


# Engine -------------------------------------------------------------------------------------------


def _engine(engine: EngineState, word: str, troubles: Sequence[str], now: int) -> Iterator[Line]:
    yield heading("Engine")
    state = word or engine.state or "no engine has worked on this case"
    yield _fact(
        "state",
        (state, "bad" if word else ""),
        (f"  at {day_time(engine.at)} UTC, now {day_time(now)}" if engine.at else "", "dim"),
    )
    for trouble in troubles:
        yield _fact("wrong", (trouble, "warn"))
    if not engine.at:
        yield BLANK
        return
    yield _fact("events", f"{engine.events:,} since it started, {engine.rate:,.0f} a second")
    left = f", about {about(engine.seconds_left)} left" if engine.seconds_left else ""
    yield _fact("not read", f"{size(engine.lag_bytes)} of {size(engine.total_bytes)}{left}")
    yield _fact(
        "sequences",
        f"{plural(engine.open_hits, 'event')} waiting in open sequences",
        (f", {engine.evicted:,} given up at a limit" if engine.evicted else "", "warn"),
        (f" ({_limits(engine)})" if engine.evicted_at else "", "warn"),
    )
    if engine.polling:
        yield _fact("polling", (engine.polling, "warn"), "; changes show within seconds")
    yield _fact("suppressed", f"{plural(engine.suppressed, 'event')} by exceptions")
    yield _fact("memory", size(engine.memory or None), f", process {engine.pid}")
    yield BLANK


def _limits(engine: EngineState) -> str:
    """Which limits of open sequences were reached, and what that cost."""
    words = {
        "key": f"{MAX_KEY_HITS:,} a key",
        "rule": f"{MAX_RULE_HITS:,} a rule",
        "all": f"{MAX_OPEN_HITS:,} or {size(MAX_OPEN_BYTES)} in all",
    }
    return ", ".join(f"{lost:,} at {words[one]}" for one, lost in engine.evicted_at.items())


def _fact(label: str, *parts: str | Part) -> Line:
    """As :func:`field`, yet nothing the cursor stops at: it begins at the first log."""
    pairs = tuple((part, "") if isinstance(part, str) else part for part in parts)
    return Line(((label.ljust(LABEL_WIDTH), "label"), *pairs), indent=LABEL_WIDTH)


def _costs(engine: EngineState, names: Mapping[str, str]) -> Iterator[Line]:
    """Rules that lost open sequences, and rules that take the most time."""
    if engine.evicted_by:
        yield heading("Given up at a limit", "events of open sequences, by rule")
        for id_, lost in engine.evicted_by.items():
            yield _named(f"{lost:>9,}  ", names.get(id_, id_), "warn")
        yield BLANK
    if engine.slowest and engine.sampled:
        yield heading("Slowest rules", f"on a sample of {plural(engine.sampled, 'event')}")
        for id_, seconds in engine.slowest.items():
            yield _named(
                f"{seconds * 1e6 / engine.sampled:>9.2f} µs an event  ", names.get(id_, id_), ""
            )
        yield BLANK


def _named(figure: str, name: str, role: str) -> Line:
    return Line((("  " + figure, role or "dim"), (name, "")), wrap=False)


# Logs ---------------------------------------------------------------------------------------------


def state_word(one: SourceState) -> Part:
    """A log's state in a word, and its role."""
    if one.state in _BAD:
        return one.state, "bad"
    if one.state in _ASIDE:
        return one.state, "dim"
    if one.state == "reading":
        return "reading", "accent"
    return ("waiting", "dim") if one.reason else ("up to date", "good")


def _logs(sources: Sequence[SourceState], now: int, width: int) -> Iterator[Line]:
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


# What could not be read ---------------------------------------------------------------------------


def _place(reject: Reject) -> str:
    return f"byte {reject.position:,}" if reject.excerpt else f"{reject.position:,}"


def _rejects(rejects: Sequence[Reject], total: int, title: str) -> Iterator[Line]:
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


def _problems(problems: Sequence[Problem]) -> Iterator[Line]:
    yield heading("Problems in rules, exceptions and themes", str(len(problems)))
    if not problems:
        yield line(("  none", "good"))
    for one in problems:
        path = shown_path(one.path)
        place = f"{path}:{one.line}:{one.column}" if one.line else path
        role = "bad" if one.severity == "error" else "warn"
        item = Item("file", f"{place} {one.message}", one.path, str(one))
        yield Line((("  ✗ " if role == "bad" else "  ! ", role), (place, "accent")), item, 4)
        first, *more = one.message.split("\n")
        yield line(f"    {first}", indent=4)
        # A caret must stand under its place: these lines keep their blanks and are not wrapped.
        for text in more:
            yield Line(((f"    {text}", "dim"),), wrap=False)
    yield BLANK


def _rules(rules: Sequence[RuleState]) -> Iterator[Line]:
    yield heading("Rules", str(len(rules)))
    for one in sorted(rules, key=lambda one: (not one.runnable, -one.alerts, one.name)):
        told = plural(one.alerts, "alert")
        if one.suppressed:
            told += f", {plural(one.suppressed, 'event')} suppressed"
        yield Line(
            (
                ("  ● " if one.runnable else "  – ", "good" if one.runnable else "dim"),
                (one.name, "" if one.runnable else "dim"),
                (f"  {one.severity}", "dim"),
                (f"  {told}" if one.runnable else f"  does not run: {one.reason}", "dim"),
            ),
            Item("file", f"rule {one.rule_id}", one.path, one.path),
            4,
        )
    yield BLANK


def _gaps(gaps: Sequence[tuple[int, str, str]]) -> Iterator[Line]:
    if gaps:
        yield heading("Gaps", "a log lost something before it was read")
    for at, source, message in gaps:
        yield line(
            (f"  {day_time(at)}  ", "dim"), (shown_path(source), "accent"), f"  {message}", indent=4
        )
