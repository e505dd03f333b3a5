"""How the console was left: the screen of a case as it is found again when the case is reopened."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from triage.ui.arrangement import SORTS
from triage.ui.grouping import GROUPINGS, GroupKey

_KEPT = 200  # cases whose screens are remembered
_MAX_BYTES = 1 << 20
MOST = 5_000  # marks, and opened groups, that are kept: beyond that none


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked at, and how."""

    filter: str = ""  # as typed
    sort: str = "newest"  # a name of SORTS
    group: str = ""  # a name of GROUPINGS; "" for none
    alert: str = ""  # id of the alert under the cursor
    on_group: bool = False  # the cursor is on the head of the alert's group
    line: int = 0  # rows in sight above the cursor's
    open_groups: tuple[GroupKey, ...] = ()
    marked: tuple[str, ...] = ()  # ids of alerts, sorted
    pane: int = 0  # of the six
    opened: bool = False  # the alert has the whole screen
    zoomed: bool = False  # one pane has it
    theme: str = ""


def load(path: Path) -> Look:
    """The screen as it was left; the usual one in the theme used last, where this is a first time.

    Whatever is in the file, what comes is usable: what is wrong is as if it were not there.
    """
    found = _read(path)
    if found is not None:
        return found
    last = next((look for other in _newest(path.parent) if (look := _read(other))), Look())
    return Look(theme=last.theme)


def save(path: Path, look: Look) -> None:
    """Remember the screen. Where that can not be done nothing is: no work is lost by it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A filter may name what is nobody else's business.
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(look), file)
        beside.replace(path)
        for old in _newest(path.parent)[_KEPT:]:
            old.unlink()
    except OSError:
        return


def _newest(folder: Path) -> list[Path]:
    """The remembered screens, the newest first."""
    try:
        aged = [(one.stat().st_mtime_ns, one) for one in folder.glob("*.json")]
    except OSError:
        return []
    return [one for _, one in sorted(aged, reverse=True)]


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _read(path: Path) -> Look | None:
    try:
        with path.open("rb") as file:
            given = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    usual = Look()
    found = {name: _frozen(value) for name, value in given.items()}
    look = Look(
        **{
            one.name: found[one.name]
            for one in fields(Look)
            if type(found.get(one.name)) is type(getattr(usual, one.name))
        }
    )
    groups = [part for key in look.open_groups for part in (key if type(key) is tuple else (None,))]
    if not all(isinstance(one, str) for one in (*look.marked, *groups)):
        look = replace(look, open_groups=(), marked=())
    known = look.sort in SORTS and look.group in ("", *GROUPINGS) and 0 <= look.pane < 6
    return look if known else Look(theme=look.theme)
