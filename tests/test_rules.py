"""Rule files: Elastic's load unchanged, and every fault is shown at its line of the file."""

from __future__ import annotations

import os
import pickle
import re
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import DETECTIONS, ROOT
from triage import attack, config, guide, times
from triage.config import Places, TomlError, read_toml
from triage.eql import parse, search
from triage.rules import Rule, RuleSet, eql_literal, load_rules

GOOD = """\
[metadata]
creation_date = "2026/01/01"

[rule]
author = ["Ana"]
description = "What it is."
from = "now-9m"
interval = "10m"
language = "eql"
name = "A rule"
risk_score = 47
rule_id = "11111111-2222-3333-4444-555555555555"
severity = "medium"
tags = ["OS: Windows"]
type = "eql"

query = '''
process where process.name : "a.exe" and
  process.pid > 4
'''

[[rule.threat]]
framework = "MITRE ATT&CK"
[rule.threat.tactic]
id = "TA0005"
name = "Defense Evasion"
reference = "https://attack.mitre.org/tactics/TA0005/"
[[rule.threat.technique]]
id = "T1218"
name = "System Binary Proxy Execution"
reference = "https://attack.mitre.org/techniques/T1218/"
[[rule.threat.technique.subtechnique]]
id = "T1218.004"
name = "InstallUtil"
reference = "https://attack.mitre.org/techniques/T1218/004/"
"""


def load(folder: Path, text: str, name: str = "a.toml") -> RuleSet:
    (folder / name).write_text(text, encoding="utf-8")
    return load_rules([folder])


def only(found: RuleSet) -> Rule:
    assert not found.problems, [str(each) for each in found.problems]
    (rule,) = found.rules
    return rule


def test_a_rule_of_elastic_is_read(tmp_path: Path) -> None:
    rule = only(load(tmp_path, GOOD))
    assert (rule.name, rule.severity, rule.risk_score, rule.version) == ("A rule", "medium", 47, 1)
    assert (rule.interval, rule.lookback) == (600 * times.SECOND, 540 * times.SECOND)
    assert rule.max_signals == 100
    assert rule.runnable
    assert rule.query is not None
    assert rule.query.kind == "event"
    assert attack.ids(rule.parameters["threat"]) == "TA0005 T1218 T1218.004"
    assert rule.parameters["tags"] == ["OS: Windows"]
    assert pickle.loads(pickle.dumps(rule)) == rule  # noqa: S301 - our own bytes: rules go to worker processes


def test_what_kibana_takes_for_granted(tmp_path: Path) -> None:
    text = GOOD.replace('from = "now-9m"\n', "").replace('interval = "10m"\n', "")
    rule = only(load(tmp_path, text))
    assert (rule.interval, rule.lookback) == (300 * times.SECOND, 360 * times.SECOND)
    assert (rule.event_category_field, rule.enabled, rule.building_block) == (
        "event.category",
        True,
        False,
    )


def test_other_languages_are_shown_and_not_run(tmp_path: Path) -> None:
    text = GOOD.replace('"eql"', '"kuery"', 1).replace('type = "eql"', 'type = "query"')
    rule = only(load(tmp_path, text))
    assert (rule.runnable, rule.query) == (False, None)
    assert rule.reason == "language kuery is not run yet"


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "severity", "says"),
    [
        (
            'severity = "medium"',
            'severity = "bad"',
            13,
            1,
            "warning",
            "low, medium, high, critical",
        ),
        ('severity = "medium"\n', "", 4, 1, "warning", "severity"),
        ("risk_score = 47", "risk_score = 101", 11, 1, "warning", "0 to 100"),
        ("risk_score = 47", "risk_score = true", 11, 1, "warning", "0 to 100"),
        ('interval = "10m"', 'interval = "often"', 8, 1, "warning", '"5m"'.strip('"')),
        ('from = "now-9m"', "from = 9", 7, 1, "warning", "now-9m"),
        ('name = "A rule"', 'name = ""', 4, 1, "error", "rule.name"),
        ('rule_id = "11111111-2222-3333-4444-555555555555"', "", 4, 1, "error", "rule.rule_id"),
        ("query = '''", "queri = '''", 4, 1, "error", "rule.query"),
        ("process.pid > 4", "process.pid > ", 20, 1, "error", ""),
        ('"a.exe" and', '"a.exe" xor', 18, 38, "error", ""),
        ("risk_score = 47", "risk_score = ", 11, 14, "error", "TOML"),
    ],
)
def test_every_fault_is_shown_where_it_is(
    tmp_path: Path, old: str, new: str, line: int, column: int, severity: str, says: str
) -> None:
    assert old in GOOD
    found = load(tmp_path, GOOD.replace(old, new))
    (problem,) = found.problems
    assert (problem.line, problem.column, problem.severity) == (line, column, severity), problem
    assert says in problem.message
    assert problem.path == str(tmp_path / "a.toml")
    assert all(rule.runnable for rule in found.rules) is (severity == "warning" or not found.rules)


def test_a_wrong_query_leaves_the_rule_to_be_seen(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD.replace("process.pid > 4", "process.pid > ("))
    (rule,) = found.rules
    assert not rule.runnable
    assert "query is wrong at line" in rule.reason
    assert rule.query is None


@pytest.mark.parametrize("quotes", ["'''", '"""'])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_fault_in_the_query_is_found_behind_escapes(
    tmp_path: Path, quotes: str, line_end: str
) -> None:
    path = "C:\\\\\\\\Windows\\\\x" if quotes == '"""' else "C:\\\\Windows\\x"
    query = f'process where true and\n  process.executable : "{path}" xor true\n'.replace("\\x", "")
    text = re.sub(r"'''.*?'''", lambda _: quotes + "\n" + query + quotes, GOOD, flags=re.DOTALL)
    (tmp_path / "a.toml").write_bytes(text.replace("\n", line_end).encode())
    (problem,) = load_rules([tmp_path]).problems
    written = text.split("\n")[problem.line - 1]
    assert written[problem.column - 1 :].startswith("xor"), problem


def test_one_broken_file_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.toml").write_text("[rule\n")
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "d.toml").write_text("[list]\n")
    (tmp_path / "e.toml").write_bytes(b"#" * (2 << 20))
    (tmp_path / "f.toml").write_text("a = " + "[" * 100_000)
    (tmp_path / "sub" / "g.toml").write_text(GOOD)
    os.mkfifo(tmp_path / "h.toml")
    found = load_rules([tmp_path, tmp_path / "missing"])
    assert [rule.name for rule in found.rules] == ["A rule"]
    names = [Path(problem.path).name for problem in found.problems]
    assert names == ["b.toml", "c.toml", "d.toml", "e.toml", "f.toml", "h.toml", "missing"]


def test_the_last_of_two_rules_with_one_id_is_used(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD)
    (tmp_path / "b.toml").write_text(GOOD.replace("A rule", "B rule"))
    found = load_rules([tmp_path])
    assert [rule.name for rule in found.rules] == ["B rule"]
    (problem,) = found.problems
    assert "a.toml" in problem.message
    assert problem.path.endswith("b.toml")
    assert only(load_rules([tmp_path / "a.toml", tmp_path / "a.toml"])).name == "A rule"


def test_the_fingerprint_is_of_what_matches(tmp_path: Path) -> None:
    rule = only(load(tmp_path, GOOD))
    renamed = only(load(tmp_path, GOOD.replace("A rule", "Another")))
    other = only(load(tmp_path, GOOD.replace("> 4", "> 5")))
    longer = only(load(tmp_path, GOOD.replace("now-9m", "now-1h")))
    assert rule.fingerprint == renamed.fingerprint
    assert len({rule.fingerprint, other.fingerprint, longer.fingerprint}) == 3


def test_plugins_of_the_guide_are_put_in(tmp_path: Path) -> None:
    text = '[[transform.osquery]]\nlabel = "DNS cache"\nquery = "…"\n' + GOOD.replace(
        'name = "A rule"',
        'name = "A rule"\nnote = "### Response\\n- Look: $osquery_0 $osquery_7"',
    )
    found = load(tmp_path, text)
    (rule,), (problem,) = found.rules, found.problems
    assert [step.text for step in guide.steps(rule.note).steps] == ["Look: DNS cache $osquery_7"]
    assert "$osquery_7 stands for no [[transform.osquery]]" in str(problem)


RISK = (
    GOOD
    + """
[triage.risk]
impact = 80
confidence = 50
message = "{{user.name}} ran {{process.name}}"
objects = [
  { field = "user.name", type = "user", score = 40 },
  { field = "host.name", type = "system" },
]
threat_objects = [{ field = "process.name", type = "process_name" }]
[[triage.drilldown]]
name = "Others of {{user.name}}"
query = "any where user.name == {{user.name}}"
window = "7d"
"""
)


def test_risk_and_drill_downs_are_read(tmp_path: Path) -> None:
    rule = only(load(tmp_path, RISK.replace("risk_score = 47", "risk_score = 40")))
    assert rule.risk is not None
    assert (rule.risk.score, rule.risk.impact, rule.risk.confidence) == (40, 80, 50)
    assert [each.score for each in rule.risk.objects] == [40, None]  # as much as the alert
    (drilldown,) = rule.drilldowns
    assert drilldown.window == 7 * 86400 * times.SECOND


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("risk_score = 40", "risk_score = 47", "impact = ", "make them agree"),
        ("impact = 80", "impact = 180", "impact = ", "0 to 100"),
        ('window = "7d"', 'window = "soon"', "window = ", '"7d"'),
        ('name = "Others of {{user.name}}"', "", "[[triage.drilldown]]", "needs a name"),
        (
            "any where user.name == {{user.name}}",
            "any where user.name = {{user.name}}",
            "query = ",
            "did you mean",
        ),
    ],
)
def test_faults_of_our_own_keys_are_told(
    tmp_path: Path, old: str, new: str, place: str, says: str
) -> None:
    text = RISK.replace("risk_score = 47", "risk_score = 40").replace(old, new)
    found = load(tmp_path, text)
    (problem,) = found.problems
    assert problem.severity == "warning"
    assert text.split("\n")[problem.line - 1].startswith(place), problem
    assert says in problem.message
    assert found.rules[0].runnable


@given(st.text(min_size=1))
@example('" or true or "')
@example("\\")
@example("\x0f\n*?{{x}}")
def test_a_value_from_a_log_stays_one_literal(value: str) -> None:
    docs = [
        {"@timestamp": 1000 + index, "event": {"category": "x"}, "v": text}
        for index, text in enumerate([value, value + "!", "!" + value])
    ]
    found = search(f"any where v == {eql_literal(value)}", docs)
    assert [hit.events[0]["v"] for hit in found if hit.events[0] is not None] == [value]


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (443, "443"),
        (-7, "-7"),
        (1.5, "1.5"),
        (float("nan"), '"nan"'),
        (1e300, '"1e+300"'),
    ],
)
def test_values_that_are_no_text_are_literals_too(value: object, literal: str) -> None:
    assert eql_literal(value) == literal
    parse(f"any where v == {literal}")


class TestBundled:
    """The rules that come with the program."""

    rules = load_rules(ROOT / path for path in DETECTIONS)

    def test_they_load_without_a_word(self) -> None:
        assert load_rules([ROOT / "rules"]).problems == ()
        assert len(self.rules.rules) == 3
        assert all(rule.runnable for rule in self.rules.rules)
        assert config.bundled("rules") == ROOT / "rules"

    def test_their_ids_are_not_elastics(self) -> None:
        ids = {rule.rule_id for rule in self.rules.rules}
        assert len(ids) == 3
        elastics = {"a13167f1-eec2-4015-9631-1fee60406dcf", "1fe3b299-fbb5-4657-a937-1d746f2c711a"}
        assert not ids & elastics

    def test_an_analyst_finds_everything(self) -> None:
        for rule in self.rules.rules:
            found = guide.steps(rule.note, rule.setup)
            assert len(found.overview) > 300
            assert 6 <= sum(step.depth == 0 for step in found.investigation) <= 10, rule.name
            assert len(found.false_positives) >= 4
            assert 6 <= len(found.remediation) <= 10
            assert rule.description
            assert rule.references
            assert rule.false_positives
            assert rule.setup

    def test_their_techniques_are_attacks(self) -> None:
        for rule in self.rules.rules:
            for threat in rule.parameters["threat"]:
                tactic = threat["tactic"]
                known = attack.tactic(tactic["id"])
                assert known is not None
                assert (known.name, known.url) == (tactic["name"], tactic["reference"])
                techniques = threat["technique"]
                below = [sub for one in techniques for sub in one.get("subtechnique", ())]
                assert techniques
                for technique in (*techniques, *below):
                    named = attack.technique(technique["id"])
                    assert named is not None
                    assert (named.name, named.url) == (technique["name"], technique["reference"])
                    assert tactic["id"] in named.tactics

    def test_the_join_carries_what_splunk_says(self) -> None:
        rule = next(rule for rule in self.rules.rules if rule.risk)
        assert rule.risk is not None
        assert (rule.risk.impact, rule.risk.confidence, rule.risk_score) == (80, 100, 80)
        assert rule.query is not None
        assert (rule.query.kind, rule.lookback) == ("sample", 3600 * times.SECOND)
        assert [each.window for each in rule.drilldowns] == [None, 7 * 86400 * times.SECOND]
        alert = {"user.name": 'a" or true or "', "host.name": None}
        for drilldown in rule.drilldowns:
            parse(drilldown.filled(alert.get))


PLACES = """\
# top
"quoted key" = 1 # [no.table]
[a.b]
x = [1, "]", # ]
 2]
y = {z = "}"}
[[c]]
[[c.d]]
v = '''
first
second'''
[[c]]
[[c.d]]
[[c.d]]
w = QQQ\\
   a\\tb\\u0041
c"QQQ
z = 1
""".replace("Q", '"')


def test_places_follow_tables_arrays_and_strings() -> None:
    text = PLACES
    places = Places(text)
    assert places.key("quoted key") == (2, 1)
    assert places.key("a", "b", "y") == (6, 1)
    assert places.key("c", 0, "d", 0, "v") == (9, 1)
    assert places.key("c", 1, "d", 1, "w") == (15, 1)
    assert places.key("c", 1, "d", 1, "nothing") == (14, 1)
    assert places.key("nothing") == (0, 0)
    assert places.inside(("c", 0, "d", 0, "v"), 2, 3) == (11, 3)
    inner = ("c", 1, "d", 1, "w")
    assert places.inside(inner, 1, 1) == (16, 4)
    assert places.inside(inner, 1, 3) == (16, 7)
    assert places.inside(inner, 1, 4) == (16, 8)
    assert places.inside(inner, 2, 2) == (17, 2)
    assert places.key("c", 1, "d", 1, "z") == (18, 1)
    assert places.inside(("a", "b", "x"), 1, 1) == (4, 1)


@given(st.text(alphabet="[]{}=#\"'\\\n.ab, 1", max_size=120))
def test_places_never_fail_or_hang(text: str) -> None:
    places = Places(text)
    for statement in places.statements:
        assert 0 <= statement.start <= statement.end <= len(text)
        places.inside(statement.path, 2, 2)


def test_a_file_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(TomlError, match="UTF-8") as caught:
        read_toml(path)
    assert (caught.value.problem.line, caught.value.problem.column) == (2, 6)
    with pytest.raises(TomlError, match="No such file"):
        read_toml(tmp_path / "none.toml")


@pytest.mark.skipif(sys.platform != "linux", reason="the variables are those of Linux desktops")
def test_folders_follow_the_users_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    assert config.exceptions_dir() == tmp_path / "c" / "triage" / "exceptions"
    assert config.cases_dir() == tmp_path / "s" / "triage" / "cases"


@pytest.mark.shared
def test_all_of_elastics_rules_load(shared: Path) -> None:
    found = load_rules([shared / "elastic-rules"])
    # One guide names a query that its file does not have; it is told, and the rule loads.
    (problem,) = found.problems
    assert "$osquery_6 stands for no [[transform.osquery]]" in str(problem)
    assert len(found.rules) == 1132
    assert sum(rule.runnable for rule in found.rules) == 651
    assert {rule.reason for rule in found.rules if not rule.runnable} == {
        "language kuery is not run yet"
    }
    assert len({rule.rule_id for rule in found.rules}) == 1132
