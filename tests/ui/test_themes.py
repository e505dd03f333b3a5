"""Themes: ours can be read by everybody, the user's are taken in while the console runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from textual.color import Color

from tests.ui.helpers import press, settled, until
from triage.ui.app import Console
from triage.ui.themes import COLORS, SEVERITIES, ThemeFolder, default_variables, read_theme

OURS = [Path("themes/triage-dark.toml"), Path("themes/triage-light.toml")]
# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
VISION = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
               (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
               (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
               (0.004733, 0.691367, 0.303900)),
}  # fmt: skip


def linear(color: str) -> list[float]:
    channels = [part / 255 for part in Color.parse(color).rgb]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def luminance(color: str) -> float:
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(color), strict=True))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lab(rgb: list[float]) -> tuple[float, float, float]:
    red, green, blue = (min(1.0, max(0.0, c)) for c in rgb)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883

    def f(t: float) -> float:
        return t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116

    return 116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))


def seen(color: str, vision: str) -> tuple[float, float, float]:
    rgb = linear(color)
    return lab([sum(m * c for m, c in zip(row, rgb, strict=True)) for row in VISION[vision]])


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_every_text_colour_has_contrast(path: Path) -> None:
    colors = read_theme(path).variables
    texts = ("foreground", "muted", "accent", "match", "success", "warning", "error", *SEVERITIES)
    for name in texts:
        for ground in ("background", "cursor", "panel"):
            found = contrast(colors[f"triage-{name}"], colors[f"triage-{ground}"])
            # WCAG 2: 4.5 for text; on the cursor's row and the bars, bold large letters need 3.
            assert found >= (4.5 if ground == "background" else 3.0), f"{name} on {ground}: {found}"


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
@pytest.mark.parametrize("vision", VISION)
def test_severities_are_told_apart_by_everybody(path: Path, vision: str) -> None:
    colors = read_theme(path).variables
    for one, other in combinations(SEVERITIES, 2):
        left = seen(colors[f"triage-{one}"], vision)
        right = seen(colors[f"triage-{other}"], vision)
        distance = sum((a - b) ** 2 for a, b in zip(left, right, strict=True)) ** 0.5
        assert distance >= 20, f"{one} and {other} for {vision}: {distance:.0f}"


def test_the_defaults_are_the_dark_theme() -> None:
    assert read_theme(OURS[0]).variables == default_variables()
    assert set(default_variables()) >= {f"triage-{name}" for name in (*COLORS, *SEVERITIES)}


def test_a_theme_without_colours_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "bare.toml"
    path.write_text('name = "bare"\ndark = false\n')
    assert read_theme(path).variables == read_theme(OURS[1]).variables


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ('name = "x"\n[colors]\nbackgruond = "#000000"\n', 3, "backgruond"),
        ('name = "x"\n[colors]\nbackground = "blau"\n', 3, "blau"),
        ('name = "x"\n[severity]\nhigh = 7\n', 3, "7"),
        ("dark = 1\n", 1, "dark"),
        ('name = "a\\u001bb"\n', 1, "name"),
        ('nmae = "x"\n', 1, "nmae"),
        ("[colors\n", 1, "TOML"),
    ],
)
def test_a_broken_theme_says_where(tmp_path: Path, text: str, line: int, word: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    folder = ThemeFolder([tmp_path])
    [(theme, problem)] = folder.changed()
    assert theme is None
    assert problem is not None
    assert problem.line == line
    assert word in problem.message
    assert folder.changed() == []  # told once


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX's")
def test_t15_a_folder_of_themes_that_are_none_is_told_and_harms_nothing(tmp_path: Path) -> None:
    outside = tmp_path / "outside.toml"
    outside.write_text("password = 1\n")
    themes = tmp_path / "themes"
    themes.mkdir()
    (themes / "good.toml").write_text('name = "../../good"\n')
    os.mkfifo(themes / "pipe.toml")
    (themes / "device.toml").symlink_to("/dev/zero")
    (themes / "loop.toml").symlink_to(themes / "loop.toml")
    (themes / "out.toml").symlink_to(outside)
    (themes / "long.toml").write_text("#" * 2_000_000)
    folder = ThemeFolder([themes])
    found = [theme.name for theme, _ in folder.changed() if theme]
    assert found == ["../../good"]  # a name, and no path of anything
    told = {Path(path).name: problem.message for path, problem in folder.problems.items()}
    assert told.keys() == {"pipe.toml", "device.toml", "out.toml", "long.toml"}
    assert "not a regular file" in told["pipe.toml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.toml", "themes"]


async def test_a_theme_is_taken_in_while_the_console_runs(
    console: Callable[..., Console], tmp_path: Path
) -> None:
    own = tmp_path / "themes"
    own.mkdir()
    path = own / "mine.toml"
    path.write_text('name = "mine"\n[colors]\nbackground = "#102030"\n')
    app = console(themes_in=[Path("themes"), own])
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert app.theme == "triage-dark"
        await press(pilot, "t", "t")
        assert app.theme == "mine"
        assert app.screen.styles.background.hex == "#102030"

        path.write_text('name = "mine"\n[colors]\nbackground = "#203040"\n')
        os.utime(path, ns=(1, 1))
        await until(pilot, lambda: app.screen.styles.background.hex == "#203040")

        path.write_text('name = "mine"\n[colors]\nbackground = "#30405"\n[')
        os.utime(path, ns=(2, 2))
        await until(pilot, lambda: any("mine.toml" in note.message for note in app._notifications))
        assert app.screen.styles.background.hex == "#203040"
        assert any("kept as it was" in note.message for note in app._notifications)
