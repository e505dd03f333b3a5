"""The one table of what can be done: bindings, footer, help and palette all come from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

# Where an action works. "list": the main screen; "rows": its list of alerts; "drill": one alert's
# screen; "pane": any page of lines (panes, help, a document); "sheet": a screen that is one such
# page; "found": what a search of the logs finds; "timeline": the timeline; "board": the risk board;
# "filter": the filter while it is typed; "editor": the exception editor; "exceptions": the manager
# of all exceptions; "rules": the table of rules; "matrix": that of ATT&CK; "dialog": any question;
# "picker": one with a field to type in and a list; "pick": one that completes; "views": the saved
# views; "tour": wherever the tour goes. The words are what people call them.
SCOPES = {
    "list": "the list", "rows": "the list", "drill": "an alert", "pane": "a page",
    "sheet": "a page", "found": "a search of the logs", "timeline": "the timeline",
    "board": "the risk board", "filter": "the filter", "editor": "the exception editor",
    "exceptions": "the exceptions", "rules": "the rules", "matrix": "the matrix",
    "dialog": "a question", "picker": "a question", "pick": "a question", "views": "saved views",
    "tour": "the tour",
}  # fmt: skip
# The scopes that are in force at the same time, the one that takes a key first at the end.
TOGETHER = (
    ("tour", "list", "rows"), ("tour", "list", "pane"), ("filter",), ("tour", "drill", "pane"),
    ("tour", "sheet", "pane"), ("tour", "sheet", "found", "pane"),
    ("tour", "sheet", "board", "pane"), ("tour", "sheet", "rules", "pane"),
    ("tour", "sheet", "exceptions", "pane"), ("tour", "timeline", "pane"), ("tour", "matrix"),
    ("tour", "editor", "pane"),
    ("dialog", "pane"), ("dialog", "picker", "pick"), ("dialog", "views", "pane"),
)  # fmt: skip
_OF_APP = frozenset(
    {"health", "risk", "theme", "tour.next", "tour.end"}
)  # the same wherever one is
_FIRST = frozenset({"picker", "pick"})  # their keys go before those of the field that is typed in


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done with a key, or by name from the palette."""

    id: str  # stable name, as a keymap has it
    keys: str  # Textual key names, comma separated; the first is shown
    shown: str  # how the keys are written for people
    label: str  # one or two words for the footer
    help: str  # a sentence for help and palette
    group: str
    scopes: tuple[str, ...]
    footer: int = 0  # place in the footer, from 1; 0 is not there
    palette: bool = True

    @property
    def method(self) -> str:
        """The Textual action: ``alert.ack`` is ``action_alert_ack`` of the screen or widget."""
        name = self.id.replace(".", "_")
        return f"app.{name}" if self.id in _OF_APP else name


_MOVE, _LOOK, _DECIDE, _FIND, _COPY, _APP = (
    "Move", "Look", "Decide", "Find", "Copy and open", "Program",
)  # fmt: skip
_BOTH = ("list", "drill")
_SCREENS = (*_BOTH, "sheet", "timeline", "matrix", "editor")

ACTIONS: tuple[Action, ...] = (
    Action("move.down", "j,down", "j ↓", "Down", "next row", _MOVE, ("rows", "pane"), 0, False),
    Action("move.up", "k,up", "k ↑", "Up", "row before", _MOVE, ("rows", "pane"), 0, False),
    Action("move.first", "g,home", "g", "First", "to the first row", _MOVE, ("rows", "pane")),
    Action("move.last", "G,end", "G", "Last", "to the last row", _MOVE, ("rows", "pane")),
    Action("move.page_down", "ctrl+d,pagedown", "^d", "Page down", "one page down", _MOVE,
           ("rows", "pane"), 0, False),
    Action("move.page_up", "ctrl+u,pageup", "^u", "Page up", "one page up", _MOVE,
           ("rows", "pane"), 0, False),
    Action("alert.next", "n", "n", "Next", "next alert that the filter lets through", _MOVE, _BOTH),
    Action("alert.previous", "N", "N", "Previous", "alert before, of those the filter lets through",
           _MOVE, _BOTH),
    Action("list.follow", "F", "F", "Follow", "keep the cursor on the newest alert, or stop that",
           _MOVE, ("list",)),
    Action("list.pause", "equals_sign", "=", "Pause",
           "hold new rows back, or let them in; the engine goes on", _MOVE, ("list",)),
    Action("alert.open", "enter", "⏎", "Open", "open the alert with its six panes", _LOOK,
           ("list",), 1),
    Action("pane.expand", "enter", "⏎", "Expand", "the whole event, or what the line stands for",
           _LOOK, ("pane",), 0, False),
    Action("back", "escape", "esc", "Back", "go back to where you came from",
           _LOOK, ("drill", "sheet", "timeline", "matrix"), 1, False),
    Action("clear", "escape", "esc", "Clear", "take off marks, then the filter", _FIND, ("list",),
           0, False),
    Action("search", "slash", "/", "Search", "find a text in this page; n and N go on", _FIND,
           ("sheet",), 2, False),
    Action("search.next", "n", "n", "Next match", "next place where the text stands", _FIND,
           ("sheet",), 3, False),
    Action("search.previous", "N", "N", "Match before", "the place before", _FIND, ("sheet",), 0,
           False),
    *(
        Action(f"pane.show_{number}", str(number), str(number), name, f"show the pane {name}",
               _LOOK, _BOTH)
        for number, name in enumerate(
            ("Overview", "Tree", "Traces", "Events", "ATT&CK", "Respond"), start=1
        )
    ),
    Action("pane.next", "l,right", "l", "Next pane", "the pane to the right", _LOOK, _BOTH, 0,
           False),
    Action("pane.previous", "h,left", "h", "Pane before", "the pane to the left", _LOOK, _BOTH, 0,
           False),
    Action("pane.focus", "tab,shift+tab", "tab", "Focus", "between list and preview, or panes",
           _LOOK, _BOTH, 0, False),
    Action("pane.zoom", "z", "z", "Zoom", "one pane on the whole screen, or all six", _LOOK,
           ("drill",), 6),
    Action("timeline", "T", "T", "Timeline",
           "when things happened on the host, or by the process under the cursor, around the alert",
           _LOOK, _BOTH),
    Action("steps", "O", "O", "Open steps",
           "the response steps of the whole case that are still to be taken", _LOOK, _BOTH),
    Action("timeline.left", "h,left", "h", "Left", "one column earlier", _MOVE, ("timeline",), 3,
           False),
    Action("timeline.right", "l,right", "l", "Right", "one column later", _MOVE, ("timeline",), 4,
           False),
    Action("timeline.earlier", "H,shift+left", "H", "Earlier", "half a window earlier", _MOVE,
           ("timeline",), 7),
    Action("timeline.later", "L,shift+right", "L", "Later", "half a window later", _MOVE,
           ("timeline",), 8),
    Action("timeline.alert_next", "n", "n", "Next alert", "to the next alert on the host", _MOVE,
           ("timeline",), 9),
    Action("timeline.alert_before", "N", "N", "Alert before", "to the alert before, on the host",
           _MOVE, ("timeline",)),
    Action("timeline.wider", "plus", "+", "Wider", "more time in sight, up to a day", _LOOK,
           ("timeline",), 5),
    Action("timeline.narrower", "minus", "-", "Narrower", "less time in sight, down to a minute",
           _LOOK, ("timeline",), 6),
    Action("timeline.home", "0", "0", "Home", "back to the alert", _MOVE, ("timeline",)),
    Action("timeline.whose", "s", "s", "Host/process",
           "the whole host, or only the alert's process and what it started", _LOOK,
           ("timeline",), 2),
    Action("events.wider", "plus", "+", "Wider", "related events in a wider window", _LOOK, _BOTH),
    Action("events.narrower", "minus", "-", "Narrower", "related events in a narrower window",
           _LOOK, _BOTH),
    Action("alert.ack", "a", "a", "Ack", "acknowledge: you are looking into it", _DECIDE, _BOTH, 2),
    Action("alert.close", "c", "c", "Close", "close, with a reason", _DECIDE, _BOTH, 3),
    Action("alert.reopen", "o", "o", "Reopen", "open again", _DECIDE, _BOTH),
    Action("alert.false_positive", "f", "f", "False positive",
           "make an exception of the alert and close what it covers", _DECIDE, _BOTH, 4),
    Action("alert.note", "m", "m", "Note", "write a note", _DECIDE, _BOTH, 7),
    Action("alert.tag", "number_sign", "#", "Tags", "put tags on, or take them off", _DECIDE,
           _BOTH),
    Action("alert.assign", "at", "@", "Assign", "give to somebody: you, another, nobody", _DECIDE,
           _BOTH),
    Action("undo", "u", "u", "Undo", "take back your last decision, note, tick or exception",
           _DECIDE, (*_BOTH, "exceptions"), 8),
    Action("mark", "space", "space", "Mark", "mark the alert; in Respond: tick the step", _DECIDE,
           ("rows",), 9),
    Action("pane.tick", "space", "space", "Tick", "tick the step, or take the tick off", _DECIDE,
           ("pane",), 0, False),
    Action("mark.range", "V", "V", "Mark range", "mark from here to where V is pressed again",
           _DECIDE, ("rows",)),
    Action("filter", "slash", "/", "Filter", "filter as you type: words, field:value, and or not",
           _FIND, ("list",), 5),
    Action("views", "S", "S", "Views", "saved views: filter, order and grouping by name", _FIND,
           ("list",)),
    Action("exclude", "x", "x", "Exclude", "leave a value out of the list, or show only that",
           _FIND, (*_BOTH, "sheet", "timeline")),
    Action("complete.take", "tab", "tab", "Take", "in the filter: take what is proposed", _FIND,
           ("filter",), 0, False),
    Action("complete.next", "down", "↓", "Next proposal", "in the filter: the next proposal", _FIND,
           ("filter",), 0, False),
    Action("complete.previous", "up", "↑", "Proposal before", "in the filter: the proposal before",
           _FIND, ("filter",), 0, False),
    Action("sort", "s", "s", "Sort", "next order: newest, oldest, severity, risk, rule, host …",
           _FIND, ("list",)),
    Action("group", "b", "b", "Group",
           "group by cause, rule and host, process tree, user, technique, or not at all", _FIND,
           ("list",)),
    Action("group.fold", "z", "z", "Fold", "open or close the group; ⏎, → and ← do so on its row",
           _FIND, ("rows",)),
    Action("group.fold_all", "Z", "Z", "Fold all", "close all groups, or open all", _FIND,
           ("rows",)),
    Action("pivot", "p", "p", "Pivot",
           "the same value across all logs, or only alerts of the same host, user …", _FIND,
           (*_BOTH, "sheet", "timeline")),
    Action("found.stop", "c", "c", "Stop", "stop searching the logs; what was found stays", _FIND,
           ("found",), 2),
    Action("copy.field", "y", "y", "Copy", "copy the field or line under the cursor", _COPY,
           (*_BOTH, "sheet", "timeline", "matrix"), 12),
    Action("copy.alert", "Y", "Y", "Copy alert", "copy the alert as JSON", _COPY, _BOTH),
    Action("event.raw", "v", "v", "Raw event", "the matched events as JSON", _COPY, _BOTH),
    Action("hand_over", "W", "W", "Hand over",
           "write a report or an export of the case, or of the marked or filtered alerts", _COPY,
           _BOTH),
    Action("rules", "R", "R", "Rules",
           "every rule: state, alerts, false positives, cost; switch it, read it, edit it", _APP,
           _BOTH),
    Action("matrix", "M", "M", "ATT&CK matrix",
           "what the rules cover of ATT&CK, and where the alerts lie", _APP, _BOTH),
    Action("matrix.open", "enter", "⏎", "Open", "the cell's alerts, rules or sub-techniques", _LOOK,
           ("matrix",), 2),
    Action("matrix.alerts", "a", "a", "Alerts", "the technique's alerts in the list", _FIND,
           ("matrix",), 3),
    Action("matrix.rules", "R,r", "R", "Rules", "the rules that name the technique", _FIND,
           ("matrix",), 4),
    Action("matrix.left", "h,left", "h", "Left", "tactic to the left", _MOVE, ("matrix",), 0,
           False),
    Action("matrix.right", "l,right", "l", "Right", "tactic to the right", _MOVE, ("matrix",), 0,
           False),
    Action("matrix.down", "j,down", "j", "Down", "technique below", _MOVE, ("matrix",), 0, False),
    Action("matrix.up", "k,up", "k", "Up", "technique above", _MOVE, ("matrix",), 0, False),
    Action("matrix.page_down", "ctrl+d,pagedown", "^d", "Page down", "ten techniques down", _MOVE,
           ("matrix",), 0, False),
    Action("matrix.page_up", "ctrl+u,pageup", "^u", "Page up", "ten techniques up", _MOVE,
           ("matrix",), 0, False),
    Action("matrix.first", "g,home", "g", "First", "the tactic's first technique", _MOVE,
           ("matrix",), 0, False),
    Action("matrix.last", "G,end", "G", "Last", "the tactic's last technique", _MOVE, ("matrix",),
           0, False),
    Action("rules.switch", "space", "space", "Switch", "switch the rule off in this case, or on",
           _DECIDE, ("rules",), 2),
    Action("rules.edit", "e", "e", "Edit", "edit the rule's file in $EDITOR; it is checked after",
           _COPY, ("rules",), 3),
    Action("rules.alerts", "a", "a", "Alerts", "the rule's alerts in the list", _FIND, ("rules",),
           4),
    Action("rules.sort", "s", "s", "Sort",
           "next order: name, alerts, false positives, cost, state, severity", _FIND, ("rules",),
           5),
    Action("rule.text", "r", "r", "Rule", "the rule: query, description, references", _COPY, _BOTH),
    Action("rule.edit", "e", "e", "Edit rule", "open the rule file in $EDITOR", _COPY, _BOTH),
    Action("exceptions.edit", "E", "E", "Edit exceptions",
           "open the exception list of the rule in $EDITOR", _COPY, _BOTH),
    Action("editor.save", "ctrl+s", "^s", "Save", "save the exception and close what it covers",
           _DECIDE, ("editor",), 1),
    Action("editor.toggle", "space", "space", "Tick", "put the line in or leave it out", _DECIDE,
           ("editor",), 2, False),
    Action("editor.operator", "o", "o", "Operator",
           "another operator: is, is one of, matches, exists, in range, in list, has", _DECIDE,
           ("editor",), 3, False),
    Action("editor.negate", "n", "n", "Not", "turn the line into its opposite", _DECIDE,
           ("editor",), 0, False),
    Action("editor.stop", "c", "c", "Stop", "stop trying the exception on the logs", _DECIDE,
           ("editor",), 0, False),
    Action("editor.edit", "enter", "⏎", "Edit", "change the value, or choose", _DECIDE, ("editor",),
           4, False),
    Action("editor.text", "ctrl+e", "^e", "As TOML", "write the exception as TOML in $EDITOR",
           _DECIDE, ("editor",), 0),
    Action("editor.delete", "x", "x", "Remove line", "drop a line you added", _DECIDE,
           ("editor",), 0, False),
    Action("editor.cancel", "escape", "esc", "Cancel", "leave without an exception", _DECIDE,
           ("editor",), 5, False),
    Action("exceptions", "X", "X", "Exceptions",
           "every exception: what it hid, until when, what is wrong with it", _APP, _BOTH),
    Action("exceptions.change", "e", "e", "Edit", "change the exception, seeing what it would hide",
           _DECIDE, ("exceptions",), 2, False),
    Action("exceptions.toggle", "d", "d", "Disable", "disable the exception, or enable it again",
           _DECIDE, ("exceptions",), 3, False),
    Action("exceptions.extend", "plus", "+", "Extend", "let the exception hold 90 days longer",
           _DECIDE, ("exceptions",), 4, False),
    Action("exceptions.delete", "D", "D", "Delete", "take the exception out of its file", _DECIDE,
           ("exceptions",), 5, False),
    Action("exceptions.sort", "s", "s", "Sort",
           "next order of the exceptions: file, hits, last hit, expiry, state", _FIND,
           ("exceptions",), 6, False),
    Action("exceptions.file", "E", "E", "Edit file",
           "open the file of the exception in $EDITOR", _COPY, ("exceptions",), 0, False),
    Action("health", "exclamation_mark,i", "!", "Health",
           "engine, logs, records that can not be read, rules with problems", _APP, _BOTH),
    Action("risk", "B", "B", "Risk board",
           "hosts and users by their risk of 24 hours and 7 days", _APP, _BOTH),
    Action("board.sort", "s", "s", "Sort", "by the risk of 24 hours, or of 7 days", _FIND,
           ("board",), 4, False),
    Action("journal", "J", "J", "Journal",
           "who decided what, when and why; in an alert: on that alone", _APP, _BOTH),
    Action("theme", "t", "t", "Theme", "next theme", _APP, _BOTH),
    Action("dialog.leave", "escape,q", "esc", "Cancel", "in a question: leave it unanswered", _LOOK,
           ("dialog",), 0, False),
    Action("picker.down", "down,ctrl+n", "↓", "Down", "in a question: the next answer", _MOVE,
           ("picker",), 0, False),
    Action("picker.up", "up,ctrl+p", "↑", "Up", "in a question: the answer before", _MOVE,
           ("picker",), 0, False),
    Action("picker.complete", "tab", "tab", "Complete", "in a question: as far as it is sure",
           _MOVE, ("pick",), 0, False),
    Action("views.keep", "n,S", "n", "Keep", "in the saved views: keep the present one", _FIND,
           ("views",), 0, False),
    Action("views.rename", "r", "r", "Rename", "in the saved views: rename one", _FIND, ("views",),
           0, False),
    Action("views.delete", "d", "d", "Delete", "in the saved views: delete one", _FIND, ("views",),
           0, False),
    Action("tour.next", "full_stop", ".", "Next step", "in the tour: the next step", _APP,
           ("tour",)),
    Action("tour.end", "semicolon", ";", "End tour", "in the tour: enough of it", _APP, ("tour",)),
    Action("help", "question_mark", "?", "Help", "the keys of this screen; twice: all keys", _APP,
           _SCREENS, 10, False),
    Action("palette", "ctrl+p,colon", "^p", "Palette", "find an action by its name", _APP,
           _SCREENS, 11, False),
    Action("quit", "q", "q", "Quit", "leave; in an alert: go back", _APP,
           (*_BOTH, "sheet", "timeline", "matrix"), 0, False),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}


def bindings(scope: str) -> list[BindingType]:
    """The Textual bindings of a scope; ids let a keymap move them."""
    return [
        Binding(action.keys, action.method, action.label, show=False, id=f"{scope}:{action.id}",
                priority=scope in _FIRST)
        for action in ACTIONS
        if scope in action.scopes
    ]  # fmt: skip


def footer(scopes: Iterable[str]) -> list[Action]:
    """The actions that the footer names for a screen, in order: help on all, the palette only where
    there is room for it beside a screen's own."""
    wanted = set(scopes)
    found = [
        action
        for action in ACTIONS
        if action.footer
        and wanted & set(action.scopes)
        and (wanted & set(_BOTH) or action.id != "palette")
    ]
    return sorted(found, key=lambda action: action.footer)


def grouped(scopes: Iterable[str] = SCOPES) -> Iterator[tuple[str, list[Action]]]:
    """The actions that work in ``scopes`` by group, in the order of the table: what help shows."""
    wanted = set(scopes)
    for group in (_MOVE, _LOOK, _DECIDE, _FIND, _COPY, _APP):
        found = [one for one in ACTIONS if one.group == group and wanted & set(one.scopes)]
        if found:
            yield group, found
