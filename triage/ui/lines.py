"""Lines of styled text: what every pane and sheet is made of, without a widget and without markup.

A :class:`Line` cleans its texts when it is made, so that nothing a log says can reach the terminal
raw through any of them. Its parts name a *role* ("dim", "match" …), never a colour; the theme gives
roles their colours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from triage.text import clean

# (text, role); "" is ordinary text.
Part = tuple[str, str]

ROLES = (
    "dim", "label", "title", "accent", "match", "good", "warn", "bad", "subject", "link",
    "critical", "high", "medium", "low", "open", "ack", "closed", "fp",
)  # fmt: skip
MAX_TEXT = 32_768  # characters of one part: a screen shows less, a hostile log has more


@dataclass(frozen=True, slots=True)
class Item:
    """What a line stands for, where keys can act on it."""

    kind: str  # "event", "step", "process", "field", "alert", "rule", "file"
    key: str  # identity within its page: the cursor finds it again after a reload
    value: Any = None
    copy: str = ""  # what `y` puts on the clipboard
    # (ECS field, value) pairs that `p` searches for and `x` filters by; see ui.facts.
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line; the view wraps it to its width."""

    parts: tuple[Part, ...] = ()
    item: Item | None = None
    indent: int = 0  # cells before each wrapped row but the first
    wrap: bool = True  # else it is cut with "…"

    def __post_init__(self) -> None:
        parts = tuple((clean(text, MAX_TEXT), role) for text, role in self.parts)
        object.__setattr__(self, "parts", parts)

    @property
    def text(self) -> str:
        """The line without its roles."""
        return "".join(text for text, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Page:
    """What a pane shows: its lines, and a word for its title ("3", "2/5")."""

    lines: tuple[Line, ...]
    badge: str = ""
    first_word: bool = False  # a fuller page follows: not worth replacing what is shown already
    start: str = ""  # key of the item the cursor begins at; "" for the first


def line(*parts: str | Part, item: Item | None = None, indent: int = 0, wrap: bool = True) -> Line:
    """A line of texts and (text, role) pairs."""
    pairs = tuple((part, "") if isinstance(part, str) else part for part in parts)
    return Line(pairs, item, indent, wrap)


BLANK = Line()
LABEL_WIDTH = 11


def heading(text: str, note: str = "") -> Line:
    """A heading inside a page."""
    return line((text, "title"), (f"  {note}" if note else "", "dim"))


def field(
    label: str,
    *parts: str | Part,
    copy: str = "",
    key: str = "",
    width: int = LABEL_WIDTH,
    fact: tuple[str, str] = ("", ""),
) -> Line:
    """A labelled value that can be copied; continuation rows align under the value.

    ``fact`` is the ECS field and the value it stands for: what can be searched and filtered by.
    """
    pairs = tuple((part, "") if isinstance(part, str) else part for part in parts)
    raw = copy or "".join(text for text, _ in pairs)
    item = Item("field", key or label, raw, raw, (fact,) if fact[1] else ())
    return Line(((label.ljust(width), "label"), *pairs), item, width)


def paragraphs(text: str, role: str = "", indent: int = 0) -> list[Line]:
    """A text of several paragraphs, parted by blank lines; each is wrapped anew."""
    found: list[Line] = []
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").strip()):
        joined = " ".join(block.split())
        if joined:
            found += [BLANK] if found else []
            found.append(line((" " * indent + joined, role), indent=indent))
    return found


def wrap(source: Line, width: int) -> list[tuple[Part, ...]]:
    """The rows of ``width`` cells that a line takes; at least one."""
    if width <= 0:
        return [()]
    if not source.wrap or sum(cell_len(text) for text, _ in source.parts) <= width:
        return [source.parts]
    indent = source.indent if source.indent * 2 <= width else 2
    rows: list[tuple[Part, ...]] = []
    row: list[Part] = []
    used = 0
    for word, role in _words(source.parts):
        length = _cells(word)
        if used + length > width and used > (indent if rows else 0) and length <= width - indent:
            rows.append(tuple(row))
            row, used = [(" " * indent, "")], indent
            word = word.lstrip(" ")
            length = _cells(word)
        if used + length > width:
            # A word longer than a row: cut in one pass, for a log can hold one of 100 KB.
            first, *others = _chopped(word, width - used, width - indent)
            row.append((first, role))
            for piece in others:
                rows.append(tuple(row))
                row, used = [(" " * indent, ""), (piece, role)], indent + _cells(piece)
        elif word:
            row.append((word, role))
            used += length
    if row:
        rows.append(tuple(row))
    return rows


def _words(parts: Sequence[Part]) -> Iterable[Part]:
    """The parts cut before each run of spaces: a word with the spaces in front of it."""
    for text, role in parts:
        start = 0
        in_word = False
        for place, char in enumerate(text):
            if char == " " and in_word:
                yield text[start:place], role
                start, in_word = place, False
            elif char != " ":
                in_word = True
        if start < len(text):
            yield text[start:], role


def _cells(text: str) -> int:
    """How many cells a text takes; all ASCII that is left after cleaning takes one each."""
    return len(text) if text.isascii() else cell_len(text)


def _chopped(word: str, first: int, width: int) -> list[str]:
    """A word cut into a piece of at most ``first`` cells and others of at most ``width``.

    A character wider than its row is a piece of its own all the same.
    """
    if word.isascii():
        rest = range(max(0, first), len(word), max(1, width))
        return [word[: max(0, first)], *(word[at : at + max(1, width)] for at in rest)]
    pieces: list[str] = []
    piece, used, room = "", 0, first
    for char in word:
        cells = cell_len(char)
        if used + cells > room and (piece or not pieces):
            pieces.append(piece)
            piece, used, room = "", 0, width
        piece += char
        used += cells
    return [*pieces, piece]
