"""An exception in the making: its lines, whom it is for, and how long. No widget, no file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from triage.case.model import AlertDetail
from triage.exceptions import Entry, Item
from triage.fields import first_text, values
from triage.times import SECOND
from triage.ui.conditions import Condition

DAY = 86_400 * SECOND
EXPIRY = 90 * DAY  # ns from now, unless somebody wants it otherwise
# What says which program it is, not only who or where: without one of these an exception is wide.
_IDENTITY = (".hash.", "executable", "code_signature", "file.path", "original_file_name")


@dataclass(frozen=True, slots=True)
class RuleRef:
    """As much of a rule as exceptions need, taken from its alert."""

    rule_id: str
    name: str
    path: str
    tags: tuple[str, ...]
    investigation_fields: tuple[str, ...]

    @classmethod
    def of(cls, alert: AlertDetail, path: str) -> RuleRef:
        """The rule of an alert whose file is ``path``."""
        parameters = alert.doc.get("kibana.alert.rule.parameters")
        table = parameters if isinstance(parameters, dict) else {}
        named = values(table, "investigation_fields.field_names")
        return cls(
            alert.row.rule_id,
            first_text(table, "name") or alert.row.rule_name,
            path,
            tuple(str(tag) for tag in values(alert.doc, "kibana.alert.rule.tags")),
            tuple(str(name) for name in named),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom an exception is for: rules by id, rules by tag, or with neither every rule."""

    rules: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def every_rule(self) -> bool:
        return not self.rules and not self.tags

    def covers(self, rule_id: str, tags: frozenset[str]) -> bool:
        """Whether a rule of these tags is one of them."""
        return self.every_rule or rule_id in self.rules or not tags.isdisjoint(self.tags)


@dataclass(frozen=True, slots=True)
class Draft:
    """The exception as it stands in the editor."""

    conditions: tuple[Condition, ...]
    scope: Scope = Scope()
    expire_time: int | None = None  # ns since 1970; None: never
    reason: str = ""
    name: str = ""  # "" is named after the reason

    @classmethod
    def of(cls, item: Item) -> Draft:
        """The draft that an item is edited as."""
        lines = tuple(Condition(entry, ticked=True, added=True) for entry in item.entries)
        scope = Scope(item.rules, item.tags)
        return cls(lines, scope, item.expire_time, item.comment, item.name)

    @property
    def ticked(self) -> tuple[Entry, ...]:
        return tuple(one.saved for one in self.conditions if one.ticked)

    @property
    def has_identity(self) -> bool:
        """One of the ticked lines names the program or file by hash, path or signature."""
        return any(
            names_program(entry) and entry.type not in ("exists", "wildcard")
            for entry in self.ticked
        )

    def change(self, place: int, condition: Condition) -> Draft:
        """With another line at ``place``."""
        found = list(self.conditions)
        found[place] = condition
        return replace(self, conditions=tuple(found))

    def add(self, entry: Entry) -> Draft:
        """With one more line, ticked."""
        return replace(self, conditions=(*self.conditions, Condition(entry, True, True)))

    def drop(self, place: int) -> Draft:
        """Without the line at ``place``, where the analyst added it."""
        kept = [one for at, one in enumerate(self.conditions) if at != place or not one.added]
        return replace(self, conditions=tuple(kept))


def names_program(entry: Entry) -> bool:
    """Whether an entry says which program or file it is about."""
    return entry.operator == "included" and any(part in entry.field for part in _IDENTITY)
