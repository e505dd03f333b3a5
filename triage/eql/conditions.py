"""Conditions: an expression tree to the boolean tree of its tests.

Elasticsearch runs a condition in two ways, and so does this. ``and``, ``or`` and ``not`` combine
tests that are true or false: a test on a missing field is false, so its ``not`` is true. Within a
test whose operands are expressions, values are three-valued: null in gives null out, and only true
passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from triage.eql.evaluate import Evaluator, text_test
from triage.eql.functions import FUNCTIONS
from triage.eql.lexer import Source, one_line
from triage.eql.nodes import (
    And,
    Call,
    Comparison,
    Field,
    Literal,
    Match,
    Membership,
    Node,
    Not,
    Or,
    is_constant,
)
from triage.eql.patterns import TextTest, has_wildcard, wildcard_test
from triage.eql.tree import AllOf, AnyOf, Fixed, Leaf, Need, Negation, Tree, combinations
from triage.eql.values import (
    FLIPPED,
    FieldTypes,
    equal,
    fold,
    ip_number,
    ip_range,
    mapped_type,
    ordered,
    text_of,
    typed_test,
)

ValueTest: TypeAlias = Callable[[Any], bool]


def condition_tree(condition: Node, text: str, field_types: FieldTypes) -> Tree:
    """The boolean tree of a condition of the query ``text``.

    Raises EqlError for what only Elasticsearch's planner rejects.
    """
    return _Builder(text, field_types).tree(condition)


class _Builder:
    """Builds the tree of one stage's condition."""

    def __init__(self, text: str, field_types: FieldTypes) -> None:
        self._source = Source(text)
        self._types = field_types

    def tree(self, node: Node) -> Tree:
        match node:
            case And(terms=terms):
                return _joined(AllOf, False, map(self.tree, terms))
            case Or(terms=terms):
                return _joined(AnyOf, True, map(self.tree, terms))
            case Not(operand=operand):
                return _not(self.tree(operand))
        if is_constant(node):
            return Fixed(self._constant(node) is True)
        match node:
            case Field(name=name):
                return self._leaf(node, name, _each(lambda value: value is True or value == "true"))
            case Comparison():
                return self._comparison(node)
            case Membership(value=Field(name=name), items=items):
                self._only_constants(items)
                test = _each(self._member_test(name, node))
                return self._leaf(node, name, test, self._member_need(name, node))
            case Membership(items=items):
                self._only_constants(items)
            case Match(value=Field(name=name)):
                test = _each(_as_text(text_test(node, self._source)))
                return self._leaf(node, name, test, _pattern_need(node))
            case Call(args=(Field(name=name), *rest)) if all(map(is_constant, rest)):
                constants = [self._constant(arg) for arg in rest]
                value_test = self._call_test(node, constants)
                if value_test is not None:
                    return self._leaf(node, name, _each(value_test), _call_need(node, constants))
        return self._scripted(node)

    def _evaluator(self, node: Node) -> Evaluator:
        return Evaluator(node, self._source, self._types)

    def _constant(self, node: Node) -> Any:
        """The value of an expression without fields."""
        return node.value if isinstance(node, Literal) else self._evaluator(node).constant()

    def _text(self, node: Node) -> str:
        return one_line(self._source.text[node.start : node.end])

    def _leaf(
        self, node: Node, name: str, test: Callable[[Any], bool], need: Need | None = None
    ) -> Leaf:
        return Leaf((name,), test, self._text(node), need)

    def _scripted(self, node: Node) -> Tree:
        """A test whose operands are expressions: any combination of the fields' values passes."""
        evaluator = self._evaluator(node)
        run = evaluator.run

        def test(*found: Any) -> bool:
            if list not in map(type, found):
                return run(found) is True
            return any(run(values) is True for values in combinations(found))

        return Leaf(evaluator.fields, test, self._text(node))

    # -- comparisons ---------------------------------------------------------------------------

    def _comparison(self, node: Comparison) -> Tree:
        left, op, right = node.left, node.op, node.right
        if is_constant(left):
            left, op, right = right, FLIPPED[op], left
        if not is_constant(right):
            if not _is_optional(left) and not _is_optional(right):
                raise self._source.error(
                    right.start,
                    "Comparisons against fields are not supported; offender"
                    f" [{self._text(right)}] in [{op}]: one side must be constant",
                )
            return self._scripted(node)
        value = self._constant(right)
        if value is None and op in ("==", "!="):
            return self._null_check(node, left, op)
        if isinstance(left, Field):
            test = self._field_test(left.name, "==" if op == "!=" else op, value)
            if op == "!=":
                return self._leaf(node, left.name, _none(test))
            plain = op == "==" and value.__class__ is str and not self._mapped(left.name)
            need = Need((fold(value),)) if plain else None
            return self._leaf(node, left.name, _each(test), need)
        if isinstance(value, bool) and op in ("==", "!="):
            # f(x) == false is `not f(x)`: true also where the field is missing.
            inner = self.tree(left)
            return inner if (op == "==") is value else _not(inner)
        return self._scripted(node)

    def _null_check(self, node: Node, left: Node, op: str) -> Tree:
        if isinstance(left, Field):
            if op == "==":
                return self._leaf(node, left.name, lambda value: value is None)
            return self._leaf(node, left.name, lambda value: value is not None)
        evaluator = self._evaluator(left)
        run, wanted = evaluator.run, op == "=="

        def test(*found: Any) -> bool:
            return any(run(values) is None for values in combinations(found)) is wanted

        return Leaf(evaluator.fields, test, self._text(node))

    def _field_test(self, name: str, op: str, value: Any) -> ValueTest:
        """The test of one value of a field against a constant; ``op`` is not ``!=``."""
        kind = mapped_type(name, self._types)
        if value is None:
            return lambda found: False
        if kind is not None:
            return typed_test(kind, op, value) or (lambda found: False)
        if op != "==":
            return lambda found: ordered(op, found, value)
        if value.__class__ is str:
            return lambda found: found == value if found.__class__ is str else equal(found, value)
        return lambda found: equal(found, value)

    def _only_constants(self, items: Iterable[Node]) -> None:
        for item in items:
            if not is_constant(item):
                raise self._source.error(
                    item.start,
                    "Comparisons against fields are not supported; offender"
                    f" [{self._text(item)}] in [in]: a list holds constants",
                )

    def _member_test(self, name: str, node: Membership) -> ValueTest:
        values = [self._constant(item) for item in node.items]
        values = [value for value in values if value is not None]
        if mapped_type(name, self._types) is not None:
            tests = [self._field_test(name, "==", value) for value in values]
            return lambda found: any(test(found) for test in tests)
        if node.insensitive:
            folded = frozenset(fold(text_of(value)) for value in values)
            return lambda found: fold(text_of(found)) in folded
        texts = frozenset(map(text_of, values))
        if all(value.__class__ is str for value in values):
            return lambda found: (found if found.__class__ is str else text_of(found)) in texts
        return lambda found: any(equal(found, value) for value in values)

    def _member_need(self, name: str, node: Membership) -> Need | None:
        values = [self._constant(item) for item in node.items]
        if self._mapped(name) or not all(value.__class__ is str for value in values):
            return None
        return Need(tuple(map(fold, values)))

    def _mapped(self, name: str) -> bool:
        return mapped_type(name, self._types) is not None

    # -- texts ---------------------------------------------------------------------------------

    def _call_test(self, node: Call, rest: list[Any]) -> ValueTest | None:
        """A direct test for ``f(field, constants…)``, or None where it must be evaluated."""
        function = FUNCTIONS[node.name]
        if function.result != "boolean" or any(value is None for value in rest):
            return None
        if node.name == "cidrmatch":
            return self._cidr_test(node, rest)
        needle = text_of(rest[0])
        if node.name == "stringcontains" and (has_wildcard(needle) or "\\" in needle):
            # Elasticsearch runs it as the wildcard query *needle*, without escaping the needle.
            return _as_text(wildcard_test([f"*{needle}*"], node.insensitive, escapes=True))
        if node.insensitive:
            needle = fold(needle)
            return _as_text(
                {
                    "startswith": lambda text: fold(text).startswith(needle),
                    "endswith": lambda text: fold(text).endswith(needle),
                    "stringcontains": lambda text: needle in fold(text),
                }[node.name]
            )
        return _as_text(
            {
                "startswith": lambda text: text.startswith(needle),
                "endswith": lambda text: text.endswith(needle),
                "stringcontains": lambda text: needle in text,
            }[node.name]
        )

    def _cidr_test(self, node: Call, rest: list[Any]) -> ValueTest:
        ranges: list[tuple[int, int]] = []
        for arg, value in zip(node.args[1:], rest, strict=True):
            bounds = ip_range(text_of(value))
            if bounds is None:
                raise self._source.error(
                    arg.start, f"[{text_of(value)}] is no network such as 10.0.0.0/8"
                )
            ranges.append(bounds)
        ranges.sort()

        def test(found: Any) -> bool:
            address = ip_number(found if found.__class__ is str else text_of(found))
            return address is not None and any(low <= address <= high for low, high in ranges)

        return test


def _pattern_need(node: Match) -> Need | None:
    """What a text must be or hold for one of the patterns to match it."""
    if node.op in ("regex", "regex~"):
        return None
    wholes: list[str] = []
    parts: list[str] = []
    for pattern in node.patterns:
        text = fold(str(pattern.value))
        if text and not has_wildcard(text):
            wholes.append(text)
            continue
        longest = max(text.replace("?", "*").split("*"), key=len)
        if not longest:
            return None
        parts.append(longest)
    return Need(tuple(wholes), tuple(parts))


def _call_need(node: Call, constants: list[Any]) -> Need | None:
    """What a text must hold for ``startsWith``, ``endsWith`` or ``stringContains``."""
    if node.name not in ("startswith", "endswith", "stringcontains"):
        return None
    needle = fold(text_of(constants[0]))
    if not needle or has_wildcard(needle) or "\\" in needle:
        return None
    return Need((), (needle,))


def _is_optional(node: Node) -> bool:
    return isinstance(node, Field) and node.optional


def _joined(kind: type[AllOf] | type[AnyOf], absorbing: bool, members: Iterable[Tree]) -> Tree:
    kept: list[Tree] = []
    for member in members:
        if not isinstance(member, Fixed):
            kept.append(member)
        elif member.value is absorbing:
            return member
    if not kept:
        return Fixed(not absorbing)
    return kept[0] if len(kept) == 1 else kind(tuple(kept))


def _not(tree: Tree) -> Tree:
    if isinstance(tree, Fixed):
        return Fixed(not tree.value)
    return tree.member if isinstance(tree, Negation) else Negation(tree)


def _each(test: ValueTest) -> Callable[[Any], bool]:
    """Any value of the field passes; a missing field does not."""

    def passes(value: Any) -> bool:
        if value is None:
            return False
        if value.__class__ is list:
            return any(map(test, value))
        return test(value)

    return passes


def _none(test: ValueTest) -> Callable[[Any], bool]:
    """No value of the field passes; a missing field is fine."""

    def passes(value: Any) -> bool:
        if value is None:
            return True
        if value.__class__ is list:
            return not any(map(test, value))
        return not test(value)

    return passes


def _as_text(test: TextTest) -> ValueTest:
    return lambda value: test(value if value.__class__ is str else text_of(value))
