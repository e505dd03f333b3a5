"""triage sources: what logs hold, what of them could not be read, and what rules can make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import events
from tests.sources.windows import SUBJECT, Record
from tests.test_cli import triage
from triage.cli.common import OK
from triage.fit import MAX_VALUES
from triage.rules import load_rules
from triage.run import Config, Engine, hunt
from triage.sources import Follower
from triage.survey import MAX_NAMES, MAX_REJECTS, Survey, survey

NAMED = 'process where process.name : "beacon.exe"'


def surveyed(tmp_path: Path, docs: list[dict[str, Any]], *queries: str) -> Survey:
    for number, query in enumerate(queries):
        events.write_rule(tmp_path / "rules" / f"{number}.toml", query)
    log = events.write(tmp_path / "logs" / "day.ndjson", docs)
    follower = Follower([log], once=True)
    try:
        rules = load_rules([tmp_path / "rules"]).rules
        assert all(rule.runnable for rule in rules)
        return survey(follower, rules)
    finally:
        follower.close()


def test_a_log_is_told_in_full(tmp_path: Path) -> None:
    docs = [events.start(5, "a", "x.exe"), events.connect(1, "a", "x.exe")]
    docs[0]["winlog"] = {"channel": "Security"}
    docs[1]["host"]["name"] = "pc-2"
    docs.append(events.start(9, "b", "y.exe", **{"@timestamp": "no time at all"}))
    (log,) = surveyed(tmp_path, docs, NAMED).sources
    assert (log.source.format, log.events, log.untimed) == ("ecs", 3, 1)
    assert (log.first, log.last) == (events.START + 10**9, events.START + 5 * 10**9)
    assert dict(log.hosts) == {"pc-1": 2, "pc-2": 1}
    assert dict(log.channels) == {"Security": 1}
    assert dict(log.categories) == {"process": 2, "network": 1}


@pytest.mark.parametrize(
    ("query", "verdict", "missing", "absent"),
    [
        (NAMED, "ready", (), ()),
        ('process where process.pe.company : "x"', "blind", ("process.pe.company",), ()),
        ('process where process.name : "a" or process.pe.company : "x"', "partly",
         ("process.pe.company",), ()),
        ('process where process.name : "a" and not process.pe.company : "x"', "partly",
         ("process.pe.company",), ()),
        ("process where process.pe.company == null", "partly", ("process.pe.company",), ()),
        ('file where file.path : "x"', "blind", (), ("file",)),
        ('any where process.name : "a"', "ready", (), ()),
        # Network events hold no process.parent.name, though process events do.
        ('network where process.parent.name : "a"', "blind", ("process.parent.name",), ()),
        (events.BEACON, "ready", (), ()),
        ("sequence by host.id with maxspan=1m [process where true] [network where true]", "blind",
         ("host.id",), ()),
        ("sequence by ?host.id with maxspan=1m [process where true] [network where true]", "partly",
         ("host.id",), ()),
        ("sequence with maxspan=1m [process where true] [network where true]"
         " until [file where true]",
         "partly", (), ("file",)),
        ("sequence with maxspan=1m [process where true] ![file where true]", "partly", (),
         ("file",)),
    ],
)  # fmt: skip
def test_what_a_rule_can_make_of_the_events(
    tmp_path: Path, query: str, verdict: str, missing: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    docs = [
        events.start(1, "a", "x.exe", **{"process.parent.name": "p.exe"}),
        events.connect(2, "a", "x.exe"),
    ]
    found = surveyed(tmp_path, docs, query)
    (fit,) = found.rules
    assert (fit.verdict, fit.missing, fit.absent) == (verdict, missing, absent)
    assert found.sources[0].rules == found.rules


@pytest.mark.parametrize(
    ("query", "unfit"),
    [
        ('process where host.os.type == "linux"', ("host.os.type",)),
        ('any where event.code == "7045" and host.name != null', ("event.code",)),
        ('any where event.code in ("4697", "4698") and true', ()),
        ('iam where event.action == "service-installed"', ()),
        ('process where event.code == "4697"', ("event.code",)),  # another category has it
        ('process where not event.type : "start"', ()),  # not told why, but blind
        ('sequence by host.id [iam where event.outcome == "success"] [process where'
         ' event.action == "fork"]', ("event.action",)),
        ('process where event.code == "9" or process.name == "x.exe"', ()),
    ],
)  # fmt: skip
def test_a_rule_for_other_events_of_the_same_fields_is_blind(
    tmp_path: Path, query: str, unfit: tuple[str, ...]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    service = Record("4697", {**SUBJECT, "ServiceName": "u", "ServiceFileName": "C:\\x.exe"})
    start = Record("4688", {**SUBJECT, "NewProcessName": "C:\\x.exe", "NewProcessId": "0x4"})
    (logs / "security.xml").write_bytes(service.xml() + b"\n" + start.xml())
    rules = load_rules([events.write_rule(tmp_path / "rules" / "one.toml", query)]).rules
    follower = Follower([logs], once=True)
    (fit,) = survey(follower, rules).rules
    follower.close()
    assert (fit.missing, fit.absent, fit.unfit) == ((), (), unfit)
    assert (fit.verdict == "blind") == bool(unfit or "not event.type" in query)


def test_a_field_of_endless_values_is_taken_to_hold_any(tmp_path: Path) -> None:
    docs = [
        events.start(1, "a", "x.exe", **{"event.code": str(number)})
        for number in range(MAX_VALUES + 1)
    ]
    found = surveyed(tmp_path, docs, 'process where event.code == "none of them"')
    assert [one.verdict for one in found.rules] == ["ready"]
    long = [events.start(1, "a", "x.exe", **{"event.code": "x" * 10_000})]
    found = surveyed(tmp_path, long, 'process where event.code == "none of them"')
    assert [one.verdict for one in found.rules] == ["ready"]


def test_what_one_log_lacks_another_may_hold(tmp_path: Path) -> None:
    events.write(tmp_path / "logs" / "net.ndjson", [events.connect(2, "a", "beacon.exe")])
    found = surveyed(tmp_path, [events.start(1, "a", "beacon.exe")], events.BEACON)
    assert [one.rules[0].verdict for one in found.sources] == ["blind"]
    follower = Follower([tmp_path / "logs"], once=True)
    both = survey(follower, load_rules([tmp_path / "rules"]).rules)
    follower.close()
    assert [one.rules[0].verdict for one in both.sources] == ["blind", "blind"]
    assert [one.verdict for one in both.rules] == ["ready"]


def test_what_a_hostile_log_makes_us_remember_has_an_end(tmp_path: Path) -> None:
    docs = [
        {**events.start(1, "a", "x"), "host": {"name": f"{number:>05}" + "x" * 5000}}
        for number in range(MAX_NAMES + 50)
    ]
    log = events.write(tmp_path / "flood.ndjson", docs)
    log.write_bytes(log.read_bytes() + b"{broken\n" * (MAX_REJECTS + 50))
    follower = Follower([log], once=True)
    (one,) = survey(follower, ()).sources
    follower.close()
    assert len(one.hosts) == MAX_NAMES
    assert max(len(name) for name, _ in one.hosts) <= 256
    assert len(one.rejects) == MAX_REJECTS
    assert (one.events, one.rejected) == (MAX_NAMES + 50, MAX_REJECTS + 50)


def test_rejects_are_told_with_line_and_offset(tmp_path: Path) -> None:
    good = events.line(events.start(1, "a", "x.exe"))
    log = tmp_path / "x.ndjson"
    log.write_bytes(good + b"{\x1b]0;bad\n" + good + b"{worse\n")
    done = triage("sources", log, "--format", "ndjson", home=tmp_path)
    assert done.returncode == OK
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    places = [(one["line"], one["position"]) for one in told["rejects"]]
    assert places == [(2, len(good)), (4, 2 * len(good) + 9)]
    assert told["rejected"] == 2
    table = triage("sources", log, home=tmp_path).stdout
    assert f"line 2, byte {len(good):,}: not JSON" in table
    assert "\\x1b]0;bad" in table
    assert all(char.isprintable() or char == "\n" for char in table)


def test_json_is_one_document_with_logs_and_rules(tmp_path: Path) -> None:
    rule = events.write_rule(tmp_path / "r" / "any.toml", 'process where process.pe.company : "x"')
    events.write(tmp_path / "logs" / "day.ndjson", [events.start(1, "a", "x.exe")])
    (tmp_path / "logs" / "noise.bin").write_bytes(bytes(range(256)) * 40)
    arguments = ("--rules", rule, "--no-bundled-rules", "--format", "json")
    done = triage("sources", tmp_path / "logs", *arguments, home=tmp_path)
    assert done.returncode == OK, done.stderr
    told = json.loads(done.stdout)
    assert [one["state"] for one in told["sources"]] == ["idle", "not a log"]
    assert "unknown content" in told["sources"][1]["reason"]
    assert told["rules"]["ready"] == []
    assert told["rules"]["blind"][0]["missing"] == ["process.pe.company"]
    assert "noise.bin: not a log: unknown content" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("no-such-log",), "no-such-log"), ((".", "--rules", "no-such-rules"), "no-such-rules")],
)
def test_bad_usage_exits_with_two(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = triage("sources", *arguments, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.shared
def test_no_rule_that_alerts_is_called_blind(shared: Path, tmp_path: Path) -> None:
    """A sound verdict: what alerts on a log can alert on it."""
    logs = sorted((shared / "logs" / "otrf").rglob("*"))
    logs = [path for path in logs if path.is_file()][:8]
    rules = shared / "elastic-rules"
    engine = Engine(Config((rules,), tmp_path), ":memory:", Follower(logs, once=True))
    hunt(engine, lambda: None)
    alerted = {row[0] for row in engine.writer.connection.execute("SELECT rule_id FROM alert")}
    running = list(engine.book.rules.values())
    engine.close()
    follower = Follower(logs, once=True)
    found = survey(follower, running)
    follower.close()
    assert alerted
    assert not alerted & {one.rule_id for one in found.rules if one.verdict == "blind"}


def test_the_table_names_the_folder_once_and_the_rules_that_can_use_the_logs(
    tmp_path: Path,
) -> None:
    rule = events.write_rule(tmp_path / "r" / "start.toml", 'process where process.name : "x"')
    logs = tmp_path / "logs"
    for name in ("one", "two"):
        events.write(logs / name / "day.ndjson", [events.start(1, name, "x.exe")])
    (logs / "MANIFEST.json").write_text('{"source": "somewhere"}\n')
    arguments = ("--rules", rule, "--no-bundled-rules")
    done = triage("sources", logs, *arguments, home=tmp_path)
    assert done.returncode == OK, done.stderr
    # The name of a folder is as long as it is: it goes on in the same column.
    table = "".join(line.split("  ")[0] for line in done.stdout.splitlines())
    assert table.count("/logs") == 1
    assert "one/day.ndjson" in table
    assert "not a log: JSON objects without @timestamp" in done.stdout
    assert "ready  Beacon" in done.stdout
    assert "MANIFEST" not in done.stderr  # it is in the table
    assert "what is read is EVTX" in done.stderr


def test_a_log_that_tells_no_host_says_so(tmp_path: Path) -> None:
    viewer = Path(__file__).parent / "data" / "logs" / "viewer.csv"
    assert "none told" in triage("sources", viewer, home=tmp_path).stdout
    log = events.write(tmp_path / "l.ndjson", [events.start(1, "a", "x.exe")])
    assert "none told" not in triage("sources", log, home=tmp_path).stdout
