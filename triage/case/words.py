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


def told(entry: JournalEntry) -> str:
    """A journal entry in words: "closed as benign positive". Not cleaned: it quotes people."""
    detail: dict[str, Any] = entry.detail
    if entry.action == "close":
        return f"closed as {CLOSE_WORDS.get(str(detail.get('reason')), 'other')}"
    if entry.action == "except":
        return f"closed as false positive by the exception {str(detail.get('name', ''))!r}"
    if entry.action in ("tick", "untick"):
        return f"{entry.action}ed: {detail.get('step', '')}"
    if entry.action == "undo":
        return f"took back: {detail.get('action', '')}"
    words = {"acknowledge": "acknowledged", "reopen": "opened again", "note": "wrote a note"}
    return words.get(entry.action, entry.action)
