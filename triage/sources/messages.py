"""What an event's message says, by the names of its event data: for exports that have no other.

Sysmon's message is a line for each value. Those of the Security log and of services are labels in
sections, in the language of the system: English ones are understood, of others nothing is taken.
"""

from __future__ import annotations

import re

from triage.sources import sysmon

_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9]*): ?")
_LINE = re.compile(r"\r?\n")
_LABEL = re.compile(r"(\s*)([A-Z][A-Za-z][A-Za-z /-]{0,40}):[ \t]*(.*)")
_SCRIPT = re.compile(
    r"[^\n]*\((?P<MessageNumber>\d+) [^\d()]+ (?P<MessageTotal>\d+)\):\r?\n(?P<ScriptBlockText>.*?)"
    r"\r?\n\r?\nScriptBlock ID: (?P<ScriptBlockId>[^\r\n]*)(?:\r?\nPath: ?(?P<Path>[^\r\n]*))?\s*",
    re.DOTALL,
)
_LABELLED = frozenset({
    "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-Eventlog", "Service Control Manager",
})  # fmt: skip
# Sections about an account, by whose it is; all others ("New Logon", "Account For Which Logon
# Failed") are about the target.
_WHOSE = {"Subject": "Subject", "Creator Subject": "Subject", "Member": "Member"}
_ACCOUNT = {
    "Security ID": "UserSid",
    "Account Name": "UserName",
    "Group Name": "UserName",
    "Account Domain": "DomainName",
    "Group Domain": "DomainName",
    "Domain Name": "DomainName",
    "Supplied Realm Name": "DomainName",
    "User ID": "UserSid",
    "Logon ID": "LogonId",
}
_NAMES = {
    "Access Mask": "AccessMask",
    "Application Name": "Application",
    "Authentication Package": "AuthenticationPackageName",
    "Caller Process ID": "ProcessId",
    "Caller Process Name": "ProcessName",
    "Client Address": "IpAddress",
    "Client Port": "IpPort",
    "ClientProcessId": "ClientProcessId",
    "Creator Process ID": "ProcessId",
    "Creator Process Name": "ParentProcessName",
    "DNS Host Name": "DnsHostName",
    "Destination Address": "DestAddress",
    "Destination Port": "DestPort",
    "Direction": "Direction",
    "Error Code": "Status",
    "Failure Code": "Status",
    "Failure Reason": "FailureReason",
    "Logon Account": "TargetUserName",
    "Logon Process": "LogonProcessName",
    "Logon Type": "LogonType",
    "New Process ID": "NewProcessId",
    "New Process Name": "NewProcessName",
    "New UAC Value": "NewUacValue",
    "Object Name": "ObjectName",
    "Object Type": "ObjectType",
    "ParentProcessId": "ParentProcessId",
    "Privileges": "PrivilegeList",
    "Process Command Line": "CommandLine",
    "Process ID": "ProcessId",
    "Process Name": "ProcessName",
    "Protocol": "Protocol",
    "Relative Target Name": "RelativeTargetName",
    "Result Code": "Status",
    "Service Account": "ServiceAccount",
    "Service File Name": "ServiceFileName",
    "Service Name": "ServiceName",
    "Service Type": "ServiceType",
    "Share Name": "ShareName",
    "Share Path": "ShareLocalPath",
    "Source Address": "IpAddress",
    "Source Network Address": "IpAddress",
    "Source Port": "IpPort",
    "Source Workstation": "Workstation",
    "Status": "Status",
    "Sub Status": "SubStatus",
    "Task Content": "TaskContent",
    "Task Name": "TaskName",
    "Ticket Encryption Type": "TicketEncryptionType",
    "Ticket Options": "TicketOptions",
    "Workstation Name": "WorkstationName",
}
_FLOW = {"Source Address": "SourceAddress", "Source Port": "SourcePort"}
# Where an event's own names are others.
_OF_CODE = {
    **dict.fromkeys(("5152", "5156", "5157", "5158"), _FLOW),
    "7045": {"Service File Name": "ImagePath", "Service Account": "AccountName"},
}
_LONG = frozenset({"CommandLine", "TaskContent"})  # end with their section, and hold any line
_SUBJECT_IS_TARGET = frozenset({"4634", "4647"})


def told(provider: str, code: str, message: str) -> dict[str, str]:
    """The event data that a message tells; {} where it tells none that is understood."""
    if provider == sysmon.PROVIDER:
        return lines(message)
    if code == "4104" and (script := _SCRIPT.fullmatch(message)):
        return {name: value or "" for name, value in script.groupdict().items()}
    return _labelled(code, message) if provider in _LABELLED else {}


def lines(message: str) -> dict[str, str]:
    """Names and values of a message of lines "Name: value" behind a title.

    A line without a name goes on with the value before it. A name counts once, where it stands
    first: what a command line says on further lines can hide no value that was told before it.
    """
    pairs: dict[str, str] = {}
    last = ""
    for line in message.replace("\r\n", "\n").split("\n")[1:]:
        name, colon, value = line.partition(":")
        # As _NAMED has it, which takes three times as long.
        named = colon and name.isalnum() and name.isascii() and not name[0].isdecimal()
        if not named or name in pairs:
            if last:
                pairs[last] += "\n" + line
            continue
        last = name
        pairs[last] = value.removeprefix(" ")
    return {name: value.rstrip() for name, value in pairs.items()}


def by_value(message: str, values: list[str]) -> dict[str, str]:
    """As :func:`lines`, exact: the values are known, the message gives their names.

    {} where the message does not have these values in this order.
    """
    pairs: dict[str, str] = {}
    body = message.partition("\n")[2].replace("\r\n", "\n")
    at = 0
    for given in values:
        value = given.replace("\r\n", "\n")
        named = _NAMED.match(body, at)
        if named is None or not body.startswith(value, named.end()):
            return {}
        pairs[named[1]] = value
        at = body.find("\n", named.end() + len(value)) + 1
        if not at:
            at = len(body)
    return pairs


def _labelled(code: str, message: str) -> dict[str, str]:
    """A message of sections and labels. A blank line ends a value, and a name counts once, where it
    stands first, as in :func:`lines`."""
    own = _OF_CODE.get(code, {})
    pairs: dict[str, str] = {}
    section = last = ""
    for line in _LINE.split(message)[1:]:
        label = _LABEL.fullmatch(line)
        if label is None or last in _LONG:
            if not line.strip():
                last = ""
            elif last:
                pairs[last] += "\n" + line
            continue
        indent, name, value = label.groups()
        if not indent and not value:
            section, last = name, ""
            continue
        known = own.get(name) or _NAMES.get(name) or _of_account(code, section, name)
        if known and known not in pairs:
            pairs[last := known] = value.strip()
        else:
            last = ""
    return {
        name: value
        for name, value in pairs.items()
        # Event Viewer shows names in the place of SIDs.
        if value and (not name.endswith("Sid") or value.startswith("S-1-"))
    }


def _of_account(code: str, section: str, name: str) -> str:
    what = _ACCOUNT.get(name)
    if what is None:
        return ""
    whose = _WHOSE.get(section, "Target")
    if whose == "Subject" and code in _SUBJECT_IS_TARGET:
        whose = "Target"
    if whose == "Member":
        what = what.removeprefix("User")
    return whose + what
