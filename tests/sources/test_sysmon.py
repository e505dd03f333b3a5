"""Sysmon's event data becomes the ECS that Elastic's rules are written for."""

from __future__ import annotations

import pytest

from triage.fields import Doc, lookup
from triage.sources.channels import to_ecs
from triage.sources.winevent import WinEvent, event_data

ID = "{5d1f0a3c-77aa-4b21-0c01-000000000c01}"


def sysmon(code: int, **data: str) -> Doc:
    pairs = event_data(data.items())
    return to_ecs(WinEvent("Microsoft-Windows-Sysmon", str(code), user_sid="S-1-5-18", data=pairs))


@pytest.mark.parametrize(
    ("code", "category", "kind"),
    [
        (1, "process", "start"),
        (2, "file", "change"),
        (3, "network", ["start", "connection", "protocol"]),
        (4, "process", "change"),
        (5, "process", "end"),
        (6, "driver", "start"),
        (7, "process", "change"),
        (8, "process", "change"),
        (9, "process", "access"),
        (10, "process", "access"),
        (11, "file", "creation"),
        (12, ["configuration", "registry"], "change"),
        (13, ["configuration", "registry"], "change"),
        (14, ["configuration", "registry"], "change"),
        (15, "file", "access"),
        (16, "configuration", "change"),
        (17, "file", "creation"),
        (18, "file", "access"),
        (19, "process", "creation"),
        (20, "process", "creation"),
        (21, "process", "access"),
        (22, "network", ["connection", "protocol", "info"]),
        (23, "file", "deletion"),
        (24, None, "change"),
        (25, "process", "change"),
        (26, "file", "deletion"),
        (27, "file", ["creation", "denied"]),
        (28, "file", ["deletion", "denied"]),
        (29, "file", "creation"),
        (255, "process", "error"),
    ],
)
def test_every_id_has_its_category_and_type(code: int, category: object, kind: object) -> None:
    doc = sysmon(code, Image="C:\\a\\b.exe", ProcessGuid=ID, ProcessId="7")
    assert lookup(doc, "event.category") == category
    assert lookup(doc, "event.type") == kind
    assert lookup(doc, "event.action")
    assert (doc["event"]["code"], doc["event"]["kind"]) == (str(code), "event")
    assert doc["process"] == {
        "executable": "C:\\a\\b.exe",
        "name": "b.exe",
        "entity_id": ID,
        "pid": 7,
    }
    assert doc["host"]["os"]["type"] == "windows"


@pytest.mark.parametrize(
    ("details", "kind", "text"),
    [
        ("DWORD (0x0000000a)", "SZ_DWORD", "10"),
        ("QWORD (0x00000001-0x00000002)", "SZ_QWORD", "258"),
        ("Binary Data", "REG_BINARY", "Binary Data"),
        ("C:\\x.exe", "REG_SZ", "C:\\x.exe"),
        ("DWORD (0xzz)", "REG_SZ", "DWORD (0xzz)"),
    ],
)
def test_registry_data_is_text_of_its_type(details: str, kind: str, text: str) -> None:
    doc = sysmon(13, TargetObject="HKEY_USERS\\S-1\\Software\\Run", Details=details)
    assert doc["registry"] == {
        "path": "HKEY_USERS\\S-1\\Software\\Run",
        "hive": "HKU",
        "key": "S-1\\Software\\Run",
        "value": "Run",
        "data": {"type": kind, "strings": [text]},
    }


def test_a_registry_path_of_no_known_hive_has_no_hive_and_no_key() -> None:
    doc = sysmon(12, TargetObject="\\REGISTRY\\A\\x")
    assert doc["registry"] == {"path": "\\REGISTRY\\A\\x", "value": "x"}


def test_an_image_load_describes_the_image_not_the_process() -> None:
    doc = sysmon(
        7,
        Image="C:\\a.exe",
        ImageLoaded="C:\\Windows\\x.y\\lib",
        Company="Example",
        OriginalFileName="lib.dll",
        Hashes="SHA1=AB,IMPHASH=CD",
        Signed="true",
        Signature="Example Ltd",
        SignatureStatus="Valid",
    )
    assert "pe" not in doc["process"]
    assert doc["file"] == {
        "path": "C:\\Windows\\x.y\\lib",
        "name": "lib",
        "directory": "C:\\Windows\\x.y",
        "extension": "y\\lib",  # upstream takes the last dot of the whole path
        "pe": {"company": "Example", "original_file_name": "lib.dll", "imphash": "cd"},
        "hash": {"sha1": "ab"},
        "code_signature": {
            "subject_name": "Example Ltd",
            "status": "Valid",
            "valid": True,
            "signed": True,
        },
    }
    assert doc["related"]["hash"] == ["ab", "cd"]


@pytest.mark.parametrize(("code", "owner"), [(1, "process"), (15, "file"), (23, "process")])
def test_hashes_belong_to_the_process_or_the_file_by_id(code: int, owner: str) -> None:
    doc = sysmon(code, Hashes="MD5=AB,SHA256=00,IMPHASH=0000")
    assert doc[owner]["hash"] == {"md5": "ab"}
    assert doc["related"]["hash"] == ["ab"]


def test_the_target_of_a_process_access_stays_in_the_event_data() -> None:
    doc = sysmon(
        10,
        SourceProcessGUID=ID.upper(),
        SourceProcessId="12",
        SourceThreadId="3",
        SourceImage="C:\\a.exe",
        TargetProcessGuid="5D1F0A3C-77AA-4B21-0C01-000000000FFF",
        TargetImage="C:\\Windows\\lsass.exe",
        GrantedAccess="0x1010",
    )
    assert doc["process"]["entity_id"] == ID
    assert doc["process"]["thread"] == {"id": 3}
    assert doc["winlog"]["event_data"] == {
        "TargetProcessGUID": "{5d1f0a3c-77aa-4b21-0c01-000000000fff}",
        "TargetImage": "C:\\Windows\\lsass.exe",
        "GrantedAccess": "0x1010",
    }


def test_what_is_no_number_or_address_is_left_out() -> None:
    doc = sysmon(
        3, ProcessId="many", SourceIp="192.0.2.1", SourcePort="x", DestinationIp="y", Protocol="tcp"
    )
    assert "process" not in doc
    assert doc["source"] == {"ip": "192.0.2.1"}
    assert "destination" not in doc
    assert "community_id" not in doc["network"]


def test_a_dns_answer_that_was_cut_off_is_left_out() -> None:
    doc = sysmon(
        22, QueryName="a.example", QueryStatus="9999", QueryResults="::ffff:192.0.2.1;192."
    )
    assert doc["dns"]["resolved_ip"] == ["192.0.2.1"]
    assert doc["sysmon"]["dns"]["status"] == "9999"
    assert doc["related"] == {"ip": ["192.0.2.1"], "hosts": ["a.example"]}


def test_a_user_of_other_than_two_parts_has_no_name() -> None:
    assert sysmon(1, User="mara")["user"] == {"id": "S-1-5-18"}
    assert sysmon(1, User="A\\B\\C")["user"] == {"id": "S-1-5-18"}


def test_ids_that_only_some_events_use() -> None:
    assert sysmon(255, ID="DriverCommunication")["error"] == {"code": "DriverCommunication"}
    assert sysmon(25, Type="Image is replaced")["message"] == "Image is replaced"
    deleted = sysmon(23, Archived="true", IsExecutable="false", TargetFilename="C:\\a\\b.exe")
    assert deleted["sysmon"]["file"] == {"archived": True, "is_executable": False}
    pipe = sysmon(17, PipeName="\\evil")
    assert pipe["file"] == {"name": "\\evil"}
