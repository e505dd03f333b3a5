"""An item and a list's head as TOML text, the way they are written into a file."""

from __future__ import annotations

from collections.abc import Collection

from triage import times
from triage.exceptions._model import Entry, ExceptionList, Item

_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def list_text(meta: ExceptionList) -> str:
    """The ``[list]`` table of a new file."""
    pairs = {
        "list_id": meta.list_id,
        "name": meta.name,
        "description": meta.description,
        "type": meta.type,
    }
    if meta.kibana:
        pairs["kibana"] = meta.kibana
    return "[list]\n" + "".join(f"{key} = {quoted(value)}\n" for key, value in pairs.items())


def item_text(item: Item, keys: Collection[str] = ()) -> str:
    """The ``[[item]]`` table of an item, its entries below it; ``keys``: of its own, only these."""
    pairs = [
        (key, value)
        for key, value in item_values(item).items()
        if value is not None and (not keys or key in keys)
    ]
    lines = ["[[item]]", *(f"{key} = {value}" for key, value in pairs)]
    return "\n".join(lines) + "\n" + entries_text(item)


def item_values(item: Item) -> dict[str, str | None]:
    """Each key of an item's own table with its value as TOML; None where it is not written."""
    texts = {"item_id": item.item_id, "name": item.name, "comment": item.comment or None}
    lists = {"rules": item.rules, "tags": item.tags, "os_types": item.os_types}
    instants = {"created_at": item.created_at, "expire_time": item.expire_time}
    after = {"created_by": item.created_by or None, "kibana": item.kibana or None}
    return {
        **{key: None if text is None else quoted(text) for key, text in texts.items()},
        **{key: _array(listed) if listed else None for key, listed in lists.items()},
        **{key: None if at is None else quoted(times.iso(at)) for key, at in instants.items()},
        "enabled": None if item.enabled else "false",
        **{key: None if text is None else quoted(text) for key, text in after.items()},
    }


def entries_text(item: Item) -> str:
    """The ``[[item.entries]]`` tables of an item."""
    lines = [line for entry in item.entries for line in _entry_lines(entry, "item.entries")]
    return "\n".join(lines) + "\n"


def _entry_lines(entry: Entry, table: str) -> list[str]:
    indent = "  " * table.count("entries")
    lines = [f"{indent}[[{table}]]", f"{indent}field = {quoted(entry.field)}"]
    if entry.operator != "included" or entry.type != "nested":
        lines.append(f"{indent}operator = {quoted(entry.operator)}")
    lines.append(f"{indent}type = {quoted(entry.type)}")
    if entry.type == "list":
        pair = f"id = {quoted(''.join(entry.values))}, type = {quoted(entry.list_type)}"
        lines.append(f"{indent}list = {{ {pair} }}")
    elif entry.type in ("match", "wildcard"):
        lines.append(f"{indent}value = {quoted(''.join(entry.values))}")
    elif entry.values:
        lines.append(f"{indent}value = {_array(entry.values)}")
    for inner in entry.entries:
        lines += _entry_lines(inner, f"{table}.entries")
    return lines


def _array(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(quoted, values)) + "]"


def quoted(value: str) -> str:
    """``value`` as a TOML string on one line; what would not be seen in an editor is escaped."""
    if value.startswith("{") and "'" not in value and value.isprintable():
        return f"'{value}'"  # JSON, readable
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
