"""triage rules: every problem at its place, and why a rule did not alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import events
from tests.test_cli import triage
from triage.rules import lint, load_rules


def warnings(tmp_path: Path, query: str) -> list[tuple[int, int, str]]:
    """(line in the query, column, message) of each warning about a rule of that query."""
    path = events.write_rule(tmp_path / "rule.toml", query)
    first = path.read_text("utf-8").splitlines().index("query = '''") + 2
    (rule,) = load_rules([path]).rules
    return [(one.line - first + 1, one.column, one.message) for one in lint(rule)]


@pytest.mark.parametrize(
    ("query", "line", "column", "said"),
    [
        ('process where process.name == "cmd*"', 1, 31, "`==` takes * and ? literally"),
        ('process where process.name != "a?b"', 1, 31, "`!=` takes * and ? literally"),
        (
            'process where process.name in ("a.exe",\n  "b*.exe")',
            2,
            3,
            "`in` takes * and ? literally",
        ),
        ('process where process.nmae : "x"', 1, 15, "did you mean process.name?"),
        ('process where made.up.field : "x"', 1, 15, "no known source gives"),
        ("sequence by host.id [process where true] [file where true]", 1, 1, "maxspan"),
        (
            "sequence by host.idd with maxspan=1m [process where true] [file where true]",
            1,
            13,
            "did you mean host.id?",
        ),
    ],
)
def test_what_an_author_may_not_mean(
    tmp_path: Path, query: str, line: int, column: int, said: str
) -> None:
    ((at_line, at_column, message),) = warnings(tmp_path, query)
    assert (at_line, at_column) == (line, column)
    assert said in message


@pytest.mark.parametrize(
    "query",
    [
        'process where process.name : "cmd*"',
        'process where process.args == "*" or process.args == "?"',
        'process where process.Ext.token.integrity_level_name == "high"',
        'any where winlog.event_data.TargetImage : "*lsass.exe" and process.name.caseless == "a"',
        "sequence by host.id with maxspan=1m [process where true] [file where true]",
    ],
)
def test_what_is_fine_is_not_warned_of(tmp_path: Path, query: str) -> None:
    assert warnings(tmp_path, query) == []


def test_check_prints_each_problem_at_its_place(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    events.write_rule(rules / "bad.toml", "process where process.name = 1")
    events.write_rule(rules / "odd.toml", 'process where process.name == "x*"')
    events.write_rule(rules / "good.toml", 'process where process.name : "x*"')
    done = triage("rules", "check", rules, home=tmp_path)
    assert done.returncode == 2
    assert re.search(r"bad\.toml:\d+:\d+: error: ", done.stdout)
    assert re.search(r"odd\.toml:\d+:\d+: warning: ", done.stdout)
    assert "good.toml" not in done.stdout
    assert "3 rules, 2 of them run; 1 errors, 1 warnings" in done.stderr
    quiet = triage("rules", "check", rules / "odd.toml", "--quiet", home=tmp_path)
    assert (quiet.returncode, quiet.stdout) == (0, "")


def explained(tmp_path: Path, query: str, *docs: dict[str, object]) -> str:
    rule = events.write_rule(tmp_path / "rule.toml", query)
    log = events.write(tmp_path / "log.ndjson", list(docs))
    done = triage("rules", "explain", rule, log, home=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_explain_shows_the_condition_that_failed_on_the_nearest_event(tmp_path: Path) -> None:
    text = explained(
        tmp_path,
        'process where event.type == "start" and process.name : "beacon.exe" and user.name == "x"',
        events.start(1, "p", "other.exe"),
        events.start(2, "p", "beacon.exe"),
    )
    assert "0 alerts in 2 events" in text
    assert '✓ process.name : "beacon.exe"   was beacon.exe' in text
    assert '✗ user.name == "x"   was mara' in text
    assert "→ stage 1: no event met its condition" in text


@pytest.mark.parametrize(
    ("docs", "said"),
    [
        ([events.start(1, "p", "beacon.exe")], "stage 2: no event of its category"),
        (
            [events.start(1, "p", "beacon.exe"), events.connect(2, "q", "beacon.exe")],
            'never for one join key: ["p"] comes furthest, with stage 1 of 2',
        ),
        (
            [events.connect(1, "p", "beacon.exe"), events.start(2, "p", "beacon.exe")],
            "its events come in another order than the stages",
        ),
        (
            [events.start(1, "p", "beacon.exe"), events.connect(400, "p", "beacon.exe")],
            "399.000 s apart, maxspan is 5 m",
        ),
        (
            [events.start(1, "", "beacon.exe"), events.connect(2, "p", "beacon.exe")],
            "no event that matched has all join keys",
        ),
    ],
)
def test_explain_says_why_a_sequence_did_not_complete(
    tmp_path: Path, docs: list[dict[str, object]], said: str
) -> None:
    for doc in docs:
        process = doc["process"]
        assert isinstance(process, dict)
        if not process["entity_id"]:
            del process["entity_id"]
    assert said in explained(tmp_path, events.BEACON, *docs)


def test_explain_counts_alerts_where_there_are_some(tmp_path: Path) -> None:
    text = explained(
        tmp_path,
        events.BEACON,
        events.start(1, "p", "beacon.exe"),
        events.connect(2, "p", "beacon.exe"),
    )
    assert "Beacon: 1 alerts in 2 events" in text
    assert "→" not in text.replace("→ 203", "")


def test_a_folder_without_rules_is_said_and_no_success(tmp_path: Path) -> None:
    folder = tmp_path / "sigma"
    folder.mkdir()
    (folder / "one.yml").write_text("title: x\n")
    (tmp_path / "log.ndjson").write_text("")
    for arguments in (
        ("rules", "check", folder),
        ("hunt", tmp_path / "log.ndjson", "--rules", folder),
    ):
        done = triage(*arguments, home=tmp_path)
        assert done.returncode == 2
        assert "there is no rule file (*.toml) in this folder" in done.stderr
        assert "one.yml looks like a Sigma rule" in done.stderr


def test_an_empty_folder_of_logs_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    done = triage("hunt", tmp_path / "logs", home=tmp_path)
    assert done.returncode == 2
    assert "the folder is empty" in done.stderr
