"""Traces: whom the alert's processes talked to, and which files and registry keys they touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triage.case.model import Contacts
from triage.context import Connection, Destination
from triage.ports import service
from triage.text import clean
from triage.ui.format import clock_time, day_time, full_time, plural, short_host, size
from triage.ui.lines import BLANK, Item, Line, Page, heading, line
from triage.ui.panes import touched
from triage.ui.subject import Subject

_ARROWS = {"egress": "→", "ingress": "←"}
_SHOWN = 3  # ports on the line of a destination


def build(subject: Subject, unfolded: frozenset[str]) -> Iterator[Page]:
    """One line a destination, an unfolded one shows all that is known; then files and keys."""
    yield Page((line(("reading the logs …", "dim")),), first_word=True)
    found = subject.destinations
    lines: list[Line] = []
    if found:
        lines.append(heading("Connections", _sums(found)))
    else:
        lines.append(line(("No connections of this alert's processes in the window.", "dim")))
    width = min(40, max((len(one.address) for one in found), default=0))
    scope_width = max((len(one.scope) for one in found), default=0)
    for one in found:
        key = f"to {one.address}"
        lines.append(_one(one, width, scope_width, key))
        if key in unfolded or len(found) == 1:
            lines.extend(_detail(one, subject.alert.row.host))
    lines.append(BLANK)
    lines.extend(touched.lines(subject.touched, unfolded))
    lines.append(line(("▶ matched by the rule   ⏎ shows more   p searches all logs", "dim")))
    yield Page(tuple(lines), str(len(found)))


def _one(one: Destination, width: int, scope_width: int, key: str) -> Line:
    role = "match" if one.matched else ""
    ports = list(dict.fromkeys(_port(each) for each in one.connections if each.port is not None))
    shown = " ".join(ports[:_SHOWN]) + (f" +{len(ports) - _SHOWN}" if len(ports) > _SHOWN else "")
    names = list(dict.fromkeys(each.process for each in one.connections))
    processes = (names[0] or "?") + (f" +{len(names) - 1}" if len(names) > 1 else "")
    arrow = _ARROWS.get(one.connections[0].direction, "–")
    parts = [
        ("▶ " if one.matched else "  ", "match"),
        (processes, role),
        (f" {arrow} ", "dim"),
        (one.address.ljust(width), role),
        (f"  {one.scope:<{scope_width}}", "warn" if one.scope == "public" else "dim"),
        (f"  {shown}", ""),
        (f"  ×{one.count}", "" if one.count > 1 else "dim"),
        (f"  {_before(one)}", "match" if one.before is None else "dim"),
        (f"  {one.names[0]}" if one.names else "", "accent"),
        (f"  {clock_time(one.first)}", "dim"),
        (f"–{clock_time(one.last)}" if one.last != one.first else "", "dim"),
        (f"  {size(one.bytes)}" if one.bytes is not None else "", ""),
    ]
    return Line(tuple(parts), Item("connection", key, one, one.address), wrap=False)


def _port(one: Connection) -> str:
    name = service(one.port)
    return f"{one.port}/{name}" if name else f"{one.port}"


def _before(one: Destination) -> str:
    """What the case knows of the address from before, in short."""
    told = "first contact" if one.before is None else f"{_times(one.before)} before"
    return told + (f", {plural(len(one.others), 'other host')}" if one.others else "")


def _times(known: Contacts) -> str:
    return f"{'' if known.sure else '≤'}{known.count:,}×"


def _detail(one: Destination, host: str) -> Iterator[Line]:
    rows: list[tuple[str, str]] = [("name", name) for name in one.names] or [("name", "-")]
    for each in one.connections:
        direction = {"egress": "outbound", "ingress": "inbound"}.get(each.direction, "")
        told = [
            f"{each.process or '-'}" + (f" (pid {each.pid})" if each.pid else ""),
            direction or each.direction or "direction not told",
            f"{_port(each)} {each.transport}".strip() if each.port is not None else each.transport,
            f"×{each.count}",
            f"{clock_time(each.first)}–{clock_time(each.last)}",
            f"{size(each.bytes)}" if each.bytes is not None else "bytes not told",
        ]
        rows.append(("process", "  ".join(told)))
    rows.append(("first", full_time(one.first)))
    rows.append(("last", full_time(one.last)))
    before = "never on this host, as far as the logs of this case tell"
    if one.before is not None:
        before = f"{_times(one.before)} on this host since {day_time(one.before.first)}"
    rows.append(("before", before))
    for known in one.others[:8]:
        name = clean(short_host(known.host), 40) or "-"
        rows.append(("also", f"{name}  {_times(known)}, last {day_time(known.last)}"))
    if len(one.others) > 8:
        rows.append(("also", f"{len(one.others) - 8:,} more hosts"))
    for label, value in rows:
        yield line((f"    {label:<9}", "label"), value, indent=13)


def _sums(found: Sequence[Destination]) -> str:
    by_scope: dict[str, int] = {}
    for one in found:
        by_scope[one.scope or "unknown"] = by_scope.get(one.scope or "unknown", 0) + one.count
    return " · ".join(f"{count} {scope}" for scope, count in by_scope.items())
