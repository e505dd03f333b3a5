"""A screen as a text that can be read, compared and kept: what it says, and how each part looks."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.app import App

_NAMES = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class TextPicture(SingleFileSnapshotExtension):
    """Keeps a picture in a text file of its own."""

    _file_extension = "txt"
    _write_mode = WriteMode.TEXT


def said(app: App[Any]) -> str:
    """What the screen says, line by line."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def looks(app: App[Any]) -> str:
    """How it looks: a letter a style with how many cells it goes on, line by line; the legend."""
    found: dict[str, str] = {}
    lines = []
    for strip in app.screen._compositor.render_strips():
        cells = [(_style(segment.style), segment.cell_length) for segment in strip]
        runs = []
        for style, parts in groupby(cells, key=lambda one: one[0]):
            letter = found.setdefault(style, _name(len(found)))
            runs.append(f"{letter}{sum(width for _, width in parts)}")
        lines.append(" ".join(runs))
    # Lines that look the same stand once.
    shown = [(line, len(list(same))) for line, same in groupby(lines)]
    told = [f"{line}  ×{count}" if count > 1 else line for line, count in shown]
    return "\n".join([*told, *(f"{letter} {style}" for style, letter in found.items())])


def _style(style: Style | None) -> str:
    if style is None:
        return "plain"
    marks = [name for name in ("bold", "dim", "italic", "underline", "reverse", "strike")
             if getattr(style, name)]  # fmt: skip
    ends = [colour.name if colour else "-" for colour in (style.color, style.bgcolor)]
    return " ".join([*ends, *marks])


def _name(place: int) -> str:
    more, at = divmod(place, len(_NAMES))
    return _NAMES[at] + "'" * more
