"""An EVTX log as Windows writes it: it grows, overwrites its oldest part, is cleared, copied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import evtx_file
from tests.sources.following import Watch
from triage.sources import read_range
from triage.sources.evtx_log import Numbers
from triage.sources.evtx_process import Chunk, ChunkReader, Item

CHUNK = 20  # records


@pytest.fixture
def log(log: Path) -> Path:
    return log.with_name("Sysmon.evtx")


def evtx(numbers: Iterable[int], computer: str = "pc-1") -> bytes:
    raw = evtx_file.evtx(map(evtx_file.process, numbers), CHUNK)
    return raw.replace("pc-1".encode("utf-16-le"), computer.encode("utf-16-le"))


def poll(watch: Watch) -> list[int]:
    return [int(n) for n in re.findall(r'"EventRecordID": ?"?(\d+)', "".join(watch.poll()))]


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def test_f31_a_record_comes_once_however_the_log_grows(log: Path, watch: Watch) -> None:
    for last in (3, 4, 20, 21, 59):
        log.write_bytes(evtx(numbers(1, last)))
        poll(watch)
    blocks = [number for block in watch.blocks for number in block.positions]
    assert blocks == numbers(1, 59)
    assert len(watch.positions) == 1
    assert watch.gaps() == []


def test_f31_a_log_that_overwrites_its_oldest_chunk_goes_on(log: Path, watch: Watch) -> None:
    log.write_bytes(evtx(numbers(1, 60)))
    assert poll(watch) == numbers(1, 60)
    log.write_bytes(evtx([*numbers(61, 80), *numbers(21, 60)]))
    assert poll(watch) == numbers(61, 80)
    again = watch.restart(log.parent)
    log.write_bytes(evtx([*numbers(61, 80), *numbers(81, 100), *numbers(41, 60)]))
    assert poll(again) == numbers(81, 100)
    assert watch.gaps() + again.gaps() == []
    assert len(again.positions) == 1
    again.follower.close()


def test_f31_a_log_met_while_it_overwrites_itself_has_no_gap(log: Path, watch: Watch) -> None:
    log.write_bytes(evtx([*numbers(121, 140), *numbers(81, 120)]))
    assert poll(watch) == [*numbers(121, 140), *numbers(81, 120)]
    assert watch.gaps() == []
    # Places within a block ascend, so that what lies between two of them can be read again.
    first, second = watch.blocks
    assert first.positions == tuple(numbers(121, 140))
    again = list(read_range(str(log), "evtx", second.positions[3], second.positions[5]))
    assert again == list(zip(second.positions, second.records, strict=True))[3:6]


def test_f31_records_overwritten_before_they_were_read_are_a_gap(log: Path, watch: Watch) -> None:
    log.write_bytes(evtx(numbers(1, 60)))
    poll(watch)
    log.write_bytes(evtx([*numbers(121, 140), *numbers(81, 120)]))
    assert len(poll(watch)) == 60
    assert watch.gaps() == [f"{log}: 20 records are missing: numbers 61 to 80"]
    again = watch.restart(log.parent)
    assert poll(again) == []
    assert again.gaps() == []
    again.follower.close()


@pytest.mark.parametrize("stopped", [True, False])
def test_f31_a_cleared_log_goes_on_where_it_was(stopped: bool, log: Path, watch: Watch) -> None:
    log.write_bytes(evtx(numbers(1, 60)))
    poll(watch)
    if stopped:
        watch = watch.restart(log.parent)
    log.write_bytes(evtx(numbers(66, 70)))
    assert poll(watch) == numbers(66, 70)
    assert watch.gaps() == [f"{log}: 5 records are missing: numbers 61 to 65"]
    assert len(watch.positions) == 1
    watch.follower.close()


@pytest.mark.parametrize("computer", ["pc-1", "pc-2"])
def test_f31_another_log_in_its_place_is_read_as_a_whole(
    computer: str, log: Path, watch: Watch
) -> None:
    log.write_bytes(evtx(numbers(1, 60)))
    poll(watch)
    first = 61 if computer == "pc-2" else 11
    log.write_bytes(evtx(numbers(first, first + 4), computer))
    assert poll(watch) == numbers(first, first + 4)
    assert len(watch.positions) == 2
    (gap,) = watch.gaps()
    assert "truncated or rewritten" in gap


def test_f31_a_damaged_chunk_is_a_gap_told_once(log: Path, watch: Watch) -> None:
    raw = bytearray(evtx(numbers(1, 100)))
    raw[4096 + 65536 : 4096 + 65536 + 8] = bytes(8)
    log.write_bytes(raw)
    assert poll(watch) == [*numbers(1, 20), *numbers(41, 100)]
    assert watch.gaps() == [f"{log}: 20 records are missing: numbers 21 to 40"]
    assert [place for place, _, _ in watch.rejects()] == [4096 + 65536 + 1]
    again = watch.restart(log.parent)
    raw += evtx(numbers(101, 110))[4096:]
    raw[42:44] = (6).to_bytes(2, "little")
    log.write_bytes(raw)
    assert poll(again) == numbers(101, 110)
    assert again.gaps() == []
    assert again.rejects() == []
    # The chunk was only not there yet: what is in it still counts.
    log.write_bytes(evtx(numbers(1, 110)))
    assert poll(again) == numbers(21, 40)
    again.follower.close()


def test_f31_a_log_that_is_still_being_copied_loses_nothing(log: Path, watch: Watch) -> None:
    whole = evtx(numbers(1, 60))
    found: list[int] = []
    for end in (4096, 4096 + 600, 4096 + 65536 + 128, 4096 + 2 * 65536 + 9000, len(whole)):
        log.write_bytes(whole[:end] + bytes(len(whole) - end))
        found += poll(watch)
    assert sorted(found) == numbers(1, 60)


def test_f31_only_chunks_that_changed_are_parsed_again(
    log: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []
    read = ChunkReader.read

    def noted(self: ChunkReader, chunks: Sequence[Chunk]) -> list[Item]:
        parsed.extend(place for place, _ in chunks)
        return read(self, chunks)

    monkeypatch.setattr(ChunkReader, "read", noted)
    log.write_bytes(evtx(numbers(1, 110)))
    poll(watch)
    log.write_bytes(evtx(numbers(1, 115)))
    assert poll(watch) == numbers(111, 115)
    assert parsed == [0, 1, 2, 3, 4, 5, 5]


steps = st.lists(st.one_of(st.integers(1, 30), st.sampled_from(["look", "restart"])), max_size=25)


@given(steps=steps)
@settings(max_examples=40, deadline=None)
def test_f31_what_is_not_read_is_told_to_the_record(
    steps: list[int | str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A log of three chunks, written around and around while it is looked at."""
    folder = tmp_path_factory.mktemp("log")
    watch = Watch(folder)
    chunks: list[list[int]] = [[1]]
    last = 1
    read: list[int] = []
    for step in [*steps, "look"]:
        if isinstance(step, int):
            for number in numbers(last + 1, last + step):
                if len(chunks[-1]) == CHUNK:
                    chunks.append([])
                chunks[-1].append(number)
            last += step
            places: list[list[int]] = [[], [], []]
            for place, chunk in enumerate(chunks):
                places[place % 3] = chunk
            raw = b"".join(evtx(one)[4096:] for one in places if one)
            head = bytearray(evtx([1])[:4096])
            head[42:44] = (len(raw) // 65536).to_bytes(2, "little")
            (folder / "log").write_bytes(head + raw)
        elif step == "look":
            read += poll(watch)
        else:
            watch.follower.close()
            before = watch.blocks
            watch = Watch(folder, positions=watch.positions)
            watch.blocks = before
    watch.follower.close()
    assert len(read) == len(set(read))
    missing = sum(int(one) for gap in watch.gaps() for one in re.findall(r"(\d+) records are", gap))
    if read:
        assert missing == max(read) - min(read) + 1 - len(read)


@given(st.lists(st.integers(1, 30)))
def test_numbers_are_a_set(values: list[int]) -> None:
    found = Numbers()
    for value in values:
        found.add(value)
    assert [n for n in range(40) if n in found] == sorted(set(values))
    assert found.last == max(values, default=0)
    spans = list(found.spans)
    assert all(first <= last for first, last in spans)
    assert all(one[1] + 1 < other[0] for one, other in pairwise(spans))
    holes = {n for first, last in found.holes() for n in range(first, last + 1)}
    inside = set(range(min(values), max(values))) if values else set()
    assert holes == inside - set(values)
    assert Numbers(found.spans).spans == found.spans


def test_the_oldest_holes_are_forgotten_first() -> None:
    found = Numbers()
    for value in range(1, 5001, 2):
        found.add(value)
    assert len(found.spans) == 1000
    assert found.holes()[-1] == (4998, 4998)
