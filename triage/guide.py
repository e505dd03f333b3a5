"""Investigation guides: what to look at, what is benign, what to do, out of a rule's Markdown.

Elastic's guides share a structure but not its spelling: headings differ in level, case and a
colon, steps are bullets or numbers, some guides have paragraphs only. Here a guide is a list of
sections, each of a kind told by its heading, and its steps as plain text.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

from triage.markdown import Plugin, Span, plain, plugins, spans, without_plugins

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


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do or to know."""

    id: str  # of its kind and text: a tick stays with its step when the guide around it changes
    text: str  # plain, one line
    depth: int  # 0, or 1 and more under the step before
    section: str  # INVESTIGATION, FALSE_POSITIVES or REMEDIATION


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a bullet or code."""

    kind: str  # "paragraph", "bullet", "code"
    depth: int  # of a bullet
    text: str  # plain, one line; code as it is
    spans: tuple[Span, ...]  # the same, styled; without its plugins where there is more
    plugins: tuple[Plugin, ...]
    step: Step | None = None  # where it is one to take


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it, up to the next one."""

    title: str  # plain; "" for what stands before any heading
    kind: str  # INVESTIGATION, FALSE_POSITIVES, REMEDIATION, OVERVIEW or OTHER
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """Its paragraphs and code, parted by an empty line."""
        return "\n\n".join(one.text for one in self.blocks if one.kind != "bullet")

    @property
    def bullets(self) -> tuple[tuple[int, str], ...]:
        """Depth and plain text."""
        return tuple((one.depth, one.text) for one in self.blocks if one.kind == "bullet")


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
    seen: dict[tuple[str, str], int] = {}
    listed = any(each.kind == INVESTIGATION and each.blocks for each in sections)
    # Some guides list the steps right under "Investigating …".
    asked = {OVERVIEW: "" if listed else INVESTIGATION, INVESTIGATION: INVESTIGATION,
             FALSE_POSITIVES: FALSE_POSITIVES, REMEDIATION: REMEDIATION}  # fmt: skip
    marked = tuple(_marked(each, asked.get(each.kind, ""), seen) for each in sections)
    steps = [block.step for each in marked for block in each.blocks if block.step]
    return Guide(
        overview,
        tuple(step for step in steps if step.section == INVESTIGATION),
        tuple(step for step in steps if step.section == FALSE_POSITIVES),
        tuple(step for step in steps if step.section == REMEDIATION),
        (*marked, *_sections(setup)),
    )


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
    return tuple(each for each in found if each.title or each.blocks)


def _kind(title: str, inherited: str) -> str:
    name = title.lower()
    for kind, pattern in _KINDS:
        if pattern.search(name):
            return kind
    # A heading of its own words below a list of steps is part of it; else it is something else.
    return inherited if inherited not in (OVERVIEW, OTHER) else OTHER


def _section(title: str, kind: str, lines: list[str]) -> Section:
    blocks: list[tuple[str, int, list[str]]] = []
    indents: list[int] = []
    into: list[str] | None = None  # the bullet or paragraph that the next line goes on with
    fence: list[str] | None = None
    for raw in lines:
        line = raw.expandtabs(4).rstrip()
        if _FENCE.match(line):
            if fence is None:
                fence = []
                blocks.append(("code", 0, fence))
            else:
                fence = None
            into = None
            continue
        if fence is not None:
            fence.append(line)
            continue
        if not line.strip(" >"):
            if not indents:
                into = None
            continue
        bullet = _BULLET.match(line)
        if bullet is not None:
            indent = len(bullet[1])
            while indents and indents[-1] >= indent:
                indents.pop()
            into = [bullet[2]]
            blocks.append(("bullet", len(indents), into))
            indents.append(indent)
        elif into is None or (indents and not line.startswith(" ")):
            indents.clear()
            into = [line.lstrip("> ")]
            blocks.append(("paragraph", 0, into))
        else:
            into.append(line.strip(" >"))
    made = (_block(kind_, depth, text) for kind_, depth, text in blocks)
    return Section(title, kind, tuple(one for one in made if one.text))


def _block(kind: str, depth: int, lines: list[str]) -> Block:
    if kind == "code":
        text = "\n".join(lines).strip("\n")
        return Block(kind, depth, text, ((text, "code"),), ())
    markdown = " ".join(lines)
    return Block(
        kind,
        depth,
        plain(markdown),
        spans(without_plugins(markdown)) or spans(markdown),
        plugins(markdown),
    )


def _marked(section: Section, label: str, seen: dict[tuple[str, str], int]) -> Section:
    """The section with the steps of kind ``label`` in it: its bullets, or where it has none and is
    all about steps, its paragraphs."""
    if not label:
        return section
    kinds = {"bullet"}
    if not section.bullets and section.kind != OVERVIEW:
        kinds.add("paragraph")
    blocks: list[Block] = []
    for block in section.blocks:
        if block.kind in kinds:
            place = (label, block.text)
            seen[place] = seen.get(place, 0) + 1
            body = f"{label}\n{block.text}\n{seen[place]}".encode("utf-8", "surrogatepass")
            name = hashlib.blake2b(body, digest_size=8).hexdigest()
            block = replace(block, step=Step(name, block.text, block.depth, label))
        blocks.append(block)
    return replace(section, blocks=tuple(blocks))
