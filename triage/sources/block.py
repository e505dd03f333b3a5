"""What a source hands on: blocks of raw records with their place, and where to go on from."""

from __future__ import annotations

from dataclasses import dataclass, field

from triage.errors import Reject

BLOCK_BYTES = 1 << 20  # a block holds about this many bytes of records
MAX_RECORD_BYTES = 1 << 20  # a longer record is refused, its place and its first bytes kept
EXCERPT_BYTES = 256


class RecordError(Exception):
    """One record that cannot be read; its text is the reason, in the analyst's words."""


@dataclass(slots=True)
class Cut:
    """What came out of one buffer, in order."""

    records: list[bytes] = field(default_factory=list)  # in UTF-8 where they were UTF-16
    positions: list[int] = field(default_factory=list)  # byte offset of each record in the file
    rejects: list[Reject] = field(default_factory=list)
    consumed: int = 0  # bytes of the buffer that are done with

    def add(self, raw: bytes, start: int, encoding: str, source: str) -> None:
        """One record that begins at byte ``start`` of the file; a Reject where it can not be."""
        if len(raw) > MAX_RECORD_BYTES:
            self.rejects.append(too_long(source, start, raw, len(raw)))
            return
        if encoding != "utf-8":
            try:
                raw = raw.decode(encoding).encode()
            except UnicodeDecodeError as error:
                name = encoding.upper()
                self.rejects.append(reject(source, start, raw, f"not {name}: {error.reason}"))
                return
        self.records.append(raw)
        self.positions.append(start)


def reject(source: str, position: int, raw: bytes, reason: str, length: int = 0) -> Reject:
    """A Reject for ``raw``, or for the ``length`` bytes that begin with it."""
    return Reject(source, position, length or len(raw), reason, raw[:EXCERPT_BYTES])


def too_long(source: str, position: int, raw: bytes, length: int) -> Reject:
    """The Reject of a record beyond MAX_RECORD_BYTES."""
    reason = f"a record of {length:,} bytes; more than {MAX_RECORD_BYTES:,} are not read"
    return reject(source, position, raw, reason, length)


@dataclass(frozen=True, slots=True)
class Position:
    """How far one generation of one file has been read: enough to go on after any crash.

    A generation is a file from its creation to its truncation or replacement. It is known by
    device and inode together with two hashes, since inodes are reused at once: of the file's first
    ``head_length`` bytes, and of the ``tail_length`` bytes before ``offset``.
    """

    generation: str  # random name, made when the generation is first seen
    path: str
    device: int
    inode: int
    format: str  # a name from triage.sources.FORMATS
    encoding: str  # "utf-8", "utf-16-le", "utf-16-be"; "" for binary formats
    offset: int  # end of the last complete record handed on (bytes; records for EVTX)
    size: int  # bytes of the file when this position was taken
    head_length: int = 0
    head_hash: str = ""
    tail_length: int = 0
    tail_hash: str = ""
    # Of an EVTX log: the numbers of the records read, as (first, last), how many between them were
    # told of as missing, and the channel and computer that the records are of.
    numbers: tuple[tuple[int, int], ...] = ()
    missing: int = 0
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Raw records of one source that belong together, in file order.

    ``match`` may decode it in any process: it is plain data. ``position`` is what to commit, in one
    transaction with the block's effects, for the next run to go on behind it.
    """

    source: str  # path of the log as it was given or found
    format: str  # how to decode a record: a name from triage.sources.FORMATS
    records: tuple[bytes, ...]  # each one whole record, without its line end
    positions: tuple[int, ...]  # place of each record: byte offset, or its number for EVTX
    position: Position
    rejects: tuple[Reject, ...] = ()  # places where no record could be cut out
    gaps: tuple[str, ...] = field(default=())  # what was lost, in words ("… was truncated …")

    def text(self) -> bytes | None:
        """All records with a line end between them; None where that is no UTF-8."""
        records = b"\n".join(self.records)
        if not records.isascii():
            try:
                records.decode()
            except UnicodeDecodeError:
                return None
        return records
