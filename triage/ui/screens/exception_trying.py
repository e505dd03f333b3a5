"""Trying an exception: the alerts and logs it is tried on are read in worker threads, and what it
would hide is told as it changes. The editor is such a screen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import apsw
from textual.message import Message
from textual.timer import Timer
from textual.worker import Worker, get_current_worker

from triage.case.exceptions import rule_tags
from triage.case.model import AlertDetail, AlertRow
from triage.context import backtest
from triage.errors import TriageError
from triage.exceptions import Item
from triage.ui.desk import Desk
from triage.ui.draft import EXPIRY, Draft, RuleRef
from triage.ui.proposal import proposal
from triage.ui.screens.keyed import KeyedScreen
from triage.ui.trial import (
    Alerts,
    LogEvents,
    Preview,
    Trial,
    alerted_events,
    other_alerts,
    own_alerts,
    scope_of,
)

_DEBOUNCE = 0.15  # seconds after the last key
_SAY_EVERY = 0.5  # seconds between two words of the thread that reads logs
_BREATH = 0.001  # seconds that thread leaves to the screen after each slice


class TryingScreen(KeyedScreen[str]):
    """A draft of an exception, and what it would hide."""

    class Ready(Message):
        """The alerts to try the exception on are read, and a first draft is made."""

        def __init__(
            self, draft: Draft, trial: Trial, rule: RuleRef, selected: Sequence[AlertDetail]
        ) -> None:
            super().__init__()
            self.draft, self.trial, self.rule, self.selected = draft, trial, rule, selected

    class Widened(Message):
        """The alerts of other rules are read."""

        def __init__(self, others: dict[str, Alerts]) -> None:
            super().__init__()
            self.others = others

    class Read(Message):
        """More of the logs is read; ``done`` where nothing more is."""

        def __init__(self, logs: LogEvents, done: bool) -> None:
            super().__init__()
            self.logs, self.done = logs, done

    class Previewed(Message):
        """A preview is made."""

        def __init__(self, generation: int, found: Preview) -> None:
            super().__init__()
            self.generation, self.found = generation, found

    class Failed(Message):
        """The case could not be read."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, desk: Desk, rows: Sequence[AlertRow] = (), item: Item | None = None) -> None:
        """An exception of these alerts, all of one rule; or ``item``, an exception there is."""
        super().__init__()
        self._desk = desk
        self._rows = tuple(rows)
        self._item = item
        self.draft = self._begun = Draft(())
        self.found: Preview | None = None
        self._trial: Trial | None = None
        self._rule: RuleRef | None = None
        self._selected: Sequence[AlertDetail] = ()
        self._generation = 0
        self._shown_generation = 0
        self._timer: Timer | None = None
        self._reading: Worker[None] | None = None
        self._hint = ""  # what to do, or what went wrong

    @property
    def settled(self) -> bool:
        """The preview shown is that of the draft shown, on all logs."""
        shown = self.found is not None and self._generation == self._shown_generation
        return bool(self._hint and not self.draft.conditions) or (shown and self._reading is None)

    @property
    def takes_keys(self) -> bool:
        return self._trial is not None or bool(self._hint)

    def _show(self) -> None:
        """Show the draft and what it would hide."""
        raise NotImplementedError

    # In worker threads ----------------------------------------------------------------------------

    def _load(self) -> None:
        try:
            case = self._desk.readers.here()
            tags = {id_: frozenset(own) for id_, own in rule_tags(case).items()}
            selected = [one for row in self._rows if (one := case.alert(row.id)) is not None]
            if self._item is not None:
                rule_id = self._item.rules[0] if self._item.rules else ""
            else:
                rule_id = self._rows[0].rule_id
            state = next((one for one in case.rules() if one.rule_id == rule_id), None)
            path = state.path if state else ""
            own, cut = own_alerts(case, rule_id)
        except (apsw.Error, TriageError) as error:
            self.post_message(self.Failed(str(error)))
            return
        trial = Trial(own, cut, {}, tags)
        if self._item is not None:
            name = state.name if state else rule_id
            rule = RuleRef(rule_id, name, path, tuple(sorted(tags.get(rule_id, ()))), ())
            self.post_message(self.Ready(Draft.of(self._item), trial, rule, ()))
        elif selected:
            rule = RuleRef.of(selected[0], path)
            tags.setdefault(rule.rule_id, frozenset(rule.tags))
            draft = replace(proposal(selected, rule, own), expire_time=self._desk.clock() + EXPIRY)
            self.post_message(self.Ready(draft, trial, rule, selected))
        else:
            self.post_message(self.Failed("the alert is no longer in the case"))

    def on_trying_screen_ready(self, message: Ready) -> None:
        self.draft = self._begun = message.draft
        self._trial, self._rule = message.trial, message.rule
        self._selected = message.selected
        self._look()
        self._try(at_once=True)

    def on_trying_screen_failed(self, message: Failed) -> None:
        self._hint = f"This could not be read: {message.reason}"
        self._show()

    def _look(self) -> None:
        """Read the alerts and the log events that the draft's scope takes in."""
        trial, rule, scope = self._trial, self._rule, self.draft.scope
        if trial is None or rule is None:
            return
        rule_ids = scope_of(scope, trial.tags) | ({rule.rule_id} if scope.every_rule else set())
        if rule_ids - {rule.rule_id} - trial.others.keys():
            self.run_worker(
                lambda: self._read_others(rule_ids - {rule.rule_id}), thread=True, group="others",
                exclusive=True,
            )  # fmt: skip
        trial.logs = None
        self._reading = self.run_worker(
            lambda: self._read_logs(rule_ids), thread=True, group="logs", exclusive=True
        )

    def _read_others(self, rule_ids: frozenset[str]) -> None:
        try:
            others = dict(other_alerts(self._desk.readers.here(), rule_ids.__contains__))
        except (apsw.Error, TriageError) as error:
            self.post_message(self.Failed(str(error)))
            return
        self.post_message(self.Widened(others))

    def _read_logs(self, rule_ids: frozenset[str]) -> None:
        worker: Worker[None] = get_current_worker()
        said = time.monotonic()
        logs = LogEvents(frozenset())
        try:
            case = self._desk.readers.here()
            logs = LogEvents(alerted_events(case, rule_ids))
            paths = [one.path for one in case.rules() if one.rule_id in rule_ids]
            for looked in backtest(case, paths, rule_ids):
                if worker.is_cancelled:
                    return
                logs.take(looked)
                time.sleep(_BREATH)
                if time.monotonic() - said > _SAY_EVERY:
                    said = time.monotonic()
                    self.post_message(self.Read(logs, False))
        except (apsw.Error, TriageError, OSError) as error:
            logs.fail(str(error))
        if not worker.is_cancelled:
            self.post_message(self.Read(logs, True))

    def on_trying_screen_widened(self, message: Widened) -> None:
        if self._trial is not None:
            self._trial.others = message.others
            self._try(at_once=True)

    def on_trying_screen_read(self, message: Read) -> None:
        if self._trial is None or self._reading is None:
            return
        self._trial.logs = message.logs
        if message.done:
            self._reading = None
        self._try(at_once=True)

    def action_editor_stop(self) -> None:
        """Read no more of the logs."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
            self._show()

    def _try(self, at_once: bool = False) -> None:
        """Preview the draft, a little after the last key; older previews are dropped."""
        self._generation += 1
        if self._timer is not None:
            self._timer.stop()
        # Not a very short timer: Textual loses one that a busy machine makes late from the start.
        self._timer = None if at_once else self.set_timer(_DEBOUNCE, self._preview)
        if at_once:
            self._preview()
        self._show()

    def _preview(self) -> None:
        generation, draft, trial, rule = self._generation, self.draft, self._trial, self._rule
        if trial is None or rule is None:
            return

        def work() -> None:
            self.post_message(self.Previewed(generation, trial.preview(draft, rule.rule_id)))

        self.run_worker(work, thread=True, exclusive=True, group="preview")

    def on_trying_screen_previewed(self, message: Previewed) -> None:
        if message.generation == self._generation:
            self.found = message.found
            self._shown_generation = message.generation
            self._show()
