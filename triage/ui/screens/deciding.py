"""Deciding on alerts: acknowledge, close, assign, tag, note, except and undo, on any number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw

from triage.case.decide import Done, Overtaken
from triage.case.model import CLOSE_REASONS, AlertRow
from triage.case.words import CLOSE_WORDS, told
from triage.errors import TriageError
from triage.text import clean
from triage.ui import lists
from triage.ui.desk import Desk
from triage.ui.format import clock_time, plural
from triage.ui.lines import BLANK, Line, line
from triage.ui.screens.base import ConsoleScreen
from triage.ui.screens.dialogs import Choice, Option, Prompt
from triage.ui.screens.exception import ExceptionEditor

_REASON_KEYS = dict(zip("tbfdo", CLOSE_REASONS, strict=True))
_DIGITS = 9  # answers that a digit gives
_TOLD = 4  # of what others did, when it is asked about
# From the ids of alerts and the journal entry that the decision was made on.
Act = Callable[[Sequence[str], int], Done]


class DecidingScreen(ConsoleScreen):
    """A screen on whose alerts one decides; subclasses say which they are."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    def targets(self) -> list[AlertRow]:
        """The alerts a decision is about."""
        raise NotImplementedError

    def decided(self) -> None:
        """A decision was written: marks can go, and the case be read again."""
        raise NotImplementedError

    # One decision ---------------------------------------------------------------------------------

    def _decide(self, ids: Sequence[str], seen: int, act: Act, told_as: str) -> None:
        """Decide on alerts as they were when ``seen`` was the journal's end."""
        try:
            done = act(ids, seen)
        except Overtaken as found:
            self._ask(found, ids, act, told_as)
            return
        except (TriageError, apsw.Error) as error:
            self.say(f"not saved: {error}", "error")
            return
        if done.entry:
            self.say(f"{plural(len(done.alerts), 'alert')} {told_as} · u to undo")
        else:
            self.say(f"already {told_as}")
        self.decided()

    def _ask(self, found: Overtaken, ids: Sequence[str], act: Act, told_as: str) -> None:
        """Somebody else was quicker: say who and what, and let the analyst decide."""
        rest = [one for one in ids if one not in found.alerts]
        lines: list[Line] = [
            line((f"{clock_time(one.at)} ", "dim"), (one.who, "title"), f" {told(one)}", indent=4)
            for one in found.entries[-_TOLD:]
        ]
        if len(found.entries) > _TOLD:
            lines.insert(0, line((f"… {len(found.entries) - _TOLD} earlier ones", "dim")))
        theirs = "it" if len(found.alerts) == 1 else "them"
        keep = f"leave {theirs} so"
        if rest:
            keep += f", decide on the other {plural(len(rest), 'alert')}"
        options = [
            Option("k", keep, "keep"),
            Option("o", f"overwrite: {told_as} all the same", "overwrite"),
        ]

        def answered(answer: str | None) -> None:
            if answer == "overwrite":
                self._decide(ids, found.seen, act, told_as)
            elif answer == "keep" and rest:
                self._decide(rest, found.seen, act, told_as)
            else:
                self.decided()

        title = f"{plural(len(found.alerts), 'alert')} changed since you looked"
        self.app.push_screen(Choice(title, options, [*lines, BLANK]), answered)

    def _ids(self) -> list[str]:
        """The alerts to decide on; where there are none, or none may be, that is said."""
        if not self.may_write(self.desk):
            return []
        found = [row.id for row in self.targets()]
        if not found:
            self.say("there is no alert here", "warning")
        return found

    # What can be decided --------------------------------------------------------------------------

    def action_alert_ack(self) -> None:
        if not (ids := self._ids()):
            return
        # A verdict is not lost to one key: who means it opens the alert again first.
        closed = {row.id for row in self.targets() if row.status == "closed"}
        if left := [one for one in ids if one not in closed]:
            self._decide(left, self.desk.seen, self.desk.decisions.acknowledge, "acknowledged")
        else:
            self.say("closed already; open it again first", "warning")

    def action_alert_reopen(self) -> None:
        if ids := self._ids():
            self._decide(ids, self.desk.seen, self.desk.decisions.reopen, "open again")

    def action_alert_close(self) -> None:
        ids, seen = self._ids(), self.desk.seen
        if not ids:
            return

        def closed(reason: str | None) -> None:
            if reason:
                words = f"closed as {CLOSE_WORDS[reason]}"
                close = self.desk.decisions.close
                self._decide(ids, seen, lambda some, at: close(some, reason, at), words)

        options = [Option(key, CLOSE_WORDS[one], one) for key, one in _REASON_KEYS.items()]
        self.app.push_screen(Choice(f"Close {plural(len(ids), 'alert')} as …", options), closed)

    def action_alert_assign(self) -> None:
        ids, seen = self._ids(), self.desk.seen
        if not ids:
            return

        def assign(to: str) -> None:
            words = f"assigned to {to or 'nobody'}"
            act = self.desk.decisions.assign
            self._decide(ids, seen, lambda some, at: act(some, to, at), words)

        def chosen(answer: str | None) -> None:
            kind, _, name = (answer or "").partition(" ")
            if kind == "to":
                assign(name)
            elif kind == "ask":
                ask = Prompt(f"Assign {plural(len(ids), 'alert')} to …", "a name")
                self.app.push_screen(ask, lambda to: assign(to) if to else None)

        others = [one for one in self.desk.readers.here().people() if one != self.desk.who]
        options = [Option("m", "me", f"to {self.desk.who}", self.desk.who)]
        options += [Option(str(at), one, f"to {one}") for at, one in enumerate(others[:9], start=1)]
        options += [Option("o", "somebody else …", "ask"), Option("n", "nobody", "to ")]
        self.app.push_screen(Choice(f"Assign {plural(len(ids), 'alert')} to …", options), chosen)

    def action_alert_tag(self) -> None:
        rows = self.targets()
        ids = self._ids()
        if not ids:
            return

        def tagged(text: str | None) -> None:
            words = (text or "").replace(",", " ").split()
            minus = [word[1:] for word in words if word[0] in "-−"]
            plus = [word for word in words if word[0] not in "-−"]
            if words:
                tag = self.desk.decisions.tag
                self._decide(ids, 0, lambda some, _: tag(some, plus, minus), "tagged so")

        have = sorted({tag for row in rows for tag in row.tags})
        title = f"Tags of {plural(len(ids), 'alert')}"
        title += f", now {' '.join(have)}" if have else ""
        hint = "words; -word takes it off"
        self.app.push_screen(Prompt(title, hint), tagged)

    def action_alert_note(self) -> None:
        ids = self._ids()
        if not ids:
            return

        def noted(body: str | None) -> None:
            if body:
                note = self.desk.decisions.note
                self._decide(ids, 0, lambda some, _: note(some, body), "noted")

        title = f"Note on {plural(len(ids), 'alert')}"
        self.app.push_screen(Prompt(title, "what you found, for whoever looks next"), noted)

    def action_undo(self) -> None:
        if take_back(self, self.desk):
            self.decided()

    def action_alert_false_positive(self) -> None:
        rows = self.targets()
        if not self.may_write(self.desk):
            return
        if not rows:
            self.say("there is no alert here", "warning")
        elif len({row.rule_id for row in rows}) > 1:
            self.say("the marked alerts are of several rules; an exception is of one", "warning")
        elif rows[0].risk_of:
            self._except_member(rows)
        else:
            self.app.push_screen(ExceptionEditor(self.desk, rows), self._excepted)

    def _except_member(self, incidents: Sequence[AlertRow]) -> None:
        """Incidents go with the alerts they are made of: an exception is of one of their rules."""
        reader = self.desk.readers.here()
        by_rule: dict[str, dict[str, AlertRow]] = {}
        for member in (one for incident in incidents for one in reader.members(incident.id)):
            by_rule.setdefault(member.rule_id, {})[member.id] = member
        rules = sorted(by_rule.values(), key=len, reverse=True)
        options = [
            Option(
                str(place + 1) if place < _DIGITS else "",
                clean(next(iter(rows.values())).rule_name, 80),
                str(place),
                plural(len(rows), "alert"),
            )
            for place, rows in enumerate(rules)
        ]

        def chosen(place: str | None) -> None:
            if place:
                rows = list(rules[int(place)].values())
                self.app.push_screen(ExceptionEditor(self.desk, rows), self._excepted)

        told = line("This is made of alerts, and goes with them.", indent=2)
        self.app.push_screen(Choice("Exception for the alerts of …", options, [told]), chosen)

    def _excepted(self, saved: str | None) -> None:
        if saved:
            self.say(saved)
            self.decided()


def take_back(screen: ConsoleScreen, desk: Desk) -> bool:
    """Undo this person's last decision and say so; whether there was one."""
    if not screen.may_write(desk):
        return False
    try:
        undone = desk.decisions.undo()
        removed = lists.take_back(undone.entry) if undone else ""
    except (TriageError, apsw.Error) as error:
        screen.say(f"not undone: {error}", "error")
        return False
    if undone is None:
        screen.say("nothing left to undo")
        return False
    kept = plural(len(undone.kept), "alert")
    left = f"; {kept} changed since, and left so" if undone.kept else ""
    screen.say(f"undone: {told(undone.entry)}{removed}{left}")
    return True
