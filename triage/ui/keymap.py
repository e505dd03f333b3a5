"""The user's own keys: the ``[keys]`` table of their settings, checked against the key table.

What is wrong there is a Problem with its place; all else is in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from textual.keys import Keys, _character_to_key, format_key, key_to_character

from triage.config import Places, TomlError, read_toml
from triage.errors import Problem
from triage.ui.keys import ACTIONS, BY_ID, SCOPES, TOGETHER, Action

_NAMED = {
    "enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup",
    "pagedown", "up", "down", "left", "right", *(f"f{number}" for number in range(1, 25)),
}  # fmt: skip
_MODIFIERS = ("ctrl", "alt", "shift")
# What a plain terminal sends for these is another key, or the end of the program.
_LOST = {
    "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+j": "enter", "ctrl+h": "backspace",
    "ctrl+c": "the end of a program", "ctrl+z": "a pause of the program",
}  # fmt: skip
_KNOWN = frozenset(key.value for key in Keys)
_ASCII = {_character_to_key(chr(code)) for code in range(33, 127)}
_TYPED = _ASCII | {"space"}
_IN_FIELDS = {"filter", "picker", "pick"}  # scopes in force while a text is typed


@dataclass(frozen=True, slots=True)
class Keymap:
    """Which keys do what, where the user wants others than ours."""

    given: Mapping[str, str] = field(default_factory=dict)  # action id → keys as Textual has them
    problems: tuple[Problem, ...] = ()

    def textual(self) -> dict[str, str]:
        """The keymap of Textual: the ids of bindings with their keys."""
        return {
            f"{scope}:{name}": keys
            for name, keys in self.given.items()
            for scope in BY_ID[name].scopes
        }

    def real(self, action: Action) -> Action:
        """The action with the keys that really do it."""
        keys = self.given.get(action.id)
        if keys is None:
            return action
        return replace(action, keys=keys, shown=shown(keys.split(",", 1)[0]))


def of(app: object) -> Keymap:
    """The keymap of the console, ours where the app has none."""
    found = getattr(app, "keymap", None)
    return found if isinstance(found, Keymap) else Keymap()


def shown(key: str) -> str:
    """A key as people write it: "^s", "alt+x", "?", "⏎"."""
    *modifiers, last = key.split("+")
    if modifiers == ["ctrl"]:
        return f"^{format_key(last)}"
    return "+".join((*modifiers, format_key(last)))


def typed(key: str) -> str:
    """A key as the settings file has it: "ctrl+s", "?", "enter"."""
    *modifiers, last = key.split("+")
    return "+".join((*modifiers, last if last in _NAMED else key_to_character(last) or last))


class KeyFile:
    """A settings file that is looked at again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None  # of the file that was read
        self._last = Keymap()

    def changed(self) -> Keymap | None:
        """The keys, where the file is another than at the last look; the ones before, and why,
        where it can not be read."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (0, 0)  # as if it were empty
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        self._last = load(self._path, self._last)
        return self._last


def load(path: Path, before: Keymap = Keymap()) -> Keymap:
    """The keys of a settings file, ours where there is no file or no such table; those ``before``
    where the file is no TOML."""
    if not path.exists():
        return Keymap()
    try:
        table, text = read_toml(path)
    except TomlError as error:
        return Keymap(before.given, (error.problem,))
    places = Places(text)
    problems: list[Problem] = []

    def wrong(message: str, *key: str) -> None:
        problems.append(Problem(str(path), *places.key(*key), message))

    for name in table.keys() - {"keys"}:
        wrong(f"unknown setting {name!r}; known is [keys]", name)
    given = table.get("keys", {})
    if not isinstance(given, dict):
        wrong("keys must be a table: [keys]", "keys")
        given = {}
    keys: dict[str, str] = {}
    # A dotted id is a key of its own or, unquoted, tables in tables: both are meant the same way.
    for name, value, key in _flat(given, ("keys",)):
        try:
            keys[name] = ",".join(_keys(_known(name), value))
        except ValueError as error:
            wrong(str(error), *key)
            continue
    for name, message in _collisions(keys):
        wrong(message, "keys", *_written(given, name))
    return Keymap(keys, tuple(problems))


def _flat(
    table: Mapping[str, Any], path: tuple[str, ...]
) -> Iterable[tuple[str, Any, tuple[str, ...]]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, name))
        else:
            yield ".".join((*path[1:], name)), value, (*path, name)


def _written(given: Mapping[str, Any], action: str) -> tuple[str, ...]:
    return next(key[1:] for name, _, key in _flat(given, ("keys",)) if name == action)


def _known(name: str) -> Action:
    if name not in BY_ID:
        raise ValueError(f"unknown action {name!r}; `triage keys` lists them")
    return BY_ID[name]


def _keys(action: Action, value: object) -> list[str]:
    """The keys of an entry as Textual names them; raises ValueError."""
    given = value if isinstance(value, list) else [value]
    texts = [one for one in given if isinstance(one, str) and one]
    if not texts or len(texts) < len(given):
        raise ValueError('keys are written as "x" or ["x", "ctrl+x"], at least one')
    found = [_key(text) for text in texts]
    for text, key in zip(texts, found, strict=True):
        if (key in _TYPED or len(key) == 1) and _IN_FIELDS & set(action.scopes):
            raise ValueError(f"{text!r} is typed there as a character; take a key like ctrl+n")
    return list(dict.fromkeys(found))


def _key(text: str) -> str:
    if len(text) == 1 and text.isprintable() and text != " ":
        return _character_to_key(text)
    *modifiers, last = text.lower().split("+")
    last = _character_to_key(last) if len(last) == 1 else last
    key = "+".join((*modifiers, last))
    if key in _LOST:
        raise ValueError(f"{text!r} can not be used: terminals take it for {_LOST[key]}")
    named = last in _NAMED
    known = (
        len(set(modifiers)) == len(modifiers)
        and set(modifiers) <= set(_MODIFIERS)
        and (named or (bool(modifiers) and modifiers != ["shift"] and last in _ASCII)
             or (not modifiers and (last in _ASCII or last in _KNOWN)))
    )  # fmt: skip
    if not known:
        raise ValueError(
            f"unknown key {text!r}; write a character, a name like enter, f5, pageup,"
            " or one with ctrl+, alt+ or shift+ before it"
        )
    return key


def _collisions(keys: dict[str, str]) -> list[tuple[str, str]]:
    """Take out of ``keys`` what would mean two things in one place: (action id, message)."""
    found: list[tuple[str, str]] = []
    while True:
        clash = _first_collision(keys)
        if clash is None:
            return found
        found.append(clash)
        del keys[clash[0]]


def _first_collision(keys: Mapping[str, str]) -> tuple[str, str] | None:
    order = {name: place for place, name in enumerate(keys)}
    for scopes in TOGETHER:
        here = [one for one in ACTIONS if set(one.scopes) & set(scopes)]
        for one, other in combinations(here, 2):
            if one.id not in keys and other.id not in keys:
                continue
            ours = set(one.keys.split(",")) & set(other.keys.split(","))
            both = _of(one, keys) & _of(other, keys)
            if both - ours:  # what we share on purpose, one before the other, stays
                worse, better = sorted((one, other), key=lambda a: -order.get(a.id, -1))
                where = next(SCOPES[scope] for scope in scopes if scope in better.scopes)
                return worse.id, f"{shown(min(both - ours))} already is {better.id} in {where}"
    return None


def _of(action: Action, keys: Mapping[str, str]) -> set[str]:
    return set(keys.get(action.id, action.keys).split(","))
