"""A view in which only those lines are painted that show something else than they should by now."""

from __future__ import annotations

from typing import Any, Self

from textual.geometry import Region
from textual.strip import Strip

from triage.ui.lines_view import RoleView

Look = tuple[Any, ...]
_FEW = 8  # lines that are painted one by one, where not all between are stale
_MOST_STRIPS = 200  # lines that are kept painted: a few screens


class PaintedView(RoleView):
    """A line-API widget that knows what each line of the screen shows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painted: dict[int, Look] = {}  # what each line of the screen shows
        self._strips: dict[Look, Strip] = {}
        self._width = 0  # of all strips

    def look(self, y: int) -> Look:
        """All that the picture of a line of the screen depends on, but for colours and width."""
        raise NotImplementedError

    def picture(self, y: int, look: Look, width: int) -> Strip:
        """The line of that look."""
        raise NotImplementedError

    def repaint(self) -> None:
        """Paint the lines that look otherwise by now."""
        width, height = self.scrollable_content_region.size
        stale = [y for y in range(height) if self._painted.get(y) != self.look(y)]
        if stale:
            first, last = stale[0], stale[-1]
            if len(stale) > _FEW:
                self.refresh(Region(0, first, width, last - first + 1))
            else:
                self.refresh(*(Region(0, y, width, 1) for y in stale))

    def watch_has_focus(self, value: bool) -> None:
        super().watch_has_focus(value)
        self.repaint()

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        """As of any widget; all of it is asked for where colours or sizes are others now."""
        if not regions:
            self._strips.clear()
            self._painted.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def render_lines(self, crop: Region) -> list[Strip]:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            self._strips.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        look = self._painted[y] = self.look(y)
        strip = self._strips.get(look)
        if strip is None:
            if len(self._strips) >= _MOST_STRIPS:
                self._strips.clear()
            strip = self._strips[look] = self.picture(y, look, self._width)
        return strip
