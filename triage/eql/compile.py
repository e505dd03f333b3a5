"""Compile: a stage to what an engine runs: its categories, its test, its join keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Any
from weakref import WeakKeyDictionary

from triage.eql.access import Reader, reader
from triage.eql.conditions import condition_tree
from triage.eql.nodes import Field, Stage
from triage.eql.tree import (
    MAX_COMBINATIONS,
    AllOf,
    AnyOf,
    Fixed,
    Leaf,
    Matcher,
    Negation,
    Tree,
    matcher,
    tree_fields,
)
from triage.eql.values import FieldTypes, canonical, mapped_type
from triage.fields import Doc

# A rule is compiled when it is read, to tell what is wrong with it, and again when it is to run.
Keys = Callable[[Doc], list[tuple[Any, ...]]]

_TREES: WeakKeyDictionary[Stage, Tree] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class CompiledStage:
    """A stage ready to run; pure, so one may serve any number of threads."""

    stage: Stage
    categories: frozenset[str] | None  # None where any category will do
    category_field: str
    tree: Tree  # the condition, without the category
    matches: Matcher  # category and condition
    keys: Keys  # all join keys of an event; [] if one is missing
    fields: frozenset[str]  # every field the stage reads

    field_types: FieldTypes

    def reading(self, reader_of: Callable[[str], Reader]) -> tuple[Matcher, Keys]:
        """``matches`` and ``keys``, of an event whose fields are read by other means."""
        condition = matcher(self.tree, reader_of)
        return (
            _with_category(self.stage.category, self.category_field, condition, reader_of),
            _keys(self.stage.keys, self.field_types, reader_of),
        )


@dataclass(frozen=True, slots=True)
class Test:
    """The outcome of one leaf on one document."""

    text: str
    fields: tuple[str, ...]
    values: tuple[Any, ...]
    passed: bool


def compile_stage(
    stage: Stage, *, category_field: str = "event.category", field_types: FieldTypes = None
) -> CompiledStage:
    """A stage ready to run; EqlError for what only Elasticsearch's planner rejects."""
    tree = _tree(stage, field_types)
    return CompiledStage(
        stage,
        None if stage.category is None else frozenset((stage.category,)),
        category_field,
        tree,
        _with_category(stage.category, category_field, matcher(tree)),
        _keys(stage.keys, field_types),
        frozenset(tree_fields(tree))
        | {key.name for key in stage.keys}
        | (set() if stage.category is None else {category_field}),
        field_types,
    )


def _tree(stage: Stage, field_types: FieldTypes) -> Tree:
    if field_types is not None:
        return condition_tree(stage.condition, stage.query_text, field_types)
    known = _TREES.get(stage)
    if known is None:
        known = _TREES[stage] = condition_tree(stage.condition, stage.query_text, None)
    return known


def _with_category(
    category: str | None,
    field: str,
    condition: Matcher,
    reader_of: Callable[[str], Reader] = reader,
) -> Matcher:
    if category is None:
        return condition
    read = reader_of(field)

    def matches(doc: Doc) -> bool:
        found = read(doc)
        if found != category and (found.__class__ is not list or category not in found):
            return False
        return condition(doc)

    return matches


def _keys(
    keys: tuple[Field, ...],
    field_types: FieldTypes,
    reader_of: Callable[[str], Reader] = reader,
) -> Keys:
    if not keys:
        return lambda doc: [()]
    parts = tuple(
        (reader_of(key.name), key.optional, mapped_type(key.name, field_types)) for key in keys
    )
    typed = any(kind for _, _, kind in parts)

    def read_keys(doc: Doc) -> list[tuple[Any, ...]]:
        found: list[Any] = []
        single = True
        for read, optional, kind in parts:
            value = read(doc)
            if value is None and not optional:
                return []
            if value.__class__ is list:
                single = False
                if typed:
                    value = [canonical(kind, one) for one in value]
                value = list(dict.fromkeys(value))
            elif typed and value is not None:
                value = canonical(kind, value)
            found.append(value)
        if single:
            return [tuple(found)]
        lists = [value if value.__class__ is list else [value] for value in found]
        return list(islice(product(*lists), MAX_COMBINATIONS))

    return read_keys


def explain(stage: Stage | CompiledStage, doc: Doc) -> list[Test]:
    """Every leaf test of the condition with the event's values and whether it held.

    A test under ``not`` is shown with the ``not`` and holds when its bare form does not. The
    category counts as a test too, unless it is ``any``.
    """
    compiled = compile_stage(stage) if isinstance(stage, Stage) else stage
    tests: list[Test] = []
    category = compiled.stage.category
    if category is not None:
        values = _listed(reader(compiled.category_field)(doc))
        text = f'{compiled.category_field} == "{category}"'
        tests.append(Test(text, (compiled.category_field,), values, category in values))
    tests.extend(_explain(compiled.tree, doc, negated=False))
    return tests


def _explain(tree: Tree, doc: Doc, negated: bool) -> Iterator[Test]:
    match tree:
        case Fixed(value=value):
            yield Test(str(value is not negated).lower(), (), (), value is not negated)
        case Negation(member=member):
            yield from _explain(member, doc, not negated)
        case AllOf(members=members) | AnyOf(members=members):
            for member in members:
                yield from _explain(member, doc, negated)
        case Leaf(fields=fields, test=test, text=text):
            found = [read(doc) for read in map(reader, fields)]
            values = tuple(value for one in found for value in _listed(one))
            yield Test(
                f"not {text}" if negated else text, fields, values, test(*found) is not negated
            )


def _listed(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return tuple(value) if value.__class__ is list else (value,)
