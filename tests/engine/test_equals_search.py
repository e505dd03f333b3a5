"""The stream's alerts are the search's hits, however the events arrive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage import times
from triage.engine.blocks import BlockPlace, KnownBlock
from triage.engine.match import Matcher
from triage.engine.result import Hit
from triage.engine.sequence import Match, Sequencer
from triage.engine.waiting import Waiting
from triage.eql import parse, search
from triage.sources import Block, Position

QUERIES = [
    'process where name : "a*"',
    "sequence by key with maxspan=5s [process where true] [network where true]",
    "sequence by key [process where n > 1] [process where n > 1] with runs=2 [network where true]",
    "sequence by key with maxspan=8s [process where true] [network where true]"
    " until [file where true]",
    "sequence by key with maxspan=4s [process where true] ![network where true]",
    "sequence by key with maxspan=6s [process where true] ![file where true] [network where true]",
    "sequence with maxspan=3s [process where true] by key [network where true] by other",
    "sequence by key, ?other with maxspan=9s [any where n == 1] [any where n == 2]",
    "sample by key [process where true] [network where n > 0]",
    "sequence by key with maxspan=5s [process where true] [network where n == 1]",
    'sequence by key with maxspan=9s [any where true] [any where name : "a*"] [any where true]'
    " until [file where n == 2]",
    "sequence by key with maxspan=7s [process where true] [any where n == 1] ![file where true]",
    "sequence by key with maxspan=9s [any where true] ![file where true] [any where n == 1]",
]


@dataclass(frozen=True)
class Rule:
    """As much of a rule as the engine asks for."""

    query: Any
    rule_id: str = "r"
    event_category_field: str = "event.category"
    lookback: int = 3600 * times.SECOND
    fingerprint: str = "1"


events = st.lists(
    st.fixed_dictionaries(
        {
            "category": st.sampled_from(["process", "network", "file"]),
            "key": st.sampled_from(["x", "y", ["x", "y"], None]),
            "other": st.sampled_from(["x", "z", None]),
            "n": st.integers(0, 3),
            "name": st.sampled_from(["abc", "Azz", "b", None]),
            "gap": st.integers(1, 4),
        }
    ),
    max_size=18,
)


def documents(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    docs: list[dict[str, Any]] = []
    second = 1_700_000_000
    for number, one in enumerate(drawn):
        second += one["gap"]
        fields = {
            name: one[name] for name in ("key", "other", "n", "name") if one[name] is not None
        }
        docs.append(
            {
                "@timestamp": times.iso(second * times.SECOND),
                "event": {"id": f"e{number}", "category": one["category"]},
                **fields,
            }
        )
    return docs


def block(source: str, docs: list[dict[str, Any]], start: int = 0) -> Block:
    position = Position(source, source, 1, 1, "ecs", "utf-8", 0, 0)
    records = tuple(orjson.dumps(doc) for doc in docs)
    return Block(source, "ecs", records, tuple(range(start, start + len(docs))), position)


Alert = tuple[tuple[Any, ...], tuple[str, ...]]  # join key, ids of the events


def streamed(
    rule: Rule, blocks: list[Block], restarts: set[int], waiting: bool = False, fresh: int = 64
) -> set[Alert]:
    """The alerts that stand at the end; ``fresh``: how many blocks wait as they are, unjoined."""
    matcher = Matcher([(rule, [])], processes=False, waiting=waiting)
    sequencer = Sequencer([rule])

    def read_again(place: BlockPlace) -> Block:
        """All that lies from its first record to its last, in how many blocks it ever came."""
        found = [
            (position, record)
            for one in blocks
            for position, record in zip(one.positions, one.records, strict=True)
            if one.source == place.source and place.first <= position <= place.last
        ]
        positions, records = zip(*found, strict=True)
        return replace(blocks[0], source=place.source, positions=positions, records=records)

    wait = Waiting(read_again, most_fresh=fresh)
    wait.use(matcher)
    known: list[KnownBlock] = []
    kept: dict[tuple[str, str], Hit] = {}
    told: set[Alert] = set()
    for number, one in enumerate(blocks):
        if number in restarts:
            sequencer = Sequencer([rule])
            sequencer.restore(kept.values())
            wait = Waiting(read_again, most_fresh=fresh)
            wait.use(matcher)
            wait.restore(known, kept.values())
        result = wait.advance(one, matcher(one))
        advance = sequencer.advance(result.hits)
        noted = wait.note(one, result)
        known.extend([noted] if noted else [])
        kept.update({(hit.key, hit.event.id): hit for hit in advance.kept})
        told -= {alert(match) for match in advance.superseded}
        told |= {alert(match) for match in advance.matches}
    return told | {alert(match) for match in sequencer.pass_time(None).matches}


def alert(match: Match) -> Alert:
    return match.key, tuple(event.id for event in match.events)


# The same by fields that later stages can wait by.
WAITING = [
    query.replace("key", "host.id").replace("other", "process.entity_id") for query in QUERIES
]


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("query", [*QUERIES, *WAITING])
@settings(deadline=None)
@given(drawn=events, data=st.data())
def test_any_arrival_gives_what_a_search_finds(
    query: str, waiting: bool, drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    docs = documents(drawn)
    if "host.id" in query:
        names = {"key": "host.id", "other": "process.entity_id"}
        docs = [{names.get(name, name): value for name, value in doc.items()} for doc in docs]
    rule = Rule(parse(query))
    wanted = {
        (hit.join_keys, tuple(doc["event"]["id"] for doc in hit.events if doc is not None))
        for hit in search(query, docs, size=10_000)
    }
    arrived = data.draw(st.permutations(docs + docs[: len(docs) // 3]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arrived)), max_size=4)))
    chunks = [arrived[a:b] for a, b in zip([0, *cuts], [*cuts, len(arrived)], strict=True)]
    blocks = [
        block(data.draw(st.sampled_from(["one", "two"])), chunk, start)
        for start, chunk in zip([0, *cuts], chunks, strict=True)
    ]
    restarts = data.draw(st.sets(st.integers(0, 4)))
    found = streamed(rule, blocks, restarts, waiting, data.draw(st.integers(0, 2)))
    if rule.query.kind == "sample":
        # A search answers with one sample of its choice for a key; a stream with the first to be.
        assert {key for key, _ in found} == {key for key, _ in wanted}
    else:
        assert found == wanted


def test_what_lies_between_the_windows_of_two_first_events_is_found() -> None:
    def doc(number: int, second: int, category: str) -> dict[str, Any]:
        (made,) = documents(
            [{"gap": second, "key": None, "other": None, "n": None, "name": None,
              "category": category}]
        )  # fmt: skip
        return {**made, "event": {**made["event"], "id": f"e{number}"}, "host.id": "x"}

    query = "sequence by host.id with maxspan=8s [process where true] [network where true]"
    after = [doc(1, 1, "process"), doc(2, 16, "process"), doc(3, 14, "process")]
    blocks = [block("one", [doc(0, 15, "network")]), block("one", after, 1)]
    assert streamed(Rule(parse(query)), blocks, set(), True) == {(("x",), ("e3", "e0"))}
