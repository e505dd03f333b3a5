"""One Windows record is one event, whatever it was exported by; two records are two."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from tests.sources.windows import SUBJECT, Record
from triage.case.read import CaseReader
from triage.config import bundled
from triage.event import identity
from triage.run import Config, Engine, hunt
from triage.sources import Follower, decode

RECORD = Record("4688", {**SUBJECT, "NewProcessName": "C:\\x.exe"}, when="2026-03-02T09:20:00.9Z")


def id_of(format: str, body: bytes) -> str:
    doc = decode(format, body)
    assert doc is not None
    return identity(doc)


def test_every_export_of_a_record_is_the_same_event() -> None:
    other_clock = replace(RECORD, when="2026-03-02T09:20:00.900123400Z")  # finer, the same moment
    agent = orjson.loads(RECORD.winlogbeat())
    agent["winlog"]["computer_name"] = "ATLAS.lab.example"  # a domain's name has no case
    agent["event"]["created"] = "2026-03-02T09:31:00Z"  # when the agent read it
    ids = {
        id_of("xml", RECORD.xml()),
        id_of("xml", other_clock.xml()),
        id_of("evtx", RECORD.evtx()),
        id_of("ecs", RECORD.winlogbeat()),
        id_of("ecs", orjson.dumps(agent)),
        id_of("nxlog", RECORD.nxlog()),  # has whole seconds
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORD, record_id=4712),
        replace(RECORD, channel="System"),
        replace(RECORD, code="4689"),
        replace(RECORD, when="2026-03-02T09:21:00.9Z"),  # counted anew on a machine set back
    ],
    ids=["number", "log", "id", "time"],
)
def test_another_record_is_another_event(other: Record) -> None:
    assert id_of("xml", other.xml()) != id_of("xml", RECORD.xml())


def test_without_a_number_the_content_is_the_event() -> None:
    unnumbered = replace(RECORD, record_id=0)
    told = replace(unnumbered, data={**RECORD.data, "CommandLine": "x"})
    assert id_of("xml", unnumbered.xml()) == id_of("xml", unnumbered.xml())
    assert id_of("xml", told.xml()) != id_of("xml", unnumbered.xml())
    assert id_of("xml", told.xml()) != id_of("xml", RECORD.xml())


def test_an_id_that_was_given_goes_before_all() -> None:
    doc = orjson.loads(RECORD.winlogbeat())
    doc["event"]["id"] = "given"
    assert id_of("ecs", orjson.dumps(doc)) == "given"


def alerts(logs: Path, tmp_path: Path) -> tuple[list[str], int]:
    """The ids of the alerts that stand, and how many do not."""
    config = Config((bundled("rules"),), tmp_path / "no-exceptions")
    engine = Engine(config, ":memory:", Follower([logs], once=True))
    try:
        found = hunt(engine, lambda: None)
        rows = CaseReader(engine.writer.connection).alerts()
        return sorted(found), len(rows) - len(found)
    finally:
        engine.close()


@pytest.mark.shared
def test_one_log_in_nineteen_formats_raises_the_alerts_of_one(shared: Path, tmp_path: Path) -> None:
    source, folder = shared / "logs" / "formats" / "same_events", tmp_path / "logs"
    folder.mkdir()
    # Event Viewer's table names neither host nor number of a record.
    names = {path.name for path in source.iterdir()} - {"MANIFEST.json", "eventviewer.csv"}
    for name in names:
        shutil.copy(source / name, folder)
    assert len(names) == 19
    alone, _ = alerts(source / "evtx.evtx", tmp_path)
    assert len(alone) == 2
    assert alerts(folder, tmp_path) == (alone, 0)
