"""The EVTX parser as a process of its own, so that what a hostile log does to it ends there.

Started as a script by ``evtx_process``; it imports nothing of triage and is up in the time an
interpreter takes. A request on standard input is a number of chunks, their numbers in the log, the
length of each, and the chunks. The answer is a number of items; of each its length (negative for
the reason why there is no record), its chunk's number, and its record's (64 bits); and the items.
Other numbers are 32 bits, all are little-endian. It ends with its input.
"""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator
from typing import IO, Any

from evtx import PyEvtxParser

# A header of our own for one chunk: the file's may be damaged, or older than its chunks.
_HEADER = struct.pack("<8sQQQIHHHH", b"ElfFile\x00", 0, 0, 0, 128, 1, 3, 4096, 1).ljust(4096, b"\0")


def parse(number: int, chunk: bytes) -> Iterator[tuple[int, bytes | str]]:
    """The records of chunk ``number``: their own numbers, and the parser's JSON; the reason, as a
    text, where there is none."""
    records: Any = PyEvtxParser(io.BytesIO(_HEADER + chunk), 1).records_json()
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - whatever the parser says is the reason
            yield 0, f"EVTX: chunk number {number}: {str(error)[:200]}"
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            yield 0, f"EVTX: chunk number {number}: the parser broke off: {str(error)[:200]}"
            return
        else:
            yield record["event_record_id"], record["data"].encode("utf-8", "surrogatepass")


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are none."""
    while head := requests.read(4):
        (count,) = struct.unpack("<I", head)
        shape = struct.unpack(f"<{2 * count}I", requests.read(8 * count))
        items = [
            (place, number, item)
            for place, length in zip(shape[:count], shape[count:], strict=True)
            for number, item in parse(place, requests.read(length))
        ]
        texts = [item if isinstance(item, bytes) else item.encode() for _, _, item in items]
        lengths = [
            len(text) if isinstance(item, bytes) else -len(text)
            for (_, _, item), text in zip(items, texts, strict=True)
        ]
        places, numbers = [item[0] for item in items], [item[1] for item in items]
        n = len(items)
        answers.write(struct.pack(f"<I{n}i{n}I{n}Q", n, *lengths, *places, *numbers))
        answers.writelines(texts)
        answers.flush()


def limit(memory: int) -> None:
    """Take no more than ``memory`` bytes, where the system can see to that."""
    try:
        import resource
    except ImportError:
        return
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    serve(sys.stdin.buffer, sys.stdout.buffer)
