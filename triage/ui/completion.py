"""Completing a filter: what may stand where the cursor is, from the alerts seen. No widget."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from triage import attack
from triage.case.model import SEVERITIES, AlertRow
from triage.ui.filter_fields import ALIASES, FIELDS, STATES, TEXTS, Documents, of_document
from triage.ui.filtering import quoted
from triage.ui.format import plural

# The term that ends at the cursor: a field and its sign, where there is one, and what follows.
_TERM = re.compile(
    r"""(?:^|[\s(])(?:([^\s():=<>"]+)(?::?>=|:?<=|:?[<>]|[:=]))?("(?:[^"\\]|\\.)*|[^\s()"<>=]*)$"""
)
Value = tuple[str, str]  # and a note
_PLAIN = re.compile(r"[^\s():=<>\"*?]+")
_LASTS = ("15m", "1h", "24h", "7d")
_MOST = 8
_TITLES = {"last": "the time before now", "time": "12:04, 2026-08-21, from..to"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be put in place of the text from ``start`` to ``end``."""

    text: str
    note: str  # how many alerts have it, or what it is
    start: int  # 0-based
    end: int


def complete(
    text: str, cursor: int, values: Callable[[str], Sequence[Value]], names: Sequence[str]
) -> list[Candidate]:
    """At most eight candidates for what ends at ``cursor``, the likeliest first.

    ``values`` gives those of a field, as :func:`values_of` does; ``names`` are fields of documents
    worth proposing.
    """
    term = _TERM.search(text[:cursor])
    if term is None:
        return []
    field, part = term[1], term[2].removeprefix('"')
    place = (term.start(2), cursor)
    if field is None:
        return _fields(part.lower(), names, place) if part else []
    needle = part.lower()
    found = [
        (one, note)
        for one, note in values(field.lower())
        if needle in one.lower() and one.lower() != needle
    ]
    found.sort(key=lambda pair: not pair[0].lower().startswith(needle))
    return [
        Candidate(f"{one if _PLAIN.fullmatch(one) else quoted(one)} ", note, *place)
        for one, note in found[:_MOST]
    ]


def _fields(part: str, names: Sequence[str], place: tuple[int, int]) -> list[Candidate]:
    known = [*FIELDS, *(name for name in names if of_document(name))]
    found = [one for one in known if one.startswith(part)]
    found += [one for one in known if part in one and one not in found and len(part) > 1]
    return [
        Candidate(f"{one}:", _TITLES.get(one, "field of the event" if "." in one else ""), *place)
        for one in dict.fromkeys(found)
    ][:_MOST]


def values_of(field: str, rows: Iterable[AlertRow], documents: Documents) -> list[Value]:
    """The values of a field, the most frequent first, each with a note."""
    name = ALIASES.get(field, field)
    if name == "last":
        return [(one, "") for one in _LASTS]
    if name in ("severity", "state"):
        read = "severity" if name == "severity" else "status"
        counts = Counter(getattr(row, read) for row in rows)
        words = reversed(SEVERITIES) if name == "severity" else STATES
        counts["ack"] = counts["acknowledged"]
        return [(one, plural(counts[one], "alert") if counts[one] else "") for one in words]
    if name in TEXTS:
        read_texts = TEXTS[name]
        seen = Counter(text for row in rows for text in read_texts(row) if text)
    else:
        seen = Counter(text for told in documents.get(field, {}).values() for text in told)
    return [(one, _note(name, one, count)) for one, count in seen.most_common(2_000)]


def _note(name: str, value: str, count: int) -> str:
    known: attack.Technique | attack.Tactic | None = None
    if name == "technique":
        known = attack.technique(value)
    elif name == "tactic":
        known = attack.tactic(value)
    return plural(count, "alert") + (f" · {known.name}" if known else "")
