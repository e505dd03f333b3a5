"""docs/serve.md is true: its commands run as written, its picture is there, its words are ours."""

from __future__ import annotations

import re
import shlex
import socket
import sys
import tomllib
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import ROOT
from tests.serve.conftest import serving
from triage.serve import check_installed
from triage.serve.web import HOST

PAGE = (ROOT / "docs" / "serve.md").read_text("utf-8")


def test_its_picture_and_its_extra_are_there() -> None:
    assert (ROOT / "docs" / "serve.png").read_bytes().startswith(b"\x89PNG")
    assert 'pip install "triage[serve]"' in PAGE
    check_installed()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = [re.split("[=>]", one)[0] for one in project["optional-dependencies"]["serve"]]
    assert extra == ["aiohttp", "textual-serve"]


@pytest.mark.skipif(sys.platform == "win32", reason="ends a server by a signal")
async def test_its_commands_run_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    lines = re.findall(r"^    triage (serve .*)$", PAGE, re.MULTILINE)
    assert len(lines) == 3
    with socket.create_server((HOST, 0)) as free:
        port = str(free.getsockname()[1])  # 8000 may be somebody's
    for line in lines:
        words = shlex.split(line.replace("8000", port))
        async with serving(tmp_path, *words[1:]) as (_, link), aiohttp.ClientSession() as client:
            assert link.startswith(f"http://{HOST}:{port if '--port' in words else ''}")
            async with client.get(link, allow_redirects=False) as answer:
                assert answer.status == 303
