"""Windows records of the tests' own, in the shapes that tools give them."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

import orjson

from triage.fields import Doc
from triage.sources import decode

SECURITY = "Microsoft-Windows-Security-Auditing"
SUCCESS, FAILURE = 0x8020000000000000, 0x8010000000000000
HOST, WHEN = "atlas.lab.example", "2026-03-02T09:20:00.123Z"
SUBJECT = {
    "SubjectUserSid": "S-1-5-21-7-8-9-1105",
    "SubjectUserName": "mara",
    "SubjectDomainName": "LAB",
    "SubjectLogonId": "0x5a2f1",
}


@dataclass(frozen=True)
class Record:
    """A record before anybody exports it."""

    code: str
    data: dict[str, str] = field(default_factory=dict)
    provider: str = SECURITY
    channel: str = "Security"
    keywords: int = SUCCESS
    record_id: int = 4711
    user_data: dict[str, str] = field(default_factory=dict)
    sid: str = ""
    when: str = WHEN

    def xml(self) -> bytes:
        pairs = "".join(
            f"<Data Name={quoteattr(name)}>{escape(value)}</Data>"
            if name
            else f"<Data>{escape(value)}</Data>"
            for name, value in self.data.items()
        )
        body = f"<EventData>{pairs}</EventData>"
        if self.user_data:
            inner = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in self.user_data.items())
            body = f"<UserData><LogFileCleared>{inner}</LogFileCleared></UserData>"
        security = f"<Security UserID='{self.sid}'/>" if self.sid else "<Security/>"
        return (
            "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
            f"<Provider Name='{self.provider}'/><EventID>{self.code}</EventID><Level>0</Level>"
            f"<Keywords>{self.keywords:#x}</Keywords><TimeCreated SystemTime='{self.when}'/>"
            f"<EventRecordID>{self.record_id}</EventRecordID><Channel>{self.channel}</Channel>"
            f"<Computer>{HOST}</Computer>{security}</System>{body}</Event>"
        ).encode()

    def evtx(self) -> bytes:
        return orjson.dumps(
            {
                "Event": {
                    "System": {
                        "Provider": {"#attributes": {"Name": self.provider}},
                        "EventID": int(self.code),
                        "Level": 0,
                        "Keywords": f"{self.keywords:#x}",
                        "TimeCreated": {"#attributes": {"SystemTime": self.when}},
                        "EventRecordID": self.record_id,
                        "Channel": self.channel,
                        "Computer": HOST,
                        "Security": {"#attributes": {"UserID": self.sid}},
                    },
                    "EventData": self.data,
                }
            }
        )

    def winlogbeat(self) -> bytes:
        return orjson.dumps(
            {
                "@timestamp": self.when,
                "event": {"code": self.code, "kind": "event", "provider": self.provider},
                "host": {"name": HOST},
                "winlog": {
                    "api": "wineventlog",
                    "channel": self.channel,
                    "computer_name": HOST,
                    "event_id": self.code,
                    "event_data": self.data,
                    "keywords": ["Audit Failure" if self.keywords == FAILURE else "Audit Success"],
                    "provider_name": self.provider,
                    "record_id": self.record_id,
                    **({"user": {"identifier": self.sid}} if self.sid else {}),
                },
            }
        )

    def nxlog(self) -> bytes:
        return orjson.dumps(
            {
                "EventTime": self.when[:19].replace("T", " "),
                "Hostname": HOST,
                "Keywords": self.keywords - (1 << 64),
                "EventType": "AUDIT_FAILURE" if self.keywords == FAILURE else "AUDIT_SUCCESS",
                "EventID": int(self.code),
                "SourceName": self.provider,
                "RecordNumber": self.record_id,
                "Channel": self.channel,
                "SourceModuleType": "im_msvistalog",
                **self.data,
            }
        )

    def decoded(self) -> Doc:
        """The document of its XML."""
        doc = decode("xml", self.xml())
        assert doc is not None
        return doc
