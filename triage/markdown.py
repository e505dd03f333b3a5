"""Markdown of a guide's lines: styled spans, and what Kibana's plugins in them ask for.

Nothing here is shown as it is: texts are plain, links are text, and every plugin becomes a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# (text, style); a style is "" (ordinary), "code", "strong" or "link" (an address).
Span = tuple[str, str]

_SPAN = re.compile(
    r"(?<!`)(?P<ticks>``?)(?!`)(?P<code>[^`]+)(?P=ticks)(?!`)"
    r"|!?\[(?P<label>[^\[\]]*)\]\((?P<address>[^()\s]*(?:\([^()\s]*\))?[^()\s]*)\)"
    r"|(?P<mark>\*\*|__)(?=\S)(?P<strong>(?:[^*_]|[*_](?![*_]))+?)(?P=mark)"
    r"|(?<![\w*])\*(?P<soft>[\w][\w ,.;:'’()/-]*)\*(?![\w*])"
)
_MOST_PLUGIN = 1 << 14  # characters; those of Elastic's guides have some two thousand
_PLUGIN = re.compile(r"!\{\s*(osquery|investigate|insight)\s*(?=\{)")


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition of an investigation; its value may hold {{field}}."""

    field: str
    value: str
    kind: str  # "phrase", "exists", "range"
    low: str = ""  # of a range, included; "" without
    high: str = ""  # excluded
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Investigation:
    """A question to the logs: the events that meet all conditions of one of the groups."""

    label: str
    description: str
    groups: tuple[tuple[Filter, ...], ...]
    start: str  # date math: "now-48h/h"; "" not told
    end: str


@dataclass(frozen=True, slots=True)
class Osquery:
    """A query for osquery on the host itself; it may hold {{field}}."""

    label: str
    query: str


Plugin = Investigation | Osquery


def spans(markdown: str) -> tuple[Span, ...]:
    """One line of Markdown in styled pieces: marks go, a link keeps its address behind its label,
    a plugin leaves its label."""
    found: list[Span] = []
    for text, style in _spans(_without_plugins(markdown), ""):
        told = " ".join(text.split())
        lead = " " if found and text[:1].isspace() and not found[-1][0].endswith(" ") else ""
        tail = " " if told and text[-1:].isspace() else ""
        if lead + told + tail:
            found.append((lead + told + tail, style))
    if found:
        found[-1] = (found[-1][0].rstrip(), found[-1][1])
    return tuple(span for span in found if span[0])


def plain(markdown: str) -> str:
    """One line of Markdown as plain text."""
    return " ".join("".join(text for text, _ in _spans(_without_plugins(markdown), "")).split())


def _spans(text: str, style: str) -> Iterator[Span]:
    end = 0
    for match in _SPAN.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], style
        end = match.end()
        if match["code"] is not None:
            yield match["code"].strip() or match["code"], "code"
        elif match["address"] is not None:
            label, address = match["label"].strip(), match["address"]
            if label:
                yield label, style
            if address and address != label:
                yield (" (" if label else "("), style
                yield address, "link"
                yield ")", style
        elif match["strong"] is not None:
            yield from _spans(match["strong"], "strong")
        else:
            yield match["soft"], style
    if end < len(text):
        yield text[end:], style


def plugins(markdown: str) -> tuple[Plugin, ...]:
    """What the plugins of a text ask for; one that can not be understood is left out."""
    found = (plugin(kind, body)[0] for kind, body, _, _ in _plugins(markdown))
    return tuple(one for one in found if one is not None)


def without_plugins(markdown: str) -> str:
    """The text alone."""
    out: list[str] = []
    end = 0
    for _, _, start, stop in _plugins(markdown):
        out.append(markdown[end:start])
        end = stop
    return "".join([*out, markdown[end:]])


def _without_plugins(text: str) -> str:
    """``!{osquery{"label": "DNS cache", …}}`` becomes ``DNS cache``."""
    out: list[str] = []
    end = 0
    for _, body, start, stop in _plugins(text):
        label = body.get("label") or body.get("description") or ""
        out += [text[end:start], label if isinstance(label, str) else ""]
        end = stop
    return "".join([*out, text[end:]])


def _plugins(text: str) -> Iterator[tuple[str, dict[str, Any], int, int]]:
    """(kind, body, start, end) of each plugin whose body is JSON."""
    decoder = json.JSONDecoder()
    end = 0
    for found in _PLUGIN.finditer(text):
        if found.start() < end:
            continue
        try:
            # A part alone: where it is no JSON, the decoder counts the lines before.
            body, length = decoder.raw_decode(text[found.end() : found.end() + _MOST_PLUGIN])
        except (ValueError, RecursionError):
            continue
        stop = found.end() + length
        end = stop + text.startswith("}", stop)
        yield found[1], body, found.start(), end


def plugin(kind: str, body: dict[str, Any]) -> tuple[Plugin | None, str]:
    """What a plugin's body asks for, and what is wrong with it ("" where nothing is)."""
    label = _text(body.get("label"))
    if kind == "osquery":
        query = _text(body.get("query")).strip()
        return (Osquery(label, query), "") if query else (None, "it has no query")
    groups: list[tuple[Filter, ...]] = []
    providers = body.get("providers")
    for group in providers if isinstance(providers, list) else []:
        filters = [_filter(one) for one in group if isinstance(one, dict)] if (
            isinstance(group, list)) else []  # fmt: skip
        known = tuple(one for one in filters if one is not None)
        if not known or len(known) < len(filters):
            return None, "a provider has no field, or a queryType other than phrase, exists, range"
        groups.append(known)
    if not groups:
        return None, "it has no providers"
    start, end = _text(body.get("relativeFrom")), _text(body.get("relativeTo"))
    return Investigation(label, _text(body.get("description")), tuple(groups), start, end), ""


def _filter(one: dict[str, Any]) -> Filter | None:
    field, value = _text(one.get("field")), one.get("value")
    kind = _text(one.get("queryType")) or "phrase"
    if not field or kind not in ("phrase", "exists", "range"):
        return None
    low = high = ""
    if kind == "range":
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return None
        if not isinstance(value, dict):
            return None
        low = _text(value.get("gte", value.get("gt")))
        high = _text(value.get("lt", value.get("lte")))
        value = ""
    return Filter(field, _text(value), kind, low, high, one.get("excluded") is True)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or isinstance(value, dict | list) else str(value)
