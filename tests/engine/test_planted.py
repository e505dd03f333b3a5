"""What was planted among generated events is found, and nothing else, whatever is skipped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_match import Rule
from triage.engine.blocks import BlockPlace
from triage.engine.match import Matcher
from triage.engine.sequence import Match, Sequencer
from triage.engine.waiting import Waiting
from triage.eql import parse
from triage.sources import Block, Follower

RULES = (
    Rule(
        "installutil_beacon",
        parse(
            "sequence by process.entity_id"
            ' [process where event.type == "start" and process.name : "installutil.exe"]'
            ' [network where process.name : "installutil.exe"'
            '  and network.direction : ("egress", "outgoing")]'
        ),
    ),
    Rule(
        "vssadmin_shadow_delete",
        parse(
            'process where event.type == "start" and process.name : "vssadmin.exe"'
            ' and process.args : "delete" and process.args : "shadows"'
        ),
    ),
)


def found(log: Path, *, optimise: bool, waiting: bool) -> list[Match]:
    blocks: dict[BlockPlace, Block] = {}
    matcher = Matcher([(rule, ()) for rule in RULES], optimise=optimise, waiting=waiting)
    sequencer, wait = Sequencer(RULES), Waiting(blocks.get, most_fresh=1)
    wait.use(matcher)
    matches: list[Match] = []
    for block in Follower([str(log)], once=True).poll():
        result = wait.advance(block, matcher(block))
        matches.extend(sequencer.advance(result.hits).matches)
        if known := wait.note(block, result):
            blocks[known.place] = block
    return [*matches, *sequencer.pass_time(None).matches]


@pytest.mark.shared
@pytest.mark.parametrize("shape", ["ecs", "evtx"])
def test_the_planted_truth_and_no_more(shared: Path, tmp_path: Path, shape: str) -> None:
    log = tmp_path / "log.ndjson"
    generator = str(shared / "bench" / "gen_events.py")
    command = [sys.executable, generator, "-n", "4000", "-k", "8", "--seed", "11"]
    subprocess.run([*command, "--shape", shape, "-o", str(log)], check=True, capture_output=True)
    truth = json.loads((tmp_path / "log.ndjson.manifest.json").read_text("utf-8"))
    planted: list[tuple[str, set[int]]] = [
        (one["rule"], set(one["lines"])) for one in truth["plants"] if one["expected"]
    ]
    assert len(planted) == sum(truth["expected"].values()) == 16
    lines: dict[int, int] = {}  # number of a line by its place
    place = 0
    for number, line in enumerate(log.read_bytes().splitlines(keepends=True), 1):
        lines[place] = number
        place += len(line)
    told: list[list[Any]] = []
    for optimise, waiting in ((True, True), (True, False), (False, True), (False, False)):
        matches = found(log, optimise=optimise, waiting=waiting)
        numbers = [
            (one.rule_id, {lines[event.order[3]] for event in one.events}) for one in matches
        ]
        assert len(numbers) == len(planted)
        for rule_id, own in planted:
            assert [of for name, of in numbers if name == rule_id and of <= own], (rule_id, own)
        told.append(sorted((rule_id, sorted(of)) for rule_id, of in numbers))
    assert all(one == told[0] for one in told)
