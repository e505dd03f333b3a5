"""Following files and folders while they are written, rotated, truncated and replaced.

The listing of the folders decides what there is; change notices of the system only say when to
look. Every block carries the position to commit with it. When a generation has come to its end
(deleted and read, truncated, replaced) an empty block carries its last position with device and
inode 0: no file will be taken for it again; what may have been lost is told in its ``gaps``.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from triage.failpoints import fail_point
from triage.sources import notices
from triage.sources.block import Block, Position
from triage.sources.detect import HEAD_BYTES
from triage.sources.generation import ChangedError, Generation, Key
from triage.sources.hints import Hints
from triage.sources.known import Known
from triage.sources.opened import OpenFiles
from triage.sources.packed import SPOOL
from triage.sources.scan import Found, Growing, check_roots, is_left_alone, lies_under, unpack, walk

_MISSES = 3  # scans after which a file that no path leads to is gone
_QUIET = 5.0  # seconds after which a file that was renamed is taken to be complete
_EAGER = 0.05  # seconds between two looks, however many notices there are
_MANY = 5000  # files from which on the folders are listed less often
_GONE_SHOWN = 100


@dataclass(frozen=True, slots=True)
class SourceState:
    """One file as the analyst sees it."""

    path: str
    format: str  # a name from FORMATS; "" while it is not known
    state: str  # "reading", "idle", "unreadable", "refused", "not a log", "skipped", "gone"
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
        self._opened = OpenFiles()
        self._known = Known((positions or {}).values(), self._files, self._opened)
        self._notices: deque[Block] = deque()
        self._gone: deque[SourceState] = deque(maxlen=_GONE_SHOWN)
        self._problems: dict[str, str] = {}
        self._skipped: dict[str, str] = {}
        self._hints = Hints(self._roots)
        self._growing = Growing(0.0 if once else _QUIET, clock)

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
            _state(generation, _doing(generation), generation.reason)
            for generation in self._files.values()
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

    def generations(self) -> set[str]:
        """The ids of all that is followed now."""
        return {generation.id for generation in self._files.values()}

    @property
    def polling(self) -> str:
        """Why changes are found only by looking, every second or five; "" where they are told."""
        return self._hints.polling

    def close(self) -> None:
        """Let go of all files and of the system's change notices."""
        self._hints.close()
        for generation in self._files.values():
            generation.suspend()
        self._opened.close_all()

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
        unpack(listing, SPOOL, self._growing.may_be_written)
        self._problems, self._skipped = listing.problems, listing.skipped
        self._known.listed()
        for key in [key for key in self._files if key not in listing.files]:
            if not listing.may_hold(self._files[key].path):
                self._missed(self._files[key])
        files: Iterable[tuple[Key, Found]] = listing.files.items()
        if self._newest_first:
            files = sorted(files, key=lambda one: one[1].mtime)  # each goes before the last
        for key, found in files:
            known = self._files.get(key)
            if known is not None and known.file != found.file:
                # Unpacked anew, or another log now has the inode of what was an archive.
                gap = "" if known.path in found.paths else notices.unread(known, "was replaced")
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
            if known.state in ("refused", "not a log", "unreadable"):
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
                self._notices.append(notices.empty(known.position()))  # to be read back there
        if known.seen == (found.size, found.mtime):
            # A rotated file gets no more lines; one without a line end is complete all the same.
            quiet = self._clock() - known.changed_at
            if known.renamed and not known.finished and quiet >= _QUIET:
                known.finished = True
                self._enqueue(known)
            return
        known.changed_at = self._clock()
        known.finished = False
        if known.state in ("refused", "not a log") and known.seen is not None:
            if known.seen[0] > HEAD_BYTES and found.size >= known.seen[0]:
                known.seen = (found.size, found.mtime)  # grown behind a head that says it all
                return
            known.format = ""
        self._enqueue(known)

    def _missed(self, known: Generation) -> None:
        known.misses += 1
        fd = self._opened.held(known)
        removed = fd is not None and os.fstat(fd).st_nlink == 0
        if removed or known.misses >= _MISSES:
            known.finished = True
            if fd is None:
                self._end(known, notices.unread(known, "is gone"))
            else:
                self._enqueue(known)

    # Reading

    def _turn(self, generation: Generation) -> tuple[Block | None, bool]:
        if self._files.get(generation.key) is not generation:
            return None, False
        try:
            fd = self._opened.fd(generation)
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
            self._opened.close(generation)
            generation.state, generation.reason = "unreadable", error.strerror or str(error)
            generation.seen = None
            return None, False
        if not more and generation.misses and generation.finished:
            if block is not None:
                self._notices.append(block)
            self._end(generation, "")
            return None, False
        return block, more

    # Generations

    def _adopt(self, generation: Generation) -> None:
        """Go on where the file was read up to, if it is one that was."""
        adoption = self._known.adopt(generation)
        if adoption is None:
            return
        position, replaced = adoption
        for other in replaced:
            self._opened.close(other)
            del self._files[other.key]
        if position.path != generation.path:
            self._notices.append(notices.empty(generation.position()))

    def _changed(self, generation: Generation) -> Block | None:
        """The file was truncated or rewritten: its old generation ends, a new one begins."""
        fail_point("mid_rotate")
        generation.suspend()
        fresh = Generation(generation.path, generation.key)
        fresh.adopted = True
        self._files[generation.key] = fresh
        return notices.truncated(generation) if generation.offset else None

    def _end(self, generation: Generation, gap: str) -> None:
        self._opened.close(generation)
        del self._files[generation.key]
        self._gone.append(_state(generation, "gone", gap))
        if not generation.offset:
            return
        position = generation.position()
        self._known.has_ended(position)
        if any(other.id == generation.id for other in self._files.values()):
            return  # it goes on within an archive
        self._notices.append(notices.last(position, gap))
        if generation.misses >= _MISSES:
            self._known.may_return(position)  # it was moved out of what is watched

    def _tell_unmatched(self) -> None:
        """Committed positions whose file is not there any more: say what may be lost, once."""
        present = {generation.path for generation in self._files.values()}
        for position in self._known.unmatched():
            if lies_under(position.path, self._roots):
                told = notices.replaced if position.path in present else notices.gone
                notice = told(position)
                if notice is not None:
                    self._notices.append(notice)


def _key_of(path: str) -> Key | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _state(generation: Generation, state: str, reason: str) -> SourceState:
    g = generation
    return SourceState(g.path, g.format, state, g.offset, g.size, g.records, reason)


def _doing(generation: Generation) -> str:
    """What waits for its turn is being read, too: it counts as not read yet."""
    waits = generation.queued and generation.state == "idle"
    return "reading" if waits else generation.state
