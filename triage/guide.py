"""Investigation guides: what to look at, what is benign, what to do, out of a rule's Markdown.

Elastic's guides share a structure but not its spelling: headings differ in level, case and a
colon, steps are bullets or numbers, some guides have paragraphs only. Here a guide is a list of
sections, each of a kind told by its heading, and its steps as plain text.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

INVESTIGATION = "investigation"
FALSE_POSITIVES = "false_positives"
REMEDIATION = "remediation"
OVERVIEW = "overview"
OTHER = "other"  # related rules, setup, performance …

_KINDS = (
    (FALSE_POSITIVES, re.compile(r"false[ -]positives?\b")),
    (REMEDIATION, re.compile(r"\bresponse\b|\bremediation\b")),
    (INVESTIGATION, re.compile(r"\b(investigation|triage|analysis) steps\b")),
    (OVERVIEW, re.compile(r"^(triage and analysis|investigating\b.*)$")),
)
_HEADING = re.compile(r"(#{1,6})\s+(.*?)[\s#:]*$")
_BULLET = re.compile(r"([ \t]*)(?:[-*+•]|\d{1,3}[.)])[ \t]+(\S.*)$")
_FENCE = re.compile(r"\s*(```|~~~)")
_CODE = re.compile(r"(?<!`)(``?)(?!`)([^`]+)\1(?!`)")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)([^*_]|[*_](?![*_]))+?\1")
_EMPHASIS = re.compile(r"(?<![\w*])\*([\w][\w ,.;:'’()/-]*)\*(?![\w*])")
_PLUGIN = re.compile(r"!\{\s*(?:osquery|investigate|insight)\s*(?=\{)")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do or to know."""

    id: str  # of its kind and text: a tick stays with its step when the guide around it changes
    text: str  # plain, one line
    depth: int  # 0, or 1 and more under the step before
    section: str  # INVESTIGATION, FALSE_POSITIVES or REMEDIATION


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it, up to the next one."""

    title: str  # plain; "" for what stands before any heading
    kind: str  # INVESTIGATION, FALSE_POSITIVES, REMEDIATION, OVERVIEW or OTHER
    text: str  # its paragraphs, plain, parted by an empty line
    bullets: tuple[tuple[int, str], ...]  # depth and plain text


@dataclass(frozen=True, slots=True)
class Guide:
    """A guide in parts."""

    overview: str  # the paragraphs before the steps
    investigation: tuple[Step, ...]
    false_positives: tuple[Step, ...]
    remediation: tuple[Step, ...]
    sections: tuple[Section, ...]  # all of it in order, that of ``setup`` last

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in the order an analyst takes them."""
        return self.investigation + self.false_positives + self.remediation


def steps(note: str, setup: str = "") -> Guide:
    """The guide in a rule's ``note`` and ``setup``, both Markdown. Never raises."""
    sections = _sections(note)
    overview = "\n\n".join(each.text for each in sections if each.kind == OVERVIEW and each.text)
    investigation = _steps(sections, INVESTIGATION)
    if not investigation:  # some guides list the steps right under "Investigating …"
        investigation = _steps(sections, OVERVIEW)
    return Guide(
        overview,
        investigation,
        _steps(sections, FALSE_POSITIVES),
        _steps(sections, REMEDIATION),
        (*sections, *_sections(setup)),
    )


def plain(markdown: str) -> str:
    """One line of Markdown as plain text: marks go, a link keeps its address, plugins a label."""
    out: list[str] = []
    end = 0
    text = _without_plugins(markdown)
    for code in _CODE.finditer(text):
        out += [_marks_off(text[end : code.start()]), code[2].strip() or code[2]]
        end = code.end()
    out.append(_marks_off(text[end:]))
    return " ".join("".join(out).split())


def _marks_off(text: str) -> str:
    def link(match: re.Match[str]) -> str:
        label, address = match[1].strip(), match[2]
        return label if not address or address == label else f"{label} ({address})".strip()

    text = _LINK.sub(link, text)
    text = _STRONG.sub(lambda match: match[0][2:-2], text)
    return _EMPHASIS.sub(r"\1", text)


def _without_plugins(text: str) -> str:
    """``!{osquery{"label": "DNS cache", …}}`` becomes ``DNS cache``: running it is for later."""
    decoder = json.JSONDecoder()
    out: list[str] = []
    end = 0
    for plugin in _PLUGIN.finditer(text):
        if plugin.start() < end:
            continue
        try:
            body, stop = decoder.raw_decode(text, plugin.end())
        except (ValueError, RecursionError):
            continue
        label = body.get("label") or body.get("description") or ""
        out += [text[end : plugin.start()], label if isinstance(label, str) else ""]
        end = stop + text.startswith("}", stop)
    return "".join([*out, text[end:]])


def _sections(markdown: str) -> tuple[Section, ...]:
    found: list[Section] = []
    parents: list[tuple[int, str]] = []  # level and kind of the headings we are under
    title, kind, lines = "", OVERVIEW, list[str]()
    fenced = False
    for line in markdown.replace("\r\n", "\n").split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        found.append(_section(title, kind, lines))
        level, title, lines = len(heading[1]), plain(heading[2]), []
        while parents and parents[-1][0] >= level:
            parents.pop()
        kind = _kind(title, parents[-1][1] if parents else OTHER)
        parents.append((level, kind))
    found.append(_section(title, kind, lines))
    return tuple(each for each in found if each.title or each.text or each.bullets)


def _kind(title: str, inherited: str) -> str:
    name = title.lower()
    for kind, pattern in _KINDS:
        if pattern.search(name):
            return kind
    # A heading of its own words below a list of steps is part of it; else it is something else.
    return inherited if inherited not in (OVERVIEW, OTHER) else OTHER


def _section(title: str, kind: str, lines: list[str]) -> Section:
    paragraphs: list[list[str]] = []
    bullets: list[tuple[int, list[str]]] = []
    indents: list[int] = []
    into: list[str] | None = None  # the bullet or paragraph that the next line goes on with
    for raw in lines:
        line = raw.expandtabs(4).rstrip()
        if not line.strip(" >"):
            if indents and into is not None:
                into = None if not bullets else bullets[-1][1]
                continue
            into = None
            continue
        bullet = _BULLET.match(line)
        if bullet is not None:
            indent = len(bullet[1])
            while indents and indents[-1] >= indent:
                indents.pop()
            into = [bullet[2]]
            bullets.append((len(indents), into))
            indents.append(indent)
        elif into is None or (indents and not line.startswith(" ")):
            indents.clear()
            into = [line.lstrip("> ")]
            paragraphs.append(into)
        else:
            into.append(line.strip(" >"))
    text = "\n\n".join(plain(" ".join(each)) for each in paragraphs)
    return Section(title, kind, text, tuple((depth, plain(" ".join(b))) for depth, b in bullets))


def _steps(sections: tuple[Section, ...], kind: str) -> tuple[Step, ...]:
    found: list[Step] = []
    seen: dict[str, int] = {}
    label = INVESTIGATION if kind == OVERVIEW else kind
    for section in sections:
        if section.kind != kind:
            continue
        listed = section.bullets
        if not listed and kind != OVERVIEW:  # only paragraphs: each is a step
            listed = tuple((0, text) for text in section.text.split("\n\n") if text)
        for depth, text in listed:
            if not text:
                continue
            seen[text] = seen.get(text, 0) + 1
            body = f"{label}\n{text}\n{seen[text]}".encode("utf-8", "surrogatepass")
            name = hashlib.blake2b(body, digest_size=8).hexdigest()
            found.append(Step(name, text, depth, label))
    return tuple(found)
