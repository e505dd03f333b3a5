"""A rule file as it was written: what its tables say, each fault a problem at its line."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

from triage.config import Places, toml_text
from triage.errors import EqlError, Problem
from triage.rules._kept import Entry


class RuleFile:
    """One rule file for those that read its tables; what they find wrong is collected here."""

    def __init__(self, path: Path, entry: Entry, content: bytes, problems: list[Problem]) -> None:
        self.path = str(path)
        self.entry = entry
        self.tables = entry.tables
        self.problems = problems
        self._content = content

    @cached_property
    def _places(self) -> Places:  # only where there is a problem: most files have none
        return Places(toml_text(self._content))

    def problem(self, message: str, *key: str | int, warning: bool = True) -> None:
        """Something is wrong with the value at ``key``, the names and numbers that lead to it."""
        line, column = self._places.key(*key)
        severity = "warning" if warning else "error"
        self.problems.append(Problem(self.path, line, column, message, severity))

    def wrong_query(
        self, error: EqlError, *key: str | int, warning: bool = True
    ) -> tuple[int, int]:
        """The query at ``key`` is wrong; line and column of that in the file."""
        line, column = self._places.inside(key, error.line, error.column)
        severity = "warning" if warning else "error"
        self.problems.append(Problem(self.path, line, column, error.message, severity))
        return line, column


def is_int(value: object) -> TypeGuard[int]:
    """A whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def child(table: dict[str, Any], name: str) -> dict[str, Any]:
    """The table of that name; an empty one where there is none."""
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def tables(value: object) -> list[dict[str, Any]]:
    """The tables of an array of tables."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(table: dict[str, Any], name: str) -> str:
    """The string of that name; "" where there is none."""
    found = table.get(name)
    return found if isinstance(found, str) else ""


def texts(value: object) -> tuple[str, ...]:
    """The elements of an array, as strings."""
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()
