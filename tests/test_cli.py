"""The commands as a shell sees them: what goes to which stream, and the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import events


def triage(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "triage", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "XDG_CONFIG_HOME": str(home / "c"),
            "XDG_STATE_HOME": str(home / "s"),
            "XDG_CACHE_HOME": str(home / "cache"),
        },
        check=False,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    docs = [
        events.start(1, "p1", "InstallUtil.exe", **{"process.parent.name": "powershell.exe"}),
        events.connect(2, "p1", "InstallUtil.exe"),
        events.start(3, "p2", "mshta.exe"),
        events.connect(4, "p2", "mshta.exe"),
        events.start(5, "p3", "chrome.exe"),
        events.connect(6, "p3", "chrome.exe"),
    ]
    return events.write(tmp_path / "logs" / "day.ndjson", docs)


def test_hunt_prints_one_alert_document_a_line_and_nothing_else(log: Path, tmp_path: Path) -> None:
    done = triage("hunt", log, home=tmp_path)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    docs = [doc for doc in told if doc["kibana.alert.rule.type"] == "eql"]
    assert len(told) - len(docs) == 2  # what they add up to, for host and user
    names = [doc["kibana.alert.rule.name"] for doc in docs]
    assert len(names) == 4  # three rules on InstallUtil, one on mshta
    assert {doc["kibana.alert.original_time"] for doc in docs} == {
        "2026-01-01T00:00:02.000Z",
        "2026-01-01T00:00:04.000Z",
    }
    assert len({doc["kibana.alert.uuid"] for doc in docs}) == 4
    assert all(doc["event"]["kind"] == "signal" and doc["host"]["name"] == "pc-1" for doc in docs)
    assert all(len(doc["kibana.alert.ancestors"]) == 2 for doc in docs)
    assert "6 events, 6 alerts" in done.stderr


def test_the_risk_message_names_the_values(log: Path, tmp_path: Path) -> None:
    done = triage("hunt", log, home=tmp_path)
    docs = [json.loads(line) for line in done.stdout.splitlines()]
    risky = [doc for doc in docs if "triage.risk.objects" in doc]
    assert len(risky) == 1
    assert risky[0]["kibana.alert.risk_score"] == 80
    message = risky[0]["triage.risk.message"]
    assert "powershell.exe" in message
    assert "InstallUtil.exe" in message
    assert "pc-1" in message
    assert {(one["type"], one["value"]) for one in risky[0]["triage.risk.objects"]} >= {
        ("user", "mara"),
        ("system", "pc-1"),
    }
    queries = [drilldown["query"] for drilldown in risky[0]["triage.drilldowns"]]
    assert len(queries) == 2
    assert all('"mara"' in query and '"pc-1"' in query for query in queries)


def test_a_table_shows_the_same_alerts(log: Path, tmp_path: Path) -> None:
    done = triage("hunt", log, "--format", "table", home=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["TIME", "SEVERITY", "RISK", "RULE", "HOST", "USER", "PROCESS"]
    assert len(lines) == 1 + 4 + 2


def test_own_rules_alone(log: Path, tmp_path: Path) -> None:
    rules = events.write_rule(tmp_path / "r" / "any.toml", 'process where process.name : "chrome*"')
    done = triage("hunt", log, "--rules", rules.parent, "--no-bundled-rules", home=tmp_path)
    assert [json.loads(line)["process"]["name"] for line in done.stdout.splitlines()] == [
        "chrome.exe"
    ]


def test_what_is_late_says_so_and_what_was_superseded_is_counted(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    day = [events.start(1, "p1", "mshta.exe"), events.connect(9, "p1", "mshta.exe")]
    events.write(logs / "1.ndjson", [*day, events.connect(20, "p2", "mshta.exe")])
    more = [events.start(5, "p1", "mshta.exe"), events.start(18, "p2", "mshta.exe")]
    events.write(logs / "2.ndjson", more)
    done = triage("hunt", logs, "--format", "table", home=tmp_path)
    rows = done.stdout.splitlines()[1:]
    assert len(rows) == 2
    assert all(" (late)  " in row for row in rows)
    assert "2 alerts, 2 of them late, 1 superseded by late events" in done.stderr


def test_hunting_twice_into_one_case_gives_the_same_alerts(log: Path, tmp_path: Path) -> None:
    case = tmp_path / "x.triage"
    first, second = (triage("hunt", log, "--case", case, home=tmp_path) for _ in range(2))
    uuids = [
        [json.loads(line)["kibana.alert.uuid"] for line in done.stdout.splitlines()]
        for done in (first, second)
    ]
    assert uuids[0] == uuids[1]
    assert len(uuids[0]) == 6
    assert case.stat().st_mode & 0o777 == 0o600


def test_t1_control_characters_never_reach_standard_output(tmp_path: Path) -> None:
    nasty = "a\x1b]52;c;eA==\x07\x9b31m\u202e\x7fb.exe"
    docs = [events.start(1, "p1", nasty), events.start(2, "p2", "ok.exe")]
    log = events.write(tmp_path / "n.ndjson", docs)
    rule = events.write_rule(tmp_path / "r.toml", "process where true")
    for command in (
        ("hunt", log, "--rules", rule),
        ("hunt", log, "--rules", rule, "--format", "table"),
        ("convert", log),
    ):
        done = triage(*command, home=tmp_path)
        text = done.stdout + done.stderr
        assert "b.exe" in text
        assert all(char.isprintable() or char == "\n" for char in text)
    converted = triage("convert", log, home=tmp_path).stdout.splitlines()
    assert json.loads(converted[0])["process"]["name"] == nasty  # escaped, not changed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hunt", "no-such-log"), "no-such-log"),
        (("hunt",), "PATH"),
        (("convert", "no-such-log"), "no-such-log"),
        (("hunt", ".", "--rules", "no-such-rules"), "no-such-rules"),
        (("hunt", ".", "--no-bundled-rules"), "--rules"),
        (("watch", "no-such-log"), "no-such-log"),
        (("fly",), "fly"),
    ],
)
def test_bad_usage_exits_with_two_and_says_why(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = triage(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_log_nobody_can_read_exits_with_two(tmp_path: Path) -> None:
    noise = tmp_path / "noise.bin"
    noise.write_bytes(bytes(range(256)) * 40)
    done = triage("hunt", noise, home=tmp_path)
    assert done.returncode == 2
    assert str(noise) in done.stderr


def test_a_broken_record_is_said_and_stops_nothing(log: Path, tmp_path: Path) -> None:
    log.write_bytes(b'{"@timestamp": broken}\n' + log.read_bytes())
    done = triage("hunt", log, home=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 6
    assert "1 records that could not be read" in done.stderr


def test_a_broken_rule_is_said_and_the_others_run(log: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    events.write_rule(rules / "good.toml", 'process where process.name : "chrome.exe"')
    events.write_rule(rules / "bad.toml", 'process where process.name = "chrome.exe"')
    done = triage("hunt", log, "--no-bundled-rules", "--rules", rules, home=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "bad.toml:" in done.stderr


def test_no_alert_is_no_all_clear_where_no_rule_can_alert(tmp_path: Path) -> None:
    log = events.write(tmp_path / "l.ndjson", [events.start(n, "p", "x.exe") for n in range(5)])
    rules = tmp_path / "rules"
    given = ("hunt", log, "--no-bundled-rules", "--rules", rules)
    for name, query in (("kind", "file where true"), ("field", 'process where process.pe.x : "a"')):
        events.write_rule(rules / f"{name}.toml", query)
    done = triage(*given, home=tmp_path)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "none of the 2 rules can alert on these events" in done.stderr
    assert "triage sources" in done.stderr
    events.write_rule(rules / "fits.toml", 'process where process.name : "y.exe"')
    done = triage(*given, home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "can alert" not in done.stderr


def test_rules_that_are_not_run_are_no_rules(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        '[rule]\nname = "x"\nrule_id = "x"\ntype = "query"\nlanguage = "kuery"\n'
        'severity = "low"\nrisk_score = 21\nquery = "process.name: x"\n'
    )
    path.write_text(path.read_text().replace('"eql"', '"kuery"', 1).replace('"eql"', '"query"'))
    done = triage("hunt", log, "--no-bundled-rules", "--rules", path, home=tmp_path)
    assert done.returncode == 2
    assert "none of the 1 rules finds anything in logs" in done.stderr
    assert "kuery is not run yet" in done.stderr


@pytest.mark.parametrize("command", ["watch", "hunt", "convert"])
def test_help_of_each_command_shows_an_example(command: str, tmp_path: Path) -> None:
    done = triage(command, "--help", home=tmp_path)
    assert done.returncode == 0
    assert f"triage {command} " in done.stdout
    assert done.stdout.count("\n") > 12


def test_max_signals_collapses_the_rest_into_a_count(tmp_path: Path) -> None:
    rule = events.write_rule(tmp_path / "r.toml", "process where true", max_signals=3)
    docs = [events.start(n, f"p{n}", "x.exe") for n in range(10)]  # one interval of five minutes
    docs += [events.start(400 + n, f"q{n}", "x.exe") for n in range(2)]  # the next one
    log = events.write(tmp_path / "l.ndjson", docs)
    done = triage("hunt", log, "--no-bundled-rules", "--rules", rule, home=tmp_path)
    assert len(done.stdout.splitlines()) == 5
    assert "7 alerts beyond a rule's max_signals" in done.stderr
    table = triage(
        *("hunt", log, "--no-bundled-rules", "--rules", rule, "--format", "table"), home=tmp_path
    )
    assert "(×8)" in table.stdout
