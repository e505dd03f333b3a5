"""Sysmon's records of an EVTX parser: whatever is skipped, the outcome is that of trying all."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_match import RULES, alerts, chunks, comparable
from triage.engine.match import Matcher

IMAGES = ("C:\\Windows\\cmd.exe", "C:\\power\\powershell.exe", "c.exe", "C:\\ünder.exe", "", None)


def some_records(seed: int, count: int) -> list[bytes]:
    """Records near the rules of the test beside, most of them plain."""
    rng = random.Random(seed)
    return [_record(rng, number) for number in range(count)]


def _record(rng: random.Random, number: int) -> bytes:
    code = rng.choice((1, 1, 3, 3, 5, 7, 11, 13, 22, "1"))
    data: dict[str, Any] = {
        "UtcTime": f"2026-01-01 00:00:{rng.randrange(60):02}.5",
        "ProcessGuid": f"0000000{rng.randrange(3)}-0000-0000-0000-000000000000",
        "ProcessId": rng.choice((1, 2, "3", 600)),
        "Image": rng.choice(IMAGES),
        "User": rng.choice(("LAB\\mara", "-", "x")),
    }
    if code in (1, "1"):
        data["CommandLine"] = rng.choice(("cmd /c dir", "x -enc AAAA", "-enc", ""))
        data["Hashes"] = rng.choice(("MD5=ab,SHA256=cd", "IMPHASH=00"))
        data["ParentProcessGuid"] = f"{{0000000{rng.randrange(3)}-0000-0000-0000-000000000000}}"
    elif code == 3:
        data["Initiated"] = rng.choice((True, "false"))
        data["SourceIp"], data["SourcePort"] = "10.0.0.7", 50_000
        data["DestinationIp"] = rng.choice(("10.0.0.1", "203.0.113.9", "no address"))
        data["DestinationPort"] = rng.choice((443, "445", 80))
    elif code == 22:
        data["QueryName"] = rng.choice(("a.example", "-"))
        data["QueryResults"] = rng.choice(
            ("203.0.113.9;", "type:  5 b.example;::ffff:10.0.0.2;", "")
        )
    elif code == 13:
        data["TargetObject"], data["Details"] = "HKLM\\x\\y", "DWORD (0x00000001)"
    system: dict[str, Any] = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "EventID": code,
        "TimeCreated": {"#attributes": {"SystemTime": f"2026-01-01T00:01:{number % 60:02}.25Z"}},
        "EventRecordID": number,
        "Execution": {"#attributes": {"ProcessID": 7, "ThreadID": 8}},
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": rng.choice(("pc-1", "pc-2")),
    }
    record: dict[str, Any] = {"Event": {"System": system, "EventData": data}}
    odd = rng.randrange(30)
    if odd == 0:
        system["Channel"] = "Security"
        system["Provider"] = {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}}
    elif odd == 1:
        data["Image"] = rng.choice((7, 1.5, ["C:\\cmd.exe"], {"#text": "C:\\cmd.exe"}, 1 << 70))
    elif odd == 2:
        data["Data"] = rng.choice((None, "x", ["x", "y"]))
    elif odd == 3:
        system["TimeCreated"] = rng.choice((None, {}, {"@SystemTime": "2026-01-01T00:02:00Z"}, "x"))
    elif odd == 4:
        system.pop(rng.choice(("Computer", "EventID", "EventRecordID", "Execution", "Provider")))
    elif odd == 5:
        record["Event"]["UserData"] = {"x": {"y": 1}}
    elif odd == 6:
        data["SourceImage"] = "C:\\cmd.exe"
    elif odd == 7:
        system["EventID"] = rng.choice((30, "x", True, 1.0, {"#text": 1}))
    elif odd == 8:
        return rng.choice((b"{", b'{"Event":{}}', b'{"Event":{"System":{},"x":"\xff"}}', b"[]"))
    return json.dumps(record, ensure_ascii=rng.random() < 0.5).encode()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1 << 32),
    st.sampled_from([7, 50, 260]),
    st.booleans(),
    st.sampled_from(["evtx", "evtx-json"]),
)
def test_whatever_is_skipped_the_alerts_and_counts_are_the_same(
    seed: int, size: int, processes: bool, format: str
) -> None:
    blocks = chunks(some_records(seed, 260), size, format)
    slow = alerts(RULES, blocks, processes=processes, optimise=False)
    assert alerts(RULES, blocks, processes=processes) == slow


def test_results_are_equal_hit_for_hit_when_it_is_learnt_what_to_read() -> None:
    rules = [(rule, ()) for rule in RULES]
    fast = Matcher(rules, processes=False)
    slow = Matcher(rules, processes=False, optimise=False)
    for block in chunks(some_records(5, 12_000), 400, "evtx-json"):
        hits = comparable(slow(block).hits)
        assert hits
        assert comparable(fast(block).hits) == hits
