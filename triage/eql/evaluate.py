"""Evaluate: an expression's value, three-valued, from one value for each field it names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from triage.eql.functions import FUNCTIONS, arithmetic
from triage.eql.lexer import Source
from triage.eql.nodes import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Field,
    Literal,
    Match,
    Membership,
    Negative,
    Node,
    Not,
    Or,
)
from triage.eql.patterns import TextTest, regex_test, wildcard_test
from triage.eql.values import (
    FieldTypes,
    compare,
    equal,
    fold,
    mapped_type,
    text_of,
    typed_compare,
)

Run = Callable[[Sequence[Any]], Any]


def text_test(node: Match, source: Source) -> TextTest:
    """The test of a text against the patterns of ``:``, ``like`` or ``regex``."""
    patterns = [str(pattern.value) for pattern in node.patterns]
    try:
        if node.op in ("regex", "regex~"):
            return regex_test(patterns, insensitive=node.op == "regex~")
        return wildcard_test(patterns, insensitive=node.op != "like")
    except ValueError as problem:
        raise source.error(node.patterns[0].start, str(problem)) from None


class Evaluator:
    """An expression ready to run.

    ``fields`` are the fields it names; ``run`` takes one value for each, in that order (None where
    missing), and gives the expression's value, None for null.
    """

    __slots__ = ("_names", "_source", "_types", "run")

    def __init__(self, node: Node, source: Source, field_types: FieldTypes = None) -> None:
        self._source = source
        self._types = field_types
        self._names: list[str] = []
        self.run: Run = self._build(node)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self._names)

    def constant(self) -> Any:
        """The value of an expression without fields."""
        return self.run(())

    def _build(self, node: Node) -> Run:
        match node:
            case Literal(value=value):
                return lambda values: value
            case Field(name=name):
                return self._field(name)
            case Call():
                return self._call(node)
            case Negative(operand=operand):
                inner = self._build(operand)
                return lambda values: arithmetic("-", 0, inner(values))
            case Arithmetic(op=op, left=left, right=right):
                first, second = self._build(left), self._build(right)
                return lambda values: arithmetic(op, first(values), second(values))
            case Comparison():
                return self._comparison(node)
            case Membership():
                return self._membership(node)
            case Match(value=value):
                inner, test = self._build(value), text_test(node, self._source)

                def matches(values: Sequence[Any]) -> Any:
                    found = inner(values)
                    return None if found is None else test(text_of(found))

                return matches
            case Not(operand=operand):
                inner = self._build(operand)
                return lambda values: (
                    None if (found := inner(values)) is None else not _truth(found)
                )
            case And(terms=terms):
                return _kleene([self._build(term) for term in terms], decisive=False)
            case Or(terms=terms):
                return _kleene([self._build(term) for term in terms], decisive=True)

    def _field(self, name: str) -> Run:
        if name not in self._names:
            self._names.append(name)
        place = self._names.index(name)
        return lambda values: values[place]

    def _call(self, node: Call) -> Run:
        function = FUNCTIONS[node.name]
        parts = [self._build(arg) for arg in node.args]
        run = function.run
        if function.cased:
            insensitive = node.insensitive
            return lambda values: run(insensitive, *[part(values) for part in parts])
        return lambda values: run(*[part(values) for part in parts])

    def _comparison(self, node: Comparison) -> Run:
        left, op, right = self._build(node.left), node.op, self._build(node.right)
        kind = self._type(node.left) or self._type(node.right)
        nulls = op in ("==", "!=") and (_nullable(node.left) or _nullable(node.right))

        def run(values: Sequence[Any]) -> Any:
            first, second = left(values), right(values)
            if first is None or second is None:
                # `x == null` asks whether there is a value; any other null operand gives null.
                return ((first is second) is (op == "==")) if nulls else None
            if kind is not None:
                return typed_compare(kind, op, first, second)
            return compare(op, first, second)

        return run

    def _type(self, node: Node) -> str | None:
        return mapped_type(node.name, self._types) if isinstance(node, Field) else None

    def _membership(self, node: Membership) -> Run:
        subject, items = self._build(node.value), [self._build(item) for item in node.items]
        insensitive = node.insensitive
        kind = self._type(node.value)

        def same(found: Any, other: Any) -> bool:
            if insensitive:
                return fold(text_of(found)) == fold(text_of(other))
            return typed_compare(kind, "==", found, other) if kind else equal(found, other)

        def run(values: Sequence[Any]) -> Any:
            found = subject(values)
            if found is None:
                return None
            null = False
            for item in items:
                other = item(values)
                if other is None:
                    null = True
                elif same(found, other):
                    return True
            return None if null else False

        return run


def _nullable(node: Node) -> bool:
    return (isinstance(node, Literal) and node.value is None) or (
        isinstance(node, Field) and node.optional
    )


def _truth(value: Any) -> bool:
    return value is True or value == "true"


def _kleene(parts: list[Run], decisive: bool) -> Run:
    """Three-valued ``and`` (decisive false) or ``or`` (decisive true)."""

    def run(values: Sequence[Any]) -> Any:
        result: bool | None = not decisive
        for part in parts:
            found = part(values)
            if found is None:
                result = None
            elif _truth(found) is decisive:
                return decisive
        return result

    return run
