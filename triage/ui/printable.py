"""The last door before the terminal: no cell holds anything a terminal could obey.

What panes show has been through ``text.clean``. Should one of them forget that, this still lets no
control character pass.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGN = "\N{REPLACEMENT CHARACTER}"


class Printable(LineFilter):
    """Puts a sign in the place of every character that is not printable."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.control or segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment
            if segment.control or segment.text.isprintable()
            else segment._replace(text=_printable(segment.text))
            for segment in segments
        ]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else _SIGN for char in text)


class Uncoloured(LineFilter):
    """No colour at all: where ``NO_COLOR`` is set, Textual alone would still send greys."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in the terminal's own colours; what is bold or reversed stays so."""
        return [
            Segment(text, style.without_color if style else None, control)
            for text, style, control in segments
        ]
