"""The filter language: what an analyst types narrows the list as said in the help."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage import times
from triage.case.model import AlertRow
from triage.ui.filtering import FilterError, parse

ROW = AlertRow(
    id="a1", change=1, rule_id="r1", rule_name="Encoded PowerShell download", severity="high",
    risk_score=73, time=times.parse("2026-03-12T12:04:31Z") or 0, created=0, host="WS-014",
    user="CORP\\alice", process="powershell.exe", entity_id="e1",
    reason="process event on WS-014", collapsed=2, superseded=False, status="open",
    close_reason="", assignee="", decided_by="", decided_at=0, notes=0,
)  # fmt: skip


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
    ],
)
def test_lets_through(text: str) -> None:
    assert parse(text)(ROW)


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
    ],
)
def test_holds_back(text: str) -> None:
    assert not parse(text)(ROW)


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
        ("a" + " (" * 60, 105, "deeply"),
    ],
)
def test_says_where_it_is_wrong(text: str, column: int, word: str) -> None:
    with pytest.raises(FilterError) as error:
        parse(text)
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
