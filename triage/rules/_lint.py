"""What a rule says and its author may not mean: warnings, each at its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from triage import ecs
from triage.config import Places, TomlError, read_toml
from triage.eql.nodes import Comparison, Field, Literal, Membership, Node
from triage.errors import Problem
from triage.rules._model import Rule


def lint(rule: Rule) -> list[Problem]:
    """Warnings about a rule that loads and runs: what Elasticsearch takes literally, fields that
    no known source gives, sequences that wait for ever."""
    query = rule.query
    if query is None:
        return []
    found: list[tuple[int, str]] = []
    if query.kind == "sequence" and query.maxspan is None:
        found.append(
            (
                max(0, query.text.find("sequence")),
                "a sequence without maxspan joins events however far apart; add `with maxspan=…`",
            )
        )
    seen: set[str] = set()
    stages = dict.fromkeys((*query.stages, *([query.until] if query.until else [])))
    for stage in stages:
        for node in (stage.condition, *stage.keys):
            for at, message in _findings(node):
                if message not in seen:
                    seen.add(message)
                    found.append((at, message))
    places = _places(rule)
    return [
        Problem(rule.path, *_place(places, rule.text, at), message, "warning")
        for at, message in sorted(found)
    ]


def _findings(node: Node) -> Iterator[tuple[int, str]]:
    for part in _walk(node):
        match part:
            case Field(name=name, start=start) if not ecs.known(name):
                near = ecs.nearest(name)
                advice = f"; did you mean {near}?" if near else ""
                yield start, f"no known source gives the field {name}{advice}"
            case Comparison(op="==" | "!=" as op, right=Literal() as literal):
                yield from _literal(f"`{op}`", literal)
            case Membership(items=items):
                for item in items:
                    if isinstance(item, Literal):
                        yield from _literal("`in`", item)


def _literal(operator: str, item: Literal) -> Iterator[tuple[int, str]]:
    # A lone star or question mark is mostly meant as it stands.
    text = item.value if isinstance(item.value, str) else ""
    if ("*" in text or "?" in text) and len(text) > 1:
        yield item.start, f"{operator} takes * and ? literally; to match {text!r} use `:`"


def _walk(node: object) -> Iterator[object]:
    stack: list[object] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(part)
        elif isinstance(part, Struct):
            yield part
            stack.extend(getattr(part, name) for name in part.__struct_fields__)


def _places(rule: Rule) -> Places | None:
    try:
        return Places(read_toml(Path(rule.path))[1])
    except TomlError:
        return None  # the file broke since it was loaded; the loader says so


def _place(places: Places | None, query: str, at: int) -> tuple[int, int]:
    line = query.count("\n", 0, at) + 1
    column = at - (query.rfind("\n", 0, at) + 1) + 1
    return places.inside(("rule", "query"), line, column) if places else (line, column)
