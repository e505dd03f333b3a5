"""The texts of the health screen: engine, problems, what rules cost; logs are in health_logs.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from triage.case.model import EngineState, RuleState
from triage.case.read import CaseReader
from triage.errors import Problem
from triage.ui.format import about, day_time, plural, shown_path, size
from triage.ui.lines import BLANK, LABEL_WIDTH, Item, Line, Part, heading, line
from triage.ui.screens.health_logs import MOST_REJECTS, gap_lines, log_table, reject_table


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
        *log_table(case.sources(), now, width),
        *_problems([*(Problem(*one[:3], one[4], one[3]) for one in case.problems()), *themes]),
        *reject_table(case.rejects(MOST_REJECTS), case.reject_count()),
        *_costs(engine, names),
        *_rules(rules),
        *gap_lines(case.gaps()),
    ]


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
    # Read here, so that a console starts without the engine.
    from triage.engine.sequence import MAX_KEY_HITS, MAX_OPEN_BYTES, MAX_OPEN_HITS, MAX_RULE_HITS

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
