"""Where a case may lie: where nobody else can write to it, or put another in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from triage.errors import TriageError


def check_place(path: str) -> None:
    """Raise TriageError where the case at ``path``, which need not exist yet, is not its owner's
    alone to change: a link, somebody else's, or in a folder that others may write to."""
    if os.name != "posix":
        return
    folder = Path(path).absolute().parent
    if folder.exists():
        status = folder.stat()
        if status.st_uid not in (os.geteuid(), 0):
            raise _unsafe(path, f"its folder {folder} belongs to somebody else")
        if _others_write(status) and not status.st_mode & stat.S_ISVTX:
            raise _unsafe(path, f"others may write to its folder {folder}: chmod go-w {folder}")
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unsafe(path, error.strerror or str(error)) from error
    if stat.S_ISLNK(status.st_mode):
        raise _unsafe(path, "it is a link; name the file itself")
    if status.st_uid != os.geteuid():
        raise _unsafe(path, "it belongs to somebody else")
    if _others_write(status):
        raise _unsafe(path, f"others may write to it: chmod 600 {path}")


def _others_write(status: os.stat_result) -> bool:
    # A group of the owner's own is no other: many systems give everybody one.
    own_group = status.st_gid == status.st_uid
    return bool(status.st_mode & (stat.S_IWOTH if own_group else stat.S_IWOTH | stat.S_IWGRP))


def _unsafe(path: str, why: str) -> TriageError:
    return TriageError(
        f"the case file {path} is not safe: {why}; if that is meant, add --unsafe-state"
    )
