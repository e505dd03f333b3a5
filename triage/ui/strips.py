"""Textual's strips, without the cycle that almost every one of them would be in.

A strip keeps what it was last divided into. Where it lies between the same edges as what is painted
that is the strip itself: it is in its own cache, and lives on when nobody needs it any more until
Python's collector looks at everything there is. A console paints some hundred strips a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.strip import Strip

_divide = Strip.divide


def _divide_without_cycle(strip: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    width = strip.cell_length
    within = [cut for cut in cuts if cut <= width]
    return [strip] if within == [width] else _divide(strip, within)


def keep_out_of_cycles() -> None:
    """From now on no strip keeps itself."""
    Strip.divide = _divide_without_cycle  # type: ignore[method-assign, assignment] # mypy takes it for a static method
