"""A glance at a record shows what decoding it whole would, or nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events import connect, start
from triage.eql.access import reader
from triage.eql.values import text_of
from triage.event import order_of
from triage.sources import Block, Follower, Position, RecordError, decode
from triage.sources.glance import Glance

NAMES = (
    "@timestamp",
    "event.category",
    "event.created",
    "event.type",
    "host.id",
    "host.os.type",
    "process.name",
    "process.args",
    "process.pid",
    "process.entity_id",
    "process.parent.entity_id",
    "process.parent.name",
    "process",
    "network.direction",
    "data_stream.dataset",
    "winlog.event_data.TargetUserName",
    "message",
    "ünder.x",
)
GLANCE = Glance(NAMES)
READERS = [reader(name) for name in NAMES]
NOWHERE = Position("g", "log", 0, 0, "ecs", "utf-8", 0, 0)
GUID = "{3AD05575-8857-4850-9277-11B85BDB8E09}"


def block_of(*records: bytes) -> Block:
    return Block("log", "ecs", records, tuple(range(len(records))), NOWHERE)


def check(block: Block) -> int:
    """Compare all that is seen of a block with its documents; how many records that are."""
    found = 0
    for record in block.records if GLANCE.takes(block) else ():
        seen = GLANCE.look(record)
        if seen is None:
            continue
        found += 1
        doc = decode(block.format, record)
        assert doc is not None
        for name, read, plain in zip(NAMES, GLANCE.readers.values(), READERS, strict=True):
            told, wanted = read(seen), plain(doc)
            assert (told.__class__, told) == (wanted.__class__, wanted), (name, record)
        order = order_of(doc, "log", 0)
        assert GLANCE.time_of(seen) == (order[0] if order else None)
        assert seen.host.name == doc["host"]["name"]
        present = {key for key, value in doc.items() if value is not None}
        assert {name.partition(".")[0] for name in NAMES} & present <= seen.form.keys
    return found


VALUES = st.one_of(
    st.sampled_from(
        ["cmd.exe", GUID, GUID.strip("{}"), "Outbound", "start", "Microsoft-Windows-Sysmon", "é"]
    ),
    st.sampled_from([0, 1, 1.0, True, 1 << 63, 1 << 70, -5, None]),
    st.sampled_from([[], ["x"], ["x", "y"], [None], [1, "x"], [GUID], [["x"]], {}, {"x": 1}]),
    st.sampled_from(["2026-01-01T00:00:05Z", "2026-01-01T00:00:05.123Z", 1767225600000]),
)
PATHS = st.sampled_from(
    [*NAMES, "winlog", "winlog.provider_name", "winlog.channel", "winlog.time_created",
     "winlog.record_id", "event", "event.sequence", "host", "host.name", "host.os", "EventID",
     "data_stream", "process.parent", "_source", "@version"]
)  # fmt: skip


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A document of an event with some fields put in oddly and some left out."""
    doc = draw(st.sampled_from([start, connect]))(5, "a", "cmd.exe")
    doc["host"].update(id="h", os={"type": "windows"})
    for name, value, dotted in draw(st.lists(st.tuples(PATHS, VALUES, st.booleans()), max_size=5)):
        node, parts = doc, name.split(".")
        for part in () if dotted else parts[:-1]:
            inner = node.get(part)
            node = inner if isinstance(inner, dict) else node.setdefault(f"{part}", {})
            if not isinstance(node, dict):
                break
        if isinstance(node, dict):
            node[name if dotted else parts[-1]] = copy.deepcopy(value)
    for name in draw(st.lists(PATHS, max_size=2)):
        doc.pop(name, None)
    return json.dumps(doc, ensure_ascii=draw(st.booleans())).encode()


@settings(max_examples=400, deadline=None)
@given(records())
def test_what_is_seen_is_what_decoding_gives(record: bytes) -> None:
    try:
        decode("ecs", record)
    except RecordError:
        assert not check(block_of(record))
        return
    check(block_of(record))


TOGETHER = ("event.type", "process.name", "process.args", "process.pid", "process", "host.os.type")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(records(), min_size=2, max_size=4),
    st.sets(st.sampled_from(TOGETHER)),
)
def test_what_is_read_together_is_equal_only_where_all_of_it_is(
    some: list[bytes], truths: set[str]
) -> None:
    glance = Glance(NAMES)
    read = glance.together({name: {bool} if name in truths else {str} for name in TOGETHER})
    texts, values = glance.joined(TOGETHER), glance.several(TOGETHER)
    known: dict[Any, str] = {}
    for record in some if glance.takes(block_of(*some)) else ():
        seen = glance.look(record)
        if seen is None:
            continue
        each = tuple(glance.readers[name](seen) for name in TOGETHER)
        assert values(seen) == each
        told = repr([(one.__class__, one) for one in each])
        assert known.setdefault(read(seen), told) == told
        wanted = [one if isinstance(one, list) else [one] for one in each if one is not None]
        assert {text_of(one) for several in wanted for one in several} - {""} <= set(
            texts(seen).split("\0")
        )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_record_that_can_not_be_read_is_not_seen(data: st.DataObject) -> None:
    record = orjson.dumps(start(1, "a", "cmd.exe", winlog={"record_id": 5}, x=[1.5, "é"]))
    at = data.draw(st.integers(0, len(record) - 1))
    with_ = data.draw(st.binary(max_size=3))
    mutant = record[:at] + with_ + record[at + data.draw(st.integers(0, 3)) :]
    try:
        whole = decode("ecs", mutant)
    except RecordError:
        whole = None
    if whole is None:
        assert not check(block_of(mutant))
    else:
        check(block_of(mutant))


def test_one_dotted_key_or_odd_byte_has_a_block_decoded_whole() -> None:
    plain = orjson.dumps(start(1, "a", "cmd.exe"))
    assert check(block_of(plain, plain)) == 2
    assert not GLANCE.takes(block_of(plain, b'{"a":{"process.name" : 1}}'))
    for key in (rb"process\u002ename", rb"process.na\u006de", b"process.x/y", rb"process.x\/y"):
        assert not GLANCE.takes(block_of(plain, b'{"' + key + b'":1}')), key
    assert GLANCE.takes(block_of(plain, rb'{"a":"C:\\u0020.x/y \"b.c\": \u002e","b":"/\/"}'))
    assert not GLANCE.takes(block_of(plain, b'{"a":"\xff"}'))
    assert check(block_of(plain, b"{", b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}")) == 1


def test_fields_of_any_name_are_asked_for() -> None:
    record = orjson.dumps(start(1, "a", "cmd.exe"))
    for name in ('a "b".c', "a\\b", "a\nb"):
        assert not Glance(("process.name", name)).takes(block_of(record))


@pytest.mark.shared
def test_shared_logs_look_the_same_at_a_glance(shared: Path) -> None:
    logs = [*(shared / "rule-events").glob("*.ndjson"), *(shared / "logs").rglob("*.ndjson")]
    seen = sum(
        check(block)
        for path in sorted(logs)[::4]
        for block in Follower([str(path)], once=True).poll()
    )
    assert seen > 1_000
