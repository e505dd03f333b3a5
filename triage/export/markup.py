"""HTML and SVG made of elements: whatever is not itself an element is text, and escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from triage.export.escape import MAX_SHOWN, shown


class Html(str):
    """Markup that is safe as it is; only this module makes it of anything else."""

    __slots__ = ()


def text(value: object, limit: int = MAX_SHOWN) -> Html:
    """A value as text: cleaned, defanged, cut, escaped."""
    return Html(escape(shown(value, limit)))


def el(name: str, *children: object, **attributes: object) -> Html:
    """An element. A child that is no Html becomes text; None and "" become nothing.

    Attributes are escaped too; ``class_`` and ``stroke_width`` are written class and
    stroke-width, one that is None or False is left out, one that is True has no value.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        named = key.rstrip("_").replace("_", "-")
        parts.append(f" {named}" if value is True else f' {named}="{escape(shown(value))}"')
    parts.append(">")
    parts.extend(map(_child, children))
    parts.append(f"</{name}>")
    return Html("".join(parts))


def join(children: Iterable[object]) -> Html:
    """Children without an element around them."""
    return Html("".join(map(_child, children)))


def _child(child: object) -> str:
    if isinstance(child, Html):
        return child
    return "" if child is None or child == "" else text(child)


def table(
    heads: Iterable[str], rows: Iterable[Iterable[object]], class_: str | None = None
) -> Html:
    """A table with a head row; a cell may be a whole ``td`` already."""
    head = el("tr", *(el("th", one, scope="col") for one in heads))
    body = (
        el("tr", *(one if isinstance(one, Html) and one.startswith("<td") else el("td", one)
                   for one in row))
        for row in rows
    )  # fmt: skip
    return el("div", el("table", el("thead", head), el("tbody", *body), class_=class_),
              class_="wide")  # fmt: skip
