"""A query taken up from plain data is the query that was parsed; nothing else is taken up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.eql import Query, compile_stage, parse
from triage.eql.plain import PlainQuery, from_plain, to_plain
from triage.errors import EqlError

QUERIES = [
    "any where true",
    'process where process.name : ("a*.exe", "b?.exe") and not process.pid in (1, 2.5, -3)',
    'process where process.args in~ ("-a", null, "b") or `odd name` like~ """c:\\*"""',
    "file where length(file.path) + 2 * file.size % 3 >= -1 and ?file.owner == null",
    'network where cidrMatch(source.ip, "10.0.0.0/8") and concat(host.id, "x") in (string(1), "b")',
    'dns where endsWith~(dns.question.name, ".example") and x regex~ "a+" | head 5 | tail 2',
    'sequence by host.id, ?user.id with maxspan=5m [process where a == "b"] by process.pid'
    ' [network where true] by process.pid with runs=3 until [process where event.type == "end"]'
    " by process.pid",
    'sequence with maxspan=1h [any where x == 1] ![file where y == "z"] [file where false]',
    "sample by host.id [process where true] [file where true]",
]


def kept(query: Query) -> Any:
    return msgspec.json.decode(msgspec.json.encode(to_plain(query)))


def taken_up(plain: Any, text: str) -> Query:
    return from_plain(msgspec.json.decode(msgspec.json.encode(plain), type=PlainQuery), text)


@pytest.mark.parametrize("text", QUERIES)
def test_it_is_the_query_that_was_parsed(text: str) -> None:
    query = parse(text)
    again = taken_up(kept(query), text)
    assert repr(again) == repr(query)
    # A stage that runs several times is one and the same, as it was.
    assert [again.stages.index(one) for one in again.stages] == [
        query.stages.index(one) for one in query.stages
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "and", "literal", "=="]),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(st.sampled_from(QUERIES), st.data())
def test_whatever_is_taken_up_can_be_compiled(text: str, data: st.DataObject) -> None:
    plain = kept(parse(text))
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(_places(plain))
        holder, at = data.draw(st.sampled_from(places))
        holder[at] = data.draw(VALUES)
    try:
        query = taken_up(plain, text)
    except ValueError:
        return
    for stage in query.stages:
        try:
            compile_stage(stage).matches({"event": {"category": "process"}, "a": "b"})
        except EqlError:
            continue  # as a query that is wrong


def _places(plain: list[Any]) -> Any:
    for at, part in enumerate(plain):
        yield plain, at
        if isinstance(part, list):
            yield from _places(part)
