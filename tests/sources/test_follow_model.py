"""Following against a model of writers: whatever they do, whenever we die, no line is lost."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from triage.sources import Block, Follower, Position

# Every file begins with the same 1,100 bytes: what it begins with does not tell it from another.
HEADER = (
    json.dumps(
        {"@timestamp": "2026-03-02T09:15:00Z", "event": {"n": 0}, "pad": "x" * 1100}
    ).encode()
    + b"\n"
)


class Writers(RuleBasedStateMachine):
    """Two logs that are appended to, rotated, packed, moved, truncated and recreated while they
    are followed, with and without notices, and the reader dies whenever it likes.

    The model is the list of complete lines that were ever written, each with its own number. A
    line may be lost only where a generation was truncated or removed before it was read, and come
    twice only where the end of its log was cut off, which makes a new log of the rest, or where
    its log was away for so long that it had ended, and came back after the reader died.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outside = Path(tempfile.mkdtemp(prefix="triage-model-"))
        self.folder = self.outside / "logs"
        self.folder.mkdir()
        self.now = 0.0
        self.count = 0
        self.rotated = 0
        self.partial: dict[str, bytes] = {"a": b"", "b": b""}  # written, without its line end
        self.present: dict[str, set[int]] = {"a": set(), "b": set()}  # complete lines in the file
        self.written: set[int] = set()
        self.losable: set[int] = set()
        self.repeatable: set[int] = set()
        self.rotated_logs: list[Path] = []
        self.delivered: list[int] = []
        self.committed: dict[str, Position] = {}
        self.follower = self.open()

    def open(self) -> Follower:
        return Follower([self.folder], self.committed, clock=lambda: self.now)

    def teardown(self) -> None:
        self.follower.close()
        shutil.rmtree(self.outside)

    # Writers

    @rule(log=st.sampled_from("ab"), count=st.integers(1, 4), cut=st.integers(0, 90))
    def append(self, log: str, count: int, cut: int) -> None:
        body = b""
        for _ in range(count):
            self.count += 1
            event = {"@timestamp": "2026-03-02T09:15:00Z", "event": {"n": self.count}}
            body += json.dumps(event).encode() + b"\n"
        body = self._rest(log) + body
        stop = cut if 0 < cut < len(body) else len(body)
        self._write(log, body[:stop])
        self._settle(log, body[stop:])

    def _rest(self, log: str) -> bytes:
        rest, self.partial[log] = self.partial[log], b""
        return rest

    def _settle(self, log: str, rest: bytes) -> None:
        """Note what is complete on disk; the rest is written with the next lines."""
        self.partial[log] = rest
        whole = {json.loads(line)["event"]["n"] for line in self._lines(log)} - {0}
        self.written |= whole
        self.present[log] = whole

    def _lines(self, log: str) -> list[bytes]:
        data = (self.folder / log).read_bytes()
        return data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]

    def _write(self, log: str, data: bytes) -> None:
        with (self.folder / log).open("ab") as file:
            file.write(data if file.tell() else HEADER + data)

    def _finish(self, log: str) -> bool:
        """Complete the line that is being written: a writer rotates between lines."""
        if not (self.folder / log).exists():
            return False
        rest = self._rest(log)
        if rest:
            self._write(log, rest)
            self._settle(log, b"")
        return True

    @rule(log=st.sampled_from("ab"))
    def rotate(self, log: str) -> None:
        if self._finish(log):
            self.rotated += 1
            rotated = self.folder / f"{log}.{self.rotated}"
            (self.folder / log).rename(rotated)
            self.rotated_logs.append(rotated)
            self.present[log] = set()

    @precondition(lambda self: self.rotated_logs)
    @rule()
    def pack_a_rotated_log(self) -> None:
        rotated = self.rotated_logs.pop(0)
        packing = self.outside / "packing"
        packing.write_bytes(gzip.compress(rotated.read_bytes(), 1))
        packing.rename(f"{rotated}.gz")
        rotated.unlink()

    @precondition(lambda self: self.rotated_logs)
    @rule(scans=st.integers(0, 4))
    def move_a_rotated_log_out_and_back(self, scans: int) -> None:
        rotated = self.rotated_logs[0]
        rotated.rename(self.outside / "away")
        for _ in range(scans):
            self.read_all()
        (self.outside / "away").rename(rotated)
        if scans >= 3:
            whole = {json.loads(line)["event"]["n"] for line in self._lines(rotated.name)}
            self.repeatable |= whole

    @rule(log=st.sampled_from("ab"))
    def copytruncate(self, log: str) -> None:
        if self._finish(log):
            self.losable |= self.present[log]
            self.present[log] = set()
            os.truncate(self.folder / log, 0)

    @rule(log=st.sampled_from("ab"), keep=st.integers(0, 5))
    def cut_off_the_end(self, log: str, keep: int) -> None:
        if self._finish(log):
            lines = self._lines(log)
            kept = lines[: keep + 1]  # with the header
            os.truncate(self.folder / log, sum(len(one) + 1 for one in kept))
            self.losable |= self.present[log]
            self.repeatable |= self.present[log]
            self._settle(log, b"")

    @rule(log=st.sampled_from("ab"))
    def recreate_with_the_same_inode(self, log: str) -> None:
        if self._finish(log):
            self.losable |= self.present[log]
            self.present[log] = set()
            path = self.folder / log
            inode = path.stat().st_ino
            for _ in range(20):  # most file systems give it out again at once
                path.unlink()
                self._write(log, b"")
                if path.stat().st_ino == inode:
                    return

    # The reader

    @rule(names=st.lists(st.sampled_from(["a", "b", "a.1", "b.2.gz", "none"]), max_size=4))
    def notices_come_as_they_like(self, names: list[str]) -> None:
        self.follower._hints._paths.update(str(self.folder / name) for name in names)
        self.now += 0.2  # too early for a scan of its own
        polling = self.follower.poll()
        while self._take(polling):
            pass

    @rule(blocks=st.integers(0, 3))
    def read_some(self, blocks: int) -> None:
        self.now += 1.5
        polling = self.follower.poll()
        for _ in range(blocks):
            if not self._take(polling):
                return

    @rule()
    def read_all(self) -> None:
        self.now += 1.5
        polling = self.follower.poll()
        while self._take(polling):
            pass

    def _take(self, polling: Iterator[Block], commit: bool = True) -> bool:
        block = next(polling, None)
        if block is None:
            return False
        if commit:
            assert not block.rejects
            numbers = [json.loads(record)["event"]["n"] for record in block.records]
            self.delivered += [number for number in numbers if number]
            self.committed[block.position.generation] = block.position
        return True

    @rule(uncommitted=st.booleans())
    def die_and_start_again(self, uncommitted: bool) -> None:
        if uncommitted:
            self.now += 1.5
            self._take(self.follower.poll(), commit=False)
        self.follower.close()
        self.follower = self.open()

    @invariant()
    def nothing_twice_and_nothing_made_up(self) -> None:
        once = [number for number in self.delivered if number not in self.repeatable]
        assert len(once) == len(set(once))
        assert set(self.delivered) <= self.written

    @rule()
    def everything_that_is_not_lost_arrives(self) -> None:
        for _ in range(4):  # what is packed or moved is gone after some scans
            self.read_all()
        assert self.written - self.losable <= set(self.delivered)


TestWriters = Writers.TestCase
TestWriters.settings = settings(
    max_examples=int(os.environ.get("TRIAGE_EXAMPLES", "60")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
