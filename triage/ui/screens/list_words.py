"""What is said of the list of alerts: why it is empty, and the words beside its filter."""

from __future__ import annotations

from triage.ui.alert_list import AlertList
from triage.ui.bars import Segment
from triage.ui.feed import News
from triage.ui.format import plural
from triage.ui.lines import Part
from triage.ui.store import AlertStore


def nothing(store: AlertStore, news: News) -> str:
    """Why there is no alert to see."""
    if store.total:
        total = plural(store.total, "alert")
        return f"none of {total} passes the filter · esc clears it"
    logs = plural(news.sources, "log")
    # What it read since it started: of a case that goes on, what was read before is not told.
    read = f"{plural(news.engine.events, 'event')} read" if news.engine.events else "no new event"
    if news.engine.state in ("live", "reading", "starting") and not news.engine_word:
        return f"no alerts yet: watching {logs}, {read}"
    return f"no alerts: {logs}, {read}"


def filter_segments(
    rows: AlertList, store: AlertStore, unread: int, held: int | None, wrong: str
) -> list[Segment]:
    """The words beside the filter: what came unseen, what waits, the order, how many are shown.

    ``unread``: alerts whose fields are still to be read; ``held``: alerts that came while paused,
    None: not paused; ``wrong``: what is wrong with the filter.
    """
    found: list[Segment] = []
    if wrong:
        return [Segment(((wrong, "bad"),))]
    above, below = rows.unseen()
    if above or below:
        parts: list[Part] = []
        if above:
            parts.append((f"{above:,} new ↑", "match"))
        if below:
            parts.append((f"{' ' if parts else ''}{below:,} new ↓", "match"))
        found.append(Segment(tuple(parts)))
    if held is not None:
        waiting = f", {held:,} wait" if held else ""
        found.append(Segment(((f"paused{waiting}", "warn"),)))
    if rows.follow:
        found.append(Segment((("follow", "accent"),)))
    if rows.marked:
        more = " …V" if rows.in_range else ""
        found.append(Segment(((f"{len(rows.marked)} marked{more}", "accent"),)))
    if unread:
        found.append(Segment(((f"reading fields, {unread:,} left", "accent"),), 3))
    if store.arranging:
        found.append(Segment((("sorting …", "accent"),), 3))
    if store.grouping:
        found.append(Segment((("by ", "dim"), (store.grouping, "accent")), 1))
    found.append(Segment((("sort ", "dim"), (store.sort, "")), 1))
    shown, total = len(store), store.total
    found.append(Segment(((f"{shown:,} of {total:,}", "dim" if shown == total else ""),), 2))
    return found
