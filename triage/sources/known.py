"""Known: which log a file is that is seen for the first time, and where its reading goes on.

A log is known again by where it lay and by its bytes: as an earlier run left it, as it was before
it was moved out of sight and back, and as it is once it was packed after its rotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from triage.sources.block import Position
from triage.sources.generation import Generation, Key, fresh_id, head_hash, holds_rest
from triage.sources.opened import OpenFiles

_KNOWN_AGAIN = 64  # first bytes that must be equal for a packed log to be one that was read
_MOST_HEADS = 20_000  # ended logs that are known again within archives

Adoption = tuple[Position, Sequence[Generation]]


class Known:
    """The positions committed earlier and those of logs that have ended since."""

    def __init__(
        self,
        positions: Iterable[Position],
        files: Mapping[Key, Generation],
        opened: OpenFiles,
    ) -> None:
        """``positions``: those committed earlier; ``files``: what is followed, as it changes."""
        self._files = files
        self._opened = opened
        self._committed: dict[Key, list[Position]] = {}
        # To know a log again that was packed after its rotation, also when it has ended since.
        self._heads: dict[str, Position] = {}  # by generation
        # Those and the live ones by first bytes, made anew with every listing that needs it.
        self._begins: dict[tuple[bool, int], dict[str, list[Position]]] | None = None
        for position in positions:
            if position.inode:
                self.may_return(position)
            self.has_ended(position)

    def listed(self) -> None:
        """The folders were listed anew: what lies there may have been read further meanwhile."""
        self._begins = None

    def has_ended(self, position: Position) -> None:
        """Remember a log that may yet be met within an archive."""
        if _marked(position):
            self._heads[position.generation] = position
            if len(self._heads) > _MOST_HEADS:
                del self._heads[next(iter(self._heads))]  # of those that ended, the first

    def may_return(self, position: Position) -> None:
        """Remember a log that may yet be met with the device and inode that it had."""
        self._committed.setdefault((position.device, position.inode), []).append(position)

    def unmatched(self) -> Iterator[Position]:
        """The positions that no file goes on from; not those that a file may when it is read."""
        waiting = {g.key for g in self._files.values() if not g.adopted}
        for key, positions in self._committed.items():
            if key not in waiting:
                yield from positions

    def adopt(self, generation: Generation) -> Adoption | None:
        """Go on where the reading stopped, if the file is one that was read.

        The position it goes on from, and the generations followed so far whose place it takes;
        None where it is a log of its own, or (``generation.adopted`` tells) can not be read yet.
        """
        candidates = self._committed.get(generation.key, [])
        if generation.file:
            candidates = [*self._alike(generation), *candidates]
        if not candidates:
            generation.adopted = True
            return None
        try:
            fd = self._opened.fd(generation)
            if fd is None:
                return None
            found = self._resume(generation, candidates, fd)
        except OSError:
            return None  # tried again when it is read
        generation.adopted = True
        return found

    def _resume(
        self, generation: Generation, candidates: Sequence[Position], fd: int
    ) -> Adoption | None:
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
            for key in (generation.key, (position.device, position.inode)):
                if position in self._committed.get(key, ()):
                    self._committed[key].remove(position)
            return position, live
        if beside is not None and generation.resume(beside, fd):
            generation.id = fresh_id()
        return None

    def _ends_in(self, other: Generation, fd: int) -> bool:
        """Whether a log that is gone has all its bytes in the open file."""
        mine = self._opened.held(other)
        return other.misses > 0 and (mine is None or holds_rest(fd, other, mine))

    def _alike(self, generation: Generation) -> list[Position]:
        """Positions of other logs, live or ended, that began as a packed log does; what was read
        the farthest comes last, for it is the most like it."""
        try:
            fd = self._opened.fd(generation)
            if fd is None:
                return []
            found = [
                position
                for (is_evtx, length), by_hash in self._by_begin().items()
                for position in by_hash.get(head_hash(fd, is_evtx, length), ())
                if position.generation != generation.id
            ]
            return sorted(found, key=lambda position: position.offset)
        except OSError:
            return []

    def _by_begin(self) -> Mapping[tuple[bool, int], Mapping[str, Sequence[Position]]]:
        """All positions by whether they are of EVTX, by the length of their head and its hash."""
        if self._begins is None:
            self._begins = {}
            live = {p.generation: p for p in (g.position() for g in self._files.values())}
            for position in (self._heads | live).values():
                if _marked(position):
                    kind = (position.format == "evtx", position.head_length)
                    by_hash = self._begins.setdefault(kind, {})
                    by_hash.setdefault(position.head_hash, []).append(position)
        return self._begins


def _marked(position: Position) -> bool:
    """Whether a position tells enough of its log to know it again under another name."""
    return position.head_length >= (1 if position.format == "evtx" else _KNOWN_AGAIN)
