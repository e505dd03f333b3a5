"""The scores of a case: its tables, what an alert adds to them, and whose risk is to be looked at.

A score is kept beside its alert. It counts until the alert turns out to be nothing; the triggers
here hold to that whoever changes an alert, the engine or a console, and note whose risk changed and
from when on. :mod:`triage.case.incidents` takes that up.
"""

from __future__ import annotations

import apsw
import orjson

from triage.risk import Contribution, contributions

# Closed for one of these an alert was nothing, expected, or counted by its twin.
_NOTHING = "('false_positive', 'benign_positive', 'duplicate')"


def _counts(row: str) -> str:
    return f"(NOT {row}.superseded AND {row}.close_reason NOT IN {_NOTHING})"


_DUE = """
  ON CONFLICT (kind, entity) DO UPDATE
  SET since = min(since, excluded.since), until = max(until, excluded.until)
"""
_TABLES = f"""
CREATE TABLE risk (
  kind TEXT NOT NULL, entity TEXT NOT NULL, time INTEGER NOT NULL, alert_id TEXT NOT NULL,
  name TEXT NOT NULL, score REAL NOT NULL, rule_id TEXT NOT NULL, tactics TEXT NOT NULL,
  counts INTEGER NOT NULL, PRIMARY KEY (kind, entity, time, alert_id)) WITHOUT ROWID;
CREATE INDEX risk_alert ON risk (alert_id);
CREATE INDEX risk_time ON risk (time);
-- Whose scores changed, and from which to which time, since incidents were last worked out.
CREATE TABLE risk_due (
  kind TEXT NOT NULL, entity TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (kind, entity)) WITHOUT ROWID;
CREATE TABLE incident (
  alert_id TEXT PRIMARY KEY, rule_id TEXT NOT NULL, kind TEXT NOT NULL, entity TEXT NOT NULL,
  crossing INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX incident_entity ON incident (rule_id, kind, entity, crossing);
CREATE TABLE incident_alert (incident_id TEXT NOT NULL, alert_id TEXT NOT NULL,
  PRIMARY KEY (incident_id, alert_id)) WITHOUT ROWID;
CREATE INDEX incident_alert_alert ON incident_alert (alert_id);
CREATE TRIGGER risk_added AFTER INSERT ON risk BEGIN
  INSERT INTO risk_due VALUES (NEW.kind, NEW.entity, NEW.time, NEW.time) {_DUE};
END;
"""  # noqa: S608 - own text

# On the table of alerts, and made again with it.
ON_ALERTS = f"""
CREATE TRIGGER risk_changed AFTER UPDATE OF superseded, close_reason ON alert
  WHEN {_counts("OLD")} <> {_counts("NEW")} BEGIN
  UPDATE risk SET counts = {_counts("NEW")} WHERE alert_id = NEW.id;
  INSERT INTO risk_due SELECT kind, entity, time, time FROM risk WHERE alert_id = NEW.id {_DUE};
END;
"""  # noqa: S608 - own text


def install(connection: apsw.Connection) -> None:
    """The schema's step: make the tables, and score the alerts that a case has already."""
    connection.execute(_TABLES + ON_ALERTS)
    rows = connection.execute(
        f"SELECT id, rule_id, time, doc, host, user, risk_score, {_counts('alert')} FROM alert"  # noqa: S608 - own text
    )
    for id_, rule_id, time, doc, host, user, score, counts in rows:
        add(
            connection,
            id_,
            rule_id,
            time,
            contributions(orjson.loads(doc), host, user, score),
            bool(counts),
        )


def add(
    connection: apsw.Connection,
    alert_id: str,
    rule_id: str,
    time: int,
    found: tuple[Contribution, ...],
    counts: bool = True,
) -> None:
    """Keep what a new alert adds to whom, inside the transaction that makes it."""
    connection.executemany(
        "INSERT OR REPLACE INTO risk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.kind,
                one.entity,
                time,
                alert_id,
                one.name,
                one.score,
                rule_id,
                " ".join(one.tactics),
                counts,
            )
            for one in found
        ],
    )


def all_due(connection: apsw.Connection) -> None:
    """Let every entity be looked at anew: other rules are in force."""
    connection.execute(
        "INSERT OR REPLACE INTO risk_due SELECT kind, entity, min(time), max(time) FROM risk"
        " GROUP BY kind, entity"
    )
