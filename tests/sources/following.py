"""What the tests of following share: a follower that keeps what it would commit, and log lines."""

from __future__ import annotations

import json
from pathlib import Path

from triage.sources import Block, Follower, Position


class Watch:
    """A follower with a clock of its own, and a case file that keeps what it would commit."""

    def __init__(self, *roots: Path, positions: dict[str, Position] | None = None) -> None:
        self.now = 0.0
        self.positions = dict(positions or {})
        self.blocks: list[Block] = []
        self.follower = Follower(roots, self.positions, clock=lambda: self.now)

    def poll(self, looks: int = 1) -> list[str]:
        """The records of so many polls, each a scan apart."""
        records: list[str] = []
        for _ in range(looks):
            self.now += 1.5
            for block in self.follower.poll():
                self.blocks.append(block)
                self.positions[block.position.generation] = block.position
                records += [record.decode() for record in block.records]
        return records

    def restart(self, *roots: Path) -> Watch:
        self.follower.close()
        return Watch(*roots, positions=self.positions)

    def gaps(self) -> list[str]:
        return [gap for block in self.blocks for gap in block.gaps]

    def rejects(self) -> list[tuple[int, int, str]]:
        found = [reject for block in self.blocks for reject in block.rejects]
        return [(reject.position, reject.length, reject.reason) for reject in found]

    def state(self, path: Path) -> str:
        return next(s.state for s in self.follower.sources() if s.path == str(path))


def line(number: int, pad: int = 0) -> str:
    body = {"@timestamp": "2026-03-02T09:15:00Z", "event": {"n": number}, "pad": "x" * pad}
    return json.dumps(body)


def lines(*numbers: int) -> bytes:
    return b"".join(line(number).encode() + b"\n" for number in numbers)


def texts(*numbers: int) -> list[str]:
    return [line(number) for number in numbers]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
