"""The exception that is proposed: what marked alerts have in common, the best of it ticked."""

from __future__ import annotations

from collections.abc import Sequence

from triage import ecs
from triage.case.model import AlertDetail
from triage.event import Event
from triage.exceptions import Entry, suggest
from triage.fields import Doc, flatten
from triage.ui.conditions import Condition
from triage.ui.draft import Draft, RuleRef, Scope, names_program
from triage.ui.trial import Alerts

# What tells uses of one program apart, the best first.
_HOW = ("process.command_line", "process.parent.executable", "user.name", "host.name")


def proposal(selected: Sequence[AlertDetail], rule: RuleRef, tried: Alerts) -> Draft:
    """The draft to start from: what the program is, then what narrows it down the most.

    Lines come from each stage of the rule by itself, since an exception has to be true of one
    event. At most three are ticked, together true of an event of every selected alert.
    """
    entries = _proposed(selected, rule)
    hits = [tried.events((entry,)) for entry in entries]
    chosen = {one.row.id for one in selected}
    wanted = {place for place, row in enumerate(tried.rows) if row.id in chosen}
    ticked: list[int] = []
    left = set(range(len(tried.docs)))

    def after(place: int) -> set[int]:
        """The alerts that stay covered when the line at ``place`` is ticked too."""
        return tried.owners(left & hits[place])

    able = range(len(entries))
    anchor = (p for p in able if names_program(entries[p]) and after(p) >= wanted)
    best = next(anchor, None)
    while best is not None:
        ticked.append(best)
        covered = len(after(best))
        left &= hits[best]
        more = [p for p in able if after(p) >= wanted and len(after(p)) < covered]
        best = min(more, key=lambda p: (len(after(p)), p)) if more and len(ticked) < 3 else None
    if len(ticked) == 1:
        # Which program alone would hide whatever else it is used for: say how, too.
        how = (p for name in _HOW for p in able if entries[p].field == name and after(p) >= wanted)
        ticked.extend([place for place in how if place not in ticked][:1])
    lines = tuple(Condition(entry, place in ticked) for place, entry in enumerate(entries))
    return Draft(lines, Scope((rule.rule_id,)))


def _proposed(selected: Sequence[AlertDetail], rule: RuleRef) -> list[Entry]:
    stages: dict[int, list[Doc]] = {}
    for alert in selected:
        for one in alert.matched:
            stages.setdefault(one.stage, []).append(one.event.doc)
    ranked: dict[Entry, int] = {}
    for stage in sorted(stages):
        for rank, entry in enumerate(suggest(stages[stage], rule)):
            ranked.setdefault(entry, rank)
    return sorted(ranked, key=lambda entry: ranked[entry])


def fields_to_add(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Fields to make a line of, each with its value: first those of the events, by name, then all
    that ECS has, without one."""
    found: dict[str, str] = {}
    for event in events:
        for name, value in flatten(event.doc).items():
            listed = value if isinstance(value, list) else [value]
            texts = [one for one in listed if isinstance(one, str | int | float) and str(one)]
            if texts:
                text = str(texts[0])
                found.setdefault(name, text.lower() if isinstance(texts[0], bool) else text)
    return [*sorted(found.items()), *((name, "") for name in ecs.names() if name not in found)]
