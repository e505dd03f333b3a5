"""What people decided about alerts, as it stands: state, tags and ticks, read and set in the case.

Nothing here is journalled: :mod:`triage.case.decide` does both in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from triage.case.model import full_mark
from triage.case.schema import next_change

_COLUMNS = ("status", "close_reason", "assignee", "decided_by", "decided_at")


class DecidedState:
    """Changes the rows of alerts inside the transaction that is open."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def of(self, alert_id: str) -> dict[str, Any]:
        """What _COLUMNS hold of an alert; empty where there is no such alert."""
        found = self._db.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM alert WHERE id = ?",  # noqa: S608 - own columns
            (alert_id,),
        ).fetchone()
        return dict(zip(_COLUMNS, found, strict=True)) if found else {}

    def set(self, alert_id: str, state: dict[str, Any]) -> None:
        """Put another state, or a part of one, in force."""
        known = {name: state[name] for name in _COLUMNS if name in state}
        self._db.execute(
            f"UPDATE alert SET change = ?, {' = ?, '.join(known)} = ? WHERE id = ?",  # noqa: S608 - own columns
            (next_change(self._db), *known.values(), alert_id),
        )

    def tags(self, alert_id: str) -> list[str] | None:
        """Its tags; None where there is no such alert."""
        found = self._db.execute("SELECT tags FROM alert WHERE id = ?", (alert_id,)).fetchone()
        return None if found is None else found[0].split("\n") if found[0] else []

    def set_tags(self, alert_id: str, tags: Iterable[str]) -> None:
        """Give it these tags and no others."""
        self._db.execute(
            "UPDATE alert SET change = ?, tags = ? WHERE id = ?",
            (next_change(self._db), "\n".join(tags), alert_id),
        )

    def tick(self, alert_id: str, step_id: str) -> list[Any] | None:
        """[at, who, outcome, note, steps] of a checklist step that is marked."""
        found = self._db.execute(
            "SELECT at, who, outcome, note, steps FROM tick WHERE alert_id = ? AND step_id = ?",
            (alert_id, step_id),
        ).fetchone()
        return list(found) if found else None

    def set_tick(self, alert_id: str, step_id: str, mark: Sequence[Any] | None) -> None:
        """Mark a checklist step; with None or nothing take its mark off."""
        self._db.execute("DELETE FROM tick WHERE alert_id = ? AND step_id = ?", (alert_id, step_id))
        if mark:
            self._db.execute(
                "INSERT INTO tick (alert_id, step_id, at, who, outcome, note, steps)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (alert_id, step_id, *full_mark(mark)),
            )

    def touch(self, alert_id: str, assignment: str) -> None:
        """Let consoles read the row again, and assign to its columns."""
        self._db.execute(
            f"UPDATE alert SET change = ?, {assignment} WHERE id = ?",  # noqa: S608 - own words
            (next_change(self._db), alert_id),
        )

    def revert(
        self, alert_id: str, before: dict[str, Any], after: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Undo one change where nobody has replaced it; (before, after) of that, None: kept."""
        if "state" in after:
            state = self.of(alert_id)
            if not state or any(state[name] != value for name, value in after["state"].items()):
                return None
            self.set(alert_id, before["state"])
        if "tags" in after:
            have = self.tags(alert_id) or []
            gone = set(before["tags"]) - set(after["tags"])
            came = set(after["tags"]) - set(before["tags"])
            back = sorted((set(have) | gone) - came)
            if back == have:
                return None
            self.set_tags(alert_id, back)
            return {"tags": have}, {"tags": back}
        if "note" in after:
            self._db.execute("UPDATE note SET removed = 1 WHERE id = ?", (after["note"],))
            self.touch(alert_id, "notes = notes - 1")
        if "tick" in after:
            step_id, mark = after["tick"]
            if self.tick(alert_id, step_id) != (full_mark(mark) if mark else None):
                return None
            self.set_tick(alert_id, *before["tick"])
            self.touch(alert_id, "notes = notes")
        return after, before
