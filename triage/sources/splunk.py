"""Splunk's classic text of a Windows event: a time, lines "Key=Value", and a message to the end."""

from __future__ import annotations

import re

from triage.sources import clock, messages
from triage.sources.block import RecordError
from triage.sources.winevent import WinEvent, event_data

# How one begins, wherever it lies among other records.
BEGIN = re.compile(
    rb"^\d\d/\d\d/\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})? [AP]M\r?\nLogName=", re.MULTILINE
)
# Splunk shows some providers by their display names.
_PROVIDERS = {
    "Microsoft Windows security auditing.": "Microsoft-Windows-Security-Auditing",
    "Microsoft-Windows-Service Control Manager": "Service Control Manager",
}
_MESSAGE = re.compile(r"^Message=", re.MULTILINE)


def parse(record: bytes) -> WinEvent:
    """One event in UTF-8. Its time is local and does not say its offset: see ``clock.utc``."""
    shown = record.decode("utf-8", "replace")
    head, *rest = _MESSAGE.split(shown, maxsplit=1)
    message = rest[0].strip() if rest else ""
    lines = head.splitlines()
    keys = dict(line.split("=", 1) for line in lines[1:] if "=" in line)
    if "EventCode" not in keys:
        raise RecordError("an event in Splunk's classic form without EventCode")
    provider = keys.get("SourceName", "")
    provider = _PROVIDERS.get(provider, provider)
    pairs = messages.told(provider, keys["EventCode"], message)
    sid = keys.get("Sid", "")
    return WinEvent(
        provider=provider,
        event_id=keys["EventCode"],
        channel=keys["LogName"],
        computer=keys.get("ComputerName", ""),
        time=clock.utc(lines[0], pairs.get("UtcTime", "")),
        record_id=keys.get("RecordNumber", ""),
        level=keys.get("Type", ""),
        keywords=keys.get("Keywords", ""),
        opcode=keys.get("OpCode", ""),
        task=keys.get("TaskCategory", ""),
        message=message,
        user_sid=sid if sid.startswith("S-1-") else "",
        data=event_data(pairs.items()),
    )
