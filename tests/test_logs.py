"""Real logs with known truth: exactly the alerts their manifests say, file by file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from triage.case.read import CaseReader
from triage.config import bundled
from triage.run import Config, Engine, hunt
from triage.sources import Block, Follower

pytestmark = pytest.mark.shared

WANT = {
    "installutil_net": "InstallUtil",
    "unusual_net_sysbin(5m)": "System Binary",
}
FEW = 3  # records
LATER = {"normalized-"}  # Endgame's schema, which is refused


def manifests(shared: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [
        (manifest.parent / entry["file"], entry)
        for manifest in sorted((shared / "logs").rglob("MANIFEST.json"))
        for entry in json.loads(manifest.read_text("utf-8"))
    ]


def newest_first(blocks: Iterable[Block]) -> Iterator[Block]:
    """The records of some blocks from the last to the first, a few at a time."""
    for block in reversed(list(blocks)):
        for end in range(len(block.records), 0, -FEW):
            own = slice(max(0, end - FEW), end)
            yield replace(block, records=block.records[own], positions=block.positions[own])


def test_newest_first_every_true_positive_fires_and_says_that_it_is_late(
    shared: Path, tmp_path: Path
) -> None:
    config = Config((bundled("rules"),), tmp_path / "no-exceptions")
    read = late = 0
    for path, entry in manifests(shared):
        wanted = {
            word: entry["expected_alerts"][key]["want"]
            for key, word in WANT.items()
            if entry["expected_alerts"][key]["want"]
        }
        if not wanted or any(word in path.name for word in LATER):
            continue
        engine = Engine(config, ":memory:", Follower([path], once=True))
        for block in newest_first(engine.follower.poll()):
            engine.take(block)
        engine.pass_time(None)
        rows = [row for row in CaseReader(engine.writer.connection).alerts() if not row.superseded]
        engine.close()
        read += 1
        for word, want in wanted.items():
            found = [one for one in rows if word in one.rule_name and "Remote" not in one.rule_name]
            assert len(found) == want, path.name
            late += sum(row.late for row in found)
    assert read >= 5
    assert late > read // 2  # not those that lie within a step of the reading


def alerts_by_rule(path: Path, tmp_path: Path) -> tuple[Counter[str], int, list[str]]:
    config = Config((bundled("rules"),), tmp_path / "no-exceptions")
    engine = Engine(config, ":memory:", Follower([path], once=True))
    try:
        found = set(hunt(engine, lambda: None))
        rows = CaseReader(engine.writer.connection).alerts()
        refused = [one.reason for one in engine.follower.sources() if one.state == "refused"]
        return Counter(row.rule_name for row in rows if row.id in found), engine.events, refused
    finally:
        engine.close()


def test_every_file_gives_exactly_the_alerts_its_manifest_wants(
    shared: Path, tmp_path: Path
) -> None:
    read = 0
    wrong: list[str] = []
    for path, entry in manifests(shared):
        if any(word in path.name for word in LATER):
            continue
        counts, events, refused = alerts_by_rule(path, tmp_path)
        if refused:
            wrong.append(f"{path.name}: refused: {refused}")
            continue
        read += 1
        for key, word in WANT.items():
            want = entry["expected_alerts"][key]["want"]
            found = sum(
                count
                for name, count in counts.items()
                if word in name and "Remote" not in name  # the joined one has no truth here
            )
            if found != want:
                wrong.append(f"{path.name}: {word}: {found} alerts, want {want}")
        if entry["n_events"] != events and path.suffix == ".evtx":
            wrong.append(f"{path.name}: {events} events, want {entry['n_events']}")
    assert not wrong, "\n".join(wrong)
    assert read >= 60
