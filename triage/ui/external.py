"""Outside programs: the analyst's editor, and the terminal's clipboard."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from triage.text import clean_lines, json_line

MAX_COPY = 4096  # characters: what terminals take in one OSC 52 without cutting it


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """The editor the user wants: $TRIAGE_EDITOR, $VISUAL, $EDITOR, else vi."""
    for name in ("TRIAGE_EDITOR", "VISUAL", "EDITOR"):
        try:
            command = shlex.split(environment.get(name, ""))
        except ValueError:
            continue  # unbalanced quotes: not a command
        if command:
            return command
    return ["vi"]


def edit(app: App[Any], path: Path) -> str:
    """Open a file in the user's editor and wait for it; what went wrong, "" where nothing did."""
    environment = dict(os.environ)
    if app.no_color:
        environment["NO_COLOR"] = "1"  # Textual takes it out of the environment
    command = [*editor_command(environment), str(path)]
    try:
        with app.suspend():
            subprocess.run(command, env=environment, check=False)  # noqa: S603 - the user's editor
    except SuspendNotSupported:
        return "no editor can be opened here; do this in a console of a terminal"
    except OSError as error:
        return f"{command[0]}: {error.strerror}; set $EDITOR to an editor you have"
    return ""


def edit_text(app: App[Any], name: str, text: str) -> tuple[str, str]:
    """Let the user change a text in their editor, in a file called ``name`` that is gone after.

    The text as it is then, and what went wrong, "" where nothing did.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="triage-") as folder:  # ours alone
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8")
            problem = edit(app, path)
            return path.read_text(encoding="utf-8"), problem
    except UnicodeError:
        return text, "the text is no UTF-8 any more"
    except OSError as error:
        return text, f"the text can not be put into a file: {error.strerror}"


# What a ticket needs of an alert, in the order in which it is worth the room.
_TICKET = [
    "@timestamp",
    "kibana.alert.uuid",
    "kibana.alert.rule.name",
    "kibana.alert.severity",
    "kibana.alert.risk_score",
    "kibana.alert.original_time",
    "kibana.alert.workflow_status",
    "kibana.alert.workflow_reason",
    "kibana.alert.reason",
    "triage.risk.message",
    "host",
    "user",
    "process",
    "destination",
    "source",
    "dns",
    "file",
    "registry",
    "kibana.alert.rule.rule_id",
    "kibana.alert.ancestors",
    "kibana.alert.rule.threat",
    "kibana.alert.rule.references",
]


def copy_document(app: App[Any], document: dict[str, Any]) -> str:
    """Put an alert on the clipboard as JSON: as many of its telling fields as terminals take.

    The stages' events fill in what they do not share, the first that has it.
    """
    events = document.get("triage.events", [])
    chosen: dict[str, Any] = {}
    left = 0
    for name in _TICKET:
        holders = [one for one in (document, *events) if one.get(name)]
        if not holders:
            continue
        fuller = {**chosen, name: holders[0][name]}
        if len(json_line(fuller)) > MAX_COPY:
            left += 1
            continue
        chosen = fuller
    text = json_line(chosen)
    app.copy_to_clipboard(text)
    told = f"copied the alert as JSON, {len(text):,} characters"
    return f"{told}; {left} longer fields are left out" if left else told


def copy(app: App[Any], text: str) -> str:
    """Put text on the terminal's clipboard (OSC 52), cleaned; says how much."""
    safe = clean_lines(text)
    cut = safe[:MAX_COPY]
    app.copy_to_clipboard(cut)
    if len(cut) < len(safe):
        return f"copied the first {len(cut):,} of {len(safe):,} characters"
    return f"copied {len(cut):,} characters"
