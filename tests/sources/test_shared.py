"""Real logs: Elastic's own Sysmon pairs, every event counted, one log in many formats."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.sources.common import read
from triage import times
from triage.fields import Doc, flatten, lookup, values
from triage.sources import Follower, Position, RecordError, decode, evtx, read_range
from triage.sources.derive import domain_parts

pytestmark = pytest.mark.shared

ECS = (
    "event.", "process.", "network.", "file.", "registry.", "dns.", "user.", "source.",
    "destination.", "related.", "@timestamp",
)  # fmt: skip
# What we set and a pipeline does not. Everybody: facts of the current pipelines. The Windows
# integration names a process without a path by nothing; winlogbeat by that text, as we do.
ADDED = {
    "winlogbeat": {
        "event.action", "event.created", "event.dataset", "process.args_count",
        "process.parent.args_count", "related.hosts", "related.ip", "user.id",
    },
    "integrations": {
        "event.action", "event.dataset", "event.module", "event.original",
        "file.code_signature.signed", "process.name", "@timestamp",
    },
}  # fmt: skip
# Where the newest integration differs from all the others, which we follow.
NEWEST = {"event.action", "event.category", "event.type", "file.code_signature.trusted"}


def _golden(shared: Path) -> list[dict[str, Any]]:
    text = (shared / "golden-sysmon" / "golden.jsonl").read_bytes()
    return [orjson.loads(line) for line in text.splitlines()]


def _comparable(field: str, value: Any, doc: Doc) -> Any:
    if field in ("@timestamp", "event.created"):
        instant = times.parse(value)
        return value if instant is None else instant // 1_000_000  # Elasticsearch keeps ms
    if field.startswith("related."):
        return sorted(value if isinstance(value, list) else [value])
    if field == "event.type":
        # winlogbeat's order differs, and it has two names that ECS gave up
        return sorted(set(value) - {"process_start", "process_end"})
    if field.endswith("entity_id"):
        return value.lower()  # the integration keeps the case of the exporter
    return value


def _differences(pair: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    raw = pair["raw"]
    is_xml = isinstance(raw, str)
    doc = decode("xml", raw.encode()) if is_xml else decode("ecs", orjson.dumps(raw))
    assert doc is not None
    ours, theirs = flatten(doc), flatten(pair["expected_ecs"])
    newest = "newest" in pair["pipeline"]
    family = "winlogbeat" if "winlogbeat" in pair["pipeline"] else "integrations"
    # The integration's copy of the public suffix list does not know suffixes of hosters.
    name = lookup(doc, "dns.question.name")
    parts = domain_parts(name) if name else None
    hosted = parts is not None and family == "integrations" and parts[2].count(".") > 1
    found = {}
    for field in sorted(ours.keys() | theirs.keys()):
        if not field.startswith(ECS) or (newest and field in NEWEST):
            continue
        if field not in theirs and field in ADDED[family]:
            continue
        if hosted and field.startswith("dns.question.") and field != "dns.question.name":
            continue
        one = _comparable(field, ours[field], doc) if field in ours else None
        two = _comparable(field, theirs[field], doc) if field in theirs else None
        if family == "winlogbeat" and field in ("related.ip", "related.hosts"):
            # winlogbeat does not list the answers of a query
            if not set(two or ()) <= set(one or ()):
                found[field] = (one, two)
        elif one != two:
            found[field] = (one, two)
    return found


def test_all_golden_pairs_agree_on_the_ecs_part(shared: Path) -> None:
    pairs = _golden(shared)
    assert len(pairs) == 256
    differing = {pair["id"]: found for pair in pairs if (found := _differences(pair))}
    assert differing == {}


def _manifests(shared: Path) -> list[tuple[Path, int]]:
    return [
        (manifest.parent / entry["file"], entry["n_events"])
        for manifest in sorted((shared / "logs").rglob("MANIFEST.json"))
        for entry in json.loads(manifest.read_bytes())
    ]


# Formats that are refused with their reason as yet.
REFUSED = {
    "normalized-T1117-AtomicRed-regsvr32.json": "Endgame's schema",
    "normalized-atomic-red-team.json.gz": "Endgame's schema",
}


def test_every_event_of_every_evtx_xml_and_ndjson_is_read(shared: Path) -> None:
    counted = 0
    for path, events in _manifests(shared):
        if path.name in REFUSED:
            continue
        docs, reasons = read(path)
        assert len(docs) == events, path
        assert reasons == [], path
        assert all(lookup(doc, "host.os.type") == "windows" for doc in docs), path
        assert all(lookup(doc, "@timestamp") for doc in docs), path
        counted += 1
    assert counted >= 60


def test_what_is_not_read_yet_is_refused_with_its_reason(shared: Path) -> None:
    seen = set()
    for path, _ in _manifests(shared):
        if path.name in REFUSED:
            follower = Follower([path], once=True)
            assert list(follower.poll()) == []
            (state,) = follower.sources()
            follower.close()
            assert state.state == "refused"
            assert REFUSED[path.name] in state.reason
            seen.add(path.name)
    assert seen == REFUSED.keys()


SAME = [
    "wevtutil_bare.xml", "wevtutil_reverse_order.xml", "eventviewer_events_bom.xml",
    "eventviewer_events_utf16le.xml", "python_evtx_dump.xml", "splunk_xmlwineventlog.log",
    "winlogbeat_nomodule.ndjson", "es_hits.ndjson", "es_bulk.ndjson", "evtx_dump.jsonl",
    "chainsaw_search.jsonl", "nxlog_otrf.json", "evtxecmd.json", "es_search_hits.json",
    "getwinevent_ps51.json", "getwinevent_ps7.json", "getwinevent_exportcsv.csv",
]  # fmt: skip
TUPLE = (
    "@timestamp", "event.code", "event.category", "event.type", "host.name", "process.entity_id",
    "process.pid", "process.executable", "process.name", "process.args", "process.hash.sha1",
    "process.parent.entity_id", "process.parent.pid", "process.parent.args", "user.name",
    "user.domain", "source.ip", "source.port", "destination.ip", "destination.port",
    "network.direction", "network.community_id", "file.path", "file.name", "registry.path",
    "registry.data.strings", "winlog.record_id",
)  # fmt: skip


def _facts(path: Path) -> list[str]:
    docs, reasons = read(path)
    assert reasons == []
    return sorted(str([[str(v) for v in values(doc, field)] for field in TUPLE]) for doc in docs)


@pytest.mark.parametrize("name", SAME)
def test_the_same_events_in_every_format_are_the_same(name: str, shared: Path) -> None:
    folder = shared / "logs" / "formats" / "same_events"
    expected = _facts(folder / "evtx.evtx")
    assert len(expected) == 122
    assert _facts(folder / name) == expected


def test_f31_an_evtx_is_followed_by_record_and_resumed(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "logs" / "formats" / "same_events" / "evtx.evtx").read_bytes()
    path = tmp_path / "log"
    path.write_bytes(whole)
    first = Follower([path])
    (block,) = list(first.poll())
    first.close()
    assert list(read_range(str(path), "evtx", 5, 7)) == list(enumerate(block.records, 1))[4:7]
    assert block.positions == tuple(range(1, 123))
    assert block.position.offset == 122
    again = Follower([path], {block.position.generation: block.position})
    assert list(again.poll()) == []
    again.close()


def test_f31_an_evtx_that_grows_gives_only_what_is_new(shared: Path, tmp_path: Path) -> None:
    # A log of several chunks, cut after its second: the rest is what is written next.
    whole = (shared / "logs" / "evtx-robustness" / "sysmon.evtx").read_bytes()
    path = tmp_path / "log"
    path.write_bytes(whole[: 4096 + 2 * 65536])
    now = 0.0
    follower = Follower([path], clock=lambda: now)
    blocks = list(follower.poll())
    early = sum(len(block.records) for block in blocks)
    path.write_bytes(whole)
    now = 2.0
    blocks += list(follower.poll())
    follower.close()
    records = [record for block in blocks for record in block.records]
    assert 0 < early < 358
    assert len(records) == len(set(records)) == 358
    assert len({block.position.generation for block in blocks}) == 1


def test_damage_in_an_evtx_is_told_once_in_all_runs(shared: Path, tmp_path: Path) -> None:
    whole = bytearray((shared / "logs" / "evtx-robustness" / "sysmon.evtx").read_bytes())
    whole[4096 + 65536 : 4096 + 65536 + 8] = bytes(8)
    path = tmp_path / "log"
    positions: dict[str, Position] = {}
    reasons = []
    for _ in range(3):
        follower = Follower([tmp_path], positions, clock=count(step=2).__next__)
        for _ in range(2):
            path.write_bytes(whole)
            for block in follower.poll():
                positions[block.position.generation] = block.position
                reasons += [reject.reason for reject in block.rejects]
        follower.close()
    assert len(reasons) == 1
    assert "chunk number 1" in reasons[0]


def contents(evtx_bytes: bytes, chunk: int | None = None) -> Iterator[bytes | str]:
    """What is read of an EVTX, or of one of its chunks."""
    wanted = None if chunk is None else lambda number, _header: number == chunk
    for item in evtx.read_records(io.BytesIO(evtx_bytes), wanted):
        yield item.content


def test_t12_mutants_of_an_evtx_never_raise_and_lose_only_what_is_damaged(shared: Path) -> None:
    whole = (shared / "logs" / "evtx-robustness" / "sysmon.evtx").read_bytes()
    sound = [set(contents(whole, chunk)) for chunk in range((len(whole) - 4096) // 65536)]
    chance = random.Random(7)
    for _ in range(60):
        mutant = bytearray(whole)
        at = chance.randrange(4096, len(whole) - 600)
        mutant[at : at + 500] = chance.choice([bytes(500), b"\xff" * 500, whole[:500]])
        found = list(contents(bytes(mutant)))
        struck = {(place - 4096) // 65536 for place in (at, at + 499)}
        for chunk in set(range(len(sound))) - struck:
            assert sound[chunk] <= set(found), chunk
        for content in found:
            if isinstance(content, bytes):
                try:
                    decode("evtx", content)
                except RecordError as error:
                    assert str(error)  # noqa: PT017 - either way is right, the reason is not ""


def test_one_damaged_chunk_costs_that_chunk_alone(shared: Path) -> None:
    whole = bytearray((shared / "logs" / "evtx-robustness" / "sysmon.evtx").read_bytes())
    sound = set(contents(bytes(whole)))
    whole[4096 + 65536 : 4096 + 65536 + 8] = bytes(8)
    items = list(contents(bytes(whole)))
    left = {item for item in items if isinstance(item, bytes)}
    assert left < sound
    assert len(left) >= len(sound) * 3 // 4
    assert any("chunk number 1" in item for item in items if isinstance(item, str))
