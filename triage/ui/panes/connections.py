"""Connections: whom the alert's processes talked to, how often, how much, from when to when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triage.context import Connection
from triage.ui.format import clock_time, full_time, size
from triage.ui.lines import BLANK, Item, Line, Page, line
from triage.ui.subject import Subject

_ARROWS = {"egress": "→", "ingress": "←"}


def build(subject: Subject, unfolded: frozenset[str]) -> Iterator[Page]:
    """One line a remote address and port; an unfolded one shows all that is known."""
    yield Page((line(("reading the logs …", "dim")),), first_word=True)
    found = subject.connections
    if not found:
        yield Page((line(("No connections of this alert's processes in the window.", "dim")),), "0")
        return
    lines: list[Line] = []
    width = min(44, max(len(_place(one)) for one in found))
    scope_width = max(len(one.scope) for one in found)
    for place, one in enumerate(found):
        key = f"{one.process} {one.direction} {one.address} {one.port} {one.transport}"
        lines.append(_one(one, width, scope_width, key))
        if key in unfolded or len(found) == 1:
            lines.extend(_detail(one))
            if place + 1 < len(found):
                lines.append(BLANK)
    lines += [BLANK, _sums(found)]
    more = "   ⏎ shows more" if len(found) > 1 else ""
    lines.append(line((f"▶ matched by the rule{more}", "dim")))
    yield Page(tuple(lines), str(len(found)))


def _place(one: Connection) -> str:
    address = f"[{one.address}]" if ":" in one.address else one.address
    return f"{address}:{one.port}" if one.port is not None else address


def _one(one: Connection, width: int, scope_width: int, key: str) -> Line:
    role = "match" if one.matched else ""
    scope_role = "warn" if one.scope == "public" else "dim"
    parts = [
        ("▶ " if one.matched else "  ", "match"),
        (one.process or "?", role),
        (f" {_ARROWS.get(one.direction, '–')} ", "dim"),
        (_place(one).ljust(width), role),
        (f"  {one.scope:<{scope_width}}", scope_role),
        (f"  ×{one.count}", "" if one.count > 1 else "dim"),
        (f"  {clock_time(one.first)}", "dim"),
        (f"–{clock_time(one.last)}" if one.last != one.first else "", "dim"),
        (f"  {size(one.bytes)}" if one.bytes is not None else "", ""),
        (f"  {one.domain}" if one.domain else "", "accent"),
    ]
    return Line(tuple(parts), Item("connection", key, one, one.address), wrap=False)


def _detail(one: Connection) -> list[Line]:
    direction = {"egress": "outbound (egress)", "ingress": "inbound (ingress)"}
    rows = (
        ("process", f"{one.process or '-'}" + (f"  pid {one.pid}" if one.pid else "")),
        ("direction", direction.get(one.direction, one.direction or "not told")),
        ("domain", one.domain or "-"),
        ("protocol", one.transport or "-"),
        ("bytes", size(one.bytes) if one.bytes is not None else "not told by the log"),
        ("first", full_time(one.first)),
        ("last", full_time(one.last)),
    )
    return [line((f"    {label:<10}", "label"), value, indent=14) for label, value in rows]


def _sums(found: Sequence[Connection]) -> Line:
    by_scope: dict[str, int] = {}
    for one in found:
        by_scope[one.scope or "unknown"] = by_scope.get(one.scope or "unknown", 0) + one.count
    told = " · ".join(f"{count} {scope}" for scope, count in by_scope.items())
    return line((told, "dim"))
