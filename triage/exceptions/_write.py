"""Writing exception lists: an item is added or taken out, and every other byte stays as it was."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from triage import times
from triage.config import Places, parse_toml, read_bytes
from triage.errors import TriageError
from triage.exceptions._load import read_list
from triage.exceptions._model import Entry, ExceptionList, Item

_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def append_item(path: Path, meta: ExceptionList, item: Item) -> None:
    """Add ``item`` at the end of the list ``path``, which is made with ``meta`` where it is not.

    Atomic: readers see the old file or the new one. Raises TriageError, the file being as it was,
    where it can not be read or written, where it is no TOML, or where the item could not be read
    back as it is (an empty value, a lone surrogate).
    """
    target = path.resolve()  # a link stays a link: its target is rewritten
    exists = target.exists()
    before = read_bytes(target) if exists else _list_text(meta).encode("utf-8")
    try:
        added = _item_text(item).encode("utf-8")
    except UnicodeEncodeError as error:
        raise TriageError(f"{path}: a value is no valid text: {error.reason}") from error
    if b"\r\n" in before:
        added = added.replace(b"\n", b"\r\n")
    line_end = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before or before.endswith(b"\n") else line_end
    after = before + gap + line_end + added
    written, problems = read_list(target, after)
    if not written.items or written.items[-1] != item:
        reason = problems[-1].message if problems else "it would not be read back as it is"
        raise TriageError(f"{path}: the exception can not be written: {reason}")
    target.parent.mkdir(parents=True, exist_ok=True)
    _replace(target, after)


def remove_item(path: Path, item_id: str) -> bool:
    """Take the item ``item_id`` out of the list ``path``; False where it is not in it.

    Also the blank line before it goes, so that undoing :func:`append_item` gives the same bytes.
    Comments outside of the item stay. Raises TriageError as :func:`append_item` does.
    """
    target = path.resolve()
    content = read_bytes(target)
    found, _ = read_list(target, content)
    lines = [item.line for item in found.items if item.item_id == item_id]
    if not lines:
        return False
    _, text = parse_toml(target, content)
    places = Places(text)
    cut: set[int] = set()
    owner = None
    previous = 0
    for statement in places.statements:
        inside = statement.path[:2] if statement.path[0] == "item" else None
        first, last = places.position(statement.start)[0], places.position(statement.end)[0]
        if inside is not None and places.key(*inside)[0] == lines[-1]:
            # Comments between two lines of the item are the item's.
            cut.update(range(previous + 1 if owner == inside else first, last + 1))
        owner, previous = inside, last
    source = content.split(b"\n")
    if not cut or not source[min(cut) - 1].strip().removeprefix(b"\xef\xbb\xbf").startswith(b"[["):
        raise TriageError(f"{path}: {item_id} is not written as an [[item]]; remove it by hand")
    if min(cut) > 1 and not source[min(cut) - 2].strip():
        cut.add(min(cut) - 1)
    kept = [line for number, line in enumerate(source, 1) if number not in cut]
    _replace(target, b"\n".join(kept))
    return True


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


def _list_text(meta: ExceptionList) -> str:
    pairs = {
        "list_id": meta.list_id,
        "name": meta.name,
        "description": meta.description,
        "type": meta.type,
    }
    return "[list]\n" + "".join(f"{key} = {_quoted(value)}\n" for key, value in pairs.items())


def _item_text(item: Item) -> str:
    lines = ["[[item]]", f"item_id = {_quoted(item.item_id)}", f"name = {_quoted(item.name)}"]
    if item.comment:
        lines.append(f"comment = {_quoted(item.comment)}")
    for key, listed in (("rules", item.rules), ("tags", item.tags), ("os_types", item.os_types)):
        if listed:
            lines.append(f"{key} = {_array(listed)}")
    for key, instant in (("created_at", item.created_at), ("expire_time", item.expire_time)):
        if instant is not None:
            lines.append(f"{key} = {_quoted(times.iso(instant))}")
    if item.created_by:
        lines.append(f"created_by = {_quoted(item.created_by)}")
    for entry in item.entries:
        lines += _entry_lines(entry, "item.entries")
    return "\n".join(lines) + "\n"


def _entry_lines(entry: Entry, table: str) -> list[str]:
    indent = "  " * table.count("entries")
    lines = [f"{indent}[[{table}]]", f"{indent}field = {_quoted(entry.field)}"]
    if entry.operator != "included" or entry.type != "nested":
        lines.append(f"{indent}operator = {_quoted(entry.operator)}")
    lines.append(f"{indent}type = {_quoted(entry.type)}")
    if entry.type in ("match", "wildcard"):
        lines.append(f"{indent}value = {_quoted(''.join(entry.values))}")
    elif entry.values:
        lines.append(f"{indent}value = {_array(entry.values)}")
    for inner in entry.entries:
        lines += _entry_lines(inner, f"{table}.entries")
    return lines


def _array(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_quoted, values)) + "]"


def _quoted(value: str) -> str:
    """``value`` as a TOML basic string; what would not be seen in an editor is escaped."""
    out = ['"']
    for char in value:
        code = ord(char)
        if char in _SHORT:
            out.append(_SHORT[char])
        elif char.isprintable() or 0xD800 <= code <= 0xDFFF:
            out.append(char)  # a lone surrogate fails to encode: TOML can not hold it
        else:
            out.append(f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}")
    return "".join([*out, '"'])
