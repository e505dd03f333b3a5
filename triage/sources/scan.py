"""Which files there are under the roots that are watched, and what has changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from triage.errors import TriageError
from triage.sources.mounts import file_systems, is_kernels
from triage.sources.packed import Spool, is_later_part

_OURS = (".triage", "-wal", "-shm")  # a case file may lie among the logs it was made of


@dataclass(slots=True)
class Found:
    """One file, by device and inode: all paths that lead to it, sorted, and its stat."""

    paths: list[str]
    size: int
    mtime: int  # nanoseconds
    file: str = ""  # where it lies unpacked; "" where it lies at its paths
    whole: bool = False  # no more will be written to it


@dataclass(slots=True)
class Listing:
    """What one walk over the roots found."""

    files: dict[tuple[int, int], Found] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # path: why it could not be looked at
    skipped: dict[str, str] = field(default_factory=dict)  # path: why it is left alone

    def may_hold(self, path: str) -> bool:
        """Whether a file may be there unseen: it, or its folder, could not be looked at."""
        while path not in self.problems:
            path, before = os.path.dirname(path), path
            if path == before:
                return False
        return True


class Growing:
    """Archives that end too early: whether the rest is yet to come."""

    def __init__(self, quiet: float, clock: Callable[[], float]) -> None:
        """``quiet``: seconds without a change after which nothing more will come."""
        self._quiet = quiet
        self._clock = clock
        # Their size and time of last change, and since when they were seen so.
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}

    def may_be_written(self, path: str) -> bool:
        """Whether an archive was written so lately that its end may be yet to come."""
        try:
            status = os.stat(path)
        except OSError:
            return False
        state = (status.st_size, status.st_mtime_ns)
        seen = self._seen.get(path)
        if seen is None or seen[0] != state:
            seen = self._seen[path] = (state, self._clock())
        return self._clock() - seen[1] < self._quiet


def unpack(listing: Listing, spool: Spool, waits: Callable[[str], bool]) -> None:
    """Put the logs within archives in the place of the archives.

    ``waits(path)`` says whether an archive that ends too early may still be written.
    """
    spool.forget_missing({found.paths[0] for found in listing.files.values()})
    for key, found in list(listing.files.items()):
        path = found.paths[0]
        if spool.is_plain(path, (key[1], found.size, found.mtime)):
            continue
        try:
            if is_later_part(path):
                del listing.files[key]
                continue
            archive = spool.look(path)
        except OSError as error:
            del listing.files[key]
            listing.problems[path] = error.strerror or str(error)
            continue
        if archive is None:
            continue
        del listing.files[key]
        if not archive.whole and waits(path):
            listing.problems[path] = "an archive that ends too early; waiting for the rest"
            continue
        listing.problems.update(archive.problems)
        for log in archive.logs:
            status = os.stat(log.file)
            listing.files[log.key] = Found(
                [log.path], status.st_size, status.st_mtime_ns, log.file, whole=True
            )


def check_roots(roots: Sequence[str]) -> None:
    """Raise TriageError for the first root that does not exist, or is neither file nor folder."""
    for root in roots:
        try:
            mode = os.stat(root).st_mode
        except FileNotFoundError as error:
            raise TriageError(f"{root}: there is no such file or folder; check the path") from error
        except OSError as error:
            raise TriageError(f"{root}: {error.strerror}; check who may read it") from error
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise TriageError(
                f"{root}: neither a file nor a folder; give a log or a folder of logs"
            )


def is_left_alone(path: str, skip: Callable[[str], bool] | None) -> bool:
    """Whether a file is ours, or one that the caller does not want read."""
    return path.endswith(_OURS) or (skip is not None and skip(path))


def lies_under(path: str, roots: Sequence[str]) -> bool:
    """Whether a path leads to a root, into its folder or into its archive."""
    return any(
        path == root or path.startswith((root.rstrip("/") + "/", root + "!")) for root in roots
    )


def walk(roots: Sequence[str], skip: Callable[[str], bool] | None) -> Listing:
    """All regular files under ``roots``, in order of their paths, each once.

    Links to files are followed, links to folders are not (they may loop or lead out); pipes,
    devices and what is in /proc are left alone. What can not be looked at is a problem, no error.
    """
    listing = Listing()
    types = file_systems()
    for root in roots:
        for path in _paths(root, listing):
            if is_left_alone(path, skip):
                continue
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue  # removed meanwhile, or a link to nothing
            except OSError as error:
                listing.problems[path] = error.strerror or str(error)
                continue
            if not stat.S_ISREG(status.st_mode) or is_kernels(status.st_dev, types):
                continue
            key = (status.st_dev, status.st_ino)
            known = listing.files.get(key)
            if known is None:
                listing.files[key] = Found([path], status.st_size, status.st_mtime_ns)
            elif path not in known.paths:
                known.paths.append(path)
    return listing


def _paths(root: str, listing: Listing) -> Iterator[str]:
    folders = [root]
    if not os.path.isdir(root):
        yield root
        return
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                listing.problems[folder] = error.strerror or str(error)
            continue
        deeper = []
        for entry in found:
            try:
                if entry.is_dir(follow_symlinks=False):
                    deeper.append(entry.path)
                elif not entry.is_symlink() or not entry.is_dir():
                    yield entry.path
                else:
                    listing.skipped[entry.path] = "a link to a folder; to read it, name it as well"
            except OSError as error:
                listing.problems[entry.path] = error.strerror or str(error)
        folders += reversed(deeper)
