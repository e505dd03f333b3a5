"""EvtxECmd's JSON (``--json``): one record a line, its EventData as JSON within a string."""

from __future__ import annotations

from triage.fields import Doc
from triage.sources import evtx
from triage.sources.winevent import WinEvent, event_data, number, text

_LEVELS = {"info": "information", "logalways": "information"}


def is_record(doc: Doc) -> bool:
    """Whether an object is a record of EvtxECmd: it names its payload and its event id so."""
    return "Payload" in doc and "EventId" in doc and "Provider" in doc


def from_json(doc: Doc, payload: Doc) -> WinEvent:
    """The record of one object and its decoded ``Payload``.

    It carries no version, opcode or task. The columns its maps add (``PayloadData1``,
    ``ExecutableInfo``…) repeat what the payload says and are left out.
    """
    level = text(doc.get("Level")).lower()
    return WinEvent(
        provider=text(doc["Provider"]),
        event_id=text(doc["EventId"]),
        channel=text(doc.get("Channel")),
        computer=text(doc.get("Computer")),
        time=text(doc.get("TimeCreated")),
        record_id=text(doc.get("EventRecordId")),
        level=_LEVELS.get(level, level),
        keywords=text(doc.get("Keywords")),
        pid=number(text(doc.get("ProcessId"))),
        tid=number(text(doc.get("ThreadId"))),
        user_sid=text(doc.get("UserId")),
        data=event_data(evtx.data_pairs(payload.get("EventData"))),
        user_data=evtx.user_data(payload.get("UserData")),
    )
