"""Cutting: the same records however the bytes are handed over, with exact places."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.sources.cut import cut, header
from triage.sources.wide import narrow

LINES = "a\r\nbb\n\n \nüé\U0001f600\r\n\tc\nlast"
EVENTS = (
    "<?xml version='1.0'?>\n<Events>\n<Event a='1'>ü<EventID>1</EventID></Event><Event>2</Event>"
    "junk<Event>cut <Event>\U0001f6003</Event>\n<!-- <x> --></Events>\n"
)
OBJECTS = (
    '[\n  {"a": "}{\\"", "b": [{"c": 1}]},\n  {"d": "ü\U0001f600"}, {}\n  junk\n  {"e": 1\n,'
    '"f": "x\n  {"g": {"h": 2}}\n]\n'
)
HITS = (
    '{"took": 1, "hits": {"total": {"value": 2}, "hits": [{"_index": "i", "_source": {"a": {}}}\n,'
    '{ "_id" : "}", "_source": {"b": "{\\"_index\\":"}}]}, "aggregations": {"x": {"y": 1}}}\n'
)
ROWS = 'n,m\r\n1,"a ""ü\U0001f600""\r\nb"\r\n\r\n2,\r\nn,m\r\n3,last'


def _cut_in_steps(kind: str, raw: bytes, encoding: str, sizes: list[int]) -> tuple[object, ...]:
    """What a reader gets that sees the file grow by those sizes."""
    records: list[tuple[int, bytes]] = []
    rejects: list[tuple[int, int]] = []
    offset = end = 0
    while True:
        grown = min(len(raw), end + (sizes.pop() if sizes else len(raw)))
        final = grown == len(raw)
        out = cut(kind, raw[offset:grown], offset, encoding, final, header=b"n,m")
        records += zip(out.positions, out.records, strict=True)
        rejects += [(reject.position, reject.length) for reject in out.rejects]
        offset, end = offset + out.consumed, grown
        if final:
            return records, rejects, offset


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("lines", LINES),
        ("xml", EVENTS),
        ("objects", OBJECTS),
        ("hits", HITS),
        ("rows", ROWS),
    ],
)
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_objects_and_their_places(encoding: str) -> None:
    raw = OBJECTS.encode(encoding)
    out = cut("objects", raw, 0, encoding, final=True)
    assert [record.decode() for record in out.records] == [
        '{"a": "}{\\"", "b": [{"c": 1}]}',
        '{"d": "ü\U0001f600"}',
        "{}",
        '{"g": {"h": 2}}',
    ]
    for at, record in zip(out.positions, out.records, strict=True):
        assert raw[at:].decode(encoding).startswith(record.decode())
    assert [reject.reason for reject in out.rejects] == [
        "text outside the JSON objects",
        "a JSON object that is cut short or broken: it has no end",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_hits_alone_are_cut_out_of_a_response(encoding: str) -> None:
    out = cut("hits", HITS.encode(encoding), 0, encoding, final=True)
    assert [record.decode() for record in out.records] == [
        '{"_index": "i", "_source": {"a": {}}}',
        '{ "_id" : "}", "_source": {"b": "{\\"_index\\":"}}',
    ]
    assert out.rejects == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be"])
def test_rows_come_with_their_header(encoding: str) -> None:
    raw = ("#TYPE x\n" + ROWS).encode(encoding)
    head = header("rows", raw, encoding)
    out = cut("rows", raw, 0, encoding, final=True, header=head)
    assert [record.decode() for record in out.records] == [
        'n,m\n1,"a ""ü\U0001f600""\r\nb"', "n,m\n2,", "n,m\n3,last",
    ]  # fmt: skip


def test_one_object_without_end_costs_itself_alone() -> None:
    good = '  {\n    "a": 1\n  }'
    raw = ("[\n" + good + ',\n  {\n    "b": {\n  },\n' + f"{good},\n" * 60_000 + "]").encode()
    assert len(raw) > 1 << 20
    out = cut("objects", raw[: (1 << 20) + 4096], 0, "utf-8", final=False)
    assert len(out.rejects) == 1
    assert len(out.records) > 50_000


def test_a_quote_never_closed_costs_its_row_alone() -> None:
    raw = b'n,m\n1,"x\n2,y\n3,z\n'
    out = cut("rows", raw, 0, "utf-8", final=True, header=b"n,m")
    assert out.records == [b"n,m\n2,y", b"n,m\n3,z"]
    assert [reject.position for reject in out.rejects] == [4]


@given(
    raw=st.lists(
        st.sampled_from(
            [
                b"<Event>",
                b"{",
                b"}",
                b'"',
                b"\\",
                b"[",
                b",",
                b'{"_id":',
                b"</Event>",
                b"<Event ",
                b"<Events>",
                b"\x00",
                b"\n",
                b"<",
                b"x",
                b"<!--",
            ]
        ),
        max_size=40,
    ).map(b"".join),
    encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    kind=st.sampled_from(["xml", "lines", "objects", "hits", "rows"]),
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


def test_t9_bytes_that_are_no_utf16_cost_their_line_alone() -> None:
    raw = "a\n".encode("utf-16-le") + b"\x00\xd8\n\x00" + "b\n".encode("utf-16-le")
    out = cut("lines", raw, 0, "utf-16-le", final=True)
    assert out.records == [b"a", b"b"]
    assert [(reject.position, "UTF-16-LE" in reject.reason) for reject in out.rejects] == [
        (4, True)
    ]


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        *(
            ("xml", unit)
            for unit in (b"<Event ", b"<!--", b"<Events ", b"</Event>", b"\x00", b"<?xml ")
        ),
        *(("objects", unit) for unit in (b"{", b"}", b'"', b'{"', b"{}", b'{"\n', b"\\")),
        *(("objects", unit) for unit in (b"{]\n", b',{"a":1]', b'{"a":{"b"\n', b'\n {"a')),
        *(("hits", unit) for unit in (b'{"_id":', b'{"_id":"\n', b"{   ")),
        *(("rows", unit) for unit in (b'"', b'""', b'"\n', b'a,"b', b"\n")),
    ],
)
def test_t5_hostile_text_is_cut_in_linear_time(kind: str, unit: bytes) -> None:
    raw = unit * 40_000
    began = time.process_time()
    cut(kind, raw, 0, "utf-8", final=True, header=b"a")
    assert time.process_time() - began < 5  # a tenth of a second; minutes where it is quadratic


@given(st.binary(max_size=200), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_wide_text_is_narrowed_unit_by_unit(buffer: bytes, encoding: str) -> None:
    code = "<" if encoding == "utf-16-le" else ">"
    units = struct.unpack(f"{code}{len(buffer) // 2}H", buffer[: len(buffer) & ~1])
    assert narrow(buffer, encoding) == (bytes(u if u < 128 else ord("x") for u in units), 2)
