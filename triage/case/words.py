"""A case in words: why an alert was closed and what somebody did, as screens and reports say it."""

from __future__ import annotations

from typing import Any

from triage.case.model import JournalEntry

CLOSE_WORDS = {
    "true_positive": "true positive",
    "benign_positive": "benign positive",
    "false_positive": "false positive",
    "duplicate": "duplicate",
    "other": "other",
}
OUTCOME_WORDS = {"done": "ticked", "not_applicable": "not applicable", "failed": "failed"}
_ACTIONS = {
    "acknowledge": "acknowledged",
    "reopen": "opened again",
    "close": "closed",
    "except": "closed by an exception",
    "exception": "changed an exception",
    "note": "wrote a note",
    "assign": "assigned",
    "tag": "tagged",
    "tick": "ticked",
    "untick": "unticked",
    "undo": "took back",
    "rule_on": "switched a rule on",
    "rule_off": "switched a rule off",
}


def told(entry: JournalEntry) -> str:
    """A journal entry in words: "closed as benign positive". Not cleaned: it quotes people."""
    detail: dict[str, Any] = entry.detail
    if entry.action == "close":
        return f"closed as {CLOSE_WORDS.get(str(detail.get('reason')), 'other')}"
    if entry.action == "except":
        return f"closed as false positive by the exception {str(detail.get('name', ''))!r}"
    if entry.action == "exception":
        return f"{detail.get('what', 'changed')} the exception {str(detail.get('name', ''))!r}"
    if entry.action in ("tick", "untick"):
        outcome = str(detail.get("outcome") or "done")
        word = OUTCOME_WORDS.get(outcome, outcome) if entry.action == "tick" else "unticked"
        note = f" ({detail['note']})" if detail.get("note") else ""
        return f"{word}: {detail.get('step', '')}{note}"
    if entry.action == "assign":
        to = str(detail.get("to", ""))
        return f"assigned to {to}" if to else "assigned to nobody"
    if entry.action == "tag":
        signed = [f"+{tag}" for tag in detail.get("add", [])]
        signed += [f"−{tag}" for tag in detail.get("remove", [])]
        return f"tags {' '.join(signed)}"
    if entry.action in ("rule_on", "rule_off"):
        word = "on" if entry.action == "rule_on" else "off"
        reason = f": {detail['reason']}" if detail.get("reason") else ""
        return f"switched the rule {str(detail.get('name', ''))!r} {word}{reason}"
    if entry.action == "undo":
        action = str(detail.get("action", ""))
        return f"took back: {_ACTIONS.get(action, action)}"
    return _ACTIONS.get(entry.action, entry.action)
