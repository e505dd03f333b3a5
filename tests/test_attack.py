"""ATT&CK names: complete, consistent, and silent about ids that do not exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from triage import attack

DATA = json.loads(Path(attack.__file__).with_name("attack.json").read_text(encoding="utf-8"))


def test_a_sub_technique_is_named_with_its_parent_and_tactic() -> None:
    found = attack.technique("T1218.004")
    assert found is not None
    assert (found.name, found.parent, found.tactics) == ("InstallUtil", "T1218", ("TA0005",))
    assert found.url == "https://attack.mitre.org/techniques/T1218/004/"
    parent = attack.technique("t1218 ")
    assert parent is not None
    assert (parent.name, parent.parent) == ("System Binary Proxy Execution", "")
    tactic = attack.tactic("TA0005")
    assert tactic is not None
    assert (tactic.name, tactic.shortname) == ("Defense Evasion", "defense-evasion")


@pytest.mark.parametrize("unknown", ["", "T0000", "TA0005", "T1218.999", "T1218.004.1", "<b>"])
def test_an_unknown_id_is_none(unknown: str) -> None:
    assert attack.technique(unknown) is None


def test_the_table_is_whole() -> None:
    assert attack.version() == "18.1"
    assert (len(DATA["tactics"]), len(DATA["techniques"])) == (14, 691)
    for key in DATA["techniques"]:
        found = attack.technique(key)
        assert found is not None
        assert found.tactics
        assert all(attack.tactic(each) for each in found.tactics), key
        assert not found.parent or attack.technique(found.parent), key


def test_mitres_copyright_line_is_kept() -> None:
    assert "The MITRE Corporation" in DATA["notice"]
    notice = (Path(attack.__file__).parent.parent / "NOTICE").read_text(encoding="utf-8")
    assert "permission of" in notice
    assert "hereby grants you" in notice


@pytest.mark.shared
def test_the_names_are_those_mitre_published(shared: Path) -> None:
    published = json.loads((shared / "attack" / "attack.json").read_text(encoding="utf-8"))
    for each in published["techniques"]:
        found = attack.technique(each["id"])
        assert found is not None
        assert (found.name, list(found.tactics)) == (each["name"], each["tactics"])
