"""What a file is, is told by its content alone; what is refused says why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.sources.common import LOGS
from tests.sources.test_shapes import SHAPES
from triage.sources import FORMATS, Detected, Follower, Refused, detect


@pytest.mark.parametrize("name", SHAPES)
def test_a_format_is_recognised_under_a_name_that_says_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "noname"
    shutil.copy(LOGS / name, path)
    follower = Follower([path], once=True)
    assert sum(len(block.records) for block in follower.poll()) >= 4
    (state,) = follower.sources()
    follower.close()
    assert state.format == SHAPES[name][0]
    assert state.format in FORMATS


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hayabusa_timeline.ndjson", "detections of hayabusa"),
        ("chainsaw_hunt.ndjson", "detections of chainsaw"),
        ("doctype.xml", "DOCTYPE"),
    ],
)
def test_a_known_stranger_is_refused_with_what_it_is(name: str, says: str) -> None:
    found = detect((LOGS / name).read_bytes(), final=True)
    assert isinstance(found, Refused)
    assert says in found.reason


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 4, "it begins with '\\x7fELF"),
        (b"Mar  2 09:15:00 atlas sshd[1]: hello\n" * 50, "unknown content, it begins with 'Mar  2"),
        (b'{"name": "x", "kind": "y"}\n' * 3, "its keys are name, kind"),
        (b"<html><body>hello</body></html>\n" * 9, "it begins with '<html>"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(80), "7-Zip: unpack it first"),
        (b"Rar!\x1a\x07" + bytes(80), "RAR"),
        (b"[1, 2]\n", "it begins with '[1, 2]"),
        (b'[{"name": "x"}, {"name": "y"}]', "its keys are name"),
        (b'[\n {"RuleTitle": "x"}\n]', "detections of hayabusa"),
        (b"name,kind\nx,y\n", "it begins with 'name,kind"),
        (b"42\n17\n", "it begins with '42"),
    ],
)
def test_unknown_content_is_refused_with_what_was_seen(content: bytes, says: str) -> None:
    found = detect(content, final=True)
    assert isinstance(found, Refused)
    assert says in found.reason


@pytest.mark.parametrize("name", SHAPES)
def test_no_begin_of_a_good_file_is_taken_for_another_format(name: str) -> None:
    whole = (LOGS / name).read_bytes()
    for length in range(min(len(whole), 2500)):
        found = detect(whole[:length])
        assert found is None or isinstance(found, Detected), length
        if found is not None:
            assert found.format == SHAPES[name][0]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("first", ["took", "id"])
def test_a_response_is_one_on_one_line_too(indent: int | None, first: str) -> None:
    hit = {"_index": "i", "_id": "1", "_source": {"@timestamp": "2026-03-02T09:15:00Z"}}
    response = {first: "x", "took": 3, "hits": {"total": {"value": 1}, "hits": [hit]}}
    found = detect(json.dumps(response, indent=indent).encode() + b"\n", final=True)
    assert isinstance(found, Detected)
    assert found.format == "search"


def test_a_file_that_may_still_grow_is_not_refused_while_it_is_tiny() -> None:
    assert detect(b"junk line\n") is None
    assert isinstance(detect(b"junk line\n", final=True), Refused)
    assert isinstance(detect(b"junk line\n" * 40), Refused)


def test_an_empty_file_is_nothing_yet() -> None:
    assert detect(b"") is None
    assert detect(b"\xef\xbb\xbf\r\n") is None
    assert detect(b"\r\n \n", final=True) is None


def test_one_broken_line_before_good_ones_does_not_cost_the_file() -> None:
    found = detect(b'p":1}}\n{"@timestamp":"2026-03-02T09:15:00Z","event":{}}\n', final=True)
    assert found == Detected("ecs", "utf-8", 0)


def test_an_evtx_is_known_by_its_first_eight_bytes() -> None:
    assert detect(b"ElfFile\x00") == Detected("evtx", "", 0)
    assert detect(b"ElfF") is None
