"""One ``<Event>`` of Windows event XML: wevtutil, Event Viewer, python-evtx, Splunk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from triage.fields import Doc
from triage.sources.block import RecordError
from triage.sources.channels import to_ecs
from triage.sources.winevent import WinEvent, event_data, number

MAX_DEPTH = 64
# One for all records, as making it costs a third of what parsing does; each parse begins anew.
_PARSER = etree.XMLParser(
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
)
_ILLEGAL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_REFERENCE = re.compile(rb"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,8}));")


def decode(record: bytes) -> Doc:
    """The ECS document of one ``<Event>…</Event>`` in UTF-8; RecordError where it is none.

    Nothing is resolved: no DTD, no entity but XML's own five, no network. Control characters,
    which XML does not allow but an attacker may put into a command line, become U+FFFD instead of
    costing the whole record.
    """
    return to_ecs(parse(record))


def parse(record: bytes) -> WinEvent:
    """As :func:`decode`, in the common form of a Windows record."""
    if b"<!DOCTYPE" in record or b"<!ENTITY" in record:
        raise RecordError("XML with a DOCTYPE or ENTITY declaration is refused")
    try:
        root = _root(record)
    except etree.XMLSyntaxError as error:
        mended = _REFERENCE.sub(_legal, _ILLEGAL_BYTES.sub(b"\xef\xbf\xbd", record))
        if mended == record:
            raise RecordError(f"not XML: {str(error)[:200]}") from error
        try:
            root = _root(mended)
        except etree.XMLSyntaxError as again:
            raise RecordError(f"not XML: {str(again)[:200]}") from again
    return _event(root)


def _root(record: bytes) -> etree._Element:
    root = etree.fromstring(record, _PARSER)
    if root is None:
        raise RecordError("not XML: no element")
    if record.count(b"</") >= MAX_DEPTH:  # all but the innermost have an end tag of their own
        _check_depth(root)
    return root


def _legal(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    legal = code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0x10FFFF
    return match[0] if legal and code not in (0xFFFE, 0xFFFF) else b"\xef\xbf\xbd"


def _check_depth(root: etree._Element) -> None:
    level: list[etree._Element] = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node]
        if not level:
            return
    raise RecordError(f"XML nested deeper than {MAX_DEPTH}")


def _name(node: etree._Element) -> str:
    tag = node.tag
    return tag[tag.rfind("}") + 1 :] if tag.__class__ is str else ""


def _text(node: etree._Element | None) -> str:
    return (node.text or "").strip() if node is not None else ""


def _event(root: etree._Element) -> WinEvent:
    parts = {_name(node): node for node in root}
    if _name(root) != "Event" or "System" not in parts:
        raise RecordError("XML, but no Windows <Event> with <System>")
    system = {_name(node): node for node in parts["System"]}
    rendering = {_name(node): node for node in parts.get("RenderingInfo", ())}

    def attribute(name: str, key: str) -> str:
        node = system.get(name)
        return str(node.get(key, "")) if node is not None else ""

    event_id = _text(system.get("EventID"))
    if not event_id:
        raise RecordError("a Windows event without EventID")
    return WinEvent(
        provider=attribute("Provider", "Name"),
        provider_guid=attribute("Provider", "Guid"),
        event_id=event_id,
        channel=_text(system.get("Channel")),
        computer=_text(system.get("Computer")),
        time=attribute("TimeCreated", "SystemTime"),
        record_id=_text(system.get("EventRecordID")),
        level=_text(system.get("Level")),
        keywords=_text(system.get("Keywords")),
        version=number(_text(system.get("Version"))),
        opcode=_text(rendering.get("Opcode")),
        task=_text(rendering.get("Task")),
        message=_text(rendering.get("Message")),
        pid=number(attribute("Execution", "ProcessID")),
        tid=number(attribute("Execution", "ThreadID")),
        user_sid=attribute("Security", "UserID"),
        data=event_data(_pairs(parts.get("EventData"))),
        user_data=_user_data(parts.get("UserData")),
    )


def _pairs(node: etree._Element | None) -> Iterator[tuple[str, str]]:
    if node is None:
        return
    data = node.tag.removesuffix("EventData") + "Data"  # with its namespace
    for child in node:
        if child.tag == data or _name(child) == "Data":
            yield child.get("Name", ""), child.text or ""
        elif name := _name(child):
            yield name, child.text or ""


def _user_data(node: etree._Element | None) -> dict[str, str]:
    data: dict[str, str] = {}
    for body in node if node is not None else ():
        data["xml_name"] = _name(body)
        for leaf in body.iter():
            if not len(leaf) and leaf is not body and (shown := _text(leaf)):
                data.setdefault(_name(leaf), shown)
    return data
