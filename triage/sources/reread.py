"""Reading records of a log again, between two places that a block told of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from triage.errors import TriageError
from triage.sources import cut, evtx
from triage.sources.block import BLOCK_BYTES, MAX_RECORD_BYTES, RecordError
from triage.sources.detect import HEAD_BYTES, encoding_of
from triage.sources.formats import framing
from triage.sources.packed import SPOOL

_LAST = 16 << 10  # bytes that the last record is taken to have at first: few are longer


def read_range(source: str, format: str, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(place, record) of the records of ``source`` from place ``start`` to ``end``, both included.

    Places are those of ``Block.positions``: bytes, or record numbers for EVTX. Records that can
    not be read are left out, as they were the first time. Raises TriageError where the log is gone
    or can not be read; whether it is still the same log the caller knows from its records.
    """
    try:
        with open(SPOOL.file(source), "rb") as file:
            if framing(format) == "evtx":
                yield from _evtx(file, start, end)
            else:
                yield from _text(file.fileno(), framing(format), start, end)
    except FileNotFoundError as error:
        raise TriageError(f"{source}: the log is gone; its events can not be shown") from error
    except OSError as error:
        raise TriageError(f"{source}: {error.strerror or error}") from error
    except RecordError as error:
        raise TriageError(f"{source}: {error}") from error


def _evtx(file: IO[bytes], start: int, end: int) -> Iterator[tuple[int, bytes]]:
    def wanted(_: int, header: bytes) -> bool:
        numbers = evtx.numbers_in(header)
        return numbers is None or (numbers[0] <= end and numbers[1] >= start)

    for item in evtx.read_records(file, wanted):
        if start <= item.number <= end and isinstance(item.content, bytes):
            yield item.number, item.content


def _text(fd: int, kind: str, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    head = os.pread(fd, HEAD_BYTES, 0)
    encoding, _ = encoding_of(head)
    header = cut.header(kind, head, encoding)
    at = start
    while at <= end:
        want = min(BLOCK_BYTES, end - at + _LAST)
        data = os.pread(fd, want, at)
        out = cut.cut(kind, data, at, encoding, len(data) < want, header=header)
        if not out.consumed and len(data) == want:
            data = os.pread(fd, MAX_RECORD_BYTES + 4096, at)
            end_seen = len(data) < MAX_RECORD_BYTES + 4096
            out = cut.cut(kind, data, at, encoding, end_seen, header=header)
        for place, record in zip(out.positions, out.records, strict=True):
            if place > end:
                return
            yield place, record
        if not out.consumed:
            return
        at += out.consumed
