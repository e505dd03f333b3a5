"""Writing an export to a file: whole or not at all, and never over another by a slip."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from triage import times
from triage.errors import TriageError
from triage.export.formats import Format
from triage.export.selection import Selection


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written."""

    path: Path
    size: int  # bytes


def suggested_name(selection: Selection, format_: Format) -> str:
    """A file name that tells case and time, and holds nothing a file system minds."""
    name = re.sub(r"[^\w.-]+", "_", selection.name).strip("._-")[:60] or "case"
    stamp = re.sub(r"[-:]", "", times.iso(selection.now)[:16])
    return f"{name}-{stamp}{format_.suffix}"


def write_file(selection: Selection, format_: Format, path: Path, overwrite: bool = False) -> Saved:
    """Write ``selection`` to ``path``, readable by its owner only.

    The file appears once it is whole; a link in its place is replaced, not followed. Raises
    FileExistsError where there is one already and ``overwrite`` is not set, TriageError where it
    can not be written. What ``selection.progress`` raises leaves nothing behind.
    """
    try:
        if not overwrite:  # held for us at once: nobody else can take it while we write
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        elif path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        try:
            return Saved(path, _replace(selection, format_, path))
        except BaseException:
            if not overwrite:
                path.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise
    except OSError as error:
        raise TriageError(
            f"{path} can not be written ({error.strerror}); choose another file"
        ) from error


def _replace(selection: Selection, format_: Format, path: Path) -> int:
    """Write beside ``path``, then put it in its place; the number of bytes."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:
            for piece in format_.write(selection):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
            size = os.fstat(out.fileno()).st_size
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    return size
