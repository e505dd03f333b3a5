"""The wheel works outside the checkout: rules and themes come with it."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tests import events
from tests.conftest import ROOT


def test_an_unpacked_wheel_hunts_with_its_bundled_rules(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)),
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("triage-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert {name for name in names if name.startswith("triage/_data/rules/")} == {
        f"triage/_data/rules/{path.name}" for path in (ROOT / "rules").glob("*.toml")
    }
    assert {name for name in names if name.startswith("triage/_data/themes/")} == {
        f"triage/_data/themes/{path.name}" for path in (ROOT / "themes").glob("*.toml")
    }
    assert "triage/_data/samples/logs/nw-ws-014.sysmon.ndjson" in names  # what the tour plays
    assert not [name for name in names if name.startswith(("tests/", "samples/", "docs/"))]

    docs = [
        events.start(1, "p1", "InstallUtil.exe"),
        events.connect(2, "p1", "InstallUtil.exe"),
    ]
    log = events.write(tmp_path / "log.ndjson", docs)
    # -P and -I: neither the checkout nor the environment may lend a module.
    script = f"import sys; sys.path.insert(0, {str(site)!r}); from triage.cli import main; "
    done = subprocess.run(
        [sys.executable, "-I", "-c", script + f"sys.exit(main(['hunt', {str(log)!r}]))"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line)["kibana.alert.rule.name"] for line in done.stdout.splitlines()]
    assert len(found) == 3 + 2  # and what they add up to for host and user


def test_a_console_starts_without_the_engine() -> None:
    """The engine is another process: to load it here would keep the first screen waiting."""
    script = "import sys, triage.cli.watch, triage.ui.app; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = {
        name for name in done.stdout.split() if name.startswith(("triage.engine", "triage.case"))
    }
    assert loaded & {"triage.engine.match", "triage.engine.sequence", "triage.case.write"} == set()
    assert "triage.case.read" in loaded
