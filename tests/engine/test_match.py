"""Matching: whatever is skipped for speed, the outcome is that of every step on every event."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events import connect, start
from triage import times
from triage.engine.match import Matcher
from triage.engine.result import BlockResult, Hit
from triage.engine.sequence import Sequencer
from triage.eql import parse
from triage.rules import load_rules
from triage.sources import Block, Position

NOWHERE = Position("g", "log", 0, 0, "ecs", "utf-8", 0, 0)


@dataclass(frozen=True)
class Rule:
    """As much of a rule as the engine asks for."""

    rule_id: str
    query: Any
    event_category_field: str = "event.category"
    lookback: int = 60 * times.SECOND
    fingerprint: str = "1"


QUERIES = (
    'process where process.name : ("cmd.exe", "power*.exe") and process.args : ("/c", "*enc*")',
    'process where process.name == "cmd.exe" or (process.pid > 500 and user.name != null)',
    'any where not (process.name : "c*" and process.args == "/c") and host.os.type == "windows"',
    'network where destination.port in (443, 445) and not cidrmatch(destination.ip, "10.0.0.0/8")',
    'process where startsWith(process.name, "cmd") and length(process.command_line) > 5',
    'process where process.name like~ "*?MD.EXE" or process.command_line regex~ ".*-(e|enc) .*"',
    'process where event.type == "start" and event.created != null and process.pid == 1',
    "sequence by process.entity_id with maxspan=1m"
    ' [process where event.type : "start"] [network where destination.port == 443]',
    'sequence by host.name [process where process.name : "cmd.exe"] [any where true]'
    ' until [process where event.type == "end"]',
    'sequence by host.name with maxspan=30s [process where process.name : "cmd.exe"]'
    " ![network where true]",
    'sequence by process.pid [any where process.name : "c*"] with runs=2 [network where true]',
    "sample by host.name [process where process.pid == 1] [network where destination.port == 443]",
)
RULES = [Rule(f"r{number}", parse(query)) for number, query in enumerate(QUERIES)]


def block_of(records: Iterable[bytes], format: str = "ecs", first: int = 0) -> Block:
    found = tuple(records)
    return Block("log", format, found, tuple(range(first, first + len(found))), NOWHERE)


def chunks(records: Sequence[bytes], size: int, format: str = "ecs") -> list[Block]:
    return [block_of(records[at : at + size], format, at) for at in range(0, len(records), size)]


def alerts(rules: Sequence[Any], blocks: Iterable[Block], **options: bool) -> Any:
    """The matches that stand after all blocks, as rule and event ids; and all there was to say."""
    matcher = Matcher([(rule, ()) for rule in rules], **options)
    sequencer = Sequencer(rules)
    standing: set[tuple[str, tuple[str, ...]]] = set()
    said: list[Any] = []
    for block in blocks:
        result = matcher(block)
        said.append(summary(result))
        advance = sequencer.advance(result.hits)
        standing -= {(one.rule_id, ids(one.events)) for one in advance.superseded}
        standing |= {(one.rule_id, ids(one.events)) for one in advance.matches}
    standing |= {(one.rule_id, ids(one.events)) for one in sequencer.pass_time(None).matches}
    return standing, said


def ids(events: Iterable[Any]) -> tuple[str, ...]:
    return tuple(event.id for event in events)


def summary(result: BlockResult) -> Any:
    """All of a result but its hits."""
    return (
        [(one.position, one.reason) for one in result.rejects],
        [one.values for one in result.processes],
        result.contacts,
        result.resolved,
        result.events,
        result.untimed,
        result.min_time,
        result.max_time,
        result.hosts,
    )


def comparable(hits: Iterable[Hit]) -> list[Any]:
    return sorted((one.rule_id, one.key, one.stages, one.event.id, one.event.body) for one in hits)


NAMES = ("cmd.exe", "CMD.EXE", "powershell.exe", "c.exe", "ünder.exe", "x\\y")
ODD_NAMES: tuple[Any, ...] = (
    ["cmd.exe", "c.exe"],
    ["cmd.exe"],
    [],
    None,
    1,
    1.0,
    True,
    {"x": "cmd.exe"},
    1 << 70,
)
RAW = (
    b"{",
    b"[]",
    b'{"a":1}',
    b"\xff",
    b'{"@timestamp":"2026-01-01T00:00:00Z","event":{},}',
    b'{"@timestamp":"2026-01-01T00:00:00Z","event":{"n":1e999}}',
)


def some_records(seed: int, count: int = 260) -> list[bytes]:
    """Events near the rules: most of them plain, others with every oddity a log may hold."""
    rng = random.Random(seed)
    return [_record(rng, number) for number in range(count)]


def _record(rng: random.Random, number: int) -> bytes:
    make = rng.choice((start, connect))
    doc = make(rng.randrange(90), rng.choice("ab"), rng.choice(NAMES))
    doc["event"]["id"] = f"e{number}"
    doc["process"]["pid"] = rng.randrange(1, 4)
    doc["host"]["name"] = rng.choice(("pc-1", "pc-2"))
    if rng.random() < 0.5:
        doc["process"]["args"] = rng.choices(("/c", "-enc", "é"), k=rng.randrange(4))
        doc["process"]["command_line"] = rng.choice(("cmd /c dir", "x -enc AAAA", ""))
    if rng.random() < 0.2:
        doc["event"]["type"] = rng.choice(("end", ["end"], "start", ["start", "end"]))
    odd = rng.randrange(40)
    if odd == 0:
        doc["process.name"] = rng.choice(NAMES)
    elif odd == 1:
        doc["process"]["name"] = rng.choice(ODD_NAMES)
    elif odd == 2:
        doc["process"] = [doc["process"], {"name": "cmd.exe"}]
    elif odd == 3:
        doc["winlog"] = {
            "provider_name": rng.choice(("Microsoft-Windows-Sysmon", "other")),
            "time_created": rng.choice(("2026-01-01T00:00:05.5Z", None)),
        }
    elif odd == 4:
        doc["event"]["category"] = rng.choice(("process", [], ["process", "network"], None))
    elif odd == 5:
        doc["@timestamp"] = rng.choice(("no time", 5, "2026-01-01T00:00:61Z", None))
    elif odd == 6:
        doc.pop(rng.choice(("host", "event", "@timestamp", "process")))
    elif odd == 7:
        return json.dumps(doc).encode()[:-1] + b', "deep": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    elif odd == 8:
        doc["event"]["created"] = rng.choice(("2026-01-01T00:01:00+01:00", "x", 1767225600000))
    elif odd == 9:
        doc["host"] = rng.choice(({"name": "pc-1"}, {"os": {"type": "windows"}}, "pc-1"))
    elif odd == 12:
        answer = rng.choice(({"resolved_ip": ["10.0.0.1"]}, {"resolved_ip": "10.0.0.2"}, {}, None))
        doc["dns"] = answer and {"question": {"name": "a.example"}, **answer}
    elif odd == 13:
        doc["destination"] = {"ip": rng.choice(("10.0.0.1", ["10.0.0.1"], ["::1", "::2"], 7))}
    elif odd == 10:
        return rng.choice(RAW)
    elif odd == 11:
        return json.dumps(doc).encode()[: -rng.randrange(1, 40)]
    return json.dumps(doc, ensure_ascii=rng.random() < 0.5).encode()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([7, 50, 260]), st.booleans())
def test_whatever_is_skipped_the_alerts_and_counts_are_the_same(
    seed: int, size: int, processes: bool
) -> None:
    blocks = chunks(some_records(seed), size)
    slow = alerts(RULES, blocks, processes=processes, optimise=False)
    assert alerts(RULES, blocks, processes=processes) == slow


def test_results_are_equal_hit_for_hit() -> None:
    rules = [(rule, ()) for rule in RULES]
    fast = Matcher(rules, processes=False)
    slow = Matcher(rules, processes=False, optimise=False)
    for block in chunks(some_records(5, 2_000), 400):
        hits = comparable(slow(block).hits)
        assert hits
        assert comparable(fast(block).hits) == hits


@pytest.mark.shared
def test_all_shared_rules_on_all_their_events(shared: Path) -> None:
    rules = [rule for rule in load_rules([shared / "elastic-rules"]).rules if rule.runnable]
    files = sorted((shared / "rule-events").glob("*.ndjson"))
    records = [line for path in files for line in path.read_bytes().splitlines()]
    some = random.Random(3).sample(range(0, len(records) - 60, 60), 40)
    blocks = [block_of(records[at : at + 60], first=at) for at in some]
    slow = alerts(rules, blocks, processes=False, optimise=False)
    assert slow[0]
    assert alerts(rules, blocks, processes=False) == slow


def test_a_value_is_never_taken_for_another_that_python_finds_equal() -> None:
    rules = [(Rule("r", parse('process where process.flag == "1" or process.flag : "tr?e"')), ())]
    fast = Matcher(rules, processes=False)
    slow = Matcher(rules, processes=False, optimise=False)
    met = set()
    for number in range(400):
        value = (1.0, 1.0, 1, True, "1", [1], None, 0)[number % 8]
        block = block_of([orjson.dumps(start(1, "a", "c.exe", **{"process.flag": value}))])
        hits = comparable(slow(block).hits)
        assert comparable(fast(block).hits) == hits
        if hits:
            met.add(repr(value))
    assert met == {"'1'", "[1]", "1", "True"}  # as text, in which 1.0 is another
