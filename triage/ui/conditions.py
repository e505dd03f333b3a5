"""A line of the exception editor: one condition, in words that can be read, chosen and typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from triage.exceptions import Entry, network, read_values

# What an analyst calls an entry's type and operator. "has" is about one object with several fields.
OPERATORS: dict[str, tuple[str, str]] = {
    "is": ("match", "included"),
    "is not": ("match", "excluded"),
    "is one of": ("match_any", "included"),
    "is none of": ("match_any", "excluded"),
    "matches": ("wildcard", "included"),
    "matches not": ("wildcard", "excluded"),
    "exists": ("exists", "included"),
    "is missing": ("exists", "excluded"),
    "in range": ("cidr", "included"),
    "not in range": ("cidr", "excluded"),
    "in list": ("list", "included"),
    "not in list": ("list", "excluded"),
    "has": ("nested", "included"),
    "has not": ("nested", "excluded"),
}
_WORDS = {meaning: words for words, meaning in OPERATORS.items()}
# The keys of the choice of operators, each for a word and its opposite.
OPERATOR_KEYS = {
    "i": "is", "o": "is one of", "m": "matches", "e": "exists", "r": "in range", "l": "in list",
    "h": "has",
}  # fmt: skip
SEPARATOR = " | "  # between several values; one that holds it is written with \| in its place
_INNER = ("is not", "is one of", "is none of", "is missing", "not in range", "in range", "exists",
          "is")  # fmt: skip
_CLAUSE = re.compile(rf"(\S+) ({'|'.join(_INNER)})(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, and whether it is part of the exception."""

    entry: Entry
    ticked: bool = False
    added: bool = False  # by the analyst, not proposed

    @property
    def operator(self) -> str:
        """The entry's type and operator in words."""
        return _WORDS[self.entry.type, self.entry.operator]

    @property
    def value(self) -> str:
        """The entry's value as the analyst reads and writes it."""
        if self.entry.type == "nested":
            return " and ".join(map(_clause, self.entry.entries))
        return joined(self.entry.values)

    @property
    def has_value(self) -> bool:
        """Whether there is a value to edit."""
        return self.entry.type != "exists"

    @property
    def saved(self) -> Entry:
        """The entry as it is written: "exists" without the value it only remembers."""
        return replace(self.entry, values=()) if self.entry.type == "exists" else self.entry

    def negated(self) -> Condition:
        """The opposite condition."""
        sign = "included" if self.entry.operator == "excluded" else "excluded"
        return replace(self, entry=replace(self.entry, operator=sign))

    def choices(self) -> list[str]:
        """The operators that make sense for the value, of those that are no opposites."""
        found = [words for words in OPERATOR_KEYS.values() if words != "has"]
        if self.entry.type == "nested":
            return ["has"]
        if not is_range(self.value):
            found.remove("in range")
        return [*found, "has"] if "." in self.entry.field and self.entry.values else found

    def with_operator(self, words: str) -> Condition:
        """The line with an operator of OPERATORS, ticked; its value stays as far as it can."""
        kind, sign = OPERATORS[words]
        old = self.entry
        values = old.values
        if old.type == "list" and kind not in ("list", "exists"):
            values = old.listed[:1] or values
        if kind == "nested" and old.type != "nested":
            # What the field stands in, with this one condition on it.
            outer, _, name = old.field.rpartition(".")
            inner = Entry(name, "match_any" if len(values) > 1 else "match", values)
            return replace(self, entry=Entry(outer, kind, (), sign, (inner,)), ticked=True)
        if kind in ("match", "wildcard") and len(values) > 1:
            values = values[:1]
        return replace(self, entry=Entry(old.field, kind, values, sign), ticked=True)

    def with_value(self, text: str) -> Condition:
        """The line with another value, ticked; an empty one changes nothing.

        Raises ValueError, in the analyst's words, for what is no value of this operator.
        """
        old = self.entry
        if not text.strip():
            return self
        if old.type == "nested":
            return replace(self, entry=replace(old, entries=parse_clauses(text)), ticked=True)
        values = split(text) if old.type in ("match_any", "cidr") else (text,)
        if old.type == "cidr":
            for value in values:
                try:
                    network(value)
                except ValueError:
                    raise ValueError(
                        f"{value!r} is no address range; write it like 10.0.4.0/24"
                    ) from None
        return replace(self, entry=replace(old, values=values), ticked=True)


def list_entry(field: str, sign: str, folder: Path, list_id: str) -> Entry:
    """ "in list" for a value list of ``folder``, whose type its values tell; TriageError where it
    can not be read."""
    listed = read_values(folder, list_id)
    kind = "ip_range" if listed and all(is_range(value) for value in listed) else "keyword"
    return Entry(field, "list", (list_id,), sign, (), kind, listed)


def joined(values: tuple[str, ...]) -> str:
    """Several values as one text."""
    if len(values) == 1:
        return values[0]
    return SEPARATOR.join(value.replace(SEPARATOR, r" \| ") for value in values)


def split(text: str) -> tuple[str, ...]:
    """The values that a text stands for."""
    parts = (part.strip().replace(r" \| ", SEPARATOR) for part in text.split(SEPARATOR))
    return tuple(part for part in parts if part)


def is_range(text: str) -> bool:
    """Whether all of a text are addresses or address ranges."""
    try:
        for part in split(text):
            first, dash, last = part.partition("-")
            for one in (first, last) if dash else (part,):
                network(one)
    except ValueError:
        return False
    return bool(text.strip())


def _clause(entry: Entry) -> str:
    words = _WORDS[entry.type, entry.operator]
    if entry.type == "exists":
        return f"{entry.field} {words}"
    value = joined(entry.values)
    if " and " in value or value.startswith('"') or value != value.strip():
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{entry.field} {words} {value}"


def parse_clauses(text: str) -> tuple[Entry, ...]:
    """The conditions of "has": ``subject_name is Nordwind and trusted is true``.

    A value that holds " and " stands in quotes. Raises ValueError with what is expected.
    """
    found: list[Entry] = []
    for clause in _clauses(text):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ValueError(
                f"{clause!r} is no condition; write it like: trusted is true and status exists"
            )
        name, words, value = match[1], match[2], match[3] or ""
        kind, sign = OPERATORS[words]
        if kind == "exists":
            found.append(Entry(name, kind, (), sign))
            continue
        if value.startswith('"') and value.endswith('"') and len(value) > 1:
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        values = split(value) if kind in ("match_any", "cidr") else (value,)
        if not values or not all(values):
            raise ValueError(f"{name} {words} … what?")
        found.append(Entry(name, kind, values, sign))
    return tuple(found)


def _clauses(text: str) -> list[str]:
    """The text cut at each " and " that stands outside of quotes."""
    parts = re.split(r'("(?:[^"\\]|\\.)*")| and ', text.strip())
    clauses: list[str] = [""]
    for place, part in enumerate(parts):
        if place % 2:
            if part is None:
                clauses.append("")
            else:
                clauses[-1] += part
        else:
            clauses[-1] += part
    return [clause.strip() for clause in clauses]
