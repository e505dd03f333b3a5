"""An event in one line: what the panes, the timeline and the exports say of it."""

from __future__ import annotations

import pytest

from tests.sources.windows import FAILURE, SUBJECT, Record
from triage import context
from triage.event import Event

ACCOUNT = {"TargetSid": "S-1-5-21-7", "TargetUserName": "piet", "TargetDomainName": "LAB"}
DEFENDER, SERVICES = "Microsoft-Windows-Windows Defender", "Service Control Manager"
SYSMON = "Microsoft-Windows-Sysmon"
POWERSHELL, DNS = "Microsoft-Windows-PowerShell", "Microsoft-Windows-DNS-Client"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (Record("4624", {**ACCOUNT, "LogonType": "3", "IpAddress": "10.1.2.3"}),
         "logon Network piet from 10.1.2.3"),
        (Record("4625", {**ACCOUNT, "LogonType": "10", "SubStatus": "0xc000006a"},
                keywords=FAILURE),
         "logon RemoteInteractive piet: Wrong password"),
        (Record("4648", {**SUBJECT, **ACCOUNT}), "logged-in-explicit mara as piet"),
        (Record("4634", {**ACCOUNT, "LogonType": "2"}), "logoff piet"),
        (Record("4769", {"TargetUserName": "piet@LAB", "ServiceName": "krbtgt"}),
         "kerberos-service-ticket-requested piet to krbtgt"),
        (Record("4728", {**SUBJECT, **ACCOUNT, "TargetUserName": "Admins", "MemberName": "CN=Ivo"}),
         "account added-member-to-group Ivo in Admins by mara"),
        (Record("4742", {**SUBJECT, **ACCOUNT, "TargetUserName": "DC$"}),
         "audit changed-computer-account DC$ by mara"),
        (Record("4698", {**SUBJECT, "TaskName": "\\upd"}), "task created \\upd by mara"),
        (Record("4697", {**SUBJECT, "ServiceName": "u", "ServiceFileName": "C:\\u.exe"}),
         "service installed u: C:\\u.exe"),
        (Record("7040", {"param1": "U", "param4": "wuauserv"}, SERVICES, "System", 0),
         "service start-type-changed wuauserv"),
        (Record("5145", {**SUBJECT, "ShareName": "\\\\*\\C$", "RelativeTargetName": "a.bat",
                         "IpAddress": "10.1.2.3"}),
         "share \\\\*\\C$\\a.bat by mara from 10.1.2.3"),
        (Record("5157", {"Application": "\\d\\av.exe", "DestAddress": "10.9.9.9", "DestPort": "443",
                         "Direction": "%%14593"}),
         "net av.exe → 10.9.9.9:443 blocked"),
        (Record("4104", {"ScriptBlockText": "if (1) {\n\t'a'\n}", "Path": "C:\\go.ps1"},
                POWERSHELL),
         "script go.ps1: if (1) { 'a' }"),
        (Record("4104", {"ScriptBlockText": "x" * 5000}, POWERSHELL), "script " + "x" * 300),
        (Record("1116", {"Threat Name": "Virus:A", "Path": "file:_C:\\e.exe"}, DEFENDER),
         "threat Virus:A C:\\e.exe"),
        (Record("1014", {"QueryName": "c2.example"}, DNS, "System", 0), "dns ? asked c2.example"),
        (Record("4656", {**SUBJECT, "ObjectType": "Process", "ObjectName": "\\d\\lsass.exe",
                         "ProcessName": "C:\\x.exe"}),
         "4656 x.exe \\d\\lsass.exe"),
        (Record("10", {"SourceImage": "C:\\x.exe", "TargetImage": "C:\\lsass.exe",
                       "GrantedAccess": "0x1410"}, SYSMON, f"{SYSMON}/Operational"),
         "access x.exe → C:\\lsass.exe 0x1410"),
        (Record("42", provider="Other", channel="Other/Operational"), "42 Other/Operational"),
    ],
    ids=lambda value: value.code if isinstance(value, Record) else "",
)  # fmt: skip
def test_an_event_is_told_in_one_line(record: Record, told: str) -> None:
    assert context.describe(Event("id", (1, 0, "log", 0), record.decoded())) == told
