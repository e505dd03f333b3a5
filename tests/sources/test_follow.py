"""Following files: each row of the contract is a test, named in the row's words."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.following import Watch, append, line, lines, texts
from triage.errors import TriageError
from triage.sources import MAX_RECORD_BYTES, Block, Follower, read_range


def test_f01_append_every_complete_line_is_delivered_once_in_order(log: Path, watch: Watch) -> None:
    append(log, lines(1, 2))
    assert watch.poll() == texts(1, 2)
    append(log, lines(3))
    append(log, lines(4))
    assert watch.poll() == texts(3, 4)
    assert watch.poll() == []
    assert watch.state(log) == "idle"


def test_f02_partial_last_line_is_delivered_once_when_it_is_completed(
    log: Path, watch: Watch
) -> None:
    whole = lines(1, 2)
    append(log, whole[:-20])
    assert watch.poll(8) == texts(1)
    append(log, whole[-20:-1])
    assert watch.poll(8) == []
    append(log, whole[-1:])
    assert watch.poll() == texts(2)
    assert watch.blocks[-1].position.offset == len(whole)


def test_f02_partial_last_line_is_parsed_at_the_end_when_reading_once(
    log: Path, watch: Watch
) -> None:
    append(log, lines(1, 2)[:-1])
    follower = Follower([log], once=True)
    assert [r.decode() for b in follower.poll() for r in b.records] == texts(1, 2)
    assert list(follower.poll()) == []
    assert follower.wait(60) is False
    follower.close()


def test_f03_partial_line_and_kill_and_completion_gives_it_once(log: Path, watch: Watch) -> None:
    append(log, lines(1) + line(2).encode()[:30])
    assert watch.poll() == texts(1)
    again = watch.restart(log.parent)
    append(log, line(2).encode()[30:] + b"\n")
    assert again.poll() == texts(2)
    again.follower.close()


def test_f04_crlf_empty_lines_and_bom(log: Path, watch: Watch) -> None:
    append(log, b"\xef\xbb\xbf" + b"\r\n\r\n".join(lines(1, 2).split(b"\n")[:2]) + b"\r\n \r\n")
    assert watch.poll() == texts(1, 2)
    assert watch.blocks[0].positions[0] == 3
    append(log, lines(3))
    again = watch.restart(log.parent)
    assert again.poll() == texts(3)
    again.follower.close()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_f04_utf16_is_remembered_over_a_restart(encoding: str, log: Path, watch: Watch) -> None:
    text = "\ufeff" + lines(1).decode() + line(2).replace("xx", "") + "\u4e0a\U0001f600"
    raw = text.encode(encoding)
    for at in range(0, len(raw), 7):
        append(log, raw[at : at + 7])
        if at % 70 == 0:
            watch.poll()
    watch.poll()
    assert sum(len(block.records) for block in watch.blocks) == 1
    again = watch.restart(log.parent)
    append(log, "\r\n".encode(encoding) + lines(3).decode().encode(encoding))
    assert again.poll() == [line(2) + "\u4e0a\U0001f600", line(3)]
    again.follower.close()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@given(step=st.integers(1, 40), jitter=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_f05_characters_and_line_ends_split_between_reads(
    encoding: str, step: int, jitter: random.Random
) -> None:
    whole = [line(n, 3).replace("xxx", "\u00fc\u4e0a\U0001f600") for n in range(3)]
    raw = ("\ufeff" + "\r\n".join([*whole, ""])).encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder))
        found: list[str] = []
        at = 0
        while at < len(raw):
            end = at + jitter.randint(1, step)
            append(Path(folder) / "log", raw[at:end])
            found += watch.poll()
            at = end
        watch.follower.close()
    assert (found, watch.rejects()) == (whole, [])


def test_f06_line_too_long_is_skipped_with_one_reject(log: Path, watch: Watch) -> None:
    long = line(2, MAX_RECORD_BYTES * 3).encode() + b"\n"
    append(log, lines(1) + long + lines(3))
    assert watch.poll() == texts(1, 3)
    at = len(lines(1))
    ((position, length, reason),) = watch.rejects()
    assert (position, length) == (at, len(long))
    assert "more than 1,048,576" in reason
    (reject,) = [reject for block in watch.blocks for reject in block.rejects]
    assert reject.excerpt == long[:256]


def test_f06_restart_inside_a_line_too_long_gives_it_once(log: Path, watch: Watch) -> None:
    long = line(2, MAX_RECORD_BYTES * 2).encode()
    append(log, lines(1) + long)
    assert watch.poll(3) == texts(1)
    again = watch.restart(log.parent)
    assert again.poll(2) == []
    append(log, b"\n" + lines(3))
    assert again.poll() == texts(3)
    assert watch.rejects() == []
    assert [found[:2] for found in again.rejects()] == [(len(lines(1)), len(long) + 1)]
    again.follower.close()


def test_f06_a_record_of_just_the_longest_length_is_read(log: Path, watch: Watch) -> None:
    fits = line(1, MAX_RECORD_BYTES - len(line(1)))
    assert len(fits) == MAX_RECORD_BYTES
    append(log, lines(0) + fits.encode() + b"\n" + lines(2))
    assert watch.poll() == [line(0), fits, line(2)]
    assert watch.rejects() == []


def test_f08_rename_rotation_reads_the_rest_of_the_old_then_the_new(
    log: Path, watch: Watch
) -> None:
    append(log, lines(1))
    assert watch.poll() == texts(1)
    append(log, lines(2))
    log.rename(log.with_suffix(".1"))
    append(log, lines(3))
    assert sorted(watch.poll()) == texts(2, 3)
    append(log.with_suffix(".1"), lines(4))
    append(log, lines(5))
    assert sorted(watch.poll()) == texts(4, 5)
    assert watch.gaps() == []


def test_f08_rename_rotation_out_of_the_folder_reads_the_rest(
    log: Path, watch: Watch, tmp_path: Path
) -> None:
    append(log, lines(1))
    watch.poll()
    append(log, lines(2) + line(3).encode())
    log.rename(tmp_path / "archived")
    append(log, lines(4))
    assert sorted(watch.poll(5)) == texts(2, 3, 4)
    assert watch.gaps() == []


def test_f02_a_rotated_file_without_a_line_end_is_complete(log: Path, watch: Watch) -> None:
    append(log, lines(1) + line(2).encode())
    watch.poll()
    log.rename(log.with_suffix(".1"))
    append(log, lines(3))
    assert sorted(watch.poll(8)) == texts(2, 3)


def test_f09_rotation_while_stopped_resumes_the_old_under_its_new_name(
    log: Path, watch: Watch
) -> None:
    append(log, lines(1))
    watch.poll()
    append(log, lines(2))
    log.rename(log.with_suffix(".1"))
    append(log, lines(3))
    again = watch.restart(log.parent)
    assert sorted(again.poll()) == texts(2, 3)
    assert again.gaps() == []
    again.follower.close()


def test_f10_rotation_while_stopped_out_of_sight_is_told_once(
    log: Path, watch: Watch, tmp_path: Path
) -> None:
    append(log, lines(1))
    watch.poll()
    append(log, lines(2))
    log.rename(tmp_path / "archived")
    append(log, lines(3))
    again = watch.restart(log.parent)
    assert again.poll() == texts(3)
    (gap,) = again.gaps()
    assert str(log) in gap
    assert "not watched" in gap
    third = again.restart(log.parent)
    assert third.poll(2) == []
    assert third.gaps() == []
    third.follower.close()


def test_f12_copytruncate_shorter_begins_a_new_generation(log: Path, watch: Watch) -> None:
    append(log, lines(1, 2))
    watch.poll()
    os.truncate(log, 0)
    append(log, lines(3))
    assert watch.poll() == texts(3)
    assert len(watch.positions) == 2
    (gap,) = watch.gaps()
    assert "truncated or rewritten" in gap


def test_f13_copytruncate_regrown_past_the_offset_is_noticed(log: Path, watch: Watch) -> None:
    append(log, lines(1, 2))
    watch.poll()
    os.truncate(log, 0)
    append(log, lines(1, 3, 4, 5))
    assert watch.poll() == texts(1, 3, 4, 5)


def test_f13_copytruncate_regrown_while_stopped_is_noticed(log: Path, watch: Watch) -> None:
    append(log, lines(1, 2))
    watch.poll()
    os.truncate(log, 0)
    append(log, lines(3, 4, 5))
    again = watch.restart(log.parent)
    assert again.poll() == texts(3, 4, 5)
    assert len(again.gaps()) == 1
    again.follower.close()


def test_f13_regrown_within_one_poll_of_a_large_file_is_noticed(log: Path, watch: Watch) -> None:
    append(log, b"".join(lines(n) for n in range(30_000)))
    polling = watch.follower.poll()
    first = next(polling)
    old = log.read_bytes()
    os.truncate(log, 0)
    append(log, old.replace(b'"n": ', b'"m": '))
    rest = [record for block in polling for record in block.records]
    assert len(first.records) + 30_000 == len(first.records) + len(rest)
    assert all(b'"m"' in record for record in rest)


def test_f14_a_nul_hole_after_truncation_is_skipped_and_counted(log: Path, watch: Watch) -> None:
    append(log, lines(1, 2))
    watch.poll()
    hole = 3 * MAX_RECORD_BYTES
    os.truncate(log, 0)
    os.truncate(log, hole)
    append(log, lines(3, 4))
    assert watch.poll(2) == texts(3, 4)
    assert sum(length for _, length, _ in watch.rejects()) == hole
    assert all("NUL" in reason for _, _, reason in watch.rejects())


def test_f14_nul_bytes_between_lines_are_counted_and_lose_no_line(log: Path, watch: Watch) -> None:
    append(log, lines(1) + bytes(5000) + lines(2))
    assert watch.poll() == texts(1, 2)
    assert [(at, length) for at, length, _ in watch.rejects()] == [(len(lines(1)), 5000)]


def test_f15_delete_while_open_is_read_to_its_end(log: Path, watch: Watch) -> None:
    append(log, lines(1))
    watch.poll()
    with log.open("ab") as file:
        file.write(lines(2) + line(3).encode())
        file.flush()
        log.unlink()
        assert watch.poll() == texts(2, 3)
    assert watch.state(log) == "gone"
    again = watch.restart(log.parent)
    assert again.poll() == []
    assert again.gaps() == []
    again.follower.close()


def test_f16_delete_and_recreate_with_the_same_inode_is_a_new_generation(
    log: Path, watch: Watch
) -> None:
    append(log, lines(1, 2))
    watch.poll()
    again = watch.restart(log.parent)
    inode = log.stat().st_ino
    for _ in range(50):
        log.unlink()
        append(log, lines(3, 4, 5))
        if log.stat().st_ino == inode:
            break
    assert again.poll() == texts(3, 4, 5)
    again.follower.close()


def test_f17_files_with_equal_heads_are_two_generations(log: Path, watch: Watch) -> None:
    append(log, lines(1))
    append(log.with_name("other"), lines(1))
    assert watch.poll() == texts(1, 1)
    append(log.with_name("other"), lines(2))
    assert watch.poll() == texts(2)


def test_f17_a_file_too_small_to_be_known_is_not_refused_for_ever(log: Path, watch: Watch) -> None:
    append(log, b'{"@times')
    assert watch.poll() == []
    assert watch.state(log) == "idle"
    append(log, lines(1)[8:])
    assert watch.poll() == texts(1)


def test_f34_a_file_that_is_no_log_is_read_when_it_has_been_replaced(
    log: Path, watch: Watch
) -> None:
    append(log, b"this is no log of events at all, whatever it is\n" * 40)
    assert watch.poll() == []
    assert watch.state(log) == "not a log"
    log.write_bytes(lines(1))
    assert watch.poll() == texts(1)


def test_the_case_file_among_the_logs_is_skipped(log: Path, watch: Watch) -> None:
    for name in ("a.triage", "a.triage-wal", "a.triage-shm"):
        append(log.with_name(name), lines(1))
    append(log.with_name(".hidden"), lines(2))
    assert watch.poll() == texts(2)


def test_files_that_the_caller_skips_are_skipped(log: Path) -> None:
    log.parent.mkdir()
    append(log, lines(1))
    append(log.with_name("mine"), lines(2))
    follower = Follower([log.parent], once=True, skip=lambda path: path.endswith("mine"))
    assert [r.decode() for b in follower.poll() for r in b.records] == texts(1)
    follower.close()


def test_f13_a_file_rewritten_but_for_its_end_is_a_new_generation(log: Path, watch: Watch) -> None:
    end = lines(7, 7, 7, 7, 7)
    append(log, lines(1) + end)
    watch.poll()
    log.write_bytes(lines(2) + end)
    os.utime(log, ns=(1, 1))
    assert watch.poll() == texts(2, 7, 7, 7, 7, 7)


def test_a_block_is_bounded(log: Path, watch: Watch) -> None:
    append(log, lines(*range(40_000)))
    watch.poll()
    assert max(sum(map(len, block.records)) for block in watch.blocks) <= 1 << 20


def test_xml_written_live_is_read_up_to_the_last_whole_event(log: Path, watch: Watch) -> None:
    event = "<Event xmlns='x'><System><EventID>{}</EventID></System></Event>"
    append(log, ("<?xml version='1.0'?>\r\n<Events>" + event.format(1) + "\r\n<Ev").encode())
    assert watch.poll() == [event.format(1)]
    append(log, event.format(2)[3:-3].encode())
    assert watch.poll(3) == []
    append(log, (event.format(2)[-3:] + "</Events>\r\n").encode())
    assert watch.poll() == [event.format(2)]
    assert watch.rejects() == []


def test_one_broken_xml_event_does_not_spoil_the_next(log: Path, watch: Watch) -> None:
    good = "<Event><System><EventID>{}</EventID></System></Event>"
    append(log, f"{good.format(1)}<Event><System>{good.format(2)}oops{good.format(3)}".encode())
    assert watch.poll() == [good.format(1), good.format(2), good.format(3)]
    assert [reason for _, _, reason in watch.rejects()] == [
        "an <Event> that is cut short: the next one begins within it",
        "text outside <Event>",
    ]


def test_an_xml_event_too_long_is_skipped_with_one_reject(log: Path, watch: Watch) -> None:
    good = "<Event><System><EventID>{}</EventID></System></Event>\n"
    append(log, good.format(1).encode())
    append(log, b"<Event><a>" + b"y" * MAX_RECORD_BYTES * 2 + b"</a></Event>\n")
    append(log, good.format(2).encode())
    assert watch.poll() == [good.format(1).strip(), good.format(2).strip()]
    ((position, length, _),) = watch.rejects()
    assert (position, length) == (len(good) - 1, MAX_RECORD_BYTES * 2 + 22)


def test_a_root_that_does_not_exist_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TriageError, match="no such file or folder; check the path"):
        Follower([tmp_path / "absent"])
    with pytest.raises(TriageError, match="neither a file nor a folder"):
        Follower(["/dev/null"])


def test_records_are_read_again_by_their_places(
    log: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, lines(*range(20_000)))
    watch.poll()
    for block in watch.blocks:
        again = list(read_range(block.source, block.format, *_ends(block)))
        assert again == list(zip(block.positions, block.records, strict=True))
    middle = watch.blocks[1]
    (one,) = read_range(middle.source, middle.format, middle.positions[7], middle.positions[7])
    assert one == (middle.positions[7], middle.records[7])

    read = 0
    real = os.pread

    def counted(fd: int, length: int, at: int) -> bytes:
        nonlocal read
        read += length
        return real(fd, length, at)

    monkeypatch.setattr(os, "pread", counted)
    few = list(read_range(middle.source, middle.format, *middle.positions[7:12:4]))
    assert [record for _, record in few] == list(middle.records[7:12])
    assert read < 100_000  # and not the megabyte that lies behind them
    monkeypatch.undo()
    log.unlink()
    with pytest.raises(TriageError, match="the log is gone"):
        list(read_range(middle.source, middle.format, 0, 10))


def _ends(block: Block) -> tuple[int, int]:
    return block.positions[0], block.positions[-1]
