"""One alert in full: its document, its events, and what people did to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sys import intern
from typing import Any

import orjson

from triage.case.alert_rows import ROW, AlertRows
from triage.case.model import AlertDetail, AlertRow, JournalEntry, MatchedEvent, Note, Tick
from triage.case.opened import stored_event
from triage.event import Event
from triage.fields import Doc, values


class AlertDetails(AlertRows):
    """What a case tells of single alerts."""

    def alert(self, alert_id: str) -> AlertDetail | None:
        """All that is known of one alert, None where there is none of that id."""
        found = self._db.execute(
            f"SELECT doc, {ROW} FROM alert WHERE id = ?",  # noqa: S608 - own columns
            (alert_id,),
        ).fetchone()
        if found is None:
            return None
        return AlertDetail(
            row=self._rows([found[1:]])[0],
            doc=orjson.loads(found[0]),
            matched=tuple(self.matched(alert_id)),
            notes=tuple(
                Note(*row)
                for row in self._db.execute(
                    "SELECT id, at, who, body FROM note WHERE alert_id = ? AND NOT removed"
                    " ORDER BY id",
                    (alert_id,),
                )
            ),
            ticks={
                row[0]: Tick(*row)
                for row in self._db.execute(
                    "SELECT step_id, at, who, outcome, note, steps FROM tick WHERE alert_id = ?",
                    (alert_id,),
                )
            },
            history=tuple(self.history(alert_id)),
        )

    def documents(self, alert_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The alert documents of ``alert_ids``, in that order, with today's workflow state and the
        documents of the matched events under ``triage.events``; ``triage.late`` and
        ``triage.superseded`` where they hold."""
        for alert_id in alert_ids:
            found = self._db.execute(
                "SELECT doc, status, close_reason, assignee, tags, late, superseded FROM alert"
                " WHERE id = ?",
                (alert_id,),
            ).fetchone()
            if found is None:
                continue
            doc: dict[str, Any] = orjson.loads(found[0])
            doc["kibana.alert.workflow_status"] = found[1]
            if found[2]:
                doc["kibana.alert.workflow_reason"] = found[2]
            if found[3]:
                doc["kibana.alert.workflow_assignee_ids"] = [found[3]]
            if found[4]:
                doc["kibana.alert.workflow_tags"] = found[4].split("\n")
            if found[5]:
                doc["triage.late"] = True
            if found[6]:
                doc["triage.superseded"] = True
            doc["triage.events"] = [matched.event.doc for matched in self.matched(alert_id)]
            yield doc

    def field_values(
        self, alert_ids: Iterable[str], fields: Iterable[str]
    ) -> dict[str, dict[str, tuple[str, ...]]]:
        """The values of document fields, by field and alert id; of an alert of several events, also
        of those."""
        names = tuple(fields)
        found: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in names}
        for alert_id in alert_ids:
            row = self._db.execute("SELECT doc FROM alert WHERE id = ?", (alert_id,)).fetchone()
            if row is None:
                continue
            docs: list[Doc] = [orjson.loads(row[0])]
            if "kibana.alert.group.id" in docs[0]:
                docs += [matched.event.doc for matched in self.matched(alert_id)]
            for name in names:
                told = dict.fromkeys(str(one) for doc in docs for one in values(doc, name))
                if told:
                    found[name][alert_id] = tuple(map(intern, told))
        return found

    def matched(self, alert_id: str) -> Iterator[MatchedEvent]:
        """The events that made an alert, by stage."""
        rows = self._db.execute(
            "SELECT stage, e.id, time, tiebreaker, source, position, doc FROM alert_event"
            " JOIN event e ON e.id = event_id WHERE alert_id = ? ORDER BY stage",
            (alert_id,),
        )
        for stage, *event in rows:
            yield MatchedEvent(stage, stored_event(event))

    def rule_alerts(self, rule_id: str) -> Iterator[tuple[AlertRow, list[Event]]]:
        """Every alert of a rule with its matched events: what an exception would be tried on."""
        rows = list(
            self._db.execute(
                f"SELECT {ROW} FROM alert WHERE rule_id = ? ORDER BY time DESC",  # noqa: S608 - own columns
                (rule_id,),
            )
        )
        for alert in self._rows(rows):
            yield alert, [matched.event for matched in self.matched(alert.id)]

    def marks(self) -> dict[str, dict[str, Tick]]:
        """What people said of response steps: by alert id, then by step id."""
        found: dict[str, dict[str, Tick]] = {}
        for alert_id, *mark in self._db.execute(
            "SELECT alert_id, step_id, at, who, outcome, note, steps FROM tick"
        ):
            found.setdefault(alert_id, {})[mark[0]] = Tick(*mark)
        return found

    def history(self, alert_id: str) -> Iterator[JournalEntry]:
        """What was done to an alert, oldest first."""
        rows = self._db.execute(
            "SELECT id, at, who, action, detail, undoes FROM journal WHERE id IN"
            " (SELECT journal_id FROM journal_change WHERE alert_id = ?) ORDER BY id",
            (alert_id,),
        )
        for id_, at, who, action, detail, undoes in rows:
            yield JournalEntry(id_, at, who, action, orjson.loads(detail), undoes)
