"""What the alert's processes touched: files, registry keys and loaded images, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triage.context import Touched
from triage.ui.format import clock_time, shortened
from triage.ui.lines import BLANK, Item, Line, heading

_TITLES = {"file": "Files", "registry": "Registry", "load": "Loaded images"}
_SHOWN = 12  # of a kind, before the rest is folded


def lines(found: Sequence[Touched], unfolded: frozenset[str]) -> Iterator[Line]:
    """A heading a kind, and its lines; nothing where nothing was touched."""
    for kind, title in _TITLES.items():
        ones = [one for one in found if one.kind == kind]
        if not ones:
            continue
        yield heading(title, str(len(ones)))
        key = f"all {kind}"
        shown = ones if key in unfolded or len(ones) <= _SHOWN + 1 else ones[:_SHOWN]
        for one in shown:
            yield _one(one)
        if len(shown) < len(ones):
            yield Line(((f"  … {len(ones) - len(shown):,} more", "link"),),
                       Item("fold", key))  # fmt: skip
        yield BLANK


def _one(one: Touched) -> Line:
    parts = [
        ("▶ " if one.matched else "  ", "match"),
        (f"{clock_time(one.first)} ", "dim"),
        (f"{', '.join(one.actions):<9} " if one.kind != "load" else "", "accent"),
        (shortened(one.path), "match" if one.matched else ""),
        (f" = {shortened(one.data, 200)}" if one.data else "", "accent"),
        (f"  {one.process}", "dim"),
        (f"  ×{one.count}" if one.count > 1 else "", "dim"),
        (f"  {one.signature}", "dim" if one.signature == "trusted" else "warn"),
        (f"  {one.sha256[:12]}" if one.sha256 else "", "dim"),
    ]
    name = "registry.path" if one.kind == "registry" else "file.path"
    facts = [(name, one.path), ("registry.data.strings", one.data),
             ("file.hash.sha256", one.sha256), ("process.name", one.process)]  # fmt: skip
    return Line(
        tuple(parts),
        Item("event", f"{one.kind} {one.path}", one.event, one.path,
             tuple(fact for fact in facts if fact[1])),
        wrap=False,
    )  # fmt: skip
