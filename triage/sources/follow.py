"""Following files and folders while they are written, rotated, truncated and replaced.

The listing of the folders decides what there is; change notices of the system only say when to
look. Every block carries the position to commit with it. When a generation has come to its end
(deleted and read, truncated, replaced) an empty block carries its last position with device and
inode 0: no file will be taken for it again; what may have been lost is told in its ``gaps``.
"""

from __future__ import annotations

import os
import stat
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from triage.failpoints import fail_point
from triage.sources.block import Block, Position
from triage.sources.detect import HEAD_BYTES
from triage.sources.generation import (
    ChangedError,
    Generation,
    Key,
    fresh_id,
    head_hash,
    holds_rest,
)
from triage.sources.hints import Hints
from triage.sources.packed import SPOOL
from triage.sources.scan import Found, check_roots, is_left_alone, unpack, walk

MAX_OPEN = 256  # files held open at once
_MISSES = 3  # scans after which a file that no path leads to is gone
_QUIET = 5.0  # seconds after which a file that was renamed is taken to be complete
_EAGER = 0.05  # seconds between two looks, however many notices there are
_MANY = 5000  # files from which on the folders are listed less often
_GONE_SHOWN = 100
_KNOWN_AGAIN = 64  # first bytes that must be equal for a packed log to be one that was read


@dataclass(frozen=True, slots=True)
class SourceState:
    """One file as the analyst sees it."""

    path: str
    format: str  # a name from FORMATS; "" while it is not known
    state: str  # "reading", "idle", "unreadable", "refused", "skipped", "gone"
    offset: int  # bytes read; records for EVTX
    size: int  # bytes
    records: int  # handed on in this run
    reason: str  # why it is not read, in words; "" where it is


class Follower:
    """Reads files and folders, once or for ever; see the module's first lines for its promises."""

    def __init__(
        self,
        roots: Sequence[Path | str],
        positions: Mapping[str, Position] | None = None,
        *,
        once: bool = False,
        newest_first: bool = False,
        skip: Callable[[str], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``positions``: those committed earlier, by generation. ``clock`` gives seconds.
        ``newest_first``: whatever was written last is read to its end before older files.

        ``skip(path)`` is true for files that are not to be read. Raises TriageError for a root
        that does not exist.
        """
        self._roots = [os.path.abspath(root) for root in roots]
        check_roots(self._roots)
        SPOOL.sweep()
        self._once = once
        self._newest_first = newest_first
        self._skip = skip
        self._clock = clock
        self._looked: float | None = None
        self._files: dict[Key, Generation] = {}
        self._queue: deque[Generation] = deque()
        self._open: OrderedDict[Key, int] = OrderedDict()
        self._notices: deque[Block] = deque()
        self._gone: deque[SourceState] = deque(maxlen=_GONE_SHOWN)
        self._problems: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._hints = Hints(self._roots)
        self._unfinished: dict[str, tuple[tuple[int, int], float]] = {}
        # To know a log again that was packed after its rotation, also when it has ended since.
        self._heads = {p.generation: p for p in (positions or {}).values() if _marked(p)}
        # Those and the live ones by first bytes, made anew with every listing that needs it.
        self._begins: dict[tuple[bool, int], dict[str, list[Position]]] | None = None
        self._committed: dict[Key, list[Position]] = {}
        for position in (positions or {}).values():
            if position.inode:
                self._committed.setdefault((position.device, position.inode), []).append(position)

    # What the engine calls

    def poll(self) -> Iterator[Block]:
        """Everything that can be read now, a block of each file in turn.

        Commit each block before asking for the next: a new Follower with the last committed
        position of each generation goes on with no record lost and none twice.
        """
        self._look(heed_notices=True)
        while self._notices or self._queue:
            while self._notices:
                yield self._notices.popleft()
            if self._queue:
                generation = self._queue.popleft()
                generation.queued = False
                block, more = self._turn(generation)
                if more:
                    self._enqueue(self._files.get(generation.key, generation))
                if block is not None:
                    yield block
            # New files get their turn, yet a poll ends however fast the logs are written.
            self._look(heed_notices=False)

    def wait(self, timeout_seconds: float) -> bool:
        """Sleep until something may have changed (True), or for so long (False)."""
        return False if self._once else self._hints.wait(timeout_seconds)

    def sources(self) -> list[SourceState]:
        """The state of every file, sorted by path; those that are gone come last."""
        states = [
            SourceState(g.path, g.format, _state(g), g.offset, g.size, g.records, g.reason)
            for g in self._files.values()
        ]
        states += [
            SourceState(path, "", state, 0, 0, 0, reason)
            for state, told in (("unreadable", self._problems), ("skipped", self._skipped))
            for path, reason in told.items()
        ]
        return sorted(states, key=lambda state: state.path) + list(self._gone)

    def path_of(self, generation: str) -> str | None:
        """Where a generation lies now; None where it is not there any more."""
        found = next((g for g in self._files.values() if g.id == generation), None)
        if found is None or found.file or _key_of(found.path) == found.key:
            return found.path if found else None
        renamed = walk(self._roots, self._skip).files.get(found.key)  # since the last look
        return renamed.paths[0] if renamed else None

    @property
    def polling(self) -> str:
        """Why changes are found only by looking, every second or five; "" where they are told."""
        return self._hints.polling

    def close(self) -> None:
        """Let go of all files and of the system's change notices."""
        self._hints.close()
        for generation in self._files.values():
            generation.suspend()
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    # Looking

    def _look(self, heed_notices: bool) -> None:
        now = self._clock()
        if self._looked is not None:
            if self._once:
                return
            early = now - self._looked < (1.0 if len(self._files) < _MANY else 5.0)
            if early and not (heed_notices and now - self._looked >= _EAGER and self._hinted()):
                return
        first = self._looked is None
        self._looked = now
        listing = walk(self._roots, self._skip)
        unpack(listing, SPOOL, self._may_be_written)
        self._problems, self._skipped = listing.problems, listing.skipped
        self._begins = None
        for key in [key for key in self._files if key not in listing.files]:
            if not self._out_of_sight(self._files[key].path):
                self._missed(self._files[key])
        for key, found in self._in_turn(listing.files):
            known = self._files.get(key)
            if known is not None and known.file != found.file:
                # Unpacked anew, or another log now has the inode of what was an archive.
                gap = "" if known.path in found.paths else self._unread(known, "was replaced")
                self._end(known, gap)
                known = None
            if known is None:
                known = self._files[key] = Generation(found.paths[0], key)
                known.size = found.size
                known.file, known.finished = found.file, found.whole
                self._adopt(known)
                self._enqueue(known)
            else:
                self._seen(known, found)
                known.finished |= found.whole
        if first:
            self._tell_unmatched()

    def _hinted(self) -> bool:
        """Queue the known files that changes were noticed of; True if a listing is needed."""
        paths = self._hints.take()
        if not paths:
            return False
        by_path = {generation.path: generation for generation in self._files.values()}
        for path in paths:
            known = by_path.get(path)
            if known is None:
                if is_left_alone(path, self._skip):
                    continue  # our own case file changes with every block
                return True
            if known.state in ("refused", "unreadable"):
                continue  # the next regular listing is soon enough
            try:
                status = os.stat(path)
            except OSError:
                return True
            if (status.st_dev, status.st_ino) != known.key:
                return True
            if (status.st_size, status.st_mtime_ns) != known.seen:
                self._enqueue(known)
        return False

    def _in_turn(self, files: dict[Key, Found]) -> Iterable[tuple[Key, Found]]:
        """The files in the order in which they are queued."""
        if not self._newest_first:
            return files.items()
        return sorted(files.items(), key=lambda one: one[1].mtime)  # each goes before the last

    def _may_be_written(self, path: str) -> bool:
        """Whether an archive was written so lately that its end may be yet to come."""
        if self._once:
            return False
        try:
            status = os.stat(path)
        except OSError:
            return False
        state = (status.st_size, status.st_mtime_ns)
        known = self._unfinished.get(path)
        if known is None or known[0] != state:
            known = self._unfinished[path] = (state, self._clock())
        return self._clock() - known[1] < _QUIET

    def _enqueue(self, generation: Generation) -> None:
        if generation.queued:
            return
        generation.queued = True
        if self._newest_first:
            self._queue.appendleft(generation)
        else:
            self._queue.append(generation)

    def _seen(self, known: Generation, found: Found) -> None:
        known.misses = 0
        if known.path not in found.paths:
            fail_point("mid_rotate")
            known.path = found.paths[0]
            known.renamed = True
            known.changed_at = self._clock()
            if known.offset:
                self._notices.append(_empty(known.position(), ""))  # to be read back there
        if known.seen == (found.size, found.mtime):
            # A rotated file gets no more lines; one without a line end is complete all the same.
            quiet = self._clock() - known.changed_at
            if known.renamed and not known.finished and quiet >= _QUIET:
                known.finished = True
                self._enqueue(known)
            return
        known.changed_at = self._clock()
        known.finished = False
        if known.state == "refused" and known.seen is not None:
            if known.seen[0] > HEAD_BYTES and found.size >= known.seen[0]:
                known.seen = (found.size, found.mtime)  # grown behind a head that says it all
                return
            known.format = ""
        self._enqueue(known)

    def _out_of_sight(self, path: str) -> bool:
        """Whether a file may be there all the same: it, or its folder, could not be looked at."""
        while path not in self._problems:
            path, before = os.path.dirname(path), path
            if path == before:
                return False
        return True

    def _missed(self, known: Generation) -> None:
        known.misses += 1
        fd = self._open.get(known.key)
        removed = fd is not None and os.fstat(fd).st_nlink == 0
        if removed or known.misses >= _MISSES:
            known.finished = True
            if fd is None:
                self._end(known, self._unread(known, "is gone"))
            else:
                self._enqueue(known)

    # Reading

    def _turn(self, generation: Generation) -> tuple[Block | None, bool]:
        if self._files.get(generation.key) is not generation:
            return None, False
        try:
            fd = self._fd(generation)
            if fd is None:
                generation.seen = None  # another file lies there now; the next listing tells
                return None, False
            if not generation.adopted:
                self._adopt(generation)
            if generation.waking:
                generation.verify(fd)
            block, more = generation.read(fd, self._once or generation.finished)
        except ChangedError:
            return self._changed(generation), True
        except OSError as error:
            self._close(generation)
            generation.state, generation.reason = "unreadable", error.strerror or str(error)
            generation.seen = None
            return None, False
        if not more and generation.misses and generation.finished:
            if block is not None:
                self._notices.append(block)
            self._end(generation, "")
            return None, False
        return block, more

    def _fd(self, generation: Generation) -> int | None:
        """The open file of a generation; None where its path leads elsewhere by now."""
        key = generation.key
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        try:
            path = generation.file or generation.path
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        status = os.fstat(fd)
        moved = not generation.file and (status.st_dev, status.st_ino) != key
        if moved or not stat.S_ISREG(status.st_mode):
            os.close(fd)
            return None
        while len(self._open) >= MAX_OPEN:
            oldest, other = self._open.popitem(last=False)
            if oldest in self._files:
                self._files[oldest].suspend()
            os.close(other)
        self._open[key] = fd
        return fd

    def _close(self, generation: Generation) -> None:
        generation.suspend()
        fd = self._open.pop(generation.key, None)
        if fd is not None:
            os.close(fd)

    # Generations

    def _adopt(self, generation: Generation) -> None:
        """Go on where an earlier run stopped, if the file is the one that it read."""
        candidates = self._committed.get(generation.key, [])
        if generation.file:
            candidates = [*self._alike(generation), *candidates]
        if not candidates:
            generation.adopted = True
            return
        try:
            fd = self._fd(generation)
            if fd is None:
                return
            self._resume(generation, candidates, fd)
        except OSError:
            return  # tried again when it is read
        generation.adopted = True

    def _resume(self, generation: Generation, candidates: Sequence[Position], fd: int) -> None:
        """Go on from the last of some positions that the file's bytes allow.

        A packed log goes on for the one that it was made of where that one has gone. Where it only
        begins as another does that is still there, it is a log of its own from there on.
        """
        beside: Position | None = None
        for position in reversed(candidates):
            if not generation.resume(position, fd):
                continue
            others = self._files.values() if generation.file else ()
            live = [g for g in others if g.id == generation.id and g is not generation]
            if not all(self._ends_in(other, fd) for other in live):
                beside = beside or position
                continue
            for other in live:
                self._close(other)
                del self._files[other.key]
            if position.path != generation.path:
                self._notices.append(_empty(generation.position(), ""))
            for key in (generation.key, (position.device, position.inode)):
                if position in self._committed.get(key, ()):
                    self._committed[key].remove(position)
            return
        if beside is not None and generation.resume(beside, fd):
            generation.id = fresh_id()

    def _ends_in(self, other: Generation, fd: int) -> bool:
        """Whether a log that is gone has all its bytes in the open file."""
        mine = self._open.get(other.key)
        return other.misses > 0 and (mine is None or holds_rest(fd, other, mine))

    def _alike(self, generation: Generation) -> list[Position]:
        """Positions of other logs, live or ended, that began as a packed log does; what was read
        the farthest comes last, for it is the most like it."""
        if self._begins is None:
            self._begins = {}
            live = {p.generation: p for p in (g.position() for g in self._files.values())}
            for position in (self._heads | live).values():
                if _marked(position):
                    kind = (position.format == "evtx", position.head_length)
                    by_hash = self._begins.setdefault(kind, {})
                    by_hash.setdefault(position.head_hash, []).append(position)
        try:
            fd = self._fd(generation)
            if fd is None:
                return []
            found = [
                position
                for (is_evtx, length), by_hash in self._begins.items()
                for position in by_hash.get(head_hash(fd, is_evtx, length), ())
                if position.generation != generation.id
            ]
            return sorted(found, key=lambda position: position.offset)
        except OSError:
            return []

    def _changed(self, generation: Generation) -> Block | None:
        """The file was truncated or rewritten: its old generation ends, a new one begins."""
        fail_point("mid_rotate")
        generation.suspend()
        fresh = Generation(generation.path, generation.key)
        fresh.adopted = True
        self._files[generation.key] = fresh
        if not generation.offset:
            return None
        return _last(
            generation.position(),
            f"{generation.path} was truncated or rewritten; what had been written to it after "
            f"{_place(generation.format, generation.offset)} and was not yet read is lost",
        )

    def _end(self, generation: Generation, gap: str) -> None:
        self._close(generation)
        del self._files[generation.key]
        position = generation.position()
        self._gone.append(
            SourceState(
                generation.path,
                generation.format,
                "gone",
                generation.offset,
                generation.size,
                generation.records,
                gap,
            )
        )
        if not generation.offset:
            return
        if _marked(position):
            self._heads[position.generation] = position
        if any(other.id == generation.id for other in self._files.values()):
            return  # it goes on within an archive
        self._notices.append(_last(position, gap))
        if generation.misses >= _MISSES:
            # Moved out of what is watched: it may be moved back.
            self._committed.setdefault(generation.key, []).append(position)

    def _unread(self, generation: Generation, what: str) -> str:
        if (
            generation.format
            and generation.format != "evtx"
            and generation.size > generation.offset
        ):
            return (
                f"{generation.path} {what}: bytes {generation.offset:,} to {generation.size:,} "
                "were not read"
            )
        return ""

    def _tell_unmatched(self) -> None:
        """Committed positions whose file is not there any more: say what may be lost, once."""
        present = {generation.path for generation in self._files.values()}
        waiting = {g.key for g in self._files.values() if not g.adopted}
        for key, positions in self._committed.items():
            for position in positions if key not in waiting else ():
                if not self._is_ours(position.path):
                    continue
                place = _place(position.format, position.offset)
                if position.path in present:
                    gap = (
                        f"{position.path} was replaced or truncated while it was not watched; "
                        f"whatever came after {place} is not known"
                    )
                    self._notices.append(_last(position, gap))
                elif position.format != "evtx" and position.size > position.offset:
                    gap = f"{position.path} is gone: {place} to {position.size:,} were not read"
                    told = replace(position, size=position.offset)
                    self._notices.append(_empty(told, gap))

    def _is_ours(self, path: str) -> bool:
        return any(
            path == root or path.startswith((root.rstrip("/") + "/", root + "!"))
            for root in self._roots
        )


def _key_of(path: str) -> Key | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _marked(position: Position) -> bool:
    """Whether a position tells enough of its log to know it again under another name."""
    return position.head_length >= (1 if position.format == "evtx" else _KNOWN_AGAIN)


def _state(generation: Generation) -> str:
    """What waits for its turn is being read, too: it counts as not read yet."""
    waits = generation.queued and generation.state == "idle"
    return "reading" if waits else generation.state


def _place(format: str, offset: int) -> str:
    return f"record {offset:,}" if format == "evtx" else f"byte {offset:,}"


def _empty(position: Position, gap: str) -> Block:
    gaps = (gap,) if gap else ()
    return Block(position.path, position.format, (), (), position, gaps=gaps)


def _last(position: Position, gap: str) -> Block:
    return _empty(replace(position, device=0, inode=0), gap)
