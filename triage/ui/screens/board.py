"""The risk board: who gathered how much risk, by which rules and tactics, and their alerts."""

from __future__ import annotations

from collections.abc import Sequence

from triage import attack
from triage.case.board import Board, Entity, Share, board
from triage.case.read import CaseReader
from triage.text import clean
from triage.ui import keys
from triage.ui.desk import Desk
from triage.ui.filtering import quoted
from triage.ui.format import cut_middle, day_time, fit, plural
from triage.ui.lines import BLANK, Item, Line, Part, line
from triage.ui.lines_view import LinesView
from triage.ui.screens.live import Build, LivePager
from triage.ui.signals import Pivoted

_WIDE = 100  # cells from which an entity's course fits beside its figures
_LEVELS = "▁▂▃▄▅▆▇█"
_HIGH = 100  # the usual threshold of a day's risk
_FIELDS = {"host": "host", "user": "user"}


class RiskBoard(LivePager):
    """The entities by risk; enter shows an entity's alerts, space its rules."""

    BINDINGS = [*keys.bindings("sheet"), *keys.bindings("board")]  # noqa: RUF012 - Textual's own convention

    def __init__(self, desk: Desk) -> None:
        super().__init__("Risk", desk, footer=keys.footer(["sheet", "board"]))
        self._by_week = False
        self._open: frozenset[str] = frozenset()

    def build(self) -> Build:
        by_week, unfolded, now = self._by_week, self._open, self._desk.clock()

        def read(reader: CaseReader, width: int) -> Sequence[Line]:
            return board_lines(board(reader.connection, now, by_week), by_week, unfolded, width)

        return read

    def action_board_sort(self) -> None:
        """By the risk of a day, or of a week."""
        self._by_week = not self._by_week
        self.load()

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        entity = message.item.value
        if not isinstance(entity, Entity):
            return
        field = _FIELDS.get(entity.kind)
        if message.gesture == "open" and field:
            self.app.post_message(Pivoted(f"{field}:{quoted(entity.name)}"))
        else:
            self._open ^= {message.item.key}
            self.load()


def board_lines(found: Board, by_week: bool, unfolded: frozenset[str], width: int) -> list[Line]:
    """The board as lines of ``width`` cells."""
    if not found.entities:
        return [line(("no alert added to any risk yet", "dim"))]
    first = "7 days" if by_week else "24 hours"
    lines = [
        line(
            (f"24 hours and 7 days up to {day_time(found.until)} UTC", "title"),
            (", the newest alert", "dim"),
            wrap=False,
        ),
        line(
            (f"most risk in {first} first · ⏎ its alerts · space its rules", "dim"),
            wrap=False,
        ),
        BLANK,
    ]
    name_width = min(44, max(12, width - (80 if width >= _WIDE else 44)))
    for entity in found.entities:
        lines += _entity(entity, name_width, width, unfolded)
    if found.more:
        lines.append(line((f"  … and {found.more:,} with less", "dim")))
    return lines


def _entity(entity: Entity, name_width: int, width: int, unfolded: frozenset[str]) -> list[Line]:
    key = f"{entity.kind} {entity.name.lower()}"
    role = "bad" if entity.day >= _HIGH else ""
    head: list[Part] = [
        ("▲ " if entity.incidents else "  ", "bad" if entity.undecided else "dim"),
        (fit(clean(entity.name, 200), name_width) + " ", "title"),
        (f"{clean(entity.kind, 5):<5}", "dim"),
        (f"  24 h {entity.day:>5.0f}", role),
        (f"  7 d {entity.week:>6.0f}", ""),
        (f"  {plural(entity.alerts, 'alert'):>10}", ""),
    ]
    if width >= _WIDE:
        head += [("  ", ""), (course(entity.course), "accent"), ("  ", "")]
    item = Item("entity", key, entity, f"{entity.name}: {entity.day:g} in 24 h")
    lines = [Line(tuple(head), item, wrap=False)]
    tactics = ", ".join(map(_tactic, entity.tactics)) or "no tactic"
    rules = ", ".join(
        share.rule_name + (f" ×{share.alerts}" if share.alerts > 1 else "")
        for share in entity.shares
    )
    below = f"    {tactics} · {rules}" if rules else "    nothing that counts"
    lines.append(line((below, "dim"), wrap=False))
    if key in unfolded:
        lines += [_share(share, width) for share in entity.shares]
        if entity.nothing:
            told = (
                f"{plural(entity.nothing, 'alert')} closed as nothing, or superseded: not counted"
            )
            lines.append(line((f"      {told}", "dim"), wrap=False))
        if entity.incidents:
            told = f"▲ {plural(len(entity.incidents), 'incident')}, {entity.undecided} open"
            lines.append(line((f"      {told}", "warn"), wrap=False))
        lines.append(BLANK)
    return lines


def _share(share: Share, width: int) -> Line:
    room = max(12, width - 44)
    tactics = ", ".join(map(_tactic, share.tactics))
    return line(
        (f"      {share.score:>5.0f}  ", ""),
        (f"×{share.alerts:<4} ", "dim"),
        (cut_middle(clean(share.rule_name, 200), room), ""),
        (f"  {tactics}  {day_time(share.last)}", "dim"),
        wrap=False,
    )


def _tactic(id_: str) -> str:
    known = attack.tactic(id_)
    return known.name if known else id_


def course(scores: Sequence[float]) -> str:
    """Scores over time as a line of blocks; a blank where there was none."""
    most = max(scores, default=0)
    if most <= 0:
        return " " * len(scores)
    last = len(_LEVELS) - 1
    return "".join(_LEVELS[round(last * one / most)] if one > 0 else "·" for one in scores)
