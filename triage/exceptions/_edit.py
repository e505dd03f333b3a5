"""Surgery on the text of a list: one item is cut out or changed, and the user's own words stay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from triage.config import KeyPath, Places, Statement, parse_toml
from triage.errors import TriageError
from triage.exceptions._model import Item
from triage.exceptions._text import entries_text, item_values

_BOM = "\ufeff"


@dataclass(slots=True)
class _Source:
    """A list's text line by line, and what stands where in it."""

    path: Path
    lines: list[str]  # each with its "\r" where it has one
    bom: str
    places: Places

    @classmethod
    def of(cls, path: Path, content: bytes) -> _Source:
        _, text = parse_toml(path, content)
        raw = content.decode("utf-8")
        bom = _BOM if raw.startswith(_BOM) else ""
        return cls(path, raw.removeprefix(_BOM).split("\n"), bom, Places(text))

    @property
    def content(self) -> bytes:
        return (self.bom + "\n".join(self.lines)).encode("utf-8")

    def item(self, item: Item) -> list[Statement]:
        """The statements of an item that was read from this text, its header first."""
        for index in range(len(self.places.statements)):
            own = [one for one in self.places.statements if one.path[:2] == ("item", index)]
            if not own:
                break
            header = own[0]
            if self.places.position(header.start)[0] == item.line:
                if header.header and header.path == ("item", index):
                    return own
                break
        raise TriageError(
            f"{self.path}: {item.item_id} is not written as an [[item]]; change it by hand"
        )

    def span(self, statement: Statement) -> tuple[int, int]:
        """First and last line of a statement, from 0."""
        start, end = self.places.position(statement.start), self.places.position(statement.end)
        return start[0] - 1, end[0] - 1

    def splice(self, first: int, behind: int, fresh: list[str]) -> None:
        """Put lines in the place of those from ``first`` to before ``behind``."""
        crlf = any(line.endswith("\r") for line in self.lines)
        self.lines[first:behind] = [f"{line}\r" if crlf else line for line in fresh]


def cut(path: Path, content: bytes, item: Item) -> tuple[bytes, str]:
    """``content`` without an item that was read from it, and the item's own text.

    Comments between two lines of the item are the item's; others stay. The blank line before it
    goes with it.
    """
    source = _Source.of(path, content)
    first, last = _extent(source, source.item(item))
    text = "\n".join(line.removesuffix("\r") for line in source.lines[first : last + 1]) + "\n"
    if first > 0 and not source.lines[first - 1].strip():
        first -= 1
    del source.lines[first : last + 1]
    return source.content, text


def changed(path: Path, content: bytes, before: Item, after: Item) -> bytes:
    """``content`` with an item that was read from it changed to ``after``.

    Only what differs is written anew; comments stay, also those between entries that change, which
    come to stand before them.
    """
    now = item_values(after)
    then = item_values(before)
    for key, value in now.items():
        # An id that was not written was made of the content: it must not change with it.
        if value != then[key] or key == "item_id":
            content = _with_value(path, content, before, key, value)
    if after.entries != before.entries:
        content = _with_entries(path, content, before, entries_text(after))
    return content


def _extent(source: _Source, own: list[Statement]) -> tuple[int, int]:
    return source.span(own[0])[0], max(source.span(one)[1] for one in own)


def _with_value(path: Path, content: bytes, item: Item, key: str, value: str | None) -> bytes:
    source = _Source.of(path, content)
    own = source.item(item)
    name: KeyPath = (*own[0].path, key)
    statement = next((one for one in own if one.path == name and not one.header), None)
    if statement is None:
        if value is not None:
            plain = [one for one in own if "entries" not in one.path]
            last = max(source.span(one)[1] for one in plain)
            source.splice(last + 1, last + 1, [f"{key} = {value}"])
        return source.content
    first, last = source.span(statement)
    if value is None:
        source.splice(first, last + 1, [])
        return source.content
    (_, start), (_, end) = (source.places.position(at) for at in (statement.value, statement.end))
    begin = source.places.position(statement.value)[0] - 1
    head, tail = source.lines[begin][: start - 1], source.lines[last][end - 1 :]
    source.splice(begin, last + 1, [head + value + tail.removesuffix("\r")])
    return source.content


def _with_entries(path: Path, content: bytes, item: Item, text: str) -> bytes:
    source = _Source.of(path, content)
    own = source.item(item)
    old = [source.span(one) for one in own if "entries" in one.path]
    _, last = _extent(source, own)
    fresh = text.rstrip("\n").split("\n")
    first, behind = min(one[0] for one in old), max(one[1] for one in old) + 1
    inside = {line for one in old for line in range(one[0], one[1] + 1)}
    gaps = (source.lines[line] for line in range(first, behind) if line not in inside)
    remarks = [line.removesuffix("\r") for line in gaps if line.strip()]
    # Behind all else of the item: tables end the keys of the table above them.
    source.splice(last + 1, last + 1, [*remarks, *fresh])
    del source.lines[first:behind]
    return source.content
