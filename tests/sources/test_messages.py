"""Exports that have an event's message alone tell what it says, by the names of event data."""

from __future__ import annotations

import csv
import io

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.windows import HOST, SECURITY, Record
from triage.fields import Doc, lookup
from triage.sources import decode
from triage.sources.messages import told

LOGON = """An account was let in.

Subject:
\tSecurity ID:\t\tS-1-5-18
\tAccount Name:\t\tATLAS$
\tAccount Domain:\t\tLAB
\tLogon ID:\t\t0x3E7

Logon Information:
\tLogon Type:\t\t3
\tVirtual Account:\t\tNo

New Logon:
\tSecurity ID:\t\tLAB\\piet
\tAccount Name:\t\tpiet
\tAccount Domain:\t\tLAB
\tLogon ID:\t\t0x77B10
\tLinked Logon ID:\t\t0x0

Process Information:
\tProcess ID:\t\t0x1f4
\tProcess Name:\t\tC:\\Windows\\System32\\lsass.exe

Network Information:
\tWorkstation Name:\tNOVA
\tSource Network Address:\t10.1.2.3
\tSource Port:\t\t51002

Detailed Information:
\tLogon Process:\t\tNtLmSsp\x20
\tAuthentication Package:\tNTLM
\tKey Length:\t\t128

Whatever the explanation says: it is no value.
\tAccount Name:\t\tnobody
"""
EXPECTED = {
    "event.code": "4624",
    "event.category": "authentication",
    "event.action": "logged-in",
    "event.outcome": "success",
    "winlog.logon.type": "Network",
    "winlog.logon.id": "0x77b10",
    "user.name": "piet",
    "user.domain": "LAB",
    "user.id": None,  # the message has a name in the place of the SID
    "source.ip": "10.1.2.3",
    "source.port": 51002,
    "source.domain": "NOVA",
    "process.pid": 500,
    "process.name": "lsass.exe",
    "related.user": ["piet", "ATLAS$"],
    "winlog.event_data.SubjectUserSid": "S-1-5-18",
    "winlog.event_data.AuthenticationPackageName": "NTLM",
}


def getwinevent() -> tuple[str, bytes]:
    return "json", orjson.dumps({
        "Message": LOGON.replace("\n", "\r\n"), "Id": 4624, "Version": 2, "Level": 0,
        "Keywords": -0x7FE0000000000000, "RecordId": 88, "ProviderName": SECURITY,
        "LogName": "Security", "ProcessId": 700, "MachineName": HOST,
        "TimeCreated": "/Date(1772443200123)/", "Properties": ["System.Diagnostics"],
    })  # fmt: skip


def viewer() -> tuple[str, bytes]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["Keywords", "Date and Time", "Source", "Event ID", "Task Category"])
    writer.writerow(["Audit Success", "3/2/2026 9:20:00 AM", SECURITY, "4624", "Logon", LOGON])
    return "csv", out.getvalue().encode()


def splunk() -> tuple[str, bytes]:
    head = (
        "03/02/2026 09:20:00 AM\nLogName=Security\nSourceName=Microsoft Windows security auditing."
        f"\nEventCode=4624\nEventType=0\nType=Information\nComputerName={HOST}\n"
        "TaskCategory=Logon\nOpCode=Info\nRecordNumber=88\nKeywords=Audit Success\nMessage="
    )
    return "xml", (head + LOGON).encode()


@pytest.mark.parametrize("export", [getwinevent, viewer, splunk])
def test_a_logon_told_by_its_message_alone_is_a_logon(export: object) -> None:
    assert callable(export)
    doc = decode(*export())
    assert doc is not None
    assert {name: lookup(doc, name) for name in EXPECTED} == EXPECTED


def test_a_command_line_of_many_lines_forges_nothing() -> None:
    data = told(
        SECURITY,
        "4688",
        "A process began.\n\nCreator Subject:\n\tAccount Name:\t\tmara\n\nTarget Subject:\n"
        "\tAccount Name:\t\tpiet\n\nProcess Information:\n\tNew Process ID:\t\t0x4\n"
        "\tNew Process Name:\tC:\\x.exe\n\tCreator Process Name:\tC:\\p.exe\n"
        "\tProcess Command Line:\tx.exe a\n\tTask Name:\tforged\nSubject:\n\nThe end: none.\n",
    )
    assert data == {
        "SubjectUserName": "mara",
        "TargetUserName": "piet",
        "NewProcessId": "0x4",
        "NewProcessName": "C:\\x.exe",
        "ParentProcessName": "C:\\p.exe",
        "CommandLine": "x.exe a\n\tTask Name:\tforged\nSubject:",
    }


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("4634", "x\n\nSubject:\n\tAccount Name:\tpiet\n\tLogon ID:\t0x1\n\nLogon Type:\t3\n",
         {"TargetUserName": "piet", "TargetLogonId": "0x1", "LogonType": "3"}),
        ("4732", "x\n\nSubject:\n\tAccount Name:\tmara\n\nMember:\n\tSecurity ID:\tS-1-5-21-9\n"
         "\tAccount Name:\tCN=Ivo\n\nGroup:\n\tSecurity ID:\tS-1-5-32-544\n\tGroup Name:\tAdmins\n",
         {"SubjectUserName": "mara", "MemberSid": "S-1-5-21-9", "MemberName": "CN=Ivo",
          "TargetUserSid": "S-1-5-32-544", "TargetUserName": "Admins"}),
        ("5157", "x\n\nApplication Information:\n\tProcess ID:\t8\n\tApplication Name:\t\\a.exe\n\n"
         "Network Information:\n\tDirection:\tOutbound\n\tSource Address:\t10.1.2.3\n"
         "\tSource Port:\t5\n\tDestination Address:\t10.9.9.9\n",
         {"ProcessId": "8", "Application": "\\a.exe", "Direction": "Outbound",
          "SourceAddress": "10.1.2.3", "SourcePort": "5", "DestAddress": "10.9.9.9"}),
    ],
    ids=["4634", "4732", "5157"],
)  # fmt: skip
def test_the_sections_say_whose_a_label_is(
    code: str, message: str, expected: dict[str, str]
) -> None:
    assert told(SECURITY, code, message) == expected


def test_a_service_and_a_foreign_language() -> None:
    service = "A service came.\r\n\r\nService Name:  u\r\nService File Name:  C:\\u.exe -k\r\n"
    assert told("Service Control Manager", "7045", service) == {
        "ServiceName": "u",
        "ImagePath": "C:\\u.exe -k",
    }
    german = "Ein Konto wurde angemeldet.\n\nAntragsteller:\n\tKontoname:\tpiet\n"
    assert told(SECURITY, "4624", german) == {}
    assert told("Other", "1", service) == {}


@given(st.text(st.sampled_from("aAS:\t\n\r -"), max_size=80) | st.text(max_size=200))
def test_no_message_stops_its_reading(message: str) -> None:
    data = told(SECURITY, "4688", message)
    assert all(isinstance(value, str) for value in data.values())


def test_what_a_message_says_is_what_the_record_says() -> None:
    record = Record("4624", {
        "SubjectUserSid": "S-1-5-18", "SubjectUserName": "ATLAS$", "SubjectDomainName": "LAB",
        "SubjectLogonId": "0x3e7", "TargetUserName": "piet", "TargetDomainName": "LAB",
        "TargetLogonId": "0x77b10", "LogonType": "3", "ProcessId": "0x1f4",
        "ProcessName": "C:\\Windows\\System32\\lsass.exe", "WorkstationName": "NOVA",
        "IpAddress": "10.1.2.3", "IpPort": "51002", "LogonProcessName": "NtLmSsp",
        "AuthenticationPackageName": "NTLM",
    })  # fmt: skip
    doc: Doc = decode(*getwinevent()) or {}
    assert doc["winlog"]["event_data"] == record.decoded()["winlog"]["event_data"]
    assert doc["user"] == record.decoded()["user"]
