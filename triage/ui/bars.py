"""The one-line bars: status, filter, tabs and keys. They show what they are given, cut to fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from triage.case.model import EngineState
from triage.text import clean
from triage.ui import keymap
from triage.ui.format import about, plural
from triage.ui.keys import Action
from triage.ui.lines import Part
from triage.ui.lines_view import RoleView
from triage.ui.store import Counts

_WRONG_WIDTH = 32  # cells for what is wrong, unless one thing takes more


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a bar; where room is short, those of the highest ``rank`` go first."""

    parts: tuple[Part, ...]
    rank: int = 0

    @property
    def width(self) -> int:
        return sum(cell_len(text) for text, _ in self.parts)


def fit_segments(segments: Sequence[Segment], width: int, gap: int = 2) -> list[Segment]:
    """The segments that fit into ``width`` with ``gap`` between them, in their order."""
    kept = list(segments)
    while kept and sum(one.width + gap for one in kept) - gap > width:
        worst = max(range(len(kept)), key=lambda place: (kept[place].rank, place))
        if kept[worst].rank == 0:
            break
        del kept[worst]
    return kept


class Bar(RoleView):
    """A line of segments at the left, and some at the right."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left: tuple[Segment, ...] = ()
        self._right: tuple[Segment, ...] = ()
        self.can_focus = False

    def show(self, left: Iterable[Segment], right: Iterable[Segment] = ()) -> None:
        """Show other segments; nothing is painted where they are the same."""
        fresh = tuple(left), tuple(right)
        if fresh != (self._left, self._right):
            self._left, self._right = fresh
            self.refresh()
            if self.is_attached:
                self._check_refresh()  # at once: else it is painted later than what it tells of

    def render_line(self, y: int) -> Strip:
        width = self.content_region.width
        base = self.rich_style
        if y:
            return Strip.blank(width, base)
        needed = sum(one.width + 2 for one in self._left if one.rank == 0)
        right = _joined(fit_segments(self._right, width - needed))
        room = width - _width(right) - (2 if right else 0)
        left = _joined(fit_segments(self._left, room))
        least = 1 if left and right else 0
        space = [(" " * max(least, width - _width(left) - _width(right)), "")]
        return self.strip([*left, *space, *right], width, Style(), base)


def _joined(segments: Sequence[Segment]) -> list[Part]:
    parts: list[Part] = []
    for place, segment in enumerate(segments):
        if place:
            parts.append(("  ", ""))
        parts.extend(segment.parts)
    return parts


def _width(parts: Iterable[Part]) -> int:
    return sum(cell_len(text) for text, _ in parts)


class Frame(Vertical):
    """A box with a title that changes often."""

    def entitle(self, title: str) -> None:
        """Set the title, and paint the edge it stands in: not, as Textual does, all of the box."""
        if self._border_title is None or title != self._border_title.plain:
            self._border_title = Content(title)
            self.refresh(Region(-1, -1, self.outer_size.width, 1))


class KeyBar(Bar):
    """The footer: what can be done here, from the key table. A click does it."""

    class Clicked(Message):
        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self, actions: Sequence[Action], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._ours = actions
        self._actions = actions  # with the keys that really do them

    def on_mount(self) -> None:
        self.tell()

    def tell(self) -> None:
        """Show the keys that are in force."""
        self._actions = [keymap.of(self.app).real(action) for action in self._ours]
        # Help and palette stay to the last: they lead to everything else.
        last = [action for action in self._actions if action.id in ("help", "palette")]
        rest = [action for action in self._actions if action not in last]
        self.show(
            [Segment(self._parts(action), rank) for rank, action in enumerate(rest, start=1)],
            [Segment(self._parts(action)) for action in last],
        )

    @staticmethod
    def _parts(action: Action) -> tuple[Part, ...]:
        return ((action.shown, "accent"), (f" {action.label}", ""))

    def on_click(self, event: events.Click) -> None:
        width = self.content_region.width
        room = width - _width(_joined(self._right)) - 2
        place = 0
        for segment in fit_segments(self._left, room):
            if place <= event.x - self.gutter.left < place + segment.width:
                found = [one for one in self._actions if self._parts(one) == segment.parts]
                self.post_message(self.Clicked(found[0]))
                return
            place += segment.width + 2


def status_segments(
    watched: Sequence[str],
    engine: EngineState,
    engine_word: str,
    counts: Counts,
    rules: tuple[int, int],
    troubles: Sequence[str] = (),
    read_only: bool = False,
) -> list[Segment]:
    """What is watched, how the engine is, and how many alerts wait: the console's first line.

    ``engine_word`` overrides what the engine last said of itself (it can not say that it died);
    ``rules`` are the loaded ones and, of those and the unreadable ones, the broken; ``troubles``
    are what is wrong while it runs: they take the place of "live".
    """
    names = _in_short([PurePath(path).name or path for path in watched], 24, 24)
    found = [Segment((("triage", "title"), (f" {names}" if names else "", "")))]
    if read_only:
        found.append(Segment((("reading only", "warn"),)))
    wrong = "" if engine_word else _in_short(troubles, _WRONG_WIDTH, 48)
    if wrong and engine.state == "live":
        found.append(Segment(((f"▲ {wrong}", "warn"),)))
    else:
        found.append(Segment((engine_part(engine, engine_word),)))
        if wrong:
            found.append(Segment(((f"▲ {wrong}", "warn"),), 2))
    if engine.state in ("live", "reading") and not engine_word:
        found.append(Segment(((f"{engine.rate:,.0f} ev/s", "dim"),), 5))
        lag = f"lag {engine.lag_bytes / 1e6:,.1f} MB" if engine.lag_bytes else "lag 0"
        if engine.state == "live":
            found.append(Segment(((lag, "dim"),), 6))
    found.append(
        Segment(
            (
                ("open ", "dim"), (f"{counts.open:,}", "open"),
                ("  ack ", "dim"), (f"{counts.acknowledged:,}", ""),
                ("  fp ", "dim"), (f"{counts.false_positive:,}", ""),
                ("  closed ", "dim"), (f"{counts.closed:,}", ""),
            ),
            1,
        )
    )  # fmt: skip
    loaded, broken = rules
    parts: list[Part] = [(plural(loaded, "rule"), "dim")]
    if broken:
        parts.append((f" ({plural(broken, 'broken file')})", "bad"))
    found.append(Segment(tuple(parts), 3 if not broken else 2))
    if engine.rejects:
        found.append(Segment(((f"{engine.rejects:,} unreadable", "warn"),), 4))
    return found


def _in_short(texts: Sequence[str], width: int, alone: int) -> str:
    """As many of the texts as fit into ``width`` cells, and how many more there are; the first is
    there in any case, in at most ``alone`` cells."""
    shown = [clean(one, alone) for one in texts[:1]]
    for one in texts[1:]:
        if len(", ".join((*shown, one))) > width:
            break
        shown.append(clean(one))
    more = len(texts) - len(shown)
    return ", ".join(shown) + (f" +{more}" if more else "")


def engine_part(engine: EngineState, word: str) -> Part:
    """Glyph and word of the engine's state: "● live", "◌ reading 43 %, 2 min left",
    "■ stopped"."""
    if word:
        return f"■ {word}", "bad"
    if engine.state == "live":
        return "● live", "good"
    if engine.state == "reading":
        done = 100 - 100 * engine.lag_bytes // engine.total_bytes if engine.total_bytes else 0
        left = f", {about(engine.seconds_left)} left" if engine.seconds_left else ""
        return f"◌ reading {max(0, min(99, done))} %{left}", "accent"
    if engine.state == "starting":
        return "◌ starting", "accent"
    if engine.state == "stopped":
        return "■ stopped", "warn"
    return "■ no engine", "dim"


class TabBar(RoleView):
    """The names of the six panes, one of them shown."""

    class Picked(Message):
        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self._active = 0
        self.can_focus = False

    def activate(self, place: int) -> None:
        self._active = place
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_region.width
        gap = " " * self._gap
        parts: list[Part] = []
        for place, name in enumerate(self._names):
            role = "dim" if place != self._active else "accent" if y else "title"
            text = "━" * len(name) if y else name
            parts += [("━" * len(gap) if y else gap, "dim")] if place else []
            parts.append((text, role))
        if y:
            used = sum(len(text) for text, _ in parts)
            parts.append(("━" * max(0, width - used), "dim"))
        return self.strip(parts, width, Style(), self.rich_style)

    @property
    def _gap(self) -> int:
        """Cells between two names: two, or one where room is short."""
        wide = sum(map(len, self._names)) + 2 * (len(self._names) - 1)
        return 2 if wide <= self.content_region.width else 1

    def on_click(self, event: events.Click) -> None:
        start = self.gutter.left
        for place, name in enumerate(self._names):
            if start <= event.x < start + len(name) + self._gap:
                self.post_message(self.Picked(place))
            start += len(name) + self._gap
