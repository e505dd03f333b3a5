"""T12: whatever an EVTX does to its parser costs the part that does it, and nothing else."""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import evtx_file
from triage.sources import Follower, evtx, evtx_process
from triage.sources.evtx_process import ChunkReader, Parser, ParserDiedError

MUTANTS = int(os.environ.get("TRIAGE_MUTANTS", "500"))
# The real worker, but for chunks that are marked to make it misbehave.
WORKER = f"""
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("worker", {str(evtx_process._WORKER)!r})
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
sound = worker.parse
def parse(number, chunk):
    if b"CRASH" in chunk:
        os.abort()
    if b"HANG" in chunk:
        time.sleep(3600)
    if b"EAT" in chunk:
        bytearray(1 << 40)
    if b"FLOOD" in chunk:
        return iter([(1, b"x" * (65 << 20))])
    return sound(number, chunk)
worker.parse = parse
worker.limit(1 << 30)
worker.serve(sys.stdin.buffer, sys.stdout.buffer)
"""


def log(chunks: int = 3) -> bytes:
    """Twenty records in each chunk."""
    return evtx_file.evtx(evtx_file.process(number) for number in range(1, 20 * chunks + 1))


def chunk(number: int, mark: bytes = b"") -> tuple[int, bytes]:
    whole = log(4)
    at = 4096 + number * 65536
    return number, mark + whole[at + len(mark) : at + 65536]


@pytest.fixture
def parser() -> Iterator[Parser]:
    parser = Parser((sys.executable, "-P", "-c", WORKER), seconds=1.0)
    yield parser
    parser.close()


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (b"CRASH", "signal 6"),
        (b"HANG", "no answer within 1 s"),
        (b"EAT", "exit code 1"),
        (b"FLOOD", "more than 64 MiB"),
    ],
)
def test_t12_only_the_chunk_that_ends_the_parser_is_lost(
    parser: Parser, mark: bytes, why: str
) -> None:
    reader = ChunkReader(parser)
    items = reader.read([chunk(0), chunk(1, mark), chunk(2)])
    told = [item.content for item in items if isinstance(item.content, str)]
    assert len(items) == 41  # two chunks' records, and a reason in the place of the third's
    assert told == [items[20].content]
    assert told[0].startswith("EVTX: chunk number 1: the parser broke off")
    assert why in told[0]
    assert len(reader.read([chunk(3)])) == 20


def test_t12_a_log_that_keeps_ending_the_parser_is_given_up(parser: Parser) -> None:
    reader = ChunkReader(parser)
    items = reader.read([chunk(number, b"CRASH") for number in range(4)])
    assert len(items) == 3
    assert str(items[-1].content).endswith("as it did before; the rest is not read")
    assert reader.read([chunk(3)]) == []
    assert len(ChunkReader(parser).read([chunk(0)])) == 20  # the next log has its own chances


def test_t12_memory_is_limited() -> None:
    with pytest.raises(ParserDiedError):
        Parser((sys.executable, "-P", str(evtx_process._WORKER), str(1 << 20))).parse([chunk(0)])


def test_t12_a_parser_that_ends_is_a_reject_and_other_logs_go_on(
    parser: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evtx_process, "PARSER", parser)
    bad = bytearray(log(2))
    bad[4096 + 40_000 : 4096 + 40_005] = b"CRASH"
    (tmp_path / "a.evtx").write_bytes(bad)
    (tmp_path / "b.evtx").write_bytes(log(2))
    follower = Follower([tmp_path], once=True)
    blocks = list(follower.poll())
    follower.close()
    read = dict.fromkeys("ab", 0)
    for block in blocks:
        read[Path(block.source).stem] += len(block.records)
    assert read == {"a": 20, "b": 40}
    rejects = [reject for block in blocks for reject in block.rejects]
    assert [Path(reject.source).stem for reject in rejects] == ["a"]
    assert "signal 6" in rejects[0].reason


def test_t12_mutants_lose_no_record_of_a_sound_chunk() -> None:
    """What fuzzing found in this format: bytes flipped, ranges zeroed or copied, a short file."""
    whole = log()
    sound = [item.content for item in evtx.read_records(io.BytesIO(whole))]
    assert len(sound) == 60
    chance = random.Random(12)
    for _ in range(MUTANTS):
        mutant = bytearray(whole)
        at = chance.randrange(4096, 4096 + 65536)  # in the first chunk
        kind = chance.randrange(4)
        if kind == 0:
            for _ in range(chance.randrange(1, 20)):
                mutant[chance.randrange(4096, 4096 + 20_000)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            length = min(chance.randrange(1, 4096), 4096 + 65536 - at)
            mutant[at : at + length] = bytes(length)
        elif kind == 2:
            length = min(chance.randrange(1, 4096), 4096 + 65536 - at)
            start = chance.randrange(4096, 60_000)
            mutant[at : at + length] = whole[start : start + length]
        else:
            del mutant[chance.randrange(4096 + 2 * 65536 + 1, len(mutant)) :]
        items = [item.content for item in evtx.read_records(io.BytesIO(mutant))]
        records = [item for item in items if isinstance(item, bytes)]
        if kind == 3:
            assert records[:40] == sound[:40]
            assert set(records) <= set(sound)
        else:
            assert records[-40:] == sound[20:]


@pytest.mark.parametrize("damage", [b"\xff" * 120, bytes(120)])
def test_t12_a_damaged_file_header_costs_nothing(damage: bytes) -> None:
    whole = bytearray(log())
    whole[8:128] = damage
    items = list(evtx.read_records(io.BytesIO(whole)))
    assert sum(isinstance(item.content, bytes) for item in items) == 60
