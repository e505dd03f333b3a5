"""A guide's questions: filled in from the alert, counted over its logs and the case's alerts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.events import ANY_CMD
from tests.test_search import T0, doc, write
from tests.ui.helpers import hunt_into
from triage.case.model import AlertDetail
from triage.case.read import CaseReader
from triage.context import alerts_for, answer, ask, filled, kin
from triage.markdown import Filter, Investigation
from triage.times import SECOND

HOUR = 3600 * SECOND


@pytest.fixture
def at(tmp_path: Path) -> Iterator[tuple[CaseReader, AlertDetail]]:
    """A case with three alerts on two hosts, and the first of them."""
    (tmp_path / "rule.toml").write_text(ANY_CMD)

    def cmd(second: int, host: str, user: str, **more: Any) -> dict[str, Any]:
        process = {"name": "cmd.exe", "entity_id": f"{host}-{second}", "hash": {"sha256": host[0]}}
        return doc(second, host, process={**process, **more}, user={"name": user})

    network = doc(5, "alpha", process={"entity_id": "alpha-1"}, destination={"port": 443})
    network["event"] = {"category": ["network"], "type": ["start"], "id": "net"}
    write(
        tmp_path / "log.ndjson",
        [cmd(1, "alpha", "mia"), network, cmd(60, "alpha", "SYSTEM"), cmd(3000, "beta", "mia")],
    )
    hunt_into(tmp_path / "c.triage", [str(tmp_path / "log.ndjson")], [tmp_path / "rule.toml"])
    reader = CaseReader(str(tmp_path / "c.triage"))
    first = min(reader.alerts(), key=lambda row: row.time)
    detail = reader.alert(first.id)
    assert detail is not None
    yield reader, detail
    reader.close()


def question(*filters: Filter, start: str = "now-1h") -> Investigation:
    return Investigation("q", "", (filters,), start, "now")


def is_(field: str, value: str, **more: Any) -> Filter:
    return Filter(field, value, "phrase", **more)


def test_fields_are_filled_in_and_events_counted(at: tuple[CaseReader, AlertDetail]) -> None:
    case, alert = at
    asked = ask(alert, question(is_("process.entity_id", "{{process.entity_id}}")))
    assert (asked.window, asked.alerts, asked.problem) == ("within 1 h", False, "")
    assert answer(case, asked) == 2
    wide = ask(alert, question(is_("event.category", "process"), start="now-48h/h"))
    assert wide.wanted.start == T0 + SECOND - 48 * HOUR
    assert answer(case, wide) == 3
    high = Filter("destination.port", "", "range", "1", "1024")
    assert answer(case, ask(alert, question(high))) == 1
    none = is_("process.name", "cmd.exe", excluded=True)
    assert answer(case, ask(alert, question(none))) == 1


def test_what_an_export_lacks_is_asked_by_its_name_or_told(
    at: tuple[CaseReader, AlertDetail],
) -> None:
    case, alert = at
    asked = ask(alert, question(is_("host.id", "{{host.id}}")))
    assert asked.notes == ("by host.name: the alert has no host.id",)
    assert asked.wanted.host == "alpha"
    assert answer(case, asked) == 3
    missing = ask(alert, question(is_("file.path", "{{file.path}}")))
    assert missing.problem == "the alert has no file.path"
    assert answer(case, missing) is None


def test_signals_are_the_case_s_alerts(at: tuple[CaseReader, AlertDetail]) -> None:
    case, alert = at
    asked = ask(
        alert,
        question(is_("event.kind", "signal"), is_("user.id", "{{user.id}}"), start="now-48h/h"),
    )
    assert asked.alerts
    assert [row.host for row in alerts_for(case, asked)] == ["beta"]
    assert answer(case, asked) == 1  # the alert itself is not counted, nor is SYSTEM's


def test_a_query_to_copy_has_the_alert_s_values(at: tuple[CaseReader, AlertDetail]) -> None:
    told = filled(at[1], "SELECT * FROM p WHERE n = '{{process.name}}' AND x = '{{no.field}}'")
    assert told == "SELECT * FROM p WHERE n = 'cmd.exe' AND x = '{{no.field}}'"


def test_a_hostile_value_stays_a_literal(at: tuple[CaseReader, AlertDetail]) -> None:
    one = at[1]
    doc_ = {**one.doc, "x": "a' OR 1=1 --", "y": 'b" c'}
    alert = replace(one, doc=doc_)
    told = filled(alert, """SELECT '{{x}}', {{x}}, "{{y}}", '%{{y}}%' WHERE n = {{x}}""")
    assert told == (
        """SELECT 'a'' OR 1=1 --', 'a'' OR 1=1 --', "b"" c", '%b" c%' WHERE n = 'a'' OR 1=1 --'"""
    )


def test_related_alerts_say_what_they_share(at: tuple[CaseReader, AlertDetail]) -> None:
    found = [(one.row.host, one.row.user, one.ties) for one in kin(*at)]
    assert found == [
        ("alpha", "SYSTEM", ("hash", "host")),
        ("beta", "mia", ("user",)),
    ]
