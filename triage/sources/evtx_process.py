"""Parsing EVTX chunks in another process, within limits of time, memory and answer.

The parser is compiled code that takes apart whatever lies in a file. Should a file crash it, hang
it or make it take all memory, its process ends and another is started: the chunk is told as one
that could not be read, and the engine goes on.
"""

from __future__ import annotations

import atexit
import os
import selectors
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SECONDS = 15.0  # for some chunks; they take milliseconds
_MEMORY = 1 << 30  # bytes of address space
_ANSWER = 64 << 20  # bytes of an answer
_DEATHS = 3  # of the parser over one log, before that log is given up: each may take SECONDS
_WORKER = Path(__file__).with_name("evtx_worker.py")
COMMAND = (sys.executable, "-P", str(_WORKER), str(_MEMORY))

Chunk = tuple[int, bytes]  # its number in the log, and what lies there


class Item(NamedTuple):
    """A record of an EVTX, or the reason why there is none."""

    chunk: int  # the number of its chunk in the file
    number: int  # the record's in the log (EventRecordID; an export counts from 1), 0: unknown
    content: bytes | str  # the parser's JSON; a text is a reason


class ParserDiedError(Exception):
    """The parser's process came to an end over what it was given; the text says how."""


class Parser:
    """The parser's process; started when it is first needed, and again when it has died."""

    def __init__(self, command: Sequence[str] = (), seconds: float = SECONDS) -> None:
        """``command``: another program that speaks as ``evtx_worker`` does."""
        self._command = command or COMMAND
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # panes read again in threads of their own
        atexit.register(self.close)

    def parse(self, chunks: Sequence[Chunk]) -> list[Item]:
        """The records of some chunks in order.

        Raises ParserDiedError, and OSError where the process can not be started.
        """
        with self._lock:
            process = self._process or self._start()
            try:
                return self._ask(process, chunks)
            except ParserDiedError as error:
                code = self._end()
                how = f"signal {-code}" if code < 0 else f"exit code {code}"
                raise ParserDiedError(str(error) or how) from None
            except BaseException:
                self._end()  # whatever answer is under way belongs to nobody
                raise

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a panic is told there, and would spoil the screen
            start_new_session=True,  # Ctrl+C is not for it: it ends with its input
        )
        return self._process

    def _end(self) -> int:
        """The process's exit code, negative for a signal."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                continue  # nobody reads what was still to be written
        return process.wait()

    def _ask(self, process: subprocess.Popen[bytes], chunks: Sequence[Chunk]) -> list[Item]:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        shape = [*(number for number, _ in chunks), *(len(chunk) for _, chunk in chunks)]
        try:
            process.stdin.write(struct.pack(f"<I{len(shape)}I", len(chunks), *shape))
            process.stdin.writelines(chunk for _, chunk in chunks)
            process.stdin.flush()
        except BrokenPipeError as error:
            raise ParserDiedError from error
        answer = _Answer(process.stdout.fileno(), self._seconds)
        (count,) = struct.unpack("<I", answer.take(4))
        told = struct.unpack(f"<{count}i{count}I{count}Q", answer.take(16 * count))
        lengths, places, numbers = told[:count], told[count : 2 * count], told[2 * count :]
        body = answer.take(sum(map(abs, lengths)))
        items: list[Item] = []
        at = 0
        for length, place, number in zip(lengths, places, numbers, strict=True):
            raw = body[at : at + abs(length)]
            at += len(raw)
            items.append(Item(place, number, raw if length > 0 else raw.decode("utf-8", "replace")))
        return items


class _Answer:
    """What the process answers, within so many seconds."""

    def __init__(self, fd: int, seconds: float) -> None:
        self._fd = fd
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._have = bytearray()

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes; raises ParserDiedError, without words at an early end."""
        if length > _ANSWER:
            raise ParserDiedError(f"more than {_ANSWER >> 20} MiB of records")
        with selectors.DefaultSelector() as selector:
            selector.register(self._fd, selectors.EVENT_READ)
            while len(self._have) < length:
                left = self._end - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise ParserDiedError(f"no answer within {self._seconds:g} s")
                got = os.read(self._fd, 1 << 20)
                if not got:
                    raise ParserDiedError
                self._have += got
        taken = bytes(memoryview(self._have)[:length])
        del self._have[:length]
        return taken


PARSER = Parser()  # of this process


class ChunkReader:
    """Reads the chunks of one log; where the parser dies over some, only those it dies over are
    lost."""

    def __init__(self, parser: Parser | None = None) -> None:
        self._parser = parser or PARSER
        self._deaths = 0

    @property
    def given_up(self) -> bool:
        """Whether the parser has died so often over this log that no more of it is read."""
        return self._deaths >= _DEATHS

    def read(self, chunks: Sequence[Chunk]) -> list[Item]:
        """Their records, or reasons why there are none; nothing once the log is given up."""
        if not chunks or self.given_up:
            return []
        try:
            return self._parser.parse(chunks)
        except ParserDiedError as error:
            if len(chunks) > 1:
                return [item for chunk in chunks for item in self.read([chunk])]
            self._deaths += 1
            number = chunks[0][0]
            rest = ", as it did before; the rest is not read" if self.given_up else ""
            told = f"EVTX: chunk number {number}: the parser broke off ({error}){rest}"
            return [Item(number, 0, told)]
