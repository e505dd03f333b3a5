"""What each pane says of an alert, on the samples and on real logs."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ui.helpers import NOW, hunt_into, press, screen_text, settled
from triage import times
from triage.case.decide import Decisions
from triage.ui.app import Console
from triage.ui.lines import Page
from triage.ui.panes import PANES
from triage.ui.screens.health_lines import health_lines
from triage.ui.subject import WINDOWS, Readers, Subject, Subjects

OVERVIEW, TREE, NET, EVENTS, ATTACK, RESPOND = (pane.build for pane in PANES)


def last(pages: Iterator[Page]) -> str:
    """The text of the last page: what stands there when all is read."""
    *_, page = pages
    return "\n".join(line.text for line in page.lines)


def subject_of(
    case: Path, readers: Readers, rule: str, host: str, window: int = WINDOWS[1]
) -> Subject:
    rows = [row for row in readers.here().alerts() if rule in row.rule_name and row.host == host]
    found = Subjects(readers).get(rows[0].id, window)
    assert found is not None
    return found


@pytest.fixture
def readers(case: Path) -> Iterator[Readers]:
    made = Readers(str(case))
    yield made
    made.close()


@pytest.fixture
def installutil(case: Path, readers: Readers) -> Subject:
    return subject_of(case, readers, "Remote Network", "NW-WS-014.nordwind.example")


NONE: frozenset[str] = frozenset()


def test_overview_says_why(installutil: Subject) -> None:
    text = last(OVERVIEW(installutil, NONE))
    assert "Windows InstallUtil Remote Network Connection" in text
    assert "high · risk 80 · T1218.004 · ○ open" in text
    assert "1. process.name InstallUtil.exe" in text
    assert "2. destination.port 443" in text
    assert "NORDWIND\\l.brandt" in text
    assert "report.dll" in text
    assert "powershell.exe -nop -w hidden -enc" in text
    assert "fb33fff7a5542a0bf090785512d5b9f1048fe3c66e97890d202870b852648abe" in text
    assert "2026-03-12 09:12:39.785 UTC" in text
    assert "31 events ±5 m · 2 destinations · 2 other alerts on this host" in text
    assert "same process tree 2 · same hash 3 · same destination 1 · same user 2" in text
    assert "Risk" in text


def test_tree_shows_the_family(installutil: Subject) -> None:
    text = last(TREE(installutil, NONE))
    rows = text.splitlines()
    names = ["smss.exe", "winlogon.exe", "userinit.exe", "explorer.exe", "OUTLOOK.EXE",
             "WINWORD.EXE", "powershell.exe", "InstallUtil.exe", "cmd.exe",
             "whoami.exe"]  # fmt: skip
    places = [next(at for at, row in enumerate(rows) if name in row) for name in names]
    assert places == sorted(places)
    depths = [rows[at].index(name) for at, name in zip(places, names, strict=True)]
    assert depths[:8] == sorted(depths[:8])
    assert "▶ InstallUtil.exe 512" in text
    assert "csc.exe" in text  # a sibling
    assert "09:12:31–09:31:12" in text


def test_connections_say_whom_how_often_and_when(installutil: Subject) -> None:
    pages = list(NET(installutil, NONE))
    assert pages[-1].badge == "2"
    text = "\n".join(line.text for line in pages[-1].lines)
    assert "▶ InstallUtil.exe → 203.0.113.140  public    443/https  ×3  first contact" in text
    assert "09:12:39–09:16:40" in text
    assert "metrics.mahnwesen-service.example" in text
    assert "127.0.0.1" in text
    assert "loopback" in text
    item = next(line.item for line in pages[-1].lines if line.item)
    unfolded = " ".join(last(NET(installutil, frozenset({item.key}))).split())
    assert "outbound 443/https tcp ×3" in unfolded
    assert "never on this host" in unfolded


def test_files_and_keys_are_beside_the_connections(installutil: Subject) -> None:
    text = last(NET(installutil, NONE))
    assert "creation  C:\\Users\\l.brandt\\AppData\\Roaming\\Nordlicht\\sync.dll" in text
    assert "\\CurrentVersion\\Run\\Nordlicht" in text


def test_events_mark_what_matched_and_follow_the_window(case: Path, readers: Readers) -> None:
    host = "NW-WS-014.nordwind.example"
    counts = []
    for window in WINDOWS:
        page = list(EVENTS(subject_of(case, readers, "Remote Network", host, window), NONE))[-1]
        marked = [line.text for line in page.lines if line.text.startswith("▶ 09")]
        assert len(marked) == 2
        counts.append(sum(line.item is not None for line in page.lines))
    assert counts == sorted(counts)
    assert counts[1] == 31
    assert counts[0] < counts[-1]


def test_what_was_read_around_an_alert_goes_with_it(case: Path, readers: Readers) -> None:
    subjects = Subjects(readers, keep=1)
    ids = [row.id for row in readers.here().alerts()]
    first = subjects.get(ids[0], WINDOWS[1])
    assert first is not None
    assert first.neighbours is not None
    held = weakref.ref(first)
    gc.disable()  # a console lets it run seldom: nothing may wait for it
    try:
        del first
        subjects.get(ids[1], WINDOWS[1])
        assert held() is None
    finally:
        gc.enable()


def test_attack_names_technique_and_neighbours(installutil: Subject) -> None:
    text = last(ATTACK(installutil, NONE))
    assert "TA0005  Defense Evasion" in text
    assert "T1218  System Binary Proxy Execution" in text
    assert "T1218.004  InstallUtil" in text
    assert "https://attack.mitre.org/techniques/T1218/004/" in text
    assert "Also on NW-WS-014.nordwind.example" in text
    assert "T1218.005 Mshta  ×1" in text


def test_respond_is_a_checklist(case: Path, readers: Readers, installutil: Subject) -> None:
    pages = list(RESPOND(installutil, NONE))
    text = "\n".join(line.text for line in pages[-1].lines)
    for part in ("Possible investigation steps  0/8", "False positive analysis  0/4",
                 "Response and remediation  0/7", "Drill-downs", "References"):  # fmt: skip
        assert part in text
    steps = [line for line in pages[-1].lines if line.item and line.item.kind == "step"]
    assert pages[-1].badge == f"0/{len(steps)}"
    assert steps[0].item is not None
    decisions = Decisions(str(case), "sam", lambda: NOW)
    decisions.tick(installutil.alert.row.id, steps[0].item.key, "first", True)
    decisions.close_case()
    again = Subjects(readers).get(installutil.alert.row.id, WINDOWS[1])
    assert again is not None
    page = list(RESPOND(again, NONE))[-1]
    assert page.badge == f"1/{len(steps)}"
    assert any("sam, 2026-03-12 16:00:00 UTC" in line.text for line in page.lines)


def test_an_alert_whose_log_is_gone_says_so(tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    log.write_bytes(Path("samples/logs/nw-ws-014.sysmon.ndjson").read_bytes())
    case = tmp_path / "own.triage"
    hunt_into(case, [str(log)], [Path("rules")])
    log.unlink()
    readers = Readers(str(case))
    subject = subject_of(case, readers, "Remote Network", "NW-WS-014.nordwind.example")
    text = last(EVENTS(subject, NONE))
    assert "not read again" in text
    assert "▶ 09:12:31" in text  # the evidence kept in the case stands in
    readers.close()


async def test_the_window_widens_by_key(console: Callable[..., Console]) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "4")
        assert "in ±5 m" in screen_text(app)
        await press(pilot, "+", "+")
        assert "in ±1 h" in screen_text(app)
        await press(pilot, "-", "-", "-", "-")
        assert "in ±1 m" in screen_text(app)


async def test_80_by_24_is_enough(console: Callable[..., Console]) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await press(pilot, "enter")
        seen = []
        for key in ("1", "2", "3", "4", "5", "6"):
            await press(pilot, key)
            seen.append(screen_text(app).splitlines()[2][2:].strip("─╮ "))
        assert [title.split(" ")[0] for title in seen] == ["1", "2", "3", "4", "5", "6"]
        await press(pilot, "l")
        assert "1 Overview" in screen_text(app)
        await press(pilot, "h")
        assert "6 Response" in screen_text(app)
        assert all(len(row) <= 80 for row in screen_text(app).splitlines())
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        for pane in PANES:
            assert f"{pane.number} {pane.title}" in screen_text(app)


def test_health_tells_what_is_wrong(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "broken.toml").write_text('[rule]\nname = "Broken"\nquery = "process where ("\n')
    log = tmp_path / "log.ndjson"
    log.write_bytes(b'{"@timestamp": "2026-01-01T00:00:00Z", "event": {}}\n{"half": \x1b[31m\xff\n')
    case = tmp_path / "own.triage"
    hunt_into(case, [str(log)], [rules])
    readers = Readers(str(case))
    lines = health_lines(readers.here(), "", [], [], NOW, 116)
    text = "\n".join(line.text for line in lines)
    assert f"{rules / 'broken.toml'}:" in text
    assert f"{log} at 52" in text  # the record's place in the log
    assert '{"half": \\x1b[31m\\xff' in text
    assert "last: not JSON" in text
    readers.close()


SEED = {
    "InstallUtil Process Making Network Connections":
        "defense_evasion_installutil_beacon.toml",
    "Unusual Network Activity from a Windows System Binary":
        "defense_evasion_network_connection_from_windows_binary.toml",
}  # fmt: skip


@pytest.mark.shared
def test_real_logs_fill_every_pane(shared: Path, tmp_path: Path) -> None:
    """A recorded Covenant session: InstallUtil.exe starts, loads an implant and calls home."""
    log = next((shared / "logs" / "otrf").glob("covenant_installutil*.json"))
    case = tmp_path / "real.triage"
    rules = [shared / "elastic-rules" / name for name in SEED.values()]
    hunt_into(case, [str(log)], rules)
    readers = Readers(str(case))
    subject = subject_of(case, readers, next(iter(SEED)), "WORKSTATION5.theshire.local")
    texts = [last(pane.build(subject, NONE)) for pane in PANES]
    overview, tree, net, events, attack, respond = texts
    assert "GruntHTTP.dll" in overview
    assert "THESHIRE\\pgustavo" in overview
    assert tree.index("GruntHTTP.exe 5520") < tree.index("cmd.exe") < tree.index("▶ InstallUtil")
    assert "conhost.exe" in tree
    assert "▶ InstallUtil.exe → 10.10.10.5  private  80/http" in net
    assert "▶ 01:18:13 start" in events
    assert len(events.splitlines()) > 500
    assert "T1218.004  InstallUtil" in attack
    assert respond.count("[ ]") > 10
    assert all(char.isprintable() or char == "\n" for text in texts for char in text)
    readers.close()


def test_times_span_words() -> None:
    assert [times.span(window) for window in WINDOWS] == ["1 m", "5 m", "15 m", "1 h", "1 d"]
    assert sys.maxsize > WINDOWS[-1]
