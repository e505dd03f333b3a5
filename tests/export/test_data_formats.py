"""Formats for other programs: each is what its standard says, and says what the case says."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import ocsf_json_schema
import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.export.conftest import HOSTILE, Make
from triage import attack
from triage.export import BY_NAME, Selection
from triage.export.escape import cell
from triage.export.values import address, hashes, hostname, number, port

CASES = ("sample_case", "hostile_case")


def text_of(name: str, selection: Selection) -> str:
    return "".join(BY_NAME[name].write(selection))


def lines_of(name: str, selection: Selection) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text_of(name, selection).splitlines()]


@pytest.fixture(params=CASES)
def any_selection(request: pytest.FixtureRequest, select: Make) -> Selection:
    return select(request.getfixturevalue(request.param))


@pytest.mark.parametrize("name", list(BY_NAME))
def test_no_export_holds_what_a_terminal_or_a_reader_of_lines_obeys(
    name: str, hostile_case: Path, select: Make
) -> None:
    text = text_of(name, select(hostile_case))
    assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", text)


@pytest.mark.parametrize("name", list(BY_NAME))
def test_the_same_case_gives_the_same_file(name: str, sample_case: Path, select: Make) -> None:
    assert text_of(name, select(sample_case)) == text_of(name, select(sample_case))


@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_export_tells_how_far_it_is(name: str, sample_case: Path, select: Make) -> None:
    told: list[tuple[int, int]] = []
    chosen = select(sample_case)
    followed = Selection(
        chosen.case, chosen.name, chosen.rows, chosen.words, chosen.now, chosen.who,
        lambda done, total: told.append((done, total)),
    )  # fmt: skip
    text_of(name, followed)
    total = len(chosen.rows)
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert len(told) > total


# NDJSON -------------------------------------------------------------------------------------------


def test_ndjson_is_the_alert_documents_with_todays_state(sample_case: Path, select: Make) -> None:
    selection = select(sample_case)
    docs = lines_of("ndjson", selection)
    assert [doc["kibana.alert.uuid"] for doc in docs] == [row.id for row in selection.rows]
    assert docs[0]["kibana.alert.workflow_reason"] == "false_positive"
    assert docs[-1]["kibana.alert.workflow_status"] == "closed"
    assert docs[-1]["triage.events"]


def test_t13_json_keeps_the_bytes_a_log_had(hostile_case: Path, select: Make) -> None:
    found = [
        doc["triage.events"][0]["process"]["command_line"]
        for doc in lines_of("ndjson", select(hostile_case))
    ]
    assert sorted(found) == sorted(HOSTILE)


# CSV ----------------------------------------------------------------------------------------------


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_for_each_alert(sample_case: Path, select: Make) -> None:
    selection = select(sample_case)
    rows = rows_of(text_of("csv", selection))
    assert [row["alert id"] for row in rows] == [row.id for row in selection.rows]
    assert rows[0]["closed as"] == "false positive"
    assert rows[0]["decided by"] == "jdoe"
    assert rows[0]["risk"] == f"{selection.rows[0].risk_score:g}"
    assert rows[0]["techniques"].startswith("T1127.001")


STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("start", STARTS)
def test_t13_no_cell_begins_a_formula(start: str) -> None:
    assert cell(f"{start}cmd|' /c calc'!A1").startswith("\"'")
    if start.isprintable():  # blanks before it do not make it harmless
        assert cell(f" {start}1").startswith("\"'")


@given(st.text(alphabet="=+-@;'\"\t\r\n ＝a1,|"))
def test_t13_no_split_of_a_cell_begins_a_formula(text: str) -> None:
    made = cell(text)
    assert made[0] == made[-1] == '"'
    assert not re.search(r"[\t\r\n]", made)
    (row,) = csv.reader(io.StringIO(made, newline=""))
    assert len(row) == 1  # whatever it holds stays one cell
    for part in row[0].split(";"):
        assert part.lstrip(" \"'")[:1] not in {*STARTS} or part.lstrip(' "').startswith("'")


@pytest.mark.parametrize("text", ["47", "2026-03-12T07:08:17Z", "msiexec.exe /i x", "a-b", ""])
def test_a_harmless_cell_stays_as_it_is(text: str) -> None:
    assert cell(text) == f'"{text}"'


# ATT&CK Navigator ---------------------------------------------------------------------------------


def test_navigator_layer_counts_alerts_by_technique(sample_case: Path, select: Make) -> None:
    (layer,) = lines_of("navigator", select(sample_case))
    assert layer["versions"] == {"attack": "18", "navigator": "5.1.0", "layer": "4.5"}
    assert layer["domain"] == "enterprise-attack"
    scores = {one["techniqueID"]: one.get("score") for one in layer["techniques"]}
    assert scores["T1218.004"] == 13  # of 16, three were found to be false positives
    assert layer["gradient"]["maxValue"] == 13
    shown = {one["techniqueID"]: one for one in layer["techniques"]}
    assert shown["T1218"]["showSubtechniques"] is True  # else its coloured children are hidden
    assert shown["T1218.004"]["tactic"] == "defense-evasion"


def test_navigator_layer_has_only_what_its_format_has(any_selection: Selection) -> None:
    (layer,) = lines_of("navigator", any_selection)
    assert set(layer) <= {
        "name", "versions", "domain", "description", "filters", "sorting", "layout", "hideDisabled",
        "techniques", "gradient", "legendItems", "metadata", "links", "showTacticRowBackground",
        "tacticRowBackground", "selectTechniquesAcrossTactics", "selectSubtechniquesWithParent",
        "selectVisibleTechniques",
    }  # fmt: skip
    seen = set()
    for one in layer["techniques"]:
        assert set(one) <= {
            "techniqueID", "tactic", "comment", "enabled", "score", "color", "metadata", "links",
            "showSubtechniques",
        }  # fmt: skip
        known = attack.technique(one["techniqueID"])
        assert known is not None
        tactics = [found.shortname for id_ in known.tactics if (found := attack.tactic(id_))]
        assert one["tactic"] in tactics
        assert (one["techniqueID"], one["tactic"]) not in seen
        seen.add((one["techniqueID"], one["tactic"]))


# STIX ---------------------------------------------------------------------------------------------


def test_stix_bundle_is_valid_and_whole(any_selection: Selection) -> None:
    text = text_of("stix", any_selection)
    stix2.parse(text, allow_custom=False)  # raises where anything is not as STIX 2.1 has it
    bundle = json.loads(text)
    ids = [one["id"] for one in bundle["objects"]]
    assert len(ids) == len(set(ids))
    named = set(re.findall(r'"((?!bundle)[a-z0-9-]+--[0-9a-f-]{36})"', text))
    assert named <= set(ids), "a reference leads nowhere"


def test_stix_tells_who_was_seen_doing_what(sample_case: Path, select: Make) -> None:
    selection = select(sample_case)
    objects = json.loads(text_of("stix", selection))["objects"]
    by_id = {one["id"]: one for one in objects}
    sightings = [one for one in objects if one["type"] == "sighting"]
    assert len(sightings) == len(selection.rows) - 3  # the false positives are no sightings
    last = next(
        one for one in sightings
        if one["external_references"][0]["external_id"] == selection.rows[-1].id
    )  # fmt: skip
    assert by_id[last["sighting_of_ref"]]["pattern_type"] == "eql"
    assert by_id[last["where_sighted_refs"][0]]["name"] == selection.rows[-1].host
    refs = [ref for data in last["observed_data_refs"] for ref in by_id[data]["object_refs"]]
    names = {by_id[ref].get("name") for ref in refs if ref.startswith("file--")}
    assert selection.rows[-1].process in names
    assert any(ref.startswith("ipv4-addr--") for ref in refs)
    indicated = {
        by_id[one["target_ref"]]["external_references"][0]["external_id"]
        for one in objects
        if one["type"] == "relationship" and one["source_ref"] == last["sighting_of_ref"]
    }
    assert "T1218.004" in indicated


# Timesketch ---------------------------------------------------------------------------------------


def test_timesketch_lines_have_what_it_asks_for(any_selection: Selection) -> None:
    lines = lines_of("timesketch", any_selection)
    for line in lines:
        assert line["message"]
        assert datetime.fromisoformat(line["datetime"]).tzinfo
        assert line["timestamp_desc"] in ("Alert", "Event", "Decision")
        assert line["timestamp"] // 1_000_000 == int(
            datetime.fromisoformat(line["datetime"]).timestamp()
        )
        assert all("." not in name and not isinstance(line[name], dict) for name in line)
    kinds = [line["timestamp_desc"] for line in lines]
    assert kinds.count("Alert") == len(any_selection.rows)


def test_timesketch_tells_a_bulk_decision_once(sample_case: Path, select: Make) -> None:
    lines = lines_of("timesketch", select(sample_case))
    closed = [one for one in lines if one.get("action") == "close"]
    assert len(closed) == 2  # three alerts in one, one in the other
    note = next(one for one in lines if one.get("action") == "note")
    assert note["note"] == "the patch agent, change 4711"


# OCSF ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finding_schema() -> Draft202012Validator:
    schema = ocsf_json_schema.OcsfJsonSchemaEmbedded(ocsf_json_schema.get_ocsf_schema("1.8.0"))
    return Draft202012Validator(schema.get_class_schema("detection_finding", ["host", "incident"]))


def test_ocsf_findings_are_valid(
    any_selection: Selection, finding_schema: Draft202012Validator
) -> None:
    findings = lines_of("ocsf", any_selection)
    assert len(findings) == len(any_selection.rows)
    for finding in findings:
        errors = [
            f"{'.'.join(map(str, one.path))}: {one.message[:200]}"
            for one in finding_schema.iter_errors(finding)
        ]
        assert not errors
        assert finding["metadata"]["version"] == "1.8.0"


def test_ocsf_tells_state_verdict_and_evidence(sample_case: Path, select: Make) -> None:
    selection = select(sample_case)
    findings = lines_of("ocsf", selection)
    first, last = findings[0], findings[-1]
    assert (first["activity_id"], first["verdict_id"], first["status_id"]) == (3, 1, 4)
    assert first["comment"] == "jdoe: the patch agent, change 4711"
    assert (last["verdict_id"], last["verdict"]) == (2, "True Positive")
    assert findings[-2]["status_id"] == 2
    assert findings[-2]["assignee"] == {"name": "jdoe"}
    assert last["type_uid"] == last["class_uid"] * 100 + last["activity_id"]
    assert last["finding_info"]["uid"] == selection.rows[-1].id
    assert [one["process"]["name"] for one in last["evidences"]][:1] == [selection.rows[-1].process]
    uids = {
        one["sub_technique"]["uid"]
        for one in last["finding_info"]["attacks"]
        if "sub_technique" in one
    }
    assert "T1218.004" in uids


# Values -------------------------------------------------------------------------------------------


def test_what_is_no_address_port_or_hash_is_left_out() -> None:
    doc = {
        "source": {"ip": "fe80::1%eth0", "port": "443"},
        "destination": {"ip": "10.0.0.300", "port": 70_000, "domain": "bad host"},
        "process": {"pid": True, "hash": {"md5": "x" * 32, "sha1": "AB" * 20}},
    }
    assert address(doc, "source.ip") == "fe80::1"
    assert address(doc, "destination.ip") == ""
    assert port(doc, "source.port") == 443
    assert port(doc, "destination.port") is None
    assert number(doc, "process.pid") is None
    assert hostname(doc, "destination.domain") == ""
    assert hashes(doc, "process.hash") == {"sha1": "ab" * 20}
