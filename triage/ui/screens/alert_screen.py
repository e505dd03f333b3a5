"""What can be done with alerts, on the list and on one alert's own screen alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from triage.case.model import AlertDetail, AlertRow
from triage.exceptions import file_name
from triage.guide import Step
from triage.text import clean
from triage.ui import external, facts
from triage.ui.draft import RuleRef
from triage.ui.filtering import quoted
from triage.ui.lines_view import LinesView
from triage.ui.pane_view import PaneView
from triage.ui.panes.tree import shut_key
from triage.ui.screens import sheets, steps
from triage.ui.screens.alerts_found import AlertsFound
from triage.ui.screens.deciding import DecidingScreen
from triage.ui.screens.dialogs import Option
from triage.ui.screens.exceptions import Exceptions
from triage.ui.screens.hand_over import hand_over
from triage.ui.screens.journal import Journal
from triage.ui.screens.matrix import Matrix
from triage.ui.screens.open_steps import OpenSteps
from triage.ui.screens.pager import Pager
from triage.ui.screens.rules import Rules
from triage.ui.screens.timeline import Timeline
from triage.ui.signals import Ask, OpenAlert
from triage.ui.subject import WINDOWS


class AlertScreen(DecidingScreen):
    """A screen with alerts on it; subclasses say which."""

    @property
    def takes_keys(self) -> bool:
        pane = self.focused  # a key on the step of another alert would tick it for this one
        return not (self.desk.preparing or (isinstance(pane, PaneView) and pane.stale))

    # What subclasses say --------------------------------------------------------------------------

    def current(self) -> AlertRow | None:
        """The one alert that is looked at."""
        raise NotImplementedError

    def panes(self) -> Sequence[PaneView]:
        """The panes in sight."""
        raise NotImplementedError

    # Looking --------------------------------------------------------------------------------------

    def on_lines_view_chosen(self, message: LinesView.Chosen) -> None:
        """Enter or space on a line of a pane."""
        message.stop()
        item, row = message.item, self.current()
        if item.kind == "step" and isinstance(item.value, Step) and row:
            mark = steps.tick if message.gesture == "tick" else steps.ask_outcome
            mark(self, self.desk, row.id, item.value, self.decided)
        elif item.kind == "question":
            self.app.post_message(Ask(item.value))
        elif item.kind == "kin":
            self.app.push_screen(AlertsFound("Related alerts", item.value))
        elif item.kind == "drilldown":
            self.app.push_screen(AlertsFound(item.value.name, item.value.results))
        elif item.kind in ("fold", "connection") and isinstance(message.view, PaneView):
            message.view.toggle(item.key)
        elif item.kind == "event":
            self.open_event(item.value)
        elif item.kind == "alert":
            self.app.post_message(OpenAlert(item.value.id))
        elif item.kind == "process" and message.gesture == "tick":
            if isinstance(message.view, PaneView):
                message.view.toggle(shut_key(item.value))
        elif item.kind == "process":
            self.app.push_screen(
                Pager(f"Process {item.value.name}", sheets.process_lines(item.value))
            )

    def _detail(self) -> AlertDetail | None:
        row = self.current()
        return self.desk.readers.here().alert(row.id) if row else None

    def action_events_wider(self) -> None:
        self._window(1)

    def action_events_narrower(self) -> None:
        self._window(-1)

    def _window(self, by: int) -> None:
        place = WINDOWS.index(self.desk.window) + by
        row = self.current()
        if 0 <= place < len(WINDOWS) and row:
            self.desk.window = WINDOWS[place]
            for pane in self.panes():
                pane.look_at(row.id, at_once=True)

    def action_event_raw(self) -> None:
        if detail := self._detail():
            self.app.push_screen(Pager("Matched events", sheets.raw_lines(detail)))

    def action_steps(self) -> None:
        self.app.push_screen(OpenSteps(self.desk))

    def action_timeline(self) -> None:
        if detail := self._detail():
            item = self.focused.item if isinstance(self.focused, LinesView) else None
            process = item.value.entity_id if item and item.kind == "process" else ""
            self.app.push_screen(Timeline(self.desk, detail, process))

    def action_rule_text(self) -> None:
        if detail := self._detail():
            path = self._rule_path(detail.row.rule_id)
            self.app.push_screen(Pager(detail.row.rule_name, sheets.rule_lines(detail.doc, path)))

    def action_rules(self) -> None:
        """Every rule: what it found, what it costs; switch it, read it, edit it."""
        self.app.push_screen(Rules(self.desk))

    def action_matrix(self) -> None:
        """What rules cover of ATT&CK, and where alerts lie."""
        self.app.push_screen(Matrix(self.desk))

    def _rule_path(self, rule_id: str) -> str:
        rules = self.desk.readers.here().rules()
        return next((one.path for one in rules if one.rule_id == rule_id), "")

    # Files and clipboard --------------------------------------------------------------------------

    def action_rule_edit(self) -> None:
        row = self.current()
        path = self._rule_path(row.rule_id) if row else ""
        if not path:
            self.say("the rule's file is not known to this case", "warning")
        else:
            self._edit(Path(path))

    def action_exceptions_edit(self) -> None:
        if detail := self._detail():
            rule = RuleRef.of(detail, self._rule_path(detail.row.rule_id))
            path = self.desk.exceptions / file_name(rule)
            if path.is_file():
                self._edit(path)
            else:
                self.say("this rule has no exceptions yet; f makes one")

    def _edit(self, path: Path) -> None:
        if not self.may_write(self.desk):
            return
        problem = external.edit(self.app, path)
        if problem:
            self.say(problem, "error")

    def action_copy_field(self) -> None:
        focused = self.focused
        row = self.current()
        if isinstance(focused, LinesView) and focused.item:
            self.say(external.copy(self.app, focused.item.copy))
        elif row:
            self.say(external.copy(self.app, row.reason))

    def action_copy_alert(self) -> None:
        row = self.current()
        if row is None:
            return
        for alert in self.desk.readers.here().documents([row.id]):
            self.say(external.copy_document(self.app, alert))

    def action_hand_over(self) -> None:
        """A report or an export of the case, of the filter's alerts or of the marked ones."""
        if not self.may_write(self.desk):
            return
        self.run_worker(self._hand_over(), exclusive=True, group="hand-over")

    async def _hand_over(self) -> None:
        told, severity = await hand_over(self.app, self.desk, self.targets())
        if told:
            self.say(told, severity)

    def action_exceptions(self) -> None:
        """All exceptions: what they hid, until when, what is wrong with them."""
        self.app.push_screen(Exceptions(self.desk))

    def action_journal(self) -> None:
        """Who decided what, when and why: in the whole case, or on this alert."""
        self.app.push_screen(Journal(self.desk, self.journal_filter()))

    def journal_filter(self) -> str:
        """What the journal shows at first."""
        return ""

    # Program --------------------------------------------------------------------------------------

    def pivots(self) -> list[Option]:
        """Filters for what the current alert shares with others."""
        row = self.current()
        if row is None:
            return []
        found = (
            ("h", "host", row.host),
            ("u", "user", row.user),
            ("p", "process", row.process),
            ("r", "rule", row.rule_name),
        )
        return [
            Option(key, f"same {name}", f"{name}:{quoted(value)}", clean(value, 40),
                   "Only alerts with the")
            for key, name, value in found
            if value
        ]  # fmt: skip

    def facts(self) -> Sequence[facts.Fact]:
        """Those of the line under the cursor; in the list and where it has none, the alert's."""
        detail = self._detail()
        return super().facts() or (facts.of_alert(detail) if detail else ())
