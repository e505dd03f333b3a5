"""The samples: they are what the script writes, and the day goes as their README says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from samples.make_samples import day
from triage.exceptions import Entry, Item, item_matches, suggest
from triage.fields import first_text, values
from triage.rules import load_rules

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "samples" / "logs"
PRIVATE = [ip_network(each) for each in ("10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16")]
DOCUMENTATION = [
    ip_network(each)
    for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]


def documents(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LOGS / name).read_text(encoding="utf-8").splitlines()]


def test_the_committed_logs_are_what_the_script_writes() -> None:
    written = day()
    assert sorted(path.name for path in LOGS.iterdir()) == sorted(written)
    for name, content in written.items():
        assert (LOGS / name).read_bytes() == content, f"{name}: run python -m samples.make_samples"


def test_they_are_small_and_many() -> None:
    sizes = {path: path.stat().st_size for path in LOGS.iterdir()}
    assert sum(sizes.values()) < 1_500_000
    xml = (LOGS / "nw-ws-027.sysmon.xml").read_text(encoding="utf-16")
    events = xml.count("<Event ") + sum(
        len(documents(p.name)) for p in sizes if p.suffix == ".ndjson"
    )
    assert 800 <= events <= 1500


def test_no_address_is_anybodys() -> None:
    xml = (LOGS / "nw-ws-027.sysmon.xml").read_text(encoding="utf-16")
    found = set(re.findall(r'Name="(?:Source|Destination)Ip">([^<]+)<', xml))
    found.update(re.findall(r'Name="QueryResults">([^<]+);<', xml))
    for path in LOGS.glob("*.ndjson"):
        for doc in documents(path.name):
            for name in ("source.ip", "destination.ip", "dns.resolved_ip", "host.ip"):
                found.update(values(doc, name))
    assert len(found) > 15
    for text in found:
        assert any(ip_address(text) in each for each in PRIVATE + DOCUMENTATION), text


def test_every_process_has_its_parent_in_the_log() -> None:
    for name in ("nw-ws-014.sysmon.ndjson", "nw-srv-app02.defend.ndjson"):
        starts = [
            doc
            for doc in documents(name)
            if doc["event"]["type"] == ["start"] and "args" in doc["process"]
        ]
        known = {doc["process"]["entity_id"] for doc in starts}
        orphans = [
            doc for doc in starts if first_text(doc, "process.parent.entity_id") not in known
        ]
        assert [doc["process"]["name"] for doc in orphans] == ["smss.exe"]


def test_the_renamed_tool_connects_before_it_starts() -> None:
    names = [
        doc["event"]["category"][0]
        for doc in documents("nw-ws-031.sysmon.ndjson")
        if doc["process"]["name"] == "tlmsvc.exe"
    ]
    assert names[:2] == ["network", "process"]


@pytest.fixture(scope="module")
def alerts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    case = tmp_path_factory.mktemp("case") / "samples.triage"
    command = [sys.executable, "-m", "triage", "hunt", str(LOGS), "--case", str(case)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_day_raises_the_alerts_the_readme_tells(alerts: list[dict[str, Any]]) -> None:
    named = {rule.rule_id: rule.name for rule in load_rules([ROOT / "rules"]).rules}
    found = Counter(
        (
            first_text(alert, "host.name").split(".")[0].upper(),
            named[first_text(alert, "kibana.alert.rule.rule_id")],
        )
        for alert in alerts
    )
    assert found == {
        ("NW-SRV-APP02", "Unusual Network Activity from a System Binary"): 10,
        ("NW-WS-014", "InstallUtil Making Network Connections"): 1,
        ("NW-WS-014", "Unusual Network Activity from a System Binary"): 1,
        ("NW-WS-014", "Windows InstallUtil Remote Network Connection"): 1,
        ("NW-WS-027", "Unusual Network Activity from a System Binary"): 2,
        ("NW-WS-031", "Windows InstallUtil Remote Network Connection"): 1,
        # Of the host and of its user: what the alerts above add up to.
        ("NW-SRV-APP02", "Risk Threshold Exceeded in 24 Hours"): 2,
        ("NW-WS-014", "Risk Threshold Exceeded in 24 Hours"): 2,
    }


def test_one_exception_hides_the_patch_agent_and_leaves_the_attack() -> None:
    starts = [
        doc
        for doc in documents("nw-srv-app02.defend.ndjson")
        if doc["process"]["name"] == "msiexec.exe" and "args" in doc["process"]
    ]
    agents = [doc for doc in starts if values(doc, "user.name") == ["svc_patch"]]
    assert (len(starts), len(agents)) == (10, 9)
    rule = next(rule for rule in load_rules([ROOT / "rules"]).rules if "System Binary" in rule.name)
    offered = {entry.field: entry for entry in suggest(agents, rule)}
    assert list(offered)[:2] == ["process.hash.sha256", "process.code_signature"]
    package = '"https://packages.nordwind.example/kb*.msi"'
    log = '"C:\\Windows\\Temp\\*"'
    expected = f"msiexec.exe /i {package} /qn /norestart /l*v {log}"
    assert offered["process.command_line"].values == (expected,)

    def hidden(*entries: Entry) -> int:
        return sum(item_matches(Item("i", "n", entries), doc) for doc in starts)

    assert hidden(offered["process.executable"], offered["host.name"]) == 10
    assert hidden(offered["process.parent.executable"], offered["user.name"]) == 9
    assert hidden(offered["process.command_line"]) == 9
