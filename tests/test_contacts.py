"""Who talked to whom, across hosts and hours: what an alert's destinations are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.events import ANY_CMD
from tests.test_search import T0, doc, write
from tests.ui.helpers import hunt_into
from triage.case.read import CaseReader
from triage.context import around, connections, destinations, touched
from triage.ports import service
from triage.times import SECOND

HOUR = 3600 * SECOND


def net(second: int, host: str, entity: str, ip: str, **more: Any) -> dict[str, Any]:
    made = doc(second, host, process={"entity_id": entity, "name": "a.exe"},
               destination={"ip": ip, "port": 443}, **more)  # fmt: skip
    kinds = {"category": ["network"], "type": ["start"], "id": f"n{host}{second}{ip}"}
    return {**made, "event": {**kinds, **more.get("event", {})}}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseReader]:
    (tmp_path / "rule.toml").write_text(ANY_CMD)
    dns = doc(2, "alpha", dns={"question": {"name": "c2.example"}, "resolved_ip": ["203.0.113.9"]})
    other = doc(3, "beta", dns={"question": {"name": "no.example"}, "resolved_ip": ["203.0.113.9"]})
    cmd = doc(3000, "alpha", process={"name": "cmd.exe", "entity_id": "c"})
    inbound = net(
        3002, "alpha", "c", "10.0.0.1", network={"direction": "ingress"},
        source={"ip": "198.51.100.4"},
    )  # fmt: skip
    write(
        tmp_path / "log.ndjson",
        [dns, other]
        + [net(second, "alpha", "x", "203.0.113.9") for second in (10, 20, 30)]
        + [net(40, "beta", "y", "203.0.113.9"), cmd, net(3001, "alpha", "c", "203.0.113.9")]
        + [net(3003, "alpha", "c", "203.0.113.9", event={"type": ["end"]}), inbound]
        + [net(3500, "gamma", "z", "203.0.113.9")]
        + [
            {**doc(3004, "alpha", process={"entity_id": "c"}, file={"path": path}),
             "event": {"category": ["file"], "type": [kind], "id": f"f{kind}{path}"}}
            for path, kind in (("C:\\a", "creation"), ("C:\\a", "deletion"), ("C:\\b", "change"))
        ],
    )  # fmt: skip
    hunt_into(tmp_path / "c.triage", [str(tmp_path / "log.ndjson")], [tmp_path / "rule.toml"])
    reader = CaseReader(str(tmp_path / "c.triage"))
    yield reader
    reader.close()


def test_contacts_are_counted_by_host_before_an_instant(case: CaseReader) -> None:
    told = case.contacts("203.0.113.9", T0 + 2 * HOUR)
    assert [(one.host, one.count, one.sure) for one in told] == [
        ("alpha", 4, True),  # an end is no further contact
        ("beta", 1, True),
        ("gamma", 1, True),
    ]
    early = case.contacts("203.0.113.9", T0 + 35 * SECOND)
    assert [(one.host, one.sure) for one in early] == [("alpha", False)]  # its hour goes on
    assert case.contacts("203.0.113.9", T0) == []
    assert case.contacts("198.51.100.4", T0 + 2 * HOUR)[0].host == "alpha"  # whoever called


def test_a_destination_tells_names_others_and_what_was_before(case: CaseReader) -> None:
    alert = case.alert(case.alerts()[0].id)
    assert alert is not None
    events = around(case, alert).events
    found = {one.address: one for one in destinations(case, alert, connections(alert, events))}
    one = found["203.0.113.9"]
    assert one.names == ("c2.example",)  # what another host was told is not its name here
    assert (one.count, one.scope) == (1, "public")
    assert one.before is not None
    assert one.before.count == 4
    assert not one.before.sure
    assert [other.host for other in one.others] == ["beta", "gamma"]
    assert found["198.51.100.4"].before is None
    traces = touched(alert, events)
    assert [(one.kind, one.path, one.actions) for one in traces] == [
        ("file", "C:\\a", ("creation", "deletion")),
        ("file", "C:\\b", ("change",)),
    ]


def test_ports_have_their_usual_service() -> None:
    assert (service(443), service(3389), service(4), service(None)) == ("https", "rdp", "", "")
