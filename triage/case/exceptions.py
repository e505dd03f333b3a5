"""What exceptions did in a case: their hits, and how each of them stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from triage.case.read import CaseReader
from triage.case.schema import count, told_path
from triage.event import Event
from triage.exceptions import ExceptionList, ExceptionSet, Item, conflicts
from triage.times import SECOND

DAY = 86_400 * SECOND
STALE_DAYS = 30  # without a hit, of time that the logs tell of


@dataclass(frozen=True, slots=True)
class Hits:
    """The events that an exception kept from its rules."""

    events: int = 0
    last: int = 0  # ns: when the newest of them happened; 0 without any
    days: Mapping[int, int] = field(default_factory=dict)  # events by day since 1970 (UTC)

    def by_day(self, until: int, days: int) -> list[int]:
        """Events on each of the ``days`` days up to that of the instant ``until``, ns."""
        last = until // DAY
        return [self.days.get(day, 0) for day in range(last - days + 1, last + 1)]


@dataclass(frozen=True, slots=True)
class Standing:
    """An exception and how it fares."""

    item: Item
    list: ExceptionList
    hits: Hits
    state: str  # "active", "disabled", "expired", "stale" (in force, and hides nothing any more)
    conflicts: tuple[str, ...]  # what is wrong with it beside others, in words


def hits(case: CaseReader) -> dict[str, Hits]:
    """What each exception has kept out, by item id; events that several rules lost count once."""
    rows = case.connection.execute(
        "SELECT item_id, time / ?, count(DISTINCT event_id), max(time) FROM suppressed"
        " GROUP BY 1, 2",
        (DAY,),
    )
    days: dict[str, dict[int, int]] = {}
    last: dict[str, int] = {}
    for item_id, day, events, newest in rows:
        days.setdefault(item_id, {})[day] = events
        last[item_id] = max(newest, last.get(item_id, 0))
    return {id_: Hits(sum(own.values()), last[id_], own) for id_, own in days.items()}


def suppressed(case: CaseReader, item_id: str, limit: int = 1_000) -> list[tuple[Event, str]]:
    """The newest events an exception kept out, newest first, each with the name of a rule."""
    rows = case.connection.execute(
        "SELECT e.id, e.time, tiebreaker, source, position, doc, coalesce(name, s.rule_id)"
        " FROM suppressed s JOIN event e ON e.id = event_id LEFT JOIN rule r USING (rule_id)"
        " WHERE item_id = ? ORDER BY s.time DESC, e.id, name LIMIT ?",
        (item_id, limit),
    )
    return [
        (Event(id_, (time, tie, told_path(source), at), orjson.loads(doc)), rule)
        for id_, time, tie, source, at, doc, rule in rows
    ]


def rule_tags(case: CaseReader) -> dict[str, list[str]]:
    """The tags of each loaded rule, by rule id."""
    found: dict[str, list[str]] = {row[0]: [] for row in case.connection.execute(
        "SELECT rule_id FROM rule"
    )}  # fmt: skip
    for rule_id, tag in case.connection.execute("SELECT rule_id, tag FROM rule_tag"):
        found.setdefault(rule_id, []).append(tag)
    return found


def newest_event(case: CaseReader, now: int) -> int:
    """When the newest event of the logs happened, ns, as far as it is not in the future."""
    newest = count(
        case.connection, "SELECT coalesce(max(max_time), 0) FROM block WHERE max_time <= ?", (now,)
    )
    return newest or now


def standings(
    found: ExceptionSet,
    done: Mapping[str, Hits],
    rules: Mapping[str, Sequence[str]],
    now: int,
    newest: int,
) -> list[Standing]:
    """How every item of every list stands, in the order of the files.

    ``rules``: the loaded rules by id with their tags; ``now`` and ``newest`` (the newest event) ns.
    An item is stale by the time of the logs: reading an archive ages nothing.
    """
    pairs = [(item, one) for one in found.lists for item in one.items]
    wrong = conflicts([item for item, _ in pairs], rules, now)
    result: list[Standing] = []
    for place, (item, one) in enumerate(pairs):
        own = done.get(item.item_id, Hits())
        if not item.enabled:
            state = "disabled"
        elif item.expired(now):
            state = "expired"
        elif newest - max(own.last, item.created_at or 0) > STALE_DAYS * DAY:
            state = "stale"
        else:
            state = "active"
        result.append(Standing(item, one, own, state, tuple(wrong.get(place, ()))))
    return result
