"""The risk board: the users and hosts of a case by the risk that gathered on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apsw

from triage import times
from triage.case.schema import count

DAY, WEEK = 24 * 3600 * times.SECOND, 7 * 24 * 3600 * times.SECOND
SPAN = 6 * 3600 * times.SECOND  # of one step of an entity's course
STEPS = WEEK // SPAN
_AHEAD = 600 * times.SECOND  # alerts later than now by more than this have a wrong clock
MOST = 500  # entities on the board


@dataclass(frozen=True, slots=True)
class Share:
    """What one rule contributed to an entity's risk in the last seven days."""

    rule_id: str
    rule_name: str
    alerts: int
    score: float
    last: int  # ns: its newest alert
    tactics: tuple[str, ...]  # ATT&CK ids


@dataclass(frozen=True, slots=True)
class Entity:
    """A user or host with its risk."""

    kind: str  # "host", "user", "other"
    name: str
    day: float  # sum of the scores of the last 24 hours
    week: float  # of the last seven days
    alerts: int  # that count, of the last seven days
    nothing: int  # that do not: closed as nothing, or superseded
    last: int  # ns: the newest alert that counts
    course: tuple[float, ...]  # scores by SPAN over the week, oldest first
    shares: tuple[Share, ...]  # by score
    incidents: tuple[str, ...]  # ids of the incidents of the week that stand, newest first
    undecided: int  # of these, still open

    @property
    def tactics(self) -> tuple[str, ...]:
        """The tactics of all its rules, in ATT&CK's order of ids."""
        return tuple(sorted({one for share in self.shares for one in share.tactics}))


@dataclass(frozen=True, slots=True)
class Board:
    """The entities of a case by their risk of the 24 hours and seven days up to ``until``."""

    until: int  # ns: the newest alert, from where the board looks back; 0 without alerts
    entities: tuple[Entity, ...]
    more: int  # entities with less risk that are left out


def board(connection: apsw.Connection, now: int, by_week: bool = False) -> Board:
    """The board as of the newest alert: an archive is read as if one stood at its end.

    ``now`` (ns) tells the clock of an alert from a wrong one: alerts of the future count only where
    there are no others. ``by_week`` puts the risk of seven days first.
    """
    until = count(
        connection, "SELECT coalesce(max(time), 0) FROM risk WHERE time <= ?", (now + _AHEAD,)
    ) or count(connection, "SELECT coalesce(max(time), 0) FROM risk")
    if not until:
        return Board(0, (), 0)
    start = until - WEEK
    order = "2 DESC, 1 DESC" if by_week else "1 DESC, 2 DESC"
    rows: list[Any] = connection.execute(
        "SELECT sum(CASE WHEN time > ?1 THEN score * counts ELSE 0 END), sum(score * counts),"  # noqa: S608 - one of two orders
        " sum(counts), sum(1 - counts), max(CASE WHEN counts THEN time ELSE 0 END), kind, entity,"
        " max(name) FROM risk WHERE time > ?2 AND time <= ?3 GROUP BY kind, entity"
        f" ORDER BY {order}, entity",
        (until - DAY, start, until),
    ).fetchall()
    entities = tuple(_entity(connection, start, until, row) for row in rows[:MOST])
    return Board(until, entities, max(0, len(rows) - MOST))


def _entity(connection: apsw.Connection, start: int, until: int, row: Any) -> Entity:
    day, week, alerts, nothing, last, kind, entity, name = row
    within = (kind, entity, start, until)
    course = [0.0] * STEPS
    steps: Any = connection.execute(
        "SELECT (time - ?3 - 1) / ?5, sum(score) FROM risk WHERE kind = ?1 AND entity = ?2"
        " AND time > ?3 AND time <= ?4 AND counts GROUP BY 1",
        (*within, SPAN),
    )
    for place, score in steps:
        course[place] = score
    shares: Any = connection.execute(
        "SELECT rule_id, rule_name, number, score, last, tactics FROM"
        " (SELECT rule_id, max(alert_id) AS newest, count(*) AS number, sum(score) AS score,"
        "  max(time) AS last, group_concat(DISTINCT tactics) AS tactics FROM risk WHERE kind = ?"
        "  AND entity = ? AND time > ? AND time <= ? AND counts GROUP BY rule_id) AS s"
        " JOIN (SELECT id, rule_name FROM alert) ON id = newest ORDER BY 4 DESC, 1",
        within,
    )
    incidents: list[Any] = connection.execute(
        "SELECT i.alert_id, status FROM incident i JOIN alert a ON a.id = i.alert_id"
        " WHERE kind = ? AND entity = ? AND crossing > ? AND crossing <= ? AND NOT superseded"
        " ORDER BY crossing DESC",
        within,
    ).fetchall()
    return Entity(
        kind,
        name,
        day,
        week,
        alerts,
        nothing,
        last,
        tuple(course),
        tuple(
            Share(
                rule_id,
                rule_name,
                number,
                score,
                newest,
                tuple(sorted(set(told.replace(",", " ").split()))),
            )
            for rule_id, rule_name, number, score, newest, told in shares
        ),
        tuple(one[0] for one in incidents),
        sum(one[1] == "open" for one in incidents),
    )
