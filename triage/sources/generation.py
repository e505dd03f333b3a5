"""One generation of one file: what it is, how far it is read, and how it is known again.

A generation is a file from its creation to its truncation or replacement. The bytes before the
place that was reached are kept (at most 256) and compared in the very read that fetches what comes
after them, so that bytes of another generation are never taken for this one's.
"""

from __future__ import annotations

import hashlib
import os
import struct
import uuid

from triage.errors import Reject
from triage.sources import cut
from triage.sources.block import (
    BLOCK_BYTES,
    EXCERPT_BYTES,
    MAX_RECORD_BYTES,
    Block,
    Position,
    RecordError,
    too_long,
)
from triage.sources.detect import HEAD_BYTES, Refused, detect
from triage.sources.evtx_log import EvtxLog
from triage.sources.formats import framing

HEAD_HASHED = 1024
TAIL_HASHED = 256
# The first bytes of an EVTX file change with every record. Its first record does not: it lies
# behind the file header (4,096 bytes) and the first chunk's header (512 bytes).
_EVTX_FIRST_RECORD = 4096 + 512
_EVTX_RECORD_MAGIC = b"\x2a\x2a\x00\x00"
_OVERLAP = 64  # an end tag may lie across two reads

Key = tuple[int, int]  # device and inode


class ChangedError(Exception):
    """The bytes before the place that was reached are not those that were read."""


class Generation:
    """The reading of one generation; it knows nothing of other files or of opening them."""

    def __init__(self, path: str, key: Key) -> None:
        self.path = path
        self.key = key
        self.id = fresh_id()
        self.format = ""
        self.encoding = ""
        self.offset = 0  # bytes; records for EVTX
        self.size = 0
        self.head = b""
        self.tail = b""
        self.records = 0  # handed on in this run
        self.state = "idle"
        self.reason = ""
        self.seen: tuple[int, int] | None = None  # size and mtime up to which all is read
        self.adopted = False  # compared with the positions committed earlier
        self.waking = True  # to be compared with its head before the next read
        self.queued = False
        self.file = ""  # where it lies unpacked, if it is a log within an archive
        self.renamed = False
        self.finished = False  # no more will be written: the tail is a record
        self.changed_at = 0.0  # seconds of the follower's clock
        self.misses = 0  # scans in which no path led here
        self._begun = False  # whether anything was handed on, in this run or an earlier one
        self._overlong: tuple[bytes, int] | None = None  # its first bytes; end of what was scanned
        self._log = EvtxLog()

    # Identity

    def position(self) -> Position:
        """What to commit for the next run to go on from here."""
        return Position(
            generation=self.id,
            path=self.path,
            device=self.key[0],
            inode=self.key[1],
            format=self.format,
            encoding=self.encoding,
            offset=self.offset,
            size=self.size,
            head_length=len(self.head),
            head_hash=_hash(self.head),
            tail_length=len(self.tail),
            tail_hash=_hash(self.tail),
            numbers=self._log.numbers.spans,
            missing=self._log.missing,
            origin=self._log.origin,
        )

    def resume(self, position: Position, fd: int) -> bool:
        """Go on from ``position`` if the file's bytes are those that it was taken of."""
        head_at = _EVTX_FIRST_RECORD if position.format == "evtx" else 0
        head = os.pread(fd, position.head_length, head_at)
        tail = b""
        if position.format != "evtx":
            tail = os.pread(fd, position.tail_length, position.offset - position.tail_length)
        if position.format == "evtx":
            log = EvtxLog()
            log.resume(position.numbers, position.missing, position.origin, position.offset)
            if _hash(head) != position.head_hash and not _goes_on(log, fd):
                return False
            head, self._log = _evtx_head(fd), log
        elif (_hash(head), _hash(tail)) != (position.head_hash, position.tail_hash):
            return False
        self.id = position.generation
        self.format = position.format
        self.encoding = position.encoding
        self.offset = position.offset
        self.head, self.tail = head, tail
        self.waking = False
        self._begun = True
        return True

    def verify(self, fd: int) -> None:
        """Raise ChangedError unless the file still begins with what was read of it."""
        is_evtx = self.format == "evtx"
        head_at = _EVTX_FIRST_RECORD if is_evtx else 0
        if self.head and os.pread(fd, len(self.head), head_at) != self.head:
            if not (is_evtx and _goes_on(self._log, fd)):
                raise ChangedError
            self.head = _evtx_head(fd)
        self.waking = False

    # Reading

    def read(self, fd: int, final: bool) -> tuple[Block | None, bool]:
        """The next block, if there is one, and whether there may be more at once.

        ``final`` says that nothing will be appended: bytes behind the last line end are a record.
        Raises ChangedError or OSError.
        """
        status = os.fstat(fd)
        self.size = status.st_size
        now = (status.st_size, status.st_mtime_ns)
        if not self._begun and not self._recognise(fd, final):
            self.seen = now
            return None, False
        self.state, self.reason = "reading", ""
        if self.format == "evtx":
            block, more = self._read_evtx(fd)
        elif self._overlong is not None:
            block, more = self._read_overlong(fd, final)
        else:
            block, more = self._read_text(fd, final)
        if not more:
            self.seen = now
            self.waking = True
            if self.state == "reading":
                self.state = "idle"
        return block, more

    def suspend(self) -> None:
        """Let go of whatever holds the file open."""
        self._log.suspend()

    def _recognise(self, fd: int, final: bool) -> bool:
        head = os.pread(fd, HEAD_BYTES, 0)
        found = detect(
            _behind_hole(fd) if len(head) == HEAD_BYTES and not any(head) else head, final
        )
        if found is None:
            self.state = "idle"
            self.reason = "waiting for the first whole record" if head.strip(b"\x00\r\n\t ") else ""
            return False
        if isinstance(found, Refused):
            self.state = "not a log" if found.foreign else "refused"
            self.reason = found.reason
            return False
        self.format, self.encoding = found.format, found.encoding
        self.offset = 0 if found.format == "evtx" else found.start
        self.tail = head[: self.offset]
        return True

    def _fresh(self, fd: int, length: int) -> bytes:
        """Up to ``length`` bytes behind the offset; the bytes before it are compared."""
        known = len(self.tail)
        data = os.pread(fd, known + length, self.offset - known)
        if data[:known] != self.tail:
            raise ChangedError
        return data[known:]

    def _read_text(self, fd: int, final: bool) -> tuple[Block | None, bool]:
        kind = framing(self.format)
        header = b""
        if kind == "rows":
            header = cut.header(kind, os.pread(fd, HEAD_BYTES, 0), self.encoding)
        # Most records fit a block; one that does not gets a second look with all it may have.
        for want in (BLOCK_BYTES, MAX_RECORD_BYTES + 4096):
            data = self._fresh(fd, want)
            full = len(data) == want
            end = final and not full
            out = cut.cut(kind, data, self.offset, self.encoding, end, self.path, header)
            if out.consumed or not full:
                break
        else:
            self._overlong = (data[:EXCERPT_BYTES], self.offset + len(data))
            return None, True
        if not out.consumed:
            return None, False
        self._advance(fd, data, out.consumed)
        return self._block(out.records, out.positions, out.rejects), full

    def _read_overlong(self, fd: int, final: bool) -> tuple[Block | None, bool]:
        assert self._overlong is not None  # noqa: S101 - says what the caller has checked
        excerpt, scanned = self._overlong
        self._fresh(fd, 0)
        at = scanned - _OVERLAP
        data = os.pread(fd, BLOCK_BYTES, at)
        if len(data) < _OVERLAP:
            raise ChangedError
        end = cut.overlong_end(framing(self.format), data, at, self.encoding)
        if end is None:
            at_end = len(data) < BLOCK_BYTES
            if not (at_end and final):
                self._overlong = (excerpt, at + len(data))
                return None, not at_end
            end = len(data)
        start, behind = self.offset, at + end
        tail = os.pread(fd, TAIL_HASHED, max(behind - TAIL_HASHED, 0))[:TAIL_HASHED]
        self._keep_head(fd, behind)
        self.offset, self.tail, self._overlong = behind, tail, None
        reject = too_long(self.path, start, excerpt, self.offset - start)
        return self._block([], [], [reject]), True

    def _read_evtx(self, fd: int) -> tuple[Block | None, bool]:
        self.head = self.head or _evtx_head(fd)
        try:
            part = self._log.read(fd, self.path)
        except RecordError as error:
            self.suspend()
            self.state, self.reason = "refused", str(error)
            return None, False
        self.offset = self._log.records
        if not (part.records or part.rejects or part.gap):
            return None, part.more
        gaps = (part.gap,) if part.gap else ()
        return self._block(part.records, part.numbers, part.rejects, gaps), part.more

    # What may fail comes first: what counts as read has to be handed on.

    def _advance(self, fd: int, data: bytes, consumed: int) -> None:
        self._keep_head(fd, self.offset + consumed)
        self.offset += consumed
        last = data[max(consumed - TAIL_HASHED, 0) : consumed]
        self.tail = (self.tail + last)[-TAIL_HASHED:]

    def _keep_head(self, fd: int, behind: int) -> None:
        """Have the first bytes, of which those before ``behind`` will have been read."""
        if len(self.head) < min(HEAD_HASHED, behind):
            self.head = os.pread(fd, min(HEAD_HASHED, behind), 0)

    def _block(
        self,
        records: list[bytes],
        positions: list[int],
        rejects: list[Reject],
        gaps: tuple[str, ...] = (),
    ) -> Block:
        self._begun = True
        self.records += len(records)
        return Block(
            source=self.path,
            format=self.format,
            records=tuple(records),
            positions=tuple(positions),
            position=self.position(),
            rejects=tuple(rejects),
            gaps=gaps,
        )


def fresh_id() -> str:
    """A name for a generation."""
    return uuid.uuid4().hex


def holds_rest(fd: int, other: Generation, other_fd: int) -> bool:
    """Whether a file holds, at its place, what is not read yet of another log."""
    if other.format == "evtx":
        return True  # known by their numbers
    at = other.offset
    while rest := os.pread(other_fd, BLOCK_BYTES, at):
        if os.pread(fd, len(rest), at) != rest:
            return False
        at += len(rest)
    return True


def _behind_hole(fd: int) -> bytes:
    """The first bytes behind a hole, as a writer leaves it that goes on where it was before."""
    at = 0
    while chunk := os.pread(fd, BLOCK_BYTES, at):
        rest = chunk.lstrip(b"\x00")
        if rest:
            at += (len(chunk) - len(rest)) & ~1  # keep the halves of UTF-16 units together
            return os.pread(fd, HEAD_BYTES, at)
        at += len(chunk)
    return b""


def head_hash(fd: int, is_evtx: bool, length: int) -> str:
    """``Position.head_hash`` of a file of which that much is compared. Raises OSError."""
    return _hash(os.pread(fd, length, _EVTX_FIRST_RECORD if is_evtx else 0))


def _evtx_head(fd: int) -> bytes:
    """The first record of an EVTX file, as much of it as is compared."""
    marks = os.pread(fd, 8, _EVTX_FIRST_RECORD)
    if len(marks) < 8 or not marks.startswith(_EVTX_RECORD_MAGIC):
        return b""
    (length,) = struct.unpack("<4xI", marks)
    return os.pread(fd, min(length, HEAD_HASHED), _EVTX_FIRST_RECORD)


def _goes_on(log: EvtxLog, fd: int) -> bool:
    """Whether an EVTX file that begins otherwise than it did is still the same log."""
    with os.fdopen(os.dup(fd), "rb") as file:
        try:
            return log.goes_on(file)
        except RecordError:
            return False


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest() if data else ""
