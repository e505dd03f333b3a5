"""A thousand rules' events through the streaming engine: each case alone, whole files, shuffled."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from triage.engine.match import Matcher
from triage.engine.sequence import Sequencer
from triage.rules import Rule, load_rules
from triage.run import Config, Engine, hunt
from triage.sources import Block, Follower, Position

pytestmark = pytest.mark.shared

# A sample rule looks back as far as its schedule (`from`), and a stream sees each such window: the
# whole file is ten days of the same join key, of which one search over all gives one sample, and
# the rule's own runs one a day. So the whole file raises what its cases raise.
BY_WINDOW = "sample"


@pytest.fixture(scope="module")
def rules(shared: Path) -> list[tuple[Rule, dict[str, Any], Path]]:
    """Each rule that has events, its entry of the index, and the file of its events."""
    index = json.loads((shared / "rule-events" / "index.json").read_text("utf-8"))
    loaded = {Path(rule.path).name: rule for rule in load_rules([shared / "elastic-rules"]).rules}
    return [
        (
            loaded[Path(entry["rule_file"]).name],
            entry,
            shared / "rule-events" / Path(entry["events"]).name,
        )
        for entry in index.values()
    ]


def standing(rule: Rule, lines: Sequence[bytes]) -> int:
    """How many alerts the engine's two functions make of some records."""
    position = Position("g", "log", 1, 1, "ecs", "utf-8", len(lines), len(lines))
    places = tuple(range(len(lines)))
    block = Block("log", "ecs", tuple(lines), places, position)
    sequencer = Sequencer([rule])
    hits = Matcher([(rule, [])], processes=False)(block).hits
    matches = [*sequencer.advance(hits).matches, *sequencer.pass_time(None).matches]
    return len({tuple(event.id for event in match.events) for match in matches})


def cases(entry: dict[str, Any], lines: Sequence[bytes]) -> Iterator[tuple[str, int, list[bytes]]]:
    for case in entry["cases"]:
        if "disputed" not in case:
            first = case["first_line"]
            own = list(lines[first : first + case["lines"]])
            yield case["case"], case["expected_alerts"], own


def test_every_case_alone(rules: list[tuple[Rule, dict[str, Any], Path]]) -> None:
    wrong: list[str] = []
    count = 0
    for rule, entry, path in rules:
        for name, expected, lines in cases(entry, path.read_bytes().splitlines()):
            count += 1
            found = standing(rule, lines)
            if found != expected:
                wrong.append(f"{rule.name}: {name}: {found} alerts, expected {expected}")
    assert not wrong, "\n".join(wrong)
    assert count > 6000


@pytest.mark.parametrize("order", ["file order", "shuffled"])
def test_every_whole_file_through_hunt(
    rules: list[tuple[Rule, dict[str, Any], Path]], tmp_path: Path, order: str
) -> None:
    chance = random.Random(17)
    wrong: list[str] = []
    for rule, entry, path in rules:
        lines = path.read_bytes().splitlines(keepends=True)
        disputed = [case for case in entry["cases"] if "disputed" in case]
        for case in reversed(disputed):
            del lines[case["first_line"] : case["first_line"] + case["lines"]]
        if order == "shuffled":
            chance.shuffle(lines)
        log = tmp_path / "events.ndjson"
        log.write_bytes(b"".join(lines))
        config = Config((Path(rule.path),), tmp_path / "none")
        engine = Engine(config, ":memory:", Follower([log], once=True))
        found = len(hunt(engine, lambda: None))
        engine.close()
        whole, parts = entry["expected_alerts_whole_file"], entry["sum_of_cases"]
        expected = parts if entry["kind"] == BY_WINDOW else whole
        if found != expected:
            wrong.append(f"{rule.name}: {found} alerts, expected {expected}")
    assert not wrong, "\n".join(wrong)
