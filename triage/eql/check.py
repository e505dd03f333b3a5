"""Check: what Elasticsearch's verifier rejects although the grammar allows it."""

from __future__ import annotations

import difflib

from triage.eql.functions import FUNCTIONS
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
    is_constant,
)

_LITERALS = {bool: "boolean", int: "integer", float: "number", str: "string"}
# What passes where a type is wanted; the value of arithmetic may be whole, who knows.
_PASSES = {"number": ("number", "integer"), "integer": ("integer",)}
_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def check_condition(node: Node, source: Source) -> None:
    """Raise EqlError unless the expression is sound and can be true or false."""
    kind = check_expression(node, source)
    if kind not in ("boolean", "any"):
        raise source.error(
            node.start, f"Condition expression needs to be boolean, found [{kind.upper()}]"
        )


def check_expression(node: Node, source: Source) -> str:
    """The type of a sound expression ("any" where only the event tells); else EqlError."""
    match node:
        case Literal(value=value):
            return "any" if value is None else _LITERALS[type(value)]
        case Field():
            return "any"
        case Call():
            return _call(node, source)
        case Negative(operand=operand):
            _need(operand, "number", source, "an operand of [-]")
            return "number"
        case Arithmetic(op=op, left=left, right=right):
            _need(left, "number", source, f"an operand of [{op}]")
            _need(right, "number", source, f"an operand of [{op}]")
            return "number"
        case Comparison(left=left, right=right):
            check_expression(left, source)
            check_expression(right, source)
            return "boolean"
        case Membership():
            return _membership(node, source)
        case Match(value=value, op=op):
            _need(value, "string", source, f"what stands before [{op}]")
            return "boolean"
        case Not(operand=operand):
            _need(operand, "boolean", source, "an operand of [not]")
            return "boolean"
        case And(terms=terms) | Or(terms=terms):
            word = "and" if isinstance(node, And) else "or"
            for term in terms:
                _need(term, "boolean", source, f"an operand of [{word}]")
            return "boolean"


def _need(node: Node, wanted: str, source: Source, what: str) -> None:
    found = check_expression(node, source)
    if not _fits(found, wanted, node):
        raise source.error(node.start, f"{what} must be [{wanted}], found type [{found}]")


def _fits(found: str, wanted: str, node: Node) -> bool:
    if "any" in (found, wanted) or found in _PASSES.get(wanted, (wanted,)):
        return True
    # Only of a literal is it known that it is no whole number.
    return wanted == "integer" and found == "number" and not isinstance(node, Literal)


def _membership(node: Membership, source: Source) -> str:
    expected = _number(check_expression(node.value, source))
    for place, item in enumerate(node.items, 1):
        found = _number(check_expression(item, source))
        if expected == "any":
            expected = found
        elif found not in (expected, "any"):
            raise source.error(
                item.start, f"value {place} of the list must be [{expected}], found type [{found}]"
            )
    return "boolean"


def _number(kind: str) -> str:
    return "number" if kind == "integer" else kind


def _call(node: Call, source: Source) -> str:
    function = FUNCTIONS.get(node.name)
    written = source.text[node.start : source.text.index("(", node.start)].strip()
    if function is None:
        near = difflib.get_close_matches(node.name, FUNCTIONS, 1, 0.4)
        hint = f", did you mean [{FUNCTIONS[near[0]].name}]?" if near else ""
        raise source.error(node.start, f"Unknown function [{written}]{hint}")
    if node.insensitive and not function.cased:
        raise source.error(
            node.start, f"Function [{function.name}] has no [~] form, did you mean it without [~]?"
        )
    count, most = len(node.args), len(function.parameters)
    if count < function.required or (count > most and not function.repeats):
        if function.repeats:
            wanted = f"at least {function.required}"
        else:
            wanted = str(most) if most == function.required else f"{function.required} to {most}"
        raise source.error(
            node.start, f"[{function.name}] expects {wanted} arguments, found [{count}]"
        )
    for place, arg in enumerate(node.args):
        wanted = function.parameters[min(place, most - 1)]
        found = check_expression(arg, source)
        ordinal = _ORDINALS[place] if place < len(_ORDINALS) else f"{place + 1}th"
        if place and function.constant and not is_constant(arg):
            raise source.error(
                arg.start,
                f"{ordinal} argument of [{function.name}] must be a constant, found a field",
            )
        if not _fits(found, wanted, arg):
            raise source.error(
                arg.start,
                f"{ordinal} argument of [{function.name}] must be [{wanted}], found type [{found}]",
            )
    return function.result
