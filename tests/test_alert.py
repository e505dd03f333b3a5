"""Alerts: ids that never change, and documents that say what their events and rule say by now."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.alert import AlertMaker, alert_id
from triage.event import Event
from triage.fields import flatten
from triage.rules import Rule, load_rules

RULE = """
[rule]
rule_id = "id"
name = "A name"
type = "eql"
language = "eql"
query = 'process where true'
severity = "low"
risk_score = 21
description = "Old words"
threat = [{framework = "MITRE ATT&CK", tactic = {id = "TA0005", name = "n", reference = ""}}]
"""
KEYS = ("k", "l", "m")
SCALARS = st.integers(0, 2) | st.sampled_from(["a", "b"])
DOCS: Any = st.dictionaries(
    st.sampled_from(KEYS),
    st.recursive(
        SCALARS | st.lists(SCALARS, max_size=3),
        lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    ),
)


@pytest.fixture(scope="module")
def rule(tmp_path_factory: pytest.TempPathFactory) -> Rule:
    path: Path = tmp_path_factory.mktemp("rules") / "rule.toml"
    path.write_text(RULE)
    (loaded,) = load_rules([path]).rules
    return loaded


def made(maker: AlertMaker, rule: Rule, *docs: Any) -> dict[str, Any]:
    events = [Event(f"e{at}", (at, 0, "log", at), doc) for at, doc in enumerate(docs)]
    return maker.make("id", events, rule, 0).doc


@given(st.text(), st.lists(st.text(), max_size=3))
def test_an_alerts_id_is_the_uuid_of_its_rule_and_events(rule_id: str, events: list[str]) -> None:
    namespace = uuid.UUID("5c0e4f0a-6f7b-5d53-9c5d-7a1f6d1c2b90")
    assert alert_id(rule_id, events) == str(uuid.uuid5(namespace, "\n".join([rule_id, *events])))


def test_an_alert_says_what_its_rule_says_by_now(rule: Rule) -> None:
    maker = AlertMaker()
    changed = replace(
        rule,
        description="New words",
        parameters={**rule.parameters, "threat": [{"tactic": {"id": "TA0001"}}]},
    )
    assert changed.fingerprint == rule.fingerprint
    assert made(maker, rule, {})["kibana.alert.rule.description"] == "Old words"
    assert made(maker, changed, {})["kibana.alert.rule.description"] == "New words"
    event = Event("e", (0, 0, "log", 0), {})
    assert maker.make("id", [event], changed, 0).threat == "TA0001"
    assert maker.make("id", [event], rule, 0).threat == "TA0005"


@given(docs=st.lists(DOCS, min_size=1, max_size=3))
def test_an_alert_has_what_all_its_events_have(rule: Rule, docs: list[Any]) -> None:
    first, *others = (flatten(doc) for doc in docs)
    shared = {}
    for name, value in first.items():
        theirs = [other.get(name) for other in others]
        if isinstance(value, list):
            value = [
                one
                for one in value
                if all(isinstance(their, list) and one in their for their in theirs)
            ]
            if value:
                shared[name] = value
        elif all(their == value for their in theirs):
            shared[name] = value
    document = made(AlertMaker(), rule, *docs)
    assert flatten({key: document[key] for key in KEYS if key in document}) == shared
