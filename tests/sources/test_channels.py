"""Windows logs beside Sysmon's become the ECS that Elastic's rules ask for."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.windows import FAILURE, HOST, SUBJECT, Record
from triage.fields import Doc, lookup
from triage.sources import decode
from triage.sources.channels import to_ecs
from triage.sources.winevent import WinEvent

TARGET = {
    "TargetUserSid": "S-1-5-21-7-8-9-1106",
    "TargetUserName": "piet@lab.example",
    "TargetDomainName": "LAB",
    "TargetLogonId": "0x77b10",
}
ACCOUNT = {"TargetSid": "S-1-5-21-7-8-9-1200", "TargetUserName": "piet", "TargetDomainName": "LAB"}


def check(doc: Doc, expected: dict[str, Any]) -> None:
    assert {name: lookup(doc, name) for name in expected} == expected


def test_a_network_logon_names_who_came_from_where_by_what() -> None:
    doc = Record(
        "4624",
        {
            **SUBJECT, **TARGET, "LogonType": "3", "IpAddress": "::ffff:10.1.2.3",
            "IpPort": "51002", "WorkstationName": "NOVA", "AuthenticationPackageName": "NTLM",
            "ProcessId": "0x1f4", "ProcessName": "C:\\Windows\\System32\\lsass.exe",
        },
    ).decoded()  # fmt: skip
    check(
        doc,
        {
            "event.category": "authentication",
            "event.type": "start",
            "event.action": "logged-in",
            "event.outcome": "success",
            "event.module": "system",
            "data_stream.dataset": "system.security",
            "winlog.keywords": "Audit Success",
            "winlog.logon.type": "Network",
            "winlog.logon.id": "0x77b10",
            "user.id": "S-1-5-21-7-8-9-1106",
            "user.name": "piet",
            "user.domain": "LAB",
            "source.ip": "10.1.2.3",
            "source.port": 51002,
            "source.domain": "NOVA",
            "process.pid": 500,
            "process.name": "lsass.exe",
            "related.user": ["piet", "mara"],
            "related.ip": "10.1.2.3",
            "winlog.event_data.AuthenticationPackageName": "NTLM",
            "winlog.event_data.TargetUserSid": "S-1-5-21-7-8-9-1106",
            "host.name": HOST,
            "host.os.type": "windows",
        },
    )


def test_a_failed_logon_says_why_and_its_outcome_comes_from_the_keywords() -> None:
    data = {
        **TARGET, "LogonType": "10", "Status": "0xc000006d", "SubStatus": "0xC000006A",
        "FailureReason": "%%2313", "IpAddress": "-",
    }  # fmt: skip
    doc = Record("4625", data, keywords=FAILURE).decoded()
    check(
        doc,
        {
            "event.action": "logon-failed",
            "event.outcome": "failure",
            "winlog.logon.type": "RemoteInteractive",
            "winlog.logon.failure.reason": "Unknown user name or bad password.",
            "winlog.logon.failure.sub_status": "Wrong password",
            "winlog.event_data.Status": "0xc000006d",
            "source.ip": None,
        },
    )
    # A record without those bits tells no outcome, whatever its id is.
    assert lookup(Record("4625", data, keywords=1 << 63).decoded(), "event.outcome") is None


def test_the_logon_id_of_a_session_joins_what_was_done_in_it() -> None:
    logon = Record("4624", {**SUBJECT, **TARGET, "SubjectLogonId": "0x0"}).decoded()
    did = Record("4697", {**SUBJECT, "SubjectLogonId": "0x77b10"}).decoded()
    left = Record("4634", {**TARGET}).decoded()
    padded = Record("4697", {**SUBJECT, "SubjectLogonId": "0x0000000000077B10"}).decoded()
    ids = {lookup(doc, "winlog.logon.id") for doc in (logon, did, left, padded)}
    assert ids == {"0x77b10"}


def test_a_process_of_the_security_log_is_like_one_of_sysmon() -> None:
    doc = Record(
        "4688",
        {
            **SUBJECT, **TARGET, "NewProcessId": "0x1a4", "ProcessId": "0x2b8",
            "NewProcessName": "C:\\Windows\\System32\\cmd.exe",
            "ParentProcessName": "C:\\Windows\\explorer.exe",
            "CommandLine": 'cmd.exe /c "type a b.txt"',
        },
    ).decoded()  # fmt: skip
    check(
        doc,
        {
            "event.category": "process",
            "event.type": "start",
            "event.action": "created-process",
            "process.pid": 420,
            "process.executable": "C:\\Windows\\System32\\cmd.exe",
            "process.name": "cmd.exe",
            "process.command_line": 'cmd.exe /c "type a b.txt"',
            "process.args": ["cmd.exe", "/c", "type a b.txt"],
            "process.args_count": 3,
            "process.parent.pid": 696,
            "process.parent.executable": "C:\\Windows\\explorer.exe",
            "process.parent.name": "explorer.exe",
            "user.name": "mara",
            "user.id": SUBJECT["SubjectUserSid"],
            "user.effective.name": "piet",
            "related.user": ["mara", "piet"],
        },
    )


@pytest.mark.parametrize(
    ("code", "data", "expected"),
    [
        ("4648", {**SUBJECT, **TARGET}, {
            "event.action": "logged-in-explicit", "user.name": "mara",
            "user.effective.id": TARGET["TargetUserSid"],
        }),
        ("4672", {**SUBJECT, "PrivilegeList": "SeDebugPrivilege\n\t\t\tSeBackupPrivilege"}, {
            "event.action": "logged-in-special", "user.name": "mara",
            "winlog.event_data.PrivilegeList": ["SeDebugPrivilege", "SeBackupPrivilege"],
        }),
        ("4689", {**SUBJECT, "ProcessId": "0x1a4", "ProcessName": "C:\\a\\b.exe"}, {
            "event.type": "end", "process.pid": 420, "process.name": "b.exe",
        }),
        ("4697", {**SUBJECT, "ServiceName": "upd", "ServiceFileName": "%SystemRoot%\\u.exe",
                  "ServiceType": "0x10", "ClientProcessId": "0"}, {
            "event.category": ["iam", "configuration"], "event.action": "service-installed",
            "service.name": "upd", "service.type": "Win32 Own Process", "user.domain": "LAB",
            "winlog.event_data.ServiceFileName": "%SystemRoot%\\u.exe",
            "winlog.event_data.ClientProcessId": "0",
        }),
        ("4698", {**SUBJECT, "TaskName": "\\upd", "RpcCallClientLocality": "0"}, {
            "event.action": "scheduled-task-created", "event.type": ["creation", "admin"],
            "user.name": "mara", "winlog.event_data.TaskName": "\\upd",
        }),
        ("4699", {**SUBJECT, "TaskName": "\\upd"}, {"event.action": "scheduled-task-deleted"}),
        ("4702", {**SUBJECT, "TaskName": "\\upd"}, {"event.action": "scheduled-task-updated"}),
        ("4719", {**SUBJECT}, {"event.action": "changed-audit-config"}),
        ("4720", {**SUBJECT, **ACCOUNT}, {
            "event.action": "added-user-account", "user.name": "mara", "user.target.name": "piet",
            "user.target.id": ACCOUNT["TargetSid"], "related.user": ["mara", "piet"],
        }),
        ("4728", {**SUBJECT, **ACCOUNT, "TargetUserName": "Admins",
                  "MemberName": "CN=Ivo\\, Jr,CN=Users,DC=lab,DC=example"}, {
            "event.action": "added-member-to-group", "group.name": "Admins",
            "group.id": ACCOUNT["TargetSid"], "user.name": "mara",
            "user.target.name": "Ivo, Jr", "user.target.domain": "lab",
            "user.target.group.name": "Admins",
        }),
        ("4799", {**SUBJECT, **ACCOUNT, "TargetUserName": "Administrators",
                  "CallerProcessId": "0x10", "CallerProcessName": "C:\\x\\net.exe"}, {
            "event.action": "user-member-enumerated", "group.name": "Administrators",
            "process.name": "net.exe", "winlog.event_data.CallerProcessName": "C:\\x\\net.exe",
        }),
        ("4738", {**SUBJECT, **ACCOUNT, "NewUacValue": "0x10010"}, {
            "event.action": "modified-user-account",
            "winlog.event_data.NewUACList": ["USER_NORMAL_ACCOUNT", "USER_DONT_REQUIRE_PREAUTH"],
        }),
        ("4742", {**SUBJECT, **ACCOUNT, "DnsHostName": "dc01.lab.example"}, {
            "event.action": "changed-computer-account", "user.id": SUBJECT["SubjectUserSid"],
            "winlog.computerObject.name": "piet",
            "winlog.event_data.DnsHostName": "dc01.lab.example",
        }),
        ("4769", {"TargetUserName": "piet@LAB.EXAMPLE", "ServiceName": "krbtgt",
                  "TicketEncryptionType": "0x17", "IpAddress": "::ffff:10.1.2.3"}, {
            "event.action": "kerberos-service-ticket-requested", "user.name": "piet",
            "service.name": "krbtgt", "source.ip": "10.1.2.3",
            "winlog.event_data.TicketEncryptionTypeDescription": "RC4-HMAC",
        }),
        ("4776", {"TargetUserName": "piet", "Workstation": "NOVA", "Status": "0xc0000064"}, {
            "event.action": "credential-validated", "user.name": "piet", "source.domain": "NOVA",
            "winlog.logon.failure.status": "User name does not exist",
        }),
        ("4781", {**SUBJECT, "OldTargetUserName": "piet", "NewTargetUserName": "dc01"}, {
            "user.target.name": "piet", "user.changes.name": "dc01", "user.name": "mara",
            "related.user": ["mara", "piet", "dc01"],
        }),
        ("5136", {**SUBJECT, "AttributeLDAPDisplayName": "dSHeuristics",
                  "OperationType": "%%14674", "AttributeValue": "0000000001000000f"}, {
            "event.action": "directory-service-object-modified", "user.name": "mara",
            "winlog.event_data.OperationType": "%%14674",
        }),
        ("5145", {**SUBJECT, "IpAddress": "10.1.2.3", "IpPort": "5", "ShareName": "\\\\*\\C$",
                  "ShareLocalPath": "\\??\\C:\\", "RelativeTargetName": "Temp\\run.bat",
                  "AccessList": "%%4417\n\t\t\t\t%%4424"}, {
            "event.category": ["network", "file"], "file.name": "Temp\\run.bat",
            "file.path": "C:\\Temp\\run.bat", "file.extension": "bat",
            "file.target_path": "\\\\*\\C$\\Temp\\run.bat", "source.ip": "10.1.2.3",
            "winlog.event_data.AccessList": "%%4417\n\t\t\t\t%%4424",
        }),
        ("5145", {**SUBJECT, "ShareName": "\\\\*\\C$", "ShareLocalPath": "\\??\\C:\\",
                  "RelativeTargetName": "\\"}, {
            "file.path": "C:\\", "file.target_path": "\\\\*\\C$\\", "file.name": "\\",
        }),
        ("5157", {"ProcessID": "88", "Application": "\\device\\harddiskvolume1\\av\\agent.exe",
                  "Direction": "%%14593", "SourceAddress": "10.1.2.3", "SourcePort": "50100",
                  "DestAddress": "10.9.9.9", "DestPort": "443", "Protocol": "6"}, {
            "event.action": "windows-firewall-packet-block", "process.name": "agent.exe",
            "process.pid": 88, "network.direction": "egress", "network.transport": "tcp",
            "network.iana_number": "6", "network.type": "ipv4", "source.ip": "10.1.2.3",
            "destination.ip": "10.9.9.9", "destination.port": 443,
            "related.ip": ["10.1.2.3", "10.9.9.9"],
        }),
        ("4657", {**SUBJECT, "ObjectName": "\\REGISTRY\\MACHINE\\SOFTWARE\\x",
                  "ObjectValueName": "Run", "NewValue": "evil.exe"}, {
            "event.category": ["registry", "configuration"], "registry.value": "Run",
            "registry.path": "\\REGISTRY\\MACHINE\\SOFTWARE\\x",
            "registry.data.strings": "evil.exe",
        }),
        # Opened is not written: no category by which a rule on files would take it for a change.
        ("4663", {**SUBJECT, "ObjectType": "File", "ObjectName": "C:\\a\\b.txt",
                  "ProcessName": "C:\\x\\y.exe"}, {
            "event.category": None, "event.outcome": "success", "file.name": "b.txt",
            "process.name": "y.exe",
        }),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_security_events_have_what_rules_ask_for(
    code: str, data: dict[str, str], expected: dict[str, Any]
) -> None:
    check(Record(code, data).decoded(), {"event.code": code, **expected})


def test_the_cleared_log_names_who_cleared_it() -> None:
    cleared = {"SubjectUserSid": "S-1-5-21-1", "SubjectUserName": "mara", "Channel": "System"}
    log = Record("1102", provider="Microsoft-Windows-Eventlog", user_data=cleared)
    check(log.decoded(), {
        "event.action": "audit-log-cleared", "user.name": "mara", "user.id": "S-1-5-21-1",
    })  # fmt: skip
    system = Record(
        "104", provider="Microsoft-Windows-Eventlog", channel="System", user_data=cleared
    )
    check(system.decoded(), {
        "event.action": "Log clear", "user.name": "mara", "event.category": None,
        "data_stream.dataset": "system.system", "winlog.user_data.Channel": "System",
    })  # fmt: skip


def test_another_provider_in_the_security_log_keeps_its_own_ids() -> None:
    doc = Record("1102", {"Data": "x"}, provider="AD FS Auditing").decoded()
    check(doc, {"event.action": None, "event.category": None, "winlog.event_data.Data": "x"})


def test_a_script_block_is_named_measured_and_told_from_where() -> None:
    script = "function f { 'ab' * 3 }\n# SIG # Begin signature block\n# AAAA"
    doc = Record(
        "4104",
        {
            "MessageNumber": "1", "MessageTotal": "2", "ScriptBlockText": script,
            "ScriptBlockId": "7f5d0b12-0000-4000-8000-000000000001", "Path": "C:\\t\\go.ps1",
        },
        provider="Microsoft-Windows-PowerShell",
        channel="Microsoft-Windows-PowerShell/Operational",
        keywords=0,
        sid="S-1-5-18",
    ).decoded()  # fmt: skip
    measured = script.partition("# SIG")[0]
    check(doc, {
        "event.category": "process",
        "event.type": "info",
        "event.outcome": None,
        "data_stream.dataset": "windows.powershell_operational",
        "powershell.file.script_block_text": script,
        "powershell.file.script_block_id": "7f5d0b12-0000-4000-8000-000000000001",
        "powershell.file.script_block_length": len(measured),
        "powershell.file.script_block_unique_symbols": len(set(measured)),
        "powershell.sequence": 1,
        "powershell.total": 2,
        "file.path": "C:\\t\\go.ps1",
        "file.name": "go.ps1",
        "file.directory": "C:\\t",
        "file.extension": "ps1",
        "user.id": "S-1-5-18",
        "winlog.event_data": None,
    })  # fmt: skip
    uniform = Record(
        "4104", {"ScriptBlockText": "abcd" * 4}, provider="Microsoft-Windows-PowerShell"
    ).decoded()
    assert math.isclose(lookup(uniform, "powershell.file.script_block_entropy_bits"), 2.0)
    assert math.isclose(lookup(uniform, "powershell.file.script_block_surprisal_stdev"), 0.0)


def test_a_command_of_powershell_can_not_forge_who_ran_it() -> None:
    context = (
        "        Severity = Informational\n        Host Name = ConsoleHost\n"
        "        Host ID = 9DE31F20-0000-4000-8000-00000000000A\n"
        "        Host Application = powershell -c 1\nUser = LAB\\nobody\nHost Name = fake\n"
        "        Command Name = Get-Item\n        User = LAB\\mara\n        Shell ID = ps\n"
    )
    doc = Record(
        "4103",
        {
            "ContextInfo": context,
            "Payload": 'CommandInvocation(Get-Item): "Get-Item"\n'
            'ParameterBinding(Get-Item): name="Path"; value="C:\\"\nodd line',
        },
        provider="Microsoft-Windows-PowerShell",
        keywords=0,
    ).decoded()
    check(doc, {
        "user.name": "mara",
        "user.domain": "LAB",
        "process.title": "ConsoleHost",
        "process.entity_id": "{9de31f20-0000-4000-8000-00000000000a}",
        "process.command_line": "powershell -c 1",
        "powershell.command.name": "Get-Item",
        "powershell.id": "ps",
        "winlog.event_data": None,
    })  # fmt: skip
    assert doc["powershell"]["command"]["invocation_details"] == [
        {"type": "CommandInvocation", "related_command": "Get-Item", "value": '"Get-Item"'},
        {
            "type": "ParameterBinding", "related_command": "Get-Item",
            "name": '"Path"', "value": '"C:\\"',
        },
        {"value": "odd line"},
    ]  # fmt: skip


def test_the_classic_log_of_powershell_says_what_its_third_value_says() -> None:
    told = (
        "NewEngineState=Available\r\n\tPreviousEngineState=None\r\n\r\n\tSequenceNumber=13\r\n"
        "\tHostName=ConsoleHost\r\n\tHostApplication=powershell.exe -w hidden\r\n"
        "\tEngineVersion=5.1\r\n\tCommandLine="
    )
    record = orjson.loads(Record("400", provider="PowerShell", channel="Windows PowerShell").evtx())
    record["Event"]["EventData"] = {"Data": {"#text": ["Available", "None", told]}}
    doc = decode("evtx", orjson.dumps(record))
    assert doc is not None
    check(doc, {
        "event.type": "start",
        "event.sequence": 13,
        "process.command_line": "powershell.exe -w hidden",
        "process.args_count": 3,
        "powershell.engine.new_state": "Available",
        "powershell.engine.version": "5.1",
        "winlog.event_data": None,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record("1117", {"Threat Name": "Virus:A/B", "Action Name": "Quarantine",
                         "Error Code": "0x00000000", "Detection User": "LAB\\mara",
                         "Path": "containerfile:_C:\\x.zip; file:_C:\\x\\evil.exe",
                         "Process Name": "Unknown"},
                provider="Microsoft-Windows-Windows Defender", keywords=0), {
            "event.category": "malware", "event.action": "malware-quarantined",
            "event.outcome": "success", "file.path": "C:\\x\\evil.exe", "file.name": "evil.exe",
            "user.name": "mara", "process.name": None,
            "winlog.event_data.Threat_Name": "Virus:A/B",
        }),
        (Record("5001", provider="Microsoft-Windows-Windows Defender", keywords=0), {
            "event.category": "process", "event.type": "info", "event.outcome": None,
            "data_stream.dataset": "windows.windows_defender",
        }),
        (Record("106", {"TaskName": "\\upd", "UserContext": "LAB\\mara"},
                provider="Microsoft-Windows-TaskScheduler", keywords=0), {
            "event.category": "configuration", "event.action": "scheduled-task-created",
            "user.name": "mara", "user.domain": "LAB", "winlog.event_data.TaskName": "\\upd",
        }),
        # Never a process start: Sysmon and the Security log tell that one.
        (Record("129", {"TaskName": "\\upd", "Path": "C:\\x\\u.exe", "ProcessID": "77"},
                provider="Microsoft-Windows-TaskScheduler", keywords=0), {
            "event.type": "info", "process.name": "u.exe", "process.pid": 77,
        }),
        (Record("7045", {"ServiceName": "upd", "ImagePath": "%COMSPEC% /c x"},
                provider="Service Control Manager", channel="System", keywords=0), {
            "event.action": "service-installed", "service.name": "upd", "event.category": None,
            "winlog.event_data.ImagePath": "%COMSPEC% /c x",
        }),
        (Record("7040", {"param1": "Updates", "param3": "disabled", "param4": "wuauserv"},
                provider="Service Control Manager", channel="System", keywords=0), {
            "event.action": "service-start-type-changed", "service.name": "wuauserv",
        }),
        (Record("1014", {"QueryName": "c2.example"}, provider="Microsoft-Windows-DNS-Client",
                channel="System", keywords=0), {"dns.question.name": "c2.example"}),
        (Record("5858", {"Operation": "x"}, provider="Microsoft-Windows-WMI-Activity",
                channel="Microsoft-Windows-WMI-Activity/Operational", keywords=0), {
            "event.code": "5858", "event.provider": "Microsoft-Windows-WMI-Activity",
            "winlog.event_data.Operation": "x", "host.os.type": "windows",
            "event.category": None, "event.module": None, "data_stream.dataset": None,
        }),
    ],
    ids=lambda value: value.code if isinstance(value, Record) else "",
)  # fmt: skip
def test_the_other_logs(record: Record, expected: dict[str, Any]) -> None:
    check(record.decoded(), expected)


@pytest.mark.parametrize("keywords", [Record("1").keywords, FAILURE])
def test_one_record_is_the_same_in_every_shape(keywords: int) -> None:
    record = Record("4624", {**SUBJECT, **TARGET, "LogonType": "3"}, keywords=keywords)
    shapes = {
        "xml": record.xml(),
        "evtx": record.evtx(),
        "ecs": record.winlogbeat(),
        "nxlog": record.nxlog(),
    }
    fields = (
        "event.code", "event.provider", "event.category", "event.action", "event.outcome",
        "event.dataset", "data_stream.dataset", "winlog.keywords", "winlog.logon.type",
        "winlog.logon.id", "user.name", "user.id", "related.user", "host.name", "host.os.type",
        "winlog.event_data.SubjectUserName",
    )  # fmt: skip
    seen = {
        name: [lookup(decode(name, body) or {}, field) for field in fields]
        for name, body in shapes.items()
    }
    assert seen["xml"][4] == ("failure" if keywords == FAILURE else "success")
    assert None not in seen["xml"]
    assert all(one == seen["xml"] for one in seen.values()), seen


def test_what_a_pipeline_has_mapped_stays_as_it_is() -> None:
    doc = orjson.loads(Record("4624", {**SUBJECT, **TARGET, "LogonType": "3"}).winlogbeat())
    doc["event"]["category"] = ["authentication"]
    doc["user"] = {"name": "given"}
    decoded = decode("ecs", orjson.dumps(doc))
    assert decoded is not None
    check(decoded, {"user.name": "given", "winlog.logon.type": None, "event.action": None})


texts = st.text(max_size=30) | st.sampled_from(
    ["-", "0x", "%%2313", "\\", "0x0", "CN=", "@", "a=b"]
)


@given(
    code=st.sampled_from(["4624", "4688", "4728", "5145", "5157", "4103", "4104", "1117", "106"]),
    provider=st.sampled_from([
        "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-PowerShell", "PowerShell",
        "Microsoft-Windows-Windows Defender", "Microsoft-Windows-TaskScheduler",
    ]),
    data=st.dictionaries(
        st.sampled_from([
            *SUBJECT, *TARGET, "MemberName", "IpAddress", "IpPort", "ProcessId", "NewProcessId",
            "NewUacValue", "ServiceType", "ContextInfo", "Payload", "ScriptBlockText", "Path",
            "param3", "RelativeTargetName", "Error_Code", "UserContext", "SourcePort", "Status",
        ]),
        texts | st.integers(0, 1 << 200).map(hex),
        max_size=12,
    ),
)  # fmt: skip
def test_no_value_of_a_record_stops_the_mapping(
    code: str, provider: str, data: dict[str, str]
) -> None:
    doc = to_ecs(WinEvent(provider, code, channel="x", data=data))
    assert lookup(doc, "event.code") == code
    orjson.dumps(doc)  # nor what keeps it: numbers have 64 bits
