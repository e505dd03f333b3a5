"""What the panes of an alert are made of, on small logs of our own and on real ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import events
from tests.conftest import DETECTIONS
from triage import context, times
from triage.case.model import AlertDetail
from triage.case.read import CaseReader
from triage.config import bundled
from triage.context import ProcessNode
from triage.run import Config, Engine, hunt
from triage.sources import Follower, read_range


def read(
    paths: list[Path], rules: Path | list[Path], case: Path
) -> tuple[CaseReader, list[AlertDetail]]:
    """The case of some logs and its alerts by time."""
    engine = Engine(
        Config((rules,) if isinstance(rules, Path) else tuple(rules), case.parent / "x"),
        str(case),
        Follower(paths, once=True),
    )
    ids = hunt(engine, lambda: None)
    reader = CaseReader(engine.writer.connection)
    return reader, [alert for id_ in ids if (alert := reader.alert(id_))]


def detections() -> list[Path]:
    return [bundled("rules").parent / path for path in DETECTIONS]


def outline(node: ProcessNode | None, depth: int = 0) -> list[str]:
    """A process tree as indented lines."""
    if node is None:
        return []
    mark = {"subject": "▶ ", "sibling": "~ "}.get(node.role, "")
    own = f"{'  ' * depth}{mark}{node.process.name}"
    return [own, *(line for child in node.children for line in outline(child, depth + 1))]


def family() -> list[dict[str, object]]:
    """explorer → cmd → beacon → (child), cmd's other child, and somebody else's process."""

    def began(
        second: float, id_: str, name: str, parent: str, parent_name: str
    ) -> dict[str, object]:
        fields = {
            "process.parent.entity_id": parent,
            "process.parent.name": parent_name,
            "process.parent.pid": 7,
            "process.command_line": f"{name} --run",
        }
        return events.start(second, id_, name, **fields)

    return [
        began(1, "cmd", "cmd.exe", "explorer", "explorer.exe"),
        began(2, "side", "whoami.exe", "cmd", "cmd.exe"),
        began(3, "evil", "beacon.exe", "cmd", "cmd.exe"),
        events.connect(4, "evil", "beacon.exe"),
        events.connect(5, "evil", "beacon.exe", **{"destination.ip": "10.0.0.9"}),
        events.connect(6, "evil", "beacon.exe", **{"network.bytes": 700}),
        events.connect(7, "evil", "beacon.exe", **{"network.bytes": 300}),
        began(8, "below", "calc.exe", "evil", "beacon.exe"),
        events.event(9, "process", "end", "below", "calc.exe"),
        began(10, "other", "notepad.exe", "shell", "explorer.exe"),
    ]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[CaseReader, AlertDetail]]:
    rule = events.write_rule(tmp_path / "rule.toml")
    log = events.write(tmp_path / "log.ndjson", family())
    reader, alerts = read([log], rule, tmp_path / "c.triage")
    assert len(alerts) == 1
    yield reader, alerts[0]
    reader.close()


def test_the_tree_shows_ancestors_siblings_and_children(
    own: tuple[CaseReader, AlertDetail],
) -> None:
    assert outline(context.process_tree(*own)) == [
        "explorer.exe",
        "  cmd.exe",
        "    ~ whoami.exe",
        "    ▶ beacon.exe",
        "      calc.exe",
    ]


def test_an_end_is_known_whichever_comes_first(tmp_path: Path) -> None:
    rule = events.write_rule(tmp_path / "rule.toml")
    log = events.write(tmp_path / "log.ndjson", family()[::-1])
    reader, _ = read([log], rule, tmp_path / "c.triage")
    process = reader.process("pc-1", "below")
    assert process is not None
    assert (process.start, process.end) == (
        events.START + 8 * times.SECOND,
        events.START + 9 * times.SECOND,
    )


def test_connections_are_joined_by_remote_address(own: tuple[CaseReader, AlertDetail]) -> None:
    reader, alert = own
    found = context.connections(alert, context.around(reader, alert).events)
    assert [(one.address, one.port, one.scope, one.count, one.bytes) for one in found] == [
        ("203.0.113.7", 443, "public", 3, 1000),
        ("10.0.0.9", 443, "private", 1, None),
    ]
    first = found[0]
    assert (first.direction, first.matched, first.process) == ("egress", True, "beacon.exe")
    assert (first.first, first.last) == (
        events.START + 4 * times.SECOND,
        events.START + 7 * times.SECOND,
    )


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("10.1.2.3", "private"),
        ("172.31.0.1", "private"),
        ("172.32.0.1", "public"),
        ("fd00::1", "private"),
        ("169.254.9.9", "link-local"),
        ("fe80::1", "link-local"),
        ("224.0.0.251", "multicast"),
        ("203.0.113.7", "public"),
        ("::ffff:192.168.0.1", "private"),
        ("not an address", ""),
    ],
)
def test_scope_of_an_address(address: str, scope: str) -> None:
    assert context.scope(address) == scope


def test_the_window_bounds_the_related_events(own: tuple[CaseReader, AlertDetail]) -> None:
    reader, alert = own
    near = context.around(reader, alert, 2 * times.SECOND)
    seconds = [(event.time - events.START) // times.SECOND for event in near.events]
    assert seconds == [1, 2, 3, 4, 5, 6]
    assert near.missing == ()
    assert {one.event.id for one in alert.matched} <= {event.id for event in near.events}


def test_matched_values_say_why(own: tuple[CaseReader, AlertDetail]) -> None:
    tests = context.matched_values(own[1])
    assert ('process.name : "beacon.exe"', ("beacon.exe",)) in [
        (test.text, test.values) for test in tests if test.stage == 0
    ]
    assert ("destination.port == 443", ("443",)) in [
        (test.text, test.values) for test in tests if test.stage == 1
    ]


def test_a_case_still_shows_what_lay_around_when_the_logs_are_gone(tmp_path: Path) -> None:
    rule = events.write_rule(tmp_path / "rule.toml")
    log = events.write(tmp_path / "log.ndjson", family())
    config = Config((rule,), tmp_path / "x")
    engine = Engine(config, str(tmp_path / "c.triage"), Follower([log], once=True))
    (id_,) = hunt(engine, lambda: None)
    assert list(engine.gather(60)) == [0]
    log.unlink()
    reader = CaseReader(engine.writer.connection)
    alert = reader.alert(id_)
    assert alert is not None
    around = context.around(reader, alert)
    assert len(around.events) == 10
    assert len(context.connections(alert, around.events)) == 2
    assert [str(log) in reason for reason in around.missing] == [True]


def test_evidence_outlives_a_log_that_goes_before_the_window_has_passed(tmp_path: Path) -> None:
    rule = events.write_rule(tmp_path / "rule.toml")
    log = events.write(tmp_path / "log.ndjson", family())
    now = events.START + 10 * times.SECOND
    engine = Engine(
        Config((rule,), tmp_path / "x"), str(tmp_path / "c.triage"), Follower([log]), lambda: now
    )
    for block in engine.follower.poll():
        engine.take(block)
    reader = CaseReader(engine.writer.connection)
    (alert,) = reader.alerts()
    for passed, gathered, whole in ((0, False, False), (60, True, False), (301, True, True)):
        now = events.START + (10 + passed) * times.SECOND
        list(engine.gather(60))
        assert (len(reader.events("pc-1", 0, 1 << 62)) == 10) is gathered
        assert reader.gathered(alert.id) is whole
        if gathered:
            log.unlink(missing_ok=True)
    engine.close()


def test_of_much_evidence_the_nearest_is_told(own: tuple[CaseReader, AlertDetail]) -> None:
    reader, alert = own
    middle = alert.row.time
    kept = reader.events("pc-1", middle - 60 * times.SECOND, middle + 60 * times.SECOND)
    distances = sorted(abs(event.time - middle) for event in kept)
    assert len(kept) > 3
    few = reader.events("pc-1", middle - 60 * times.SECOND, middle + 60 * times.SECOND, limit=3)
    assert [event.id for event in few] == [one.id for one in kept if one in few]
    assert sorted(abs(event.time - middle) for event in few) == distances[:3]


def test_evidence_is_kept_in_slices_however_short_they_are(tmp_path: Path) -> None:
    """Between two of them new lines are read: nothing may be begun anew each time."""
    rule = events.write_rule(tmp_path / "rule.toml")
    for number in range(3):
        log = events.write(tmp_path / "logs" / f"{number}.ndjson", family())
        for same in (b"pc-1", b"evil"):
            log.write_bytes(log.read_bytes().replace(same, same + b"-%d" % number))
    config = Config((rule,), tmp_path / "x")
    follower = Follower([tmp_path / "logs"], once=True)
    engine = Engine(config, str(tmp_path / "c.triage"), follower)
    ids = hunt(engine, lambda: None)
    slices = 0
    while slices == 0 or engine.gathering:
        list(engine.gather(0))
        slices += 1
    assert slices > len(ids) == 3
    reader = CaseReader(engine.writer.connection)
    assert all(map(reader.gathered, ids))
    for row in reader.alerts():
        assert len(reader.events(row.host, 0, 1 << 62)) == 10


def test_a_log_written_a_few_lines_at_a_time_is_remembered_as_what_lies_together(
    tmp_path: Path,
) -> None:
    rule = events.write_rule(tmp_path / "rule.toml")
    log = tmp_path / "log.ndjson"
    follower = Follower([events.write(log, [])], clock=iter(range(1_000)).__next__)
    engine = Engine(Config((rule,), tmp_path / "x"), str(tmp_path / "c.triage"), follower)
    later = [events.start(3_600 + n, f"n{n}", "svchost.exe") for n in range(10)]
    for doc in (*family(), *later):
        with log.open("ab") as file:
            file.write(events.line(doc))
        for block in follower.poll():
            engine.take(block)
    reader = CaseReader(engine.writer.connection)
    assert len(reader.blocks()) == 2  # an hour lies between them
    (alert,) = (reader.alert(row.id) for row in reader.alerts())
    assert alert is not None
    assert len(context.around(reader, alert).events) == 10
    assert len(reader.blocks("pc-1", events.START + 3_700 * times.SECOND)) == 0
    engine.close()


def test_the_nearest_events_are_found_without_reading_all_that_lies_around(
    tmp_path: Path,
) -> None:
    rule = events.write_rule(tmp_path / "rule.toml")
    noise = [events.start(n / 10, f"n{n}", "svchost.exe") for n in range(-2_000, 2_000)]
    logs = [events.write(tmp_path / "own.ndjson", family())]
    logs += [
        events.write(tmp_path / f"{at}.ndjson", noise[at : at + 400]) for at in range(0, 4_000, 400)
    ]
    reader, (alert, *_) = read(logs, rule, tmp_path / "c.triage")
    opened: list[str] = []

    def counted(source: str, *place: Any) -> list[tuple[int, bytes]]:
        opened.append(source)
        return list(read_range(source, *place))

    (*_, near) = context.nearest(reader, alert, 50, counted)
    middle = alert.row.time
    every = context.around(reader, alert, 200 * times.SECOND).events
    wanted = sorted(abs(event.time - middle) for event in every)[:50]
    assert [abs(event.time - middle) for event in near] == wanted
    assert len(opened) < len(logs) / 2


# Real logs ----------------------------------------------------------------------------------------


@pytest.mark.shared
def test_real_installutil_beacon(shared: Path, tmp_path: Path) -> None:
    log = shared / "logs" / "otrf" / "covenant_installutil_2020-09-19211702.json"
    reader, alerts = read([log], detections(), tmp_path / "c.triage")
    assert len(alerts) == 3
    for alert in alerts:
        assert outline(context.process_tree(reader, alert)) == [
            "GruntHTTP.exe",
            "  cmd.exe",
            "    ▶ InstallUtil.exe",
            "    ~ conhost.exe",
        ]
        around = context.around(reader, alert)
        assert len(around.events) > 500
        (connection,) = context.connections(alert, around.events)
        assert (connection.address, connection.port, connection.scope) == (
            "10.10.10.5",
            80,
            "private",
        )
        assert alert.row.user == "THESHIRE\\pgustavo"
        assert alert.doc["kibana.alert.rule.threat"][0]["tactic"]["id"] == "TA0005"
        assert context.matched_values(alert)


@pytest.mark.shared
def test_real_evtx_with_two_system_binaries(shared: Path, tmp_path: Path) -> None:
    log = shared / "logs" / "evtx-attack-samples" / "panache_sysmon_vs_EDRTestingScript.evtx"
    reader, alerts = read([log], detections(), tmp_path / "c.triage")
    assert [alert.row.process for alert in alerts] == ["mshta.exe", "regsvr32.exe"]
    assert outline(context.process_tree(reader, alerts[0])) == [
        "explorer.exe",
        "  cmd.exe",
        "    cmd.exe",
        "      ▶ mshta.exe",
        "        calc.exe",
    ]
    around = context.around(reader, alerts[0])
    assert len(around.events) == 122
    assert [
        (one.address, one.port, one.scope, one.matched)
        for one in context.connections(alerts[0], around.events)
    ] == [("151.101.0.133", 443, "public", True), ("93.184.220.29", 80, "public", False)]
    lines = [context.describe(event) for event in around.events]
    assert any("AllTheThings.dll" in line and line.startswith("file creation") for line in lines)


def test_drill_downs_find_the_other_alerts(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    drill = """
[[triage.drilldown]]
name = "Other results for {{user.name}} on {{host.name}}"
query = '''
any where event.kind == "signal" and kibana.alert.rule.rule_id == {{kibana.alert.rule.rule_id}} and
  user.name == {{user.name}} and host.name == {{host.name}}
'''
window = "1h"
"""
    path = events.write_rule(rules / "a.toml", 'process where process.name : "a.exe"')
    path.write_text(path.read_text("utf-8") + drill, "utf-8")
    events.write_rule(rules / "b.toml", 'process where process.name : "a.exe"')
    docs = [
        events.start(0, "long ago", "a.exe"),
        events.start(4000, "p1", "a.exe"),
        events.start(4001, "p2", "a.exe", **{"user.name": 'x" or true or "'}),
        events.start(4002, "p3", "a.exe"),
    ]
    log = events.write(tmp_path / "log.ndjson", docs)
    reader, alerts = read([log], rules, tmp_path / "c.triage")
    (last,) = [one for one in alerts if one.row.rule_id == "id-a" and one.row.entity_id == "p3"]
    (found,) = context.drilldowns(reader, last)
    assert found.name == "Other results for mara on pc-1"
    assert [row.entity_id for row in found.results] == ["p1"]
    (odd,) = [one for one in alerts if one.row.rule_id == "id-a" and one.row.entity_id == "p2"]
    (found,) = context.drilldowns(reader, odd)  # a quote in a value stays in its literal
    assert (found.results, found.problem) == ((), "")


def test_drill_downs_for_events_look_through_the_logs(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    drill = """
[[triage.drilldown]]
name = "What else {{user.name}} started"
query = 'process where user.name == {{user.name}} and process.entity_id != {{process.entity_id}}'
window = "1h"

[[triage.drilldown]]
name = "In a row"
query = 'sequence by user.name [any where true] [any where user.name == {{user.name}}]'
window = "alert"
"""
    path = events.write_rule(rules / "a.toml", 'process where process.name : "a.exe"')
    path.write_text(path.read_text("utf-8") + drill, "utf-8")
    docs = [
        events.start(0, "long ago", "b.exe"),
        events.start(3900, "p1", "b.exe"),
        events.start(3950, "p2", "b.exe", **{"user.name": "other"}),
        events.start(4000, "evil", "a.exe"),
        events.start(4001, "after", "b.exe"),
    ]
    log = events.write(tmp_path / "log.ndjson", docs)
    reader, (alert,) = read([log], rules, tmp_path / "c.triage")
    assert context.drilldowns(reader, alert) == ()
    found, row = context.over_logs(alert)
    assert (found.label, found.problem, found.alerts) == ("What else mara started", "", False)
    assert context.answer(reader, found) == 1
    seen = [one.events for one in context.search(reader, found.wanted)]
    assert [event.doc["process"]["entity_id"] for some in seen for event in some] == ["p1"]
    assert row.problem == "over logs a query is for one event, without a pipe"
    assert context.answer(reader, row) is None


def test_what_the_process_started_connects_too(tmp_path: Path) -> None:
    child = {"process.parent.entity_id": "evil", "process.parent.name": "beacon.exe"}
    docs = [
        events.start(1, "evil", "beacon.exe"),
        events.connect(2, "evil", "beacon.exe"),
        events.start(3, "child", "dropper.exe", **child),
        events.connect(4, "child", "dropper.exe", **{"destination.ip": "198.51.100.4"}),
        events.connect(5, "stranger", "other.exe", **{"destination.ip": "198.51.100.5"}),
    ]
    log = events.write(tmp_path / "log.ndjson", docs)
    reader, alerts = read([log], events.write_rule(tmp_path / "r.toml"), tmp_path / "c.triage")
    found = context.connections(alerts[0], context.around(reader, alerts[0]).events)
    assert [(one.process, one.address) for one in found] == [
        ("beacon.exe", "203.0.113.7"),
        ("dropper.exe", "198.51.100.4"),
    ]
