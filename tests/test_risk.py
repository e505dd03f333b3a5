"""Risk: scores add up by host and user, and crossing a threshold is an alert of its own, once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import events
from triage import times
from triage.case import risk as case_risk
from triage.case import tables
from triage.case.decide import Decisions
from triage.case.model import AlertRow
from triage.case.read import CaseReader
from triage.case.schema import connect
from triage.case.verify import verify
from triage.cli import main
from triage.incident import Part, crossings
from triage.risk import contributions
from triage.rules import Incident, Rule, load_rules
from triage.run import Config, Engine, hunt
from triage.sources import Follower

HOUR = 3600
SCORE_ID, TACTICS_ID = "risk-score", "risk-tactics"
INCIDENT = """
[rule]
name = "{name}"
rule_id = "{rule_id}"
severity = "high"
risk_score = 73
type = "risk"
note = \"\"\"## Triage and analysis

### Possible investigation steps

- Read its alerts.
\"\"\"
[triage.incident]
window = "{window}"
{asked}
message = "{{{{triage.risk.object.value}}}} {{{{triage.risk.score}}}} {{{{triage.risk.tactics}}}}"
"""
# One rule a program name: its score, and its tactic.
PROGRAMS = {
    "ten.exe": (10, "TA0002"), "thirty.exe": (30, "TA0003"), "fifty.exe": (50, "TA0004"),
    "third.exe": (33, "TA0005"),
}  # fmt: skip


def write_rules(folder: Path, scores: str = "score = 100", window: str = "24h") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for program, (score, tactic) in PROGRAMS.items():
        name = program.partition(".")[0]
        path = events.write_rule(
            folder / f"{name}.toml", f'process where process.name == "{program}"', name
        )
        text = path.read_text("utf-8").replace("risk_score = 73", f"risk_score = {score}")
        path.write_text(text.replace("TA0005", tactic), "utf-8")
    for rule_id, asked, span in (
        (SCORE_ID, scores, window),
        (TACTICS_ID, "tactics = 3\nrules = 2", "7d"),
    ):
        text = INCIDENT.format(name=rule_id, rule_id=rule_id, window=span, asked=asked)
        (folder / f"{rule_id}.toml").write_text(text, "utf-8")
    return folder


def start(hours: float, program: str, **fields: Any) -> dict[str, Any]:
    return events.start(hours * HOUR, f"p{hours}-{program}", program, **fields)


class Bench:
    """A case, and logs read into it one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules = folder / "rules"
        self.case = str(folder / "c.triage")
        self.now = events.START
        self._logs = 0

    def clock(self) -> int:
        self.now += times.SECOND
        return self.now

    def read(self, docs: Sequence[dict[str, Any]]) -> list[str]:
        """Read events with an engine of their own; what a hunt would tell."""
        self._logs += 1
        log = events.write(self.folder / f"{self._logs}.ndjson", list(docs))
        config = Config((self.rules,), self.folder / "none")
        engine = Engine(config, self.case, Follower([log], once=True), self.clock)
        found = hunt(engine, lambda: None)
        engine.close()
        return found

    def incidents(self, standing: bool = True) -> list[AlertRow]:
        reader = CaseReader(self.case)
        found = [row for row in reader.alerts() if row.rule_id in (SCORE_ID, TACTICS_ID)]
        reader.connection.close()
        return sorted(
            (row for row in found if not (standing and row.superseded)),
            key=lambda row: (row.time, row.rule_id, row.user),
        )

    def doc(self, row: AlertRow) -> dict[str, Any]:
        reader = CaseReader(self.case)
        [doc] = reader.documents([row.id])
        reader.connection.close()
        return doc

    def told(self) -> list[tuple[str, str, float]]:
        """Of each incident that stands: rule, whose it is, hours after the start."""
        return [
            (row.rule_id, row.user or row.host, (row.time - events.START) / (HOUR * times.SECOND))
            for row in self.incidents()
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    write_rules(tmp_path / "rules")
    return Bench(tmp_path)


MARA = "NORDWIND\\mara"


def test_scores_add_up_to_an_incident_of_host_and_user(bench: Bench) -> None:
    found = bench.read([start(1, "fifty.exe"), start(2, "thirty.exe"), start(3, "ten.exe")])
    assert len(found) == 3 + 2  # 90 is not enough; but three tactics by three rules are
    assert bench.told() == [(TACTICS_ID, "pc-1", 3.0), (TACTICS_ID, MARA, 3.0)]
    bench.read([start(4, "ten.exe"), start(5, "fifty.exe")])
    assert bench.told()[2:] == [(SCORE_ID, "pc-1", 4.0), (SCORE_ID, MARA, 4.0)]
    host = bench.incidents()[2]
    doc = bench.doc(host)
    assert doc["triage.risk.message"] == "pc-1 100 Privilege Escalation, Persistence, Execution"
    assert [one["rule"] for one in doc["triage.risk.alerts"]] == ["fifty", "thirty", "ten", "ten"]
    assert len(doc["triage.events"]) == 4  # its evidence are its alerts' events
    assert {one["id"] for one in doc["kibana.alert.ancestors"]} == {
        row.id for row in CaseReader(bench.case).alerts() if row.process and row.time <= host.time
    }
    assert "TA0004" in [one["tactic"]["id"] for one in doc["kibana.alert.rule.threat"]]


def test_an_incident_is_told_once_a_window(bench: Bench) -> None:
    docs = [start(hour, "fifty.exe", **{"user.name": "SYSTEM"}) for hour in range(0, 60, 3)]
    bench.read(docs)
    # Reached at 3 h; then quiet for 24 h, and the score of the last 24 h is enough again at once.
    assert bench.told() == [(SCORE_ID, "pc-1", hour) for hour in (3.0, 27.0, 51.0)]


def test_a_window_is_no_calendar_day(bench: Bench) -> None:
    bench.read([start(23, "fifty.exe"), start(25, "fifty.exe"), start(72, "fifty.exe")])
    assert [one for one in bench.told() if one[1] == "pc-1"] == [(SCORE_ID, "pc-1", 25.0)]


def test_reading_again_and_starting_again_make_no_second_one(bench: Bench) -> None:
    docs = [start(1, "fifty.exe"), start(2, "fifty.exe")]
    first = bench.read(docs)
    before = bench.incidents()
    assert bench.read(docs) == first  # told again, since its alerts were found again
    assert bench.incidents() == before


def test_what_turns_out_to_be_nothing_no_longer_counts(bench: Bench) -> None:
    bench.read([start(1, "fifty.exe"), start(2, "fifty.exe")])
    reader = CaseReader(bench.case)
    first = min(row.time for row in reader.alerts())
    ids = [row.id for row in reader.alerts() if row.time == first]
    mara = Decisions(bench.case, "mara", bench.clock)
    mara.close(ids, "true_positive")
    bench.read([])
    assert len(bench.incidents()) == 2
    mara.close(ids, "false_positive")
    bench.read([])  # the engine takes it up, whenever it runs next
    assert bench.incidents() == []
    assert len(bench.incidents(standing=False)) == 2
    mara.undo()
    bench.read([])
    assert len(bench.incidents()) == 2
    assert verify(reader.connection).whole  # superseding is no decision


def test_an_incident_keeps_what_was_decided_on_it(bench: Bench) -> None:
    bench.read([start(2, "fifty.exe"), start(3, "fifty.exe")])
    host = bench.incidents()[0]
    Decisions(bench.case, "mara", bench.clock).acknowledge([host.id])
    bench.read([start(1, "fifty.exe")])  # late: the threshold was crossed an hour earlier
    again = next(row for row in bench.incidents() if row.id == host.id)
    assert (again.status, again.assignee) == ("acknowledged", "mara")
    assert again.time == host.time - HOUR * times.SECOND
    assert len(bench.doc(again)["triage.risk.alerts"]) == 2
    assert len(bench.incidents(standing=False)) == 2


def test_accounts_that_every_machine_has_gather_no_risk(bench: Bench) -> None:
    shared = [
        {"user.name": "SYSTEM", "user.domain": "NT AUTHORITY"},
        {"user.name": "СИСТЕМА", "user.domain": "NT AUTHORITY"},
        {"user.name": "root", "user.domain": ""},
    ]
    bench.read(
        [start(n + k / 10, "fifty.exe", **one) for n, one in enumerate(shared) for k in (1, 2)]
    )
    assert {(row.host, row.user) for row in bench.incidents()} == {("pc-1", "")}


def test_a_person_is_known_by_name_where_collectors_give_sysmons_own_sid(bench: Bench) -> None:
    docs = [start(n, "fifty.exe", **{"user.id": "S-1-5-18"}) for n in (1, 2)]
    bench.read(docs)
    assert {row.user for row in bench.incidents()} == {"", MARA}


def test_a_rule_names_its_own_risk_objects(bench: Bench) -> None:
    path = bench.rules / "ten.toml"
    path.write_text(
        path.read_text("utf-8")
        + """
[triage.risk]
impact = 10
confidence = 100
message = "{{process.name}} on {{host.name}}"
objects = [
  { field = "user.name", type = "user", score = 60 },
  { field = "destination.ip", type = "other" },
]
""",
        "utf-8",
    )
    docs = [
        start(n, "ten.exe", **{"user.name": name, "destination.ip": "203.0.113.9"})
        for n, name in enumerate(("mara", "Mara"))
    ]
    bench.read(docs)
    [user] = bench.incidents()  # 60 + 60: one person, however written; the host is not named
    assert (user.user, user.risk_score) == ("NORDWIND\\Mara", 100.0)
    db = connect(bench.case)
    scores = {row[0]: row[1] for row in db.execute("SELECT kind, sum(score) FROM risk GROUP BY 1")}
    assert scores == {"user": 120.0, "other": 20.0}  # an object without a score has the alert's
    db.close()


def test_overrides_of_elastic_set_what_counts(bench: Bench) -> None:
    path = bench.rules / "ten.toml"
    text = path.read_text("utf-8").replace(
        "max_signals = 100",
        """rule_name_override = "event.reason"
timestamp_override = "event.ingested"
risk_score_mapping = [{ field = "event.risk_score", operator = "equals", value = "" }]
severity_mapping = [
  { field = "event.severity", operator = "equals", value = "3", severity = "high" },
  { field = "event.severity", operator = "equals", value = "9", severity = "critical" },
]
max_signals = 100""",
    )
    path.write_text(text, "utf-8")
    found = {
        "event.severity": 9, "event.risk_score": 99.5, "event.reason": "Bought by nobody",
        "event.ingested": times.iso(events.START + 90 * HOUR * times.SECOND),
    }  # fmt: skip
    bench.read([start(1, "ten.exe", **found), start(2, "ten.exe", **{"event.risk_score": "far"})])
    rows = sorted(CaseReader(bench.case).alerts(), key=lambda row: row.time)[-4:]
    first, second = [row for row in rows if row.process]
    assert (first.severity, first.risk_score, first.rule_name) == (
        "critical",
        99.5,
        "Bought by nobody",
    )
    # An ingest time is for finding new events by; when it happened is told by @timestamp.
    assert first.time == events.START + HOUR * times.SECOND
    assert (second.severity, second.risk_score, second.rule_name) == ("high", 10.0, "ten")
    assert bench.incidents()[0].risk_score == 100.0  # 109.5, which alerts can not say


def test_other_thresholds_are_in_force_for_what_is_there_already(bench: Bench) -> None:
    bench.read([start(1, "thirty.exe"), start(2, "thirty.exe")])
    assert bench.incidents() == []
    write_rules(bench.rules, scores="score = 60")
    bench.read([])
    assert [row[0] for row in bench.told()] == [SCORE_ID, SCORE_ID]
    write_rules(bench.rules, scores="score = 61")
    bench.read([])
    assert bench.incidents() == []


def test_a_case_without_scores_gets_them(bench: Bench, tmp_path: Path) -> None:
    bench.read([start(1, "fifty.exe"), start(2, "fifty.exe"), start(3, "ten.exe")])
    db = connect(bench.case)
    wanted = sorted(map(tuple, db.execute("SELECT * FROM risk")))
    alerts: list[Any] = db.execute("SELECT * FROM alert WHERE process <> ''").fetchall()
    columns = [row[0] for row in db.execute("SELECT name FROM pragma_table_info('alert')")]
    db.close()
    bench.case = str(tmp_path / "old.triage")
    with pytest.MonkeyPatch.context() as patch:
        steps = tables.STEPS[: tables.STEPS.index(case_risk.install)]
        patch.setattr(tables, "STEPS", steps)
        patch.setattr(tables, "VERSION", len(steps))
        old = connect(bench.case)
    known = [row[0] for row in old.execute("SELECT name FROM pragma_table_info('alert')")]
    names = ", ".join(known)
    marks = ", ".join("?" * len(known))
    for alert in alerts:
        row = dict(zip(columns, alert, strict=True))
        old.execute(f"INSERT INTO alert ({names}) VALUES ({marks})", [row[one] for one in known])  # noqa: S608 - own columns
    old.execute("UPDATE alert SET close_reason = 'duplicate' WHERE process = 'ten.exe'")
    old.close()
    fresh = connect(bench.case)
    assert [row[:8] for row in wanted] == sorted(
        tuple(row)[:8] for row in fresh.execute("SELECT * FROM risk")
    )
    assert sum(row[0] for row in fresh.execute("SELECT NOT counts FROM risk")) == 2
    fresh.close()
    bench.read([])
    assert [one[0] for one in bench.told()] == [SCORE_ID, SCORE_ID]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", 'needs [triage.incident] with a window like "24h"'),
        ('[triage.incident]\nwindow = "a day"\nscore = 1', "with a window like"),
        ('[triage.incident]\nwindow = "24h"', "asks for nothing"),
        ('[triage.incident]\nwindow = "24h"\nscore = -1', "whole numbers from 0 up"),
        ('[triage.incident]\nwindow = "24h"\ntactics = true', "whole numbers from 0 up"),
    ],
)
def test_a_wrong_risk_rule_is_a_problem_at_its_line(tmp_path: Path, table: str, told: str) -> None:
    head = INCIDENT.partition("[triage.incident]")[0].format(name="r", rule_id="r")
    (tmp_path / "r.toml").write_text(head + table, "utf-8")
    loaded = load_rules([tmp_path])
    [problem] = [one for one in loaded.problems if one.severity == "error"]
    assert told in problem.message
    assert problem.line > 0
    assert not loaded.rules[0].runnable


def test_a_hunt_with_the_bundled_rules_tells_incidents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rules(tmp_path / "rules")
    docs = [start(1, "fifty.exe"), start(2, "fifty.exe")]
    log = events.write(tmp_path / "a.ndjson", docs)
    rules = [str(tmp_path / "rules" / f"{name}.toml") for name in ("fifty", "ten")]
    options = [part for rule in rules for part in ("--rules", rule)]
    assert main(["hunt", str(log), *options]) == 0
    told = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = [doc["kibana.alert.rule.name"] for doc in told]
    assert names.count("Risk Threshold Exceeded in 24 Hours") == 2
    assert "host pc-1 reached a risk of 100 within 24 h; alerts: 2; rules: fifty" in [
        doc["kibana.alert.reason"] for doc in told
    ]


# Whatever the order ------------------------------------------------------------------------------


def expected(parts: Sequence[Part], incident: Incident) -> list[int]:
    """When incidents are told, in the plainest way there is."""
    found: list[int] = []
    for one in sorted(parts, key=lambda part: (part.time, part.alert_id)):
        before = [
            part
            for part in parts
            if one.time - incident.window < part.time
            and (part.time, part.alert_id) <= (one.time, one.alert_id)
        ]
        enough = (
            sum(part.score for part in before) >= incident.score
            and len({tactic for part in before for tactic in part.tactics}) >= incident.tactics
            and len({part.rule_id for part in before}) >= incident.rules
        )
        if enough and (not found or one.time >= found[-1] + incident.window):
            found.append(one.time)
    return found


PARTS = st.lists(
    st.builds(
        Part,
        time=st.integers(0, 60),
        alert_id=st.uuids().map(str),
        score=st.sampled_from([0.5, 10, 33.3, 50]),
        rule_id=st.sampled_from("abc"),
        tactics=st.sampled_from([(), ("T1",), ("T2", "T3")]),
    ),
    max_size=30,
)
INCIDENTS = st.builds(
    Incident,
    window=st.integers(1, 40),
    score=st.sampled_from([0, 60, 100]),
    tactics=st.sampled_from([0, 3]),
    rules=st.sampled_from([1, 2]),
    message=st.just(""),
)


@given(PARTS, INCIDENTS)
def test_crossings_are_those_of_the_plain_definition(parts: list[Part], incident: Incident) -> None:
    ordered = sorted(parts, key=lambda part: (part.time, part.alert_id))
    found = list(crossings(ordered, incident, -1))
    assert [told[-1].time for told in found] == expected(parts, incident)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_incidents_are_the_same_in_whatever_order_alerts_come(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Any order, any cutting into logs, anything read twice, anything decided and taken back."""
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("orders")
    write_rules(folder / "rules")
    programs = list(PROGRAMS)
    docs = [
        start(hour, chance.choice(programs), **{"user.name": chance.choice(["mara", "jon"])})
        for hour in sorted(chance.sample(range(400), 24))
    ]
    straight, mixed = Bench(folder / "a"), Bench(folder / "b")
    for one in (straight, mixed):
        one.folder.mkdir()
        one.rules = folder / "rules"
    straight.read(docs)
    chance.shuffle(docs)
    mara = Decisions(mixed.case, "mara", mixed.clock)
    while docs:
        some = docs[: chance.randrange(1, 9)]
        del docs[: len(some)]
        if chance.random() < 0.3:
            docs += some[:1]
        mixed.read(some)
        rows = CaseReader(mixed.case).alerts()
        mara.close([chance.choice(rows).id], "duplicate")
        mixed.read([])
        mara.undo()
    mixed.read([])
    wanted = {row.id: straight.doc(row) for row in straight.incidents()}
    found = {row.id: mixed.doc(row) for row in mixed.incidents()}
    for doc in (*wanted.values(), *found.values()):
        for name in ("@timestamp", "kibana.alert.start", "kibana.alert.last_detected"):
            del doc[name]
    assert found == wanted


def test_hostile_names_are_names(bench: Bench) -> None:
    evil = "\x1b[31m[/]{{user.name}}'; DROP TABLE risk; --\u202e"
    bench.read([start(n, "fifty.exe", **{"host.name": evil}) for n in (1, 2)])
    host = next(row for row in bench.incidents() if not row.user)
    assert host.host == evil
    assert bench.doc(host)["triage.risk.message"].startswith(evil)


def test_objects_of_the_wrong_shape_add_nothing() -> None:
    doc = {"triage.risk.objects": [{"type": 1, "value": None, "score": "x"}, "x", None]}
    assert contributions(doc, "h", "u", 50.0) == ()
    assert [one.kind for one in contributions({}, "h", "u", 50.0)] == ["host", "user"]
    assert contributions({}, "", "-", 50.0) == ()


def test_bundled_risk_rules_are_splunks_two() -> None:
    rules = load_rules([Path(__file__).parent.parent / "rules"]).rules
    found: dict[str, Rule] = {rule.name: rule for rule in rules if rule.incident}
    day, week = sorted(
        (one.incident for one in found.values() if one.incident), key=lambda one: one.window
    )
    assert (day.window, day.score, day.tactics) == (24 * HOUR * times.SECOND, 100, 0)
    assert (week.window, week.score, week.tactics) == (168 * HOUR * times.SECOND, 0, 3)
