"""Cutting: the same records however the bytes are handed over, with exact places."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.sources.cut import cut

LINES = "a\r\nbb\n\n \nüé\U0001f600\r\n\tc\nlast"
EVENTS = (
    "<?xml version='1.0'?>\n<Events>\n<Event a='1'>ü<EventID>1</EventID></Event><Event>2</Event>"
    "junk<Event>cut <Event>\U0001f6003</Event>\n<!-- <x> --></Events>\n"
)


def _cut_in_steps(kind: str, raw: bytes, encoding: str, sizes: list[int]) -> tuple[object, ...]:
    """What a reader gets that sees the file grow by those sizes."""
    records: list[tuple[int, bytes]] = []
    rejects: list[tuple[int, int]] = []
    offset = end = 0
    while True:
        grown = min(len(raw), end + (sizes.pop() if sizes else len(raw)))
        final = grown == len(raw)
        out = cut(kind, raw[offset:grown], offset, encoding, final)
        records += zip(out.positions, out.records, strict=True)
        rejects += [(reject.position, reject.length) for reject in out.rejects]
        offset, end = offset + out.consumed, grown
        if final:
            return records, rejects, offset


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("kind", "text"), [("lines", LINES), ("xml", EVENTS)])
@given(sizes=st.lists(st.integers(0, 9), max_size=60))
def test_however_it_grows_the_records_are_the_same(
    kind: str, text: str, encoding: str, sizes: list[int]
) -> None:
    raw = text.encode(encoding)
    assert _cut_in_steps(kind, raw, encoding, sizes) == _cut_in_steps(kind, raw, encoding, [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_lines_and_their_places(encoding: str) -> None:
    raw = LINES.encode(encoding)
    out = cut("lines", raw, 0, encoding, final=True)
    assert [record.decode() for record in out.records] == [
        "a", "bb", "üé\U0001f600", "\tc", "last",
    ]  # fmt: skip
    for at, record in zip(out.positions, out.records, strict=True):
        assert raw[at:].decode(encoding).startswith(record.decode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_events_and_their_places(encoding: str) -> None:
    raw = EVENTS.encode(encoding)
    out = cut("xml", raw, 0, encoding, final=True)
    assert [record.decode() for record in out.records] == [
        "<Event a='1'>ü<EventID>1</EventID></Event>",
        "<Event>2</Event>",
        "<Event>\U0001f6003</Event>",
    ]
    for at, record in zip(out.positions, out.records, strict=True):
        assert raw[at:].decode(encoding).startswith(record.decode())
    assert [reject.reason for reject in out.rejects] == [
        "text outside <Event>",
        "an <Event> that is cut short: the next one begins within it",
    ]


@given(
    raw=st.lists(
        st.sampled_from(
            [b"<Event>", b"</Event>", b"<Event ", b"<Events>", b"\x00", b"\n", b"<", b"x", b"<!--"]
        ),
        max_size=40,
    ).map(b"".join),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    kind=st.sampled_from(["xml", "lines"]),
)
def test_every_byte_of_any_garbage_is_accounted_for_and_none_twice(
    raw: bytes, encoding: str, kind: str
) -> None:
    out = cut(kind, raw, 0, encoding, final=True)
    assert out.consumed == len(raw)
    places = out.positions + [reject.position for reject in out.rejects]
    assert len(places) == len(set(places))
    assert all(0 <= place < len(raw) for place in places)
    assert out.positions == sorted(out.positions)


def test_bytes_that_are_no_utf16_cost_their_line_alone() -> None:
    raw = "a\n".encode("utf-16-le") + b"\x00\xd8\n\x00" + "b\n".encode("utf-16-le")
    out = cut("lines", raw, 0, "utf-16-le", final=True)
    assert out.records == [b"a", b"b"]
    assert [(reject.position, "UTF-16-LE" in reject.reason) for reject in out.rejects] == [
        (4, True)
    ]


@pytest.mark.parametrize(
    "unit", [b"<Event ", b"<!--", b"<Events ", b"</Event>", b"\x00", b"<?xml "]
)
def test_hostile_xml_is_cut_in_linear_time(unit: bytes) -> None:
    def cost(count: int) -> float:
        raw = unit * count
        began = time.perf_counter()
        cut("xml", raw, 0, "utf-8", final=True)
        return time.perf_counter() - began

    assert min(cost(40_000) for _ in range(3)) < 0.01 + 12 * min(cost(10_000) for _ in range(3))
