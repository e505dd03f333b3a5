"""A real case for the console's tests: the samples, read by our own engine with our own rules."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import DETECTIONS, ROOT
from tests.ui.helpers import Clock, hunt_into
from triage.ui.app import Console

SAMPLES = "samples/logs"  # relative: where a checkout lies must not show on a screen


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))  # nobody's own settings
    for name in ("TRIAGE_EDITOR", "VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def sample_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples as a case, made once; tests get a copy."""
    path = tmp_path_factory.mktemp("case") / "samples.triage"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        hunt_into(path, [SAMPLES], DETECTIONS)
    return path


@pytest.fixture
def case(sample_case: Path, tmp_path: Path) -> Path:
    """A case of the test's own."""
    return Path(shutil.copy(sample_case, tmp_path / "own.triage"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def console(case: Path, tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Console]]:
    """Makes the app on the case; closes its connections at the end."""
    made: list[Console] = []

    def make(path: Path = case, **changes: object) -> Console:
        given: dict[str, object] = {
            "roots": [SAMPLES],
            "exceptions": tmp_path / "exceptions",
            "themes_in": [Path("themes")],
            "engine": None,
            "who": "jdoe",
            "clock": clock,
            **changes,
        }
        app = Console(str(path), **given)  # type: ignore[arg-type] # a table of keyword arguments
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()
