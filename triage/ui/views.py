"""Saved views of the list: filter, order and grouping under a name, in a file of the user's."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from triage.config import read_toml
from triage.errors import TriageError
from triage.ui.arrangement import SORTS
from triage.ui.grouping import GROUPINGS

_HEAD = "# Views of triage's alert list: S in the list saves, renames and deletes them.\n"


@dataclass(frozen=True, slots=True)
class View:
    """A way to look at the list."""

    name: str
    filter: str  # as typed
    sort: str  # a name of SORTS
    group: str  # a name of GROUPINGS; "" for none


def load(path: Path) -> list[View]:
    """The views of a file, none where there is no file.

    An order or grouping that this version does not know becomes the usual one. Raises TriageError
    where the file can not be read or is no list of views.
    """
    if not path.exists():
        return []
    table, _ = read_toml(path)
    given = table.get("view", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise TriageError(f"{path}: views are written as [[view]] tables")
    found: list[View] = []
    for one in given:
        name, text, sort, group = (
            str(one.get(key, "")) for key in ("name", "filter", "sort", "group")
        )
        if name:
            sort = sort if sort in SORTS else "newest"
            found.append(View(name, text, sort, group if group in GROUPINGS else ""))
    return found


def save(path: Path, views: Sequence[View]) -> None:
    """Write the views, all or nothing. Raises TriageError where that can not be done."""
    parts = [_HEAD]
    for view in views:
        pairs = (
            ("name", view.name), ("filter", view.filter), ("sort", view.sort), ("group", view.group)
        )  # fmt: skip
        parts.append("[[view]]\n" + "".join(f"{key} = {_quoted(text)}\n" for key, text in pairs))
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text("\n".join(parts), "utf-8")
        beside.replace(path)
    except OSError as error:
        raise TriageError(f"{path} can not be written: {error.strerror}") from error


def _quoted(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's, and what is typed has no control characters."""
    return json.dumps(text, ensure_ascii=False)
