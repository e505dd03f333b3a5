"""Writing exception lists: an item is added, changed or taken out; every other byte stays."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from triage.config import TomlError, read_bytes
from triage.errors import Problem, TriageError
from triage.exceptions import _edit
from triage.exceptions._load import read_list
from triage.exceptions._model import ExceptionList, Item
from triage.exceptions._text import item_text, list_text
from triage.exceptions._values import path_of, read_values, value_test


def append_item(path: Path, meta: ExceptionList, item: Item) -> None:
    """Add ``item`` at the end of the list ``path``, which is made with ``meta`` where it is not.

    Atomic: readers see the old file or the new one. Raises TriageError, the file being as it was,
    where it can not be read or written, where it is no TOML, or where the item could not be read
    back as it is (an empty value, a lone surrogate, a value list that is not there).
    """
    append_items(path, meta, (item,))


def append_items(path: Path, meta: ExceptionList, items: Sequence[Item]) -> None:
    """Add items as :func:`append_item` does, all of them or none."""
    _append(path, meta, "\n".join(map(item_text, items)), items)


def restore_item(path: Path, meta: ExceptionList, text: str) -> None:
    """Add an item as it was written when :func:`remove_item` took it out, comments and all."""
    _append(path, meta, text, None)


def _append(path: Path, meta: ExceptionList, text: str, items: Sequence[Item] | None) -> None:
    target = path.resolve()  # a link stays a link: its target is rewritten
    before = read_bytes(target) if target.exists() else _encoded(path, list_text(meta))
    added = _encoded(path, text)
    if b"\r\n" in before:
        added = added.replace(b"\n", b"\r\n")
    line_end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before or before.endswith(b"\n") else line_end
    after = before + gap + line_end + added
    count = len(_read(path, before)[0].items)
    found, problems = _read(path, after)
    added_items = found.items[count:]
    if added_items != tuple(items or added_items) or not added_items:
        reason = problems[-1].message if problems else "it would not be read back as it is"
        raise TriageError(f"{path}: the exception can not be written: {reason}")
    target.parent.mkdir(parents=True, exist_ok=True)
    _replace(target, after)


def change_item(path: Path, item_id: str, item: Item) -> Item:
    """Put ``item`` in the place of the item ``item_id`` of the list; what was there before.

    Only the lines that differ are written. Raises TriageError, the file being as it was, as
    :func:`append_item` does, and where the item is not in the list.
    """
    target = path.resolve()
    content = read_bytes(target)
    found, _ = _read(path, content)
    before = _item(path, found, item_id)
    try:
        after = _edit.changed(path, content, before, item)
    except UnicodeEncodeError as error:
        raise TriageError(f"{path}: a value is no valid text: {error.reason}") from error
    written, problems = _read(path, after)
    wanted = tuple(item if one is before else one for one in found.items)
    if written.items != wanted:
        reason = problems[-1].message if problems else "it would not be read back as it is"
        raise TriageError(f"{path}: the exception can not be changed: {reason}")
    _replace(target, after)
    return before


def remove_item(path: Path, item_id: str) -> str:
    """Take the item ``item_id`` out of the list ``path``; its text, "" where it is not in it.

    The blank line before it goes too, and a file of which nothing is left but the head that
    :func:`append_item` gave it: so undoing that leaves what was. Comments outside of the item stay.
    Raises TriageError as :func:`append_item` does.
    """
    target = path.resolve()
    if not target.exists():
        return ""
    content = read_bytes(target)
    found, _ = _read(path, content)
    if all(item.item_id != item_id for item in found.items):
        return ""
    kept, text = _edit.cut(path, content, _item(path, found, item_id))
    if kept == list_text(_read(path, kept)[0]).encode("utf-8", "replace"):
        try:
            target.unlink()
        except OSError as error:
            raise TriageError(f"{path}: can not be removed: {error.strerror}") from error
        _sync_folder(target.parent)
    else:
        _replace(target, kept)
    return text


def read_item(folder: Path, text: str) -> Item:
    """The one item that TOML text holds, for lists in ``folder``; TriageError, with the line,
    where it can not be used."""
    path = folder / "exception.toml"
    try:
        found, problems = read_list(
            path, _encoded(path, text), lambda id_: read_values(folder, id_)
        )
    except TomlError as error:
        raise TriageError(f"line {error.problem.line}: {error.problem.message}") from error
    for problem in problems:
        if problem.severity == "error":
            raise TriageError(f"line {problem.line}: {problem.message}")
    if len(found.items) != 1:
        raise TriageError("it has to be one [[item]]")
    return found.items[0]


def write_values(folder: Path, list_id: str, kind: str, values: Iterable[str]) -> int:
    """Write a value list, one value a line, in the place of one of that id; how many values.

    Raises TriageError where a value can not be one of its type or can not stand on a line.
    """
    listed = tuple(values)
    for value in listed:
        if value != value.strip() or len(value.splitlines()) != 1 or value.startswith("#"):
            raise TriageError(f"value list {list_id!r}: {value!r} can not be written on a line")
    try:
        value_test(kind, listed)
    except ValueError as error:
        raise TriageError(f"value list {list_id!r}: {error}") from error
    path = path_of(folder, list_id)
    content = _encoded(path, "".join(f"{value}\n" for value in listed))
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, content)
    return len(listed)


def _item(path: Path, found: ExceptionList, item_id: str) -> Item:
    for item in reversed(found.items):
        if item.item_id == item_id:
            return item
    raise TriageError(f"{path}: there is no exception {item_id} in it any more")


def _read(path: Path, content: bytes) -> tuple[ExceptionList, list[Problem]]:
    return read_list(path, content, lambda list_id: read_values(path.parent, list_id))


def _encoded(path: Path, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TriageError(f"{path}: a value is no valid text: {error.reason}") from error


def _replace(target: Path, content: bytes) -> None:
    """Write ``content`` beside ``target`` and rename it: all or nothing, even at a crash."""
    temporary = None
    try:
        # Hidden and not *.toml: no loader takes it for a list. mkstemp gives it to us alone (0600).
        handle, temporary = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            Path(temporary).chmod(target.stat().st_mode & 0o777)
        Path(temporary).replace(target)
        temporary = None
        _sync_folder(target.parent)
    except OSError as error:
        raise TriageError(f"{target}: can not be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()


def _sync_folder(folder: Path) -> None:
    # A rename is durable once its folder is; Windows can not open one, and needs not.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
