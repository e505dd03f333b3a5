"""Cases to hand over: the samples, decided on, and one whose every word is an attack."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import events
from tests.conftest import DETECTIONS, ROOT
from tests.ui.helpers import NOW, Clock, hunt_into
from triage.case.decide import Decisions
from triage.case.read import CaseReader
from triage.export import Selection

# What has broken viewers of logs: markup, script, links, formulas, terminal and bidi controls.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</style></title></textarea><iframe src=//evil.example>",
    "<!-- --><a href='javascript:alert(1)'>x</a>]]>",
    "&lt;b&gt;&#60;script&#62;",
    "[x](javascript:alert(1)) ![y](http://evil.example/y.png) <http://evil.example>",
    "**bold** `code` ``` # head | cell | ~~gone~~ [^1] $x$",
    "http://evil.example/a?b=c&d www.evil.example ftp://evil.example me@evil.example",
    "=cmd|'/c calc'!A1",
    "a;=HYPERLINK(\"http://evil.example\")",
    "\t=1+1",
    "\x1b]0;owned\x07\x1b[31m\x9b\u202e\u200b\u2028",
    "{{7*7}} ${7*7} %s {0}",
    "back\\slash\\| \\` end\\",
)  # fmt: skip
Make = Callable[..., Selection]


@pytest.fixture(scope="session")
def sample_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples with some decisions, made once."""
    path = tmp_path_factory.mktemp("case") / "samples.triage"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        hunt_into(path, ["samples/logs"], DETECTIONS)
    decide(path)
    return path


def decide(path: Path) -> None:
    """Acknowledge, close, note and tick as an analyst would."""
    reader, decisions = CaseReader(str(path)), Decisions(str(path), "jdoe", Clock(NOW))
    ids = [row.id for row in sorted(reader.alerts(), key=lambda row: (row.time, row.id))]
    decisions.close(ids[:3], "false_positive")
    decisions.note(ids[:3], "the patch agent, change 4711")
    decisions.close(ids[-1:], "true_positive")
    decisions.acknowledge(ids[-2:-1])
    decisions.tick(ids[-1], "0123", "Isolate the host.", True)
    decisions.close_case()
    reader.close()


@pytest.fixture(scope="session")
def hostile_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case in which logs, rule and people say nothing but attacks; one alert for each of them."""
    folder = tmp_path_factory.mktemp("hostile")
    docs = []
    for place, text in enumerate(HOSTILE):
        more = {
            "process.command_line": text,
            "process.executable": f"C:\\{text}\\beacon.exe",
            "process.parent.name": text,
            "process.parent.entity_id": f"parent-{place}",
            "process.hash.sha256": text,
            "user.name": text,
            "host.name": text,
            "destination.domain": text,
            "file.path": text,
            "registry.path": text,
            "dns.question.name": text,
            text or "x": text,
        }
        docs.append(events.start(place, f"p{place}", "beacon.exe", **more))
        docs.append(events.connect(place + 0.5, f"p{place}", "beacon.exe", **more))
    log = events.write(folder / "log.ndjson", docs)
    rule = events.write_rule(folder / "rules" / "beacon.toml", name="PLACE")
    text = rule.read_text("utf-8").replace('"PLACE"', "'''" + "<script>[x](http://e)=1" + "'''")
    rule.write_text(text.replace("Isolate the host.", "<img src=x> [do](http://e) `it`"), "utf-8")
    path = folder / "hostile.triage"
    hunt_into(path, [str(log)], [rule])
    reader, decisions = CaseReader(str(path)), Decisions(str(path), "<b>me</b>", Clock(NOW))
    ids = [row.id for row in reader.alerts()]
    for text, id_ in zip(HOSTILE, ids, strict=True):
        decisions.note([id_], text)
        decisions.tick(id_, text, text, True)
    decisions.close(ids[:4], "other")
    decisions.close_case()
    reader.close()
    return path


@pytest.fixture
def case(sample_case: Path, tmp_path: Path) -> Path:
    """The samples, a test's own."""
    return Path(shutil.copy(sample_case, tmp_path / "own.triage"))


@pytest.fixture
def select() -> Iterator[Make]:
    """Makes a selection of all alerts of a case, or those that pass a test."""
    readers: list[CaseReader] = []

    def make(path: Path, passes: Callable[..., bool] = lambda _row: True) -> Selection:
        reader = CaseReader(str(path))
        readers.append(reader)
        rows = sorted(reader.alerts(), key=lambda row: (row.time, row.id))
        chosen = tuple(row for row in rows if passes(row))
        return Selection(reader, path.stem, chosen, "the whole case", NOW, "jdoe")

    yield make
    for reader in readers:
        reader.close()
