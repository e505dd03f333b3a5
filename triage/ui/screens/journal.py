"""The journal screen: who decided what, when and why, newest first, and whether it is whole."""

from __future__ import annotations

import threading
from dataclasses import replace

import apsw

from triage.case.journal import Record, matches, records
from triage.case.read import CaseReader
from triage.case.verify import Verdict, verify
from triage.text import clean
from triage.ui.desk import Desk
from triage.ui.format import day_time, fit, full_time, plural
from triage.ui.lines import BLANK, Item, Line, field, heading, line
from triage.ui.lines_view import LinesView
from triage.ui.screens.filtered import FilteredPager
from triage.ui.screens.live import Build
from triage.ui.screens.pager import Pager

_ROOM = 100  # cells from which an entry's alerts stand on its own line
_ROLES = {"close": "accent", "except": "accent", "acknowledge": "ack", "undo": "warn"}


class Journal(FilteredPager):
    """All entries, or those that a filter lets through; enter opens one."""

    def __init__(self, desk: Desk, wanted: str = "") -> None:
        hint = "words, who:name, alert:id, action:close"
        super().__init__("Journal", desk, hint, words=wanted)
        self._records: list[Record] = []  # oldest first; what is written never changes
        self._undone: dict[int, int] = {}  # by entry: which took it back
        self._verdict: Verdict | None = None
        self._reading = threading.Lock()

    def build(self) -> Build:
        words = self.words

        def read(reader: CaseReader, width: int) -> list[Line]:
            with self._reading:  # who types quickly has two of these at work
                self._take(reader)
                return self._lines_of(words, width)

        return read

    def _take(self, reader: CaseReader) -> None:
        """Read what was added, and look again whether all is whole."""
        last = self._records[-1].entry.id if self._records else 0
        fresh = list(records(reader.connection, last))
        self._records += fresh
        self._undone.update((one.entry.undoes, one.entry.id) for one in fresh if one.entry.undoes)
        if fresh or self._verdict is None:
            try:
                self._verdict = verify(reader.connection)
            except apsw.BusyError:
                self._verdict = None

    def _lines_of(self, words: str, width: int) -> list[Line]:
        shown = [one for one in reversed(self._records) if not words or matches(one, words)]
        lines = [*self._head(len(shown)), BLANK]
        for one in shown:
            lines += _entry(one, self._undone.get(one.entry.id, 0), width)
        if not shown:
            none = "nothing was decided yet" if not self._records else "no entry is like that"
            lines.append(line((f"  {none}", "dim")))
        return lines

    def _head(self, shown: int) -> list[Line]:
        total = len(self._records)
        count = plural(total, "entry", "entries")
        parts = [(count if shown == total else f"{shown:,} of {count}", "title")]
        verdict = self._verdict
        if verdict is None:
            return [line(*parts)]
        if verdict.whole:
            parts.append((" · the chain is whole, all alerts stand as it says", "good"))
        else:
            parts.append((f" · NOT WHOLE: {plural(len(verdict.faults), 'fault')}", "bad"))
        lines = [line(*parts)]
        for fault in verdict.faults[:3]:
            who = f"  {fault.entry.who}, {full_time(fault.entry.at)}" if fault.entry else ""
            alert = f"  alert {fault.alert_id}" if fault.alert_id else ""
            lines.append(line((f"  ✗ {fault.what}", "bad"), (who + alert, "dim"), indent=4))
        if verdict.end:
            lines.append(line((f"ends with {verdict.end}", "dim")))
        lines.append(line(("export: triage journal CASE · check: triage verify CASE", "dim")))
        return lines

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        if isinstance(message.item.value, Record):
            found: Record = message.item.value
            record = replace(found, undone_by=self._undone.get(found.entry.id, 0))
            self.app.push_screen(Pager(f"Entry {record.entry.id}", _page(record)))


def _entry(record: Record, undone_by: int, width: int) -> list[Line]:
    entry = record.entry
    role = _ROLES.get(entry.action, "")
    first = record.alerts[0].alert if record.alerts else ""
    many = f"{len(record.alerts):,} alerts: " if len(record.alerts) > 1 else ""
    back = f"↶{undone_by} " if undone_by else ""  # taken back, and by which entry
    about = many + clean(first, 80)
    item = Item("entry", str(entry.id), record, "\n".join(record.lines()))
    head = (
        (f"{entry.id:>5}  ", "dim"),
        (f"{day_time(entry.at)}  ", "dim"),
        (fit(clean(entry.who, 14), 14) + " ", "title"),
    )
    what = (back + clean(record.what, 120), "dim" if undone_by else role)
    if width >= _ROOM:
        return [Line((*head, what, (f"  {about}", "dim")), item, 45, wrap=False)]
    return [
        Line((*head, what), item, 45, wrap=False),
        Line(((f"{' ' * 28}{about}", "dim"),), None, 28, wrap=False),
    ]


def _page(record: Record) -> list[Line]:
    entry = record.entry
    lines = [
        field("entry", str(entry.id)),
        field("when", full_time(entry.at)),
        field("who", entry.who),
        field("what", record.what),
    ]
    if record.undone_by:
        lines.append(field("undone", f"taken back by entry {record.undone_by}"))
    lines += [field("hash", record.hash), BLANK]
    lines.append(heading("Alerts", f"{len(record.alerts):,}"))
    for one in record.alerts:
        lines.append(
            Line(
                ((f"  {one.alert or 'an alert that is gone'}  ", ""), (one.change, "accent")),
                Item("field", one.alert_id, one.alert_id, one.alert_id),
                4,
            )
        )
        lines.append(line((f"    {one.alert_id}", "dim")))
    return lines
