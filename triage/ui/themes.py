"""Themes as TOML files: ours and the user's, reloaded while the console runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme

from triage.config import Places, TomlError, parse_toml, read_bytes
from triage.errors import Problem

DARK = "triage-dark"
COLORS = (
    "background", "surface", "panel", "border", "focus", "cursor", "cursor-blurred", "marked",
    "foreground", "muted", "accent", "match", "success", "warning", "error",
)  # fmt: skip
SEVERITIES = ("critical", "high", "medium", "low")
# What a user's theme does not say is taken from here (those of themes/triage-*.toml).
_DEFAULTS = {
    True: dict(
        zip(
            (*COLORS, *SEVERITIES),
            (
                "#101418", "#101418", "#1a2027", "#39434f", "#5fb3ff", "#243447", "#1c242d",
                "#2b2a3d", "#d7dde4", "#8b98a7", "#7fd1c7", "#ffd166", "#79c98a", "#ffb000",
                "#ff6b66", "#ff5c57", "#ffb000", "#5fb3ff", "#9aa5b1",
            ),
            strict=True,
        )
    ),
    False: dict(
        zip(
            (*COLORS, *SEVERITIES),
            (
                "#fbfbf9", "#fbfbf9", "#ebecea", "#c2c6ca", "#0a5fb4", "#d5e5f6", "#e6ebf0",
                "#ece4f5", "#1d242b", "#5a6570", "#00645c", "#7a4d00", "#1d6b32", "#8a5600",
                "#b3161b", "#8b0000", "#9a6a00", "#0a5fb4", "#505a62",
            ),
            strict=True,
        )
    ),
}  # fmt: skip


class ThemeError(Exception):
    """A theme file that can not be used; ``problem`` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def make_theme(name: str, dark: bool, colors: dict[str, str]) -> Theme:
    """A Textual theme of our colours; what is missing comes from the dark or light default."""
    full = {**_DEFAULTS[dark], **colors}
    return Theme(
        name=name,
        dark=dark,
        primary=full["focus"],
        secondary=full["accent"],
        accent=full["accent"],
        foreground=full["foreground"],
        background=full["background"],
        surface=full["surface"],
        panel=full["panel"],
        success=full["success"],
        warning=full["warning"],
        error=full["error"],
        variables={
            **{f"triage-{key}": value for key, value in full.items()},
            "scrollbar": full["border"],
            "scrollbar-hover": full["muted"],
            "scrollbar-active": full["focus"],
            "scrollbar-background": full["background"],
            "scrollbar-background-hover": full["background"],
            "scrollbar-background-active": full["background"],
            "scrollbar-corner-color": full["background"],
            "input-cursor-background": full["foreground"],
            "input-cursor-foreground": full["background"],
            "input-selection-background": full["cursor"],
        },
    )


def default_variables() -> dict[str, str]:
    """Values of our CSS variables under a theme that is not ours."""
    return make_theme("", True, {}).variables


def read_theme(path: Path) -> Theme:
    """The theme in a file; raises :class:`ThemeError` or TomlError with place and reason."""
    data, text = parse_toml(path, read_bytes(path))
    places = Places(text)

    def fail(message: str, *key: str) -> ThemeError:
        return ThemeError(Problem(str(path), *places.key(*key), message))

    name = data.get("name", path.stem)
    dark = data.get("dark", True)
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 40:
        raise fail("name must be a printable text of at most 40 characters", "name")
    if not isinstance(dark, bool):
        raise fail("dark must be true or false", "dark")
    colors: dict[str, str] = {}
    for table, known in (("colors", COLORS), ("severity", SEVERITIES)):
        given = data.get(table, {})
        if not isinstance(given, dict):
            raise fail(f"[{table}] must be a table", table)
        for key, value in given.items():
            if key not in known:
                raise fail(f"unknown colour {key!r}; known are {', '.join(known)}", table, key)
            colors[key] = _color(
                value, fail(f'{value!r} is no colour; write it like "#5fb3ff"', table, key)
            )
    for key in data.keys() - {"name", "dark", "colors", "severity"}:
        raise fail(f"unknown key {key!r}; known are name, dark, [colors], [severity]", key)
    return make_theme(name, dark, colors)


def _color(value: object, error: ThemeError) -> str:
    try:
        return Color.parse(value if isinstance(value, str) else "").hex6.lower()
    except ColorParseError:
        raise error from None


@dataclass
class ThemeFolder:
    """The themes of some folders, later folders first in rank; remembers what it has read."""

    folders: Sequence[Path]
    themes: dict[str, Theme] = field(default_factory=dict)  # by name, in file order
    problems: dict[str, Problem] = field(default_factory=dict)  # by path
    _stamps: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def changed(self) -> list[tuple[Theme | None, Problem | None]]:
        """Read the files that are new or changed since the last call: themes and problems.

        A broken file leaves its theme as it was.
        """
        found: list[tuple[Theme | None, Problem | None]] = []
        for path in self._files():
            try:
                status = path.stat()
            except OSError:
                continue  # gone between the listing and now: the next call knows
            stamp = (status.st_mtime_ns, status.st_size)
            if self._stamps.get(path) == stamp:
                continue
            self._stamps[path] = stamp
            try:
                theme = read_theme(path)
            except (ThemeError, TomlError) as error:
                self.problems[str(path)] = error.problem
                found.append((None, error.problem))
                continue
            self.problems.pop(str(path), None)
            self.themes[theme.name] = theme
            found.append((theme, None))
        return found

    def _files(self) -> list[Path]:
        found: list[Path] = []
        for folder in self.folders:
            try:
                found.extend(sorted(folder.glob("*.toml")) if folder.is_dir() else [])
            except OSError:
                continue  # a folder without permission has no themes to offer
        return found
