"""The engine at work: files that change under it, exceptions, and one engine a case."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import events
from triage.case.decide import Decisions
from triage.case.exceptions import hits, suppressed
from triage.case.faults import CaseUnavailableError
from triage.case.lock import CaseHeldError, EngineLock
from triage.case.read import CaseReader
from triage.case.verify import verify
from triage.case.words import told
from triage.case.write import CaseWriter
from triage.context import around
from triage.errors import TriageError
from triage.exceptions import (
    Entry,
    ExceptionList,
    Item,
    append_item,
    remove_item,
    write_values,
)
from triage.run import Config, Engine, EngineProcess, follow
from triage.sources import Follower

CHROME = 'process where process.name : "chrome.exe"'
NOTEPAD = 'process where process.name : "notepad.exe"'


class Bench:
    """An engine over a folder that a test changes."""

    def __init__(self, folder: Path) -> None:
        self.now = events.START
        self.rules = folder / "rules"
        self.exceptions = folder / "exceptions"
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.exceptions.mkdir()
        self.case = str(folder / "c.triage")
        self.seconds = 0
        events.write_rule(self.rules / "chrome.toml", CHROME)

    def engine(self) -> Engine:
        config = Config((self.rules,), self.exceptions)
        known = CaseWriter(self.case, lambda: self.now).positions()
        ten_seconds_a_look = itertools.count(0, 10)
        follower = Follower([self.logs], known, clock=lambda: next(ten_seconds_a_look))
        engine = Engine(config, self.case, follower, lambda: self.now)
        engine.resume()
        return engine

    def start(self, *names: str) -> None:
        """Append process starts to the log."""
        with (self.logs / "a.ndjson").open("ab") as log:
            for name in names:
                self.seconds += 1
                log.write(events.line(events.start(self.seconds, f"p{self.seconds}", name)))

    def except_(self, process: str, expires: int | None = None) -> Path:
        path = self.exceptions / "chrome.toml"
        item = Item(
            item_id=f"i-{process}",
            name="benign",
            entries=(Entry("process.name", "match", (process,)),),
            comment="known",
            expire_time=expires,
        )
        append_item(path, ExceptionList("chrome", "Chrome"), item)
        return path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def read_all(engine: Engine) -> None:
    """Read what is there now."""
    engine.refresh()
    for block in engine.follower.poll():
        engine.take(block)


def processes(engine: Engine) -> list[str]:
    rows = CaseReader(engine.writer.connection).alerts()
    return [row.process for row in sorted(rows, key=lambda row: row.time)]


def test_a_changed_rule_is_in_force_for_what_comes_then(bench: Bench) -> None:
    engine = bench.engine()
    bench.start("chrome.exe", "notepad.exe")
    read_all(engine)
    events.write_rule(bench.rules / "chrome.toml", NOTEPAD)
    bench.start("chrome.exe", "notepad.exe")
    read_all(engine)
    assert processes(engine) == ["chrome.exe", "notepad.exe"]
    engine.close()


PAIR = """sequence by host.name with maxspan=5m
  [process where process.name : "chrome.exe"] [process where process.name : "notepad.exe"]"""


@pytest.mark.parametrize("stopped", [False, True], ids=["while it runs", "while it is stopped"])
def test_an_event_that_waits_is_let_go_by_an_exception_that_covers_it(
    bench: Bench, stopped: bool
) -> None:
    """The second chrome.exe would have been joined with notepad.exe; now the first one is."""
    events.write_rule(bench.rules / "chrome.toml", PAIR)
    engine = bench.engine()
    bench.start("chrome.exe", "chrome.exe")
    read_all(engine)
    if stopped:
        engine.close()
    item = Item("i", "the second", (Entry("process.entity_id", "match", ("p2",)),))
    append_item(bench.exceptions / "chrome.toml", ExceptionList("chrome", "Chrome"), item)
    engine = bench.engine() if stopped else engine
    engine.refresh()
    case = CaseReader(engine.writer.connection)
    assert [event.doc["process"]["entity_id"] for event, _ in suppressed(case, "i")] == ["p2"]
    bench.start("notepad.exe")
    read_all(engine)
    (alert,) = case.alerts()
    assert [one.event.doc["process"]["entity_id"] for one in case.matched(alert.id)] == ["p1", "p3"]
    engine.close()
    engine = bench.engine()  # nothing of it comes back
    bench.start("notepad.exe")
    read_all(engine)
    assert len(CaseReader(engine.writer.connection).alerts()) == 1
    assert hits(CaseReader(engine.writer.connection))["i"].events == 1
    engine.close()


def test_an_alert_of_an_event_that_is_excepted_later_stays(bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", PAIR)
    engine = bench.engine()
    bench.start("chrome.exe", "notepad.exe")
    read_all(engine)
    bench.except_("chrome.exe")
    bench.start("notepad.exe")
    read_all(engine)
    (alert,) = CaseReader(engine.writer.connection).alerts()
    assert not alert.superseded
    engine.close()


def test_a_value_list_is_in_force_when_its_file_changes(bench: Bench) -> None:
    engine = bench.engine()
    write_values(bench.exceptions, "known", "keyword", ["other.exe"])
    entry = Entry("process.name", "list", ("known",), list_type="keyword")
    item = Item("i", "known", (entry,))
    append_item(bench.exceptions / "chrome.toml", ExceptionList("chrome", "Chrome"), item)
    bench.start("chrome.exe")
    read_all(engine)
    write_values(bench.exceptions, "known", "keyword", ["other.exe", "chrome.exe"])
    bench.start("chrome.exe")
    read_all(engine)
    assert len(CaseReader(engine.writer.connection).alerts()) == 1
    engine.close()


def test_a_rule_that_breaks_keeps_its_last_good_state_and_says_so(bench: Bench) -> None:
    engine = bench.engine()
    events.write_rule(bench.rules / "chrome.toml", "process where process.name = 1")
    bench.start("chrome.exe")
    read_all(engine)
    assert processes(engine) == ["chrome.exe"]
    reader = CaseReader(engine.writer.connection)
    ((path, line, column, severity, message),) = reader.problems()
    assert path.endswith("chrome.toml")
    assert (severity, line > 10, column) == ("error", True, 28)
    assert "==" in message
    events.write_rule(bench.rules / "chrome.toml", NOTEPAD)
    read_all(engine)
    assert reader.problems() == []
    engine.close()


def test_a_new_rule_joins_and_a_deleted_one_goes(bench: Bench) -> None:
    engine = bench.engine()
    events.write_rule(bench.rules / "notepad.toml", NOTEPAD)
    (bench.rules / "chrome.toml").unlink()
    bench.start("chrome.exe", "notepad.exe")
    read_all(engine)
    assert processes(engine) == ["notepad.exe"]
    assert [rule.name for rule in CaseReader(engine.writer.connection).rules()] == ["Beacon"]
    engine.close()


def test_an_exception_holds_from_then_on_and_counts_what_it_hides(bench: Bench) -> None:
    engine = bench.engine()
    bench.start("chrome.exe")
    read_all(engine)
    path = bench.except_("chrome.exe")
    bench.start("chrome.exe", "chrome.exe")
    read_all(engine)
    assert processes(engine) == ["chrome.exe"]
    assert engine.suppressed == 2
    (rule,) = CaseReader(engine.writer.connection).rules()
    assert (rule.alerts, rule.suppressed) == (1, 2)
    remove_item(path, "i-chrome.exe")
    bench.start("chrome.exe")
    read_all(engine)
    assert len(processes(engine)) == 2
    engine.close()


def test_an_expired_exception_does_nothing(bench: Bench) -> None:
    engine = bench.engine()
    bench.except_("chrome.exe", expires=events.START + 1_000)
    bench.start("chrome.exe")
    read_all(engine)
    assert processes(engine) == []
    bench.now = events.START + 1_000
    bench.start("chrome.exe")
    read_all(engine)
    assert processes(engine) == ["chrome.exe"]
    engine.close()


def test_f35_places_in_logs_long_gone_are_forgotten_and_in_others_kept(bench: Bench) -> None:
    month = 31 * 86_400 * 10**9
    for name in ("gone", "still"):
        events.write(bench.logs / f"{name}.ndjson", [events.start(1, name, "a.exe")])
    engine = bench.engine()
    read_all(engine)
    engine.close()
    (bench.logs / "gone.ndjson").unlink()
    for passed, left in ((0, 2), (month, 1)):
        bench.now += passed
        engine = bench.engine()
        read_all(engine)
        assert engine.events == 0  # what is still there is not read again
        engine.forget_gone()
        assert len(engine.writer.positions()) == left
        engine.close()


def test_a_benign_first_event_does_not_hide_the_malicious_second(bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", events.BEACON)
    item = Item("i", "update server", (Entry("destination.ip", "match", ("203.0.113.7",)),))
    append_item(bench.exceptions / "x.toml", ExceptionList("x", "X"), item)
    engine = bench.engine()
    docs = [
        events.start(1, "p", "beacon.exe"),
        events.connect(2, "p", "beacon.exe"),
        events.connect(3, "p", "beacon.exe", **{"destination.ip": "198.51.100.1"}),
    ]
    events.write(bench.logs / "b.ndjson", docs)
    read_all(engine)
    reader = CaseReader(engine.writer.connection)
    (row,) = reader.alerts()
    assert row.time == events.START + 3 * 10**9
    engine.close()


def test_a_sequence_reaches_across_a_restart(bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", events.BEACON)
    engine = bench.engine()
    events.write(bench.logs / "a.ndjson", [events.start(1, "p", "beacon.exe")])
    read_all(engine)
    engine.close()
    engine = bench.engine()
    with (bench.logs / "a.ndjson").open("ab") as log:
        log.write(events.line(events.connect(2, "p", "beacon.exe")))
    read_all(engine)
    assert processes(engine) == ["beacon.exe"]
    assert engine.events == 1  # what was read before is not read again
    engine.close()


def test_an_alert_that_a_late_event_brings_about_says_so(bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", events.BEACON)
    engine = bench.engine()
    log = bench.logs / "a.ndjson"
    docs = [
        events.start(10, "in-order", "beacon.exe"),
        events.connect(11, "in-order", "beacon.exe"),
        events.connect(12, "late", "beacon.exe"),
    ]
    events.write(log, docs)
    read_all(engine)
    with log.open("ab") as more:
        more.write(events.line(events.start(5, "late", "beacon.exe")))
        more.write(events.line(events.start(7, "in-order", "beacon.exe")))  # belongs to nothing
    read_all(engine)
    reader = CaseReader(engine.writer.connection)
    rows = reader.alerts()
    assert sorted((row.entity_id, row.late) for row in rows) == [
        ("in-order", False),
        ("late", True),
    ]
    told = reader.documents(row.id for row in rows)
    assert {doc["process"]["entity_id"] for doc in told if "triage.late" in doc} == {"late"}
    # A start between the two takes the place of the first one.
    with log.open("ab") as more:
        more.write(events.line(events.start(10.5, "in-order", "beacon.exe")))
    read_all(engine)
    rows = sorted(reader.alerts(), key=lambda row: (row.entity_id, row.late))
    assert [(row.entity_id, row.late, row.superseded) for row in rows] == [
        ("in-order", False, True),
        ("in-order", True, False),
        ("late", True, False),
    ]
    engine.close()


@pytest.mark.parametrize("stopped", [False, True])
def test_what_waits_in_a_log_that_was_rotated_since_is_found(stopped: bool, bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", events.BEACON)
    engine = bench.engine()
    log = bench.logs / "a.ndjson"
    events.write(log, [events.connect(12, "late", "beacon.exe")])
    read_all(engine)
    if stopped:
        engine.close()
    log.rename(log.with_name("a.1"))
    for number in range(20):  # more blocks than are held in memory
        if number == 10 and stopped:
            engine = bench.engine()
        events.write(bench.logs / f"b{number}.ndjson", [events.connect(99, f"p{number}", "x.exe")])
        if number >= 10 or not stopped:
            read_all(engine)
    events.write(log, [events.start(5, "late", "beacon.exe")])
    read_all(engine)
    reader = CaseReader(engine.writer.connection)
    (row,) = reader.alerts()
    assert (row.entity_id, row.late) == ("late", True)
    # And so are the events around it, which are read back from where they lie by now.
    detail = reader.alert(row.id)
    assert detail is not None
    shown = around(reader, detail).events
    assert [event.doc["event"]["category"] for event in shown[:2]] == [["process"], ["network"]]
    blocks = reader.blocks("pc-1", 0, 1 << 62)
    assert str(log.with_name("a.1")) in {source for source, *_ in blocks}
    engine.close()


def test_a_changed_rule_lets_its_open_sequences_go(bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", events.BEACON)
    engine = bench.engine()
    events.write(bench.logs / "a.ndjson", [events.start(1, "p", "beacon.exe")])
    read_all(engine)
    engine.close()
    events.write_rule(bench.rules / "chrome.toml", events.BEACON.replace("443", "80"))
    engine = bench.engine()
    with (bench.logs / "a.ndjson").open("ab") as log:
        log.write(events.line(events.connect(2, "p", "beacon.exe", **{"destination.port": 80})))
    read_all(engine)
    assert processes(engine) == []
    engine.close()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"@timestamp": \x1b[31m}', "not JSON"),
        (b'{"@timestamp": "2026-03-02T09:15:00Z", "process": {"name": "\xff\xfe"}}', "UTF-8"),
        (bytes(3000), "NUL"),
        (b"[" * 100_000, "not JSON"),
    ],
    ids=["json", "utf-8", "nul", "deep"],
)
def test_f07_what_is_no_record_is_kept_with_place_and_reason(
    raw: bytes, why: str, bench: Bench
) -> None:
    engine = bench.engine()
    bench.start("chrome.exe")
    with (bench.logs / "a.ndjson").open("ab") as log:
        at = log.tell()
        log.write(raw + b"\n")
    bench.start("chrome.exe")
    read_all(engine)
    assert processes(engine) == ["chrome.exe", "chrome.exe"]
    (reject,) = CaseReader(engine.writer.connection).rejects()
    assert reject.position == at
    assert len(reject.excerpt) >= 16
    assert raw.startswith(reject.excerpt)
    assert why in reject.reason
    assert [one.rejects for one in engine.sources()] == [1]
    engine.close()


def test_f25_a_full_disk_takes_no_place_in_a_log_for_read(bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", CHROME, max_signals=1000)
    engine = bench.engine()
    bench.start(*["chrome.exe"] * 50)
    read_all(engine)
    before = engine.writer.positions()
    database = engine.writer.connection
    database.pragma("max_page_count", database.pragma("page_count"))
    bench.start(*["chrome.exe"] * 500)
    with pytest.raises(CaseUnavailableError, match="disk full"):
        read_all(engine)
    assert engine.writer.positions() == before
    assert len(processes(engine)) == 50
    engine.close()
    engine = bench.engine()
    read_all(engine)
    assert len(processes(engine)) == 550
    engine.close()


def test_f33_only_one_engine_follows_into_a_case(bench: Bench) -> None:
    with EngineLock(bench.case), pytest.raises(CaseHeldError, match=r"process \d+") as held:
        follow(Config((bench.rules,), bench.exceptions), bench.case, [str(bench.logs)], stopped())
    assert held.value.pid > 0


def test_a_root_that_does_not_exist_is_refused(bench: Bench) -> None:
    config = Config((bench.rules,), bench.exceptions)
    with pytest.raises(TriageError, match="nowhere"):
        follow(config, bench.case, [str(bench.logs / "nowhere")], stopped())


def test_a_file_that_is_no_case_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are not the tables you are looking for.\n" * 50)
    with pytest.raises(TriageError, match="not a case file"):
        CaseReader(str(path))


def stopped() -> threading.Event:
    stop = threading.Event()
    stop.set()
    return stop


def test_following_tells_its_state_and_ends_cleanly(bench: Bench) -> None:
    bench.start("chrome.exe")
    stop = threading.Event()
    thread = threading.Thread(
        target=follow,
        args=(
            Config((bench.rules,), bench.exceptions),
            bench.case,
            [str(bench.logs)],
            stop,
            lambda: bench.now,
        ),
    )
    thread.start()
    try:
        wait_for(lambda: CaseReader(bench.case).engine().state == "live")
        bench.start("chrome.exe")
        wait_for(lambda: len(CaseReader(bench.case).alerts()) == 2)
    finally:
        stop.set()
        thread.join()
    reader = CaseReader(bench.case)
    assert reader.engine().state == "stopped"
    assert reader.engine().events == 2
    assert [source.events for source in reader.sources()] == [2]
    assert reader.meta("roots") == str(bench.logs)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition, with a deadline that only a hang reaches."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen")


def test_a_file_name_that_is_no_utf8_is_read_and_kept(bench: Bench) -> None:
    name = os.fsencode(str(bench.logs)) + b"/caf\xe9.ndjson"
    with open(name, "wb") as log:
        log.write(events.line(events.start(1, "p1", "chrome.exe")) + b"{broken\n")
    engine = bench.engine()
    read_all(engine)
    engine.writer.say(engine.state("live"), engine.sources())
    reader = CaseReader(engine.writer.connection)
    (row,) = reader.alerts()
    alert = reader.alert(row.id)
    assert alert is not None
    assert [event.id for event in around(reader, alert).events] == [alert.matched[0].event.id]
    assert reader.sources()[0].path == os.fsdecode(name)
    assert reader.rejects()[0].source == os.fsdecode(name)
    (doc,) = reader.documents([row.id])
    assert doc["kibana.alert.ancestors"][0]["index"].endswith("caf\\udce9.ndjson")
    engine.close()
    engine = bench.engine()
    read_all(engine)
    assert engine.events == 0
    engine.close()


def test_a_second_console_rides_on_the_first_ones_engine(bench: Bench) -> None:
    arguments = ["--no-bundled-rules", "--rules", str(bench.rules), "--", str(bench.logs)]
    log = Path(f"{bench.case}-engine.log")
    first = EngineProcess(bench.case, arguments, log)
    second = EngineProcess(bench.case, arguments, log)
    first.start()
    try:
        wait_for(lambda: CaseReader(bench.case).engine().state == "live")
        second.start()
        process = second._process
        assert process is not None
        assert process.wait(20) == 2  # it says who holds the case, and dies of nothing worse
        assert second.alive()
        assert "already follows logs" in log.read_text("utf-8")
    finally:
        first.stop()
    assert not second.alive()


def test_numbers_and_years_beyond_64_bits_stop_nothing(bench: Bench) -> None:
    engine = bench.engine()
    late = events.start(1, "p1", "chrome.exe", **{"@timestamp": "9999-12-31T23:59:59Z"})
    late["@timestamp"] = "9999-12-31T23:59:59Z"
    huge = events.start(
        2,
        "p2",
        "chrome.exe",
        **{
            "process.pid": str(1 << 70),
            "winlog.record_id": str(1 << 70),
            "event.sequence": (1 << 64) - 1,
        },
    )
    events.write(bench.logs / "a.ndjson", [late, huge])
    read_all(engine)
    assert sorted(processes(engine)) == ["chrome.exe", "chrome.exe"]
    assert engine.events == 2
    engine.close()


# Rules switched off in the case -----------------------------------------------------------------


def test_a_rule_that_is_switched_off_alerts_no_more_until_it_is_on_again(bench: Bench) -> None:
    events.write_rule(bench.rules / "notepad.toml", NOTEPAD, "Notepad")
    engine, decisions = bench.engine(), Decisions(bench.case, "jdoe", lambda: bench.now)
    bench.start("chrome.exe", "notepad.exe")
    read_all(engine)

    assert decisions.switch_rule("id-chrome", "Beacon", on=False, reason="too loud").entry
    bench.start("chrome.exe", "notepad.exe")
    read_all(engine)
    assert alerted(engine) == {"id-chrome": 1, "id-notepad": 2}

    assert decisions.switch_rule("id-chrome", "Beacon", on=True).entry
    bench.start("chrome.exe")
    read_all(engine)
    assert alerted(engine) == {"id-chrome": 2, "id-notepad": 2}
    engine.close()
    decisions.close_case()


def test_a_rule_stays_off_over_a_restart_and_undo_brings_it_back(bench: Bench) -> None:
    decisions = Decisions(bench.case, "jdoe", lambda: bench.now)
    decisions.switch_rule("id-chrome", "Beacon", on=False, reason="too loud")
    engine = bench.engine()
    bench.start("chrome.exe")
    read_all(engine)
    assert alerted(engine) == {}

    undone = decisions.undo()
    assert undone is not None
    assert undone.entry.action == "rule_off"
    bench.start("chrome.exe")
    read_all(engine)
    assert alerted(engine) == {"id-chrome": 1}
    engine.close()
    decisions.close_case()


def test_a_switch_in_the_case_outranks_the_rules_file(bench: Bench) -> None:
    path = bench.rules / "chrome.toml"
    path.write_text(path.read_text().replace("[rule]", "[rule]\nenabled = false"))
    engine, decisions = bench.engine(), Decisions(bench.case, "jdoe", lambda: bench.now)
    assert not engine.book.rules
    decisions.switch_rule("id-chrome", "Beacon", on=True)
    bench.start("chrome.exe")
    read_all(engine)
    assert alerted(engine) == {"id-chrome": 1}
    assert [one.enabled for one in CaseReader(engine.writer.connection).rules()] == [False]
    engine.close()
    decisions.close_case()


def test_a_sequence_that_was_open_does_not_complete_while_its_rule_is_off(bench: Bench) -> None:
    events.write_rule(bench.rules / "chrome.toml", events.BEACON)
    engine, decisions = bench.engine(), Decisions(bench.case, "jdoe", lambda: bench.now)
    events.write(bench.logs / "b.ndjson", [events.start(1, "p", "beacon.exe")])
    read_all(engine)
    decisions.switch_rule("id-chrome", "Beacon", on=False, reason="too loud")
    events.write(bench.logs / "c.ndjson", [events.connect(2, "p", "beacon.exe")])
    read_all(engine)
    assert alerted(engine) == {}
    engine.close()
    decisions.close_case()


def test_the_journal_of_a_case_with_switched_rules_is_whole(bench: Bench) -> None:
    decisions = Decisions(bench.case, "jdoe", lambda: bench.now)
    decisions.switch_rule("id-chrome", "Beacon", on=False, reason="too loud")
    assert not decisions.switch_rule("id-chrome", "Beacon", on=False).entry
    decisions.switch_rule("id-chrome", "Beacon", on=True)
    decisions.undo()
    reader = CaseReader(bench.case)
    verdict = verify(reader.connection)
    assert (verdict.entries, verdict.whole) == (3, True)
    (entry,) = reader.switches().values()
    assert told(entry) == "switched the rule 'Beacon' off: too loud"
    reader.close()
    decisions.close_case()


def alerted(engine: Engine) -> dict[str, int]:
    """How many alerts each rule has."""
    found: dict[str, int] = {}
    for row in CaseReader(engine.writer.connection).alerts():
        found[row.rule_id] = found.get(row.rule_id, 0) + 1
    return found
