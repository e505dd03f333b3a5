"""The filter language: what an analyst types narrows the list as said in the help."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from triage import times
from triage.case.model import AlertRow
from triage.ui.completion import complete, values_of
from triage.ui.filtering import FilterError, document_fields, parse, with_fact

ROW = AlertRow(
    id="a1", change=1, rule_id="r1", rule_name="Encoded PowerShell download", severity="high",
    risk_score=73, time=times.parse("2026-03-12T12:04:31Z") or 0, created=0, host="WS-014",
    user="CORP\\alice", process="powershell.exe", entity_id="e1",
    reason="process event on WS-014", collapsed=2, superseded=False, status="open",
    close_reason="", assignee="", decided_by="", decided_at=0, notes=0, tags=("vip", "patch"),
    parent="WINWORD.EXE", destination="203.0.113.7", threat="TA0002 T1059 T1059.001",
)  # fmt: skip

DOCUMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "process.pid": {"a1": ("8",)},
    "process.args": {"a1": ("-nop", "-enc")},
}


def passes(text: str) -> bool:
    """Whether the alert passes, at one in the afternoon of its day."""
    now = times.parse("2026-03-12T13:00:00Z") or 0
    return parse(text, lambda: now, DOCUMENTS)(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "powershell",
        "ENCODED alice",
        "host:ws-014",
        "host:ws*",
        "host:WS-01?",
        'rule:"powershell download"',
        'user:"corp\\alice"',
        "severity>=medium",
        "severity:high",
        "sev<critical",
        "risk>70 risk<=73",
        "count:3",
        "state:open",
        "status:open not state:closed",
        "not host:dc and not user:bob",
        "host:dc or user:alice",
        "(host:dc or user:alice) severity>low",
        "time:12:04",
        "time:12:04:31",
        "time>=12:04 time<12:05",
        "time:2026-03-12",
        "time>2026-03-12T12:03",
        "not (bob or carol)",
        "user:*[alice]* or alice",
        "time:>=12:04 time:<12:05",
        "time:12:00..12:04",
        "time:2026-03-11..2026-03-12",
        "risk:70..80 count:1..3",
        "last:2h",
        "host=ws-014 user=alice",
        'user="corp\\alice"',
        "parent:winword tactic:TA0002 technique:T1059",
        "destination:203.0.113.0/24",
        "tags:vip tag=VIP not tags=vi",
        "superseded:no notes:0",
        "entity_id:e1 rule_id=r1",
        "process.pid:8 process.pid>7 process.pid:5..9",
        "process.args:*enc*",
        "process.args=-nop",
        "host.name=ws-014 kibana.alert.severity:high",
        "not process.args=enc",
        "not dns.question.name:*",
    ],
)
def test_lets_through(text: str) -> None:
    assert passes(text)


def test_a_star_sees_users_and_hosts_as_the_list_shows_them() -> None:
    service = replace(ROW, user="NORDWIND\\svc_patch", host="DC1.nordwind.example")
    assert parse("user:svc*")(service)
    assert parse("user:nordwind*")(service)
    assert parse("host:dc?")(service)
    assert not parse("host:dc?")(replace(service, host="DC10.nordwind.example"))
    assert not parse("user:vc*")(service)


@pytest.mark.parametrize(
    "text",
    [
        "mimikatz",
        "host:dc",
        "host:s-014*",
        "severity>high",
        "risk<73",
        "state:closed",
        "state:fp",
        "not powershell",
        "powershell and bob",
        "time:12:05",
        "time>12:04",
        "time<2026-03-12",
        "not not not host:ws",
        "time:12:05..13:00",
        "time:2026-03-13..",
        "risk:10..20",
        "last:1m",
        "host=ws-01",
        "technique:TA0002",
        "destination:10.0.0.0/8",
        "tag:vipp",
        "process.pid>8",
        "process.args=enc",
        "dns.question.name:x",
    ],
)
def test_holds_back(text: str) -> None:
    assert not passes(text)


@pytest.mark.parametrize(
    ("text", "column", "word"),
    [
        ("hots:web", 1, "hots"),
        ("alice severity>=hugh", 17, "severity"),
        ("risk>many", 6, "number"),
        ("host>web", 5, "host:web"),
        ("host:", 6, "missing"),
        ("(alice", 1, "closed"),
        ("alice )", 7, "belong"),
        ("alice or", 9, "missing"),
        ("not", 4, "missing"),
        ('rule:"powershell', 6, "closing"),
        ("state:gone", 7, "open, ack"),
        ("time>noon", 6, "12:04"),
        ("time:10:00..noon", 13, "12:04"),
        ("last:soon", 6, "2h"),
        ("hist:web", 1, "host"),
        ("risk:1..many", 9, "number"),
        ("process.pid>many", 13, "number"),
        ("a" + " (" * 60, 105, "deeply"),
    ],
)
def test_says_where_it_is_wrong(text: str, column: int, word: str) -> None:
    with pytest.raises(FilterError) as error:
        parse(text, lambda: 0)
    assert error.value.column == column
    assert word in str(error.value)


def test_a_filter_of_thousands_of_words_works() -> None:
    assert parse("powershell " * 5000)(ROW)
    assert parse("bob or " * 5000 + "alice")(ROW)


def test_closed_as_what() -> None:
    closed = replace(ROW, status="closed", close_reason="false_positive")
    assert parse("state:fp")(closed)
    assert parse("state:false_positive state:closed")(closed)
    assert not parse("state:benign_positive")(closed)


@given(st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_filter_or_an_error_with_a_place(text: str) -> None:
    try:
        parse(text)(ROW)
        column = 1
    except FilterError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


def test_names_the_fields_it_needs_from_documents() -> None:
    text = "process.args:x or (not host.name:y and dns.question.name= rule:z) time:10:00 a.b"
    assert document_fields(text) == {"process.args", "dns.question.name"}
    assert document_fields("process.command_line:") == {"process.command_line"}


@given(st.text(max_size=20), st.booleans(), st.sampled_from(["", "host:ws", "bob or alice"]))
@settings(max_examples=200, deadline=None)
def test_a_value_can_be_added_or_left_out_whatever_it_is(
    value: str, without: bool, before: str
) -> None:
    text = with_fact(before, "process.args", value, without)
    found = parse(text, None, {"process.args": {"a1": (value,)}})(ROW)
    assert found is not without
    other = parse(text, None, {"process.args": {"a1": ("other\nvalue of it",)}})(ROW)
    assert other is without


def proposed(text: str, cursor: int | None = None) -> list[str]:
    rows = [ROW, replace(ROW, id="2", host="DC-1 old", user="CORP\\bob"), replace(ROW, id="3")]
    at = len(text) if cursor is None else cursor

    def values(field: str) -> Sequence[tuple[str, str]]:
        return values_of(field, rows, DOCUMENTS)

    found = complete(text, at, values, ["process.args", "process.name", "odd"])
    return [text[: one.start] + one.text + text[one.end :] for one in found]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ho", ["host:"]),
        ("bob (not sev", ["bob (not severity:"]),
        ("process.", ["process.args:", "process.name:"]),
        ("host:", ["host:WS-014 ", 'host:"DC-1 old" ']),
        ("host:dc", ['host:"DC-1 old" ']),
        ('host:"dc', ['host:"DC-1 old" ']),
        ("host:WS-014", []),
        ("severity>=h", ["severity>=high "]),
        ("state:fa", ["state:false_positive "]),
        ("last:2", ["last:24h "]),
        ("process.args:n", ["process.args:-nop ", "process.args:-enc "]),
        ("technique:", ["technique:T1059 ", "technique:T1059.001 "]),
        ("tags:v", ["tags:vip "]),
        ("nothing:x", []),
        ("", []),
    ],
)
def test_proposes_fields_and_values_seen(text: str, wanted: list[str]) -> None:
    assert proposed(text)[: len(wanted) or None] == wanted


@given(st.text(max_size=30), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_a_proposal_leaves_what_lies_outside_its_word(text: str, cursor: int) -> None:
    at = min(cursor, len(text))
    for one in complete(text, at, lambda _field: [], ["process.args", "process.name", "odd"]):
        assert 0 <= one.start <= at <= one.end <= len(text)
