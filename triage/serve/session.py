"""A session: the console's process behind one page, and what goes between them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

_DRIVER = "triage.ui.browser:BrowserDriver"
_PRELUDE = b"__GANGLION__\n"  # what Textual's driver for browsers begins with
_DATA, _META = b"D", b"M"
_MOST = 1_000  # columns or rows of a terminal
_PATIENCE = 5.0  # seconds for a console to end by itself
_TOLD = 4_000  # bytes of what a console says when it breaks
_PREFIX = "triage-serve-"


@asynccontextmanager
async def session(command: Sequence[str], columns: int, rows: int) -> AsyncIterator[Session]:
    """A console for a terminal of that size, begun by ``command``; it ends with the context.

    Its temporary files lie in a folder of its own, which is removed. Raises OSError.
    """
    prefix = f"{_PREFIX}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as scratch:
        said = Path(scratch) / "stderr"
        with said.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                env={
                    **os.environ,
                    **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch),
                    "TEXTUAL_DRIVER": _DRIVER,
                    "TEXTUAL_COLOR_SYSTEM": "truecolor",
                    "COLUMNS": str(_fit(columns)),
                    "ROWS": str(_fit(rows)),
                },
                start_new_session=True,  # Ctrl+C is the server's, which ends it
            )
        begun = Session(process, said)
        try:
            yield begun
        finally:
            await begun.end()


def sweep() -> None:
    """Remove the temporary files that servers left which were killed."""
    if sys.platform == "win32":
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(OSError):
            if pid.isdigit() and folder.lstat().st_uid == os.getuid() and not _runs(int(pid)):
                shutil.rmtree(folder)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Session:
    """A console's process. Packets to and from it are a letter, the length in four bytes and so
    many bytes: D is what a terminal would send or get, M is JSON beside it."""

    def __init__(self, process: Process, said: Path) -> None:
        """``said``: where its standard error goes."""
        if process.stdin is None or process.stdout is None:
            raise ValueError("a console is talked to through pipes")
        self._process = process
        self._in = process.stdin
        self._out = process.stdout
        self._said = said

    async def show(self, paint: Callable[[bytes], Awaitable[None]]) -> str:
        """Hand on what the console paints until it ends; what it said where it broke, else ""."""
        try:
            while await self._out.readline() not in (_PRELUDE, b""):
                pass
            while True:
                head = await self._out.readexactly(5)
                payload = await self._out.readexactly(int.from_bytes(head[1:], "big"))
                if head[:1] == _DATA:
                    await paint(payload)
        except asyncio.IncompleteReadError:
            pass  # it has ended
        code = await self.end()
        if not code:
            return ""
        said = self._said.read_bytes()[-_TOLD:].decode("utf-8", "replace").strip()
        return said or f"exit code {code}"

    async def typed(self, text: str) -> None:
        """What a terminal sends: keys, pasted text, the mouse."""
        await self._send(_DATA, text.encode("utf-8", "replace"))

    async def resized(self, columns: int, rows: int) -> None:
        """The window has another size."""
        size = {"width": _fit(columns), "height": _fit(rows)}
        await self._send(_META, json.dumps({"type": "resize", **size}).encode())

    async def end(self) -> int:
        """End it by ending its input, then by signals; its exit code."""
        self._in.close()
        for stop in (self._process.terminate, self._process.kill):
            try:
                # It may still paint: were nobody to read that, it could not end.
                await asyncio.wait_for(self._process.communicate(), _PATIENCE)
                break
            except TimeoutError:
                with suppress(ProcessLookupError):
                    stop()
        return await self._process.wait()

    async def _send(self, kind: bytes, payload: bytes) -> None:
        with suppress(ConnectionError):  # it has ended, as whoever reads from it sees
            self._in.write(kind + len(payload).to_bytes(4, "big") + payload)
            await self._in.drain()


def _fit(cells: int) -> int:
    return max(1, min(cells, _MOST))
