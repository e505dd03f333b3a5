"""Expressions: the parser's lower half, tokens to expression nodes by precedence."""

from __future__ import annotations

from triage.eql.check import check_expression
from triage.eql.lexer import KEYWORDS, Source, Token, tokenize
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
from triage.errors import EqlError

_MAX_DEPTH = 64  # parentheses, calls and signs within one another; no sane rule has ten
_MAX_ARITHMETIC = 100  # operators in a query; each makes the tree one deeper
_LONG = 1 << 63
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_PATTERNS = (":", "like", "like~", "regex", "regex~")
_LEVELS = {"or": 1, "and": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5} | dict.fromkeys(
    _COMPARISONS, 3
)


def parse_expression(text: str) -> tuple[Node, Source]:
    """A single expression, as :func:`triage.eql.evaluate` takes it, and its source."""
    parser = ExpressionParser(text)
    return parser.single_expression(), parser.source


class ExpressionParser:
    """A cursor over the tokens of a text, and the expressions that start at it."""

    def __init__(self, text: str) -> None:
        self.source = Source(text)
        self._tokens = tokenize(self.source)
        self._at = 0
        self._token = self._tokens[0]
        self._arithmetic = 0

    # -- tokens --------------------------------------------------------------------------------

    def _advance(self) -> Token:
        token = self._token
        if token.kind != "end":
            self._at += 1
            self._token = self._tokens[self._at]
        return token

    def _accept(self, kind: str) -> bool:
        if self._token.kind == kind:
            self._advance()
            return True
        return False

    def _expect(self, kind: str, what: str = "") -> Token:
        if self._token.kind != kind:
            raise self._unexpected(what or f"`{kind}`")
        return self._advance()

    def _error(self, token: Token, message: str) -> EqlError:
        return self.source.error(token.start, message)

    def _unexpected(self, wanted: str) -> EqlError:
        token = self._token
        text = self.source.text[token.start : token.end]
        found = "the end of the query" if token.kind == "end" else f"`{text[:60]}`"
        hint = ""
        previous = self._tokens[self._at - 1] if self._at else None
        if token.kind == "=":
            hint = ", did you mean `==`?"
        elif token.kind == "name" and text.lower() in KEYWORDS:
            hint = f", did you mean `{text.lower()}`?"
        elif token.kind == "name" and text.endswith("~"):
            hint = ", only functions and in~, like~, regex~ have a form that ignores case"
        elif token.kind == "[" and previous is not None and previous.kind in ("name", "quoted"):
            hint = ", array indexes are not supported"
        elif token.kind == "not" and self._tokens[self._at + 1].kind in _PATTERNS:
            hint = ", write `not` before the field"
        elif token.kind in KEYWORDS:
            hint = "" if text[-1] == "~" else f", a field named {text} stands in backquotes"
        return self._error(token, f"unexpected {found}, expected {wanted}{hint}")

    # -- expressions ---------------------------------------------------------------------------

    def single_expression(self) -> Node:
        if self._token.kind == "end":
            raise self._error(self._token, "the expression is empty")
        node = self._expression(0)
        if self._token.kind != "end":
            raise self._unexpected("an operator or the end of the expression")
        check_expression(node, self.source)
        return node

    def _expression(self, depth: int, level: int = 1) -> Node:
        """Precedence climbing: terms joined by operators that bind at least as ``level`` does."""
        if depth > _MAX_DEPTH:
            raise self._error(self._token, "the expression is nested too deeply")
        left = self._operand(depth, level)
        while True:
            op = self._token.kind
            mine = _LEVELS.get(op, 0)
            if mine < max(level, 1):
                return left
            if op in ("and", "or"):
                terms = [left]
                while self._accept(op):
                    terms.append(self._expression(depth, mine + 1))
                node = And if op == "and" else Or
                left = node(tuple(terms), left.start, terms[-1].end)
                continue
            self._advance()
            right = self._expression(depth, mine + 1)
            if mine == 3:
                left = Comparison(op, left, right, left.start, right.end)
                if self._token.kind in _COMPARISONS:
                    raise self._error(
                        self._token, "comparisons cannot be chained, join them with `and`"
                    )
            else:
                self._arithmetic += 1
                if self._arithmetic > _MAX_ARITHMETIC:
                    raise self._error(self._token, "the query holds too much arithmetic")
                left = Arithmetic(op, left, right, left.start, right.end)

    def _operand(self, depth: int, level: int) -> Node:
        """A term with its signs: ``not`` binds looser than comparisons, ``-`` tighter."""
        token = self._token
        if token.kind == "not":
            if level > 3:
                raise self._unexpected("a value")
            nots: list[Token] = []
            while self._token.kind == "not":
                nots.append(self._advance())
                if depth + len(nots) > _MAX_DEPTH:
                    raise self._error(token, "the expression is nested too deeply")
            node = self._expression(depth + len(nots), 3)
            for sign in reversed(nots):
                node = Not(node, sign.start, node.end)
            return node
        signs: list[Token] = []
        while self._token.kind in ("-", "+"):
            signs.append(self._advance())
            if depth + len(signs) > _MAX_DEPTH:
                raise self._error(token, "the expression is nested too deeply")
        node = self._predicate(depth)
        for sign in reversed(signs):
            if sign.kind == "-":
                node = _negated(node, sign.start)
        return node

    def _predicate(self, depth: int) -> Node:
        """A primary and, after it, ``in``, ``:``, ``like`` or ``regex`` with what they test for."""
        node = self._primary(depth)
        token = self._token
        negated = False
        if token.kind == "not" and self._tokens[self._at + 1].kind in ("in", "in~"):
            self._advance()
            negated = True
        op = self._token.kind
        if op in ("in", "in~"):
            self._advance()
            items, end = self._items(depth, op)
            found: Node = Membership(node, items, op == "in~", node.start, end)
            return Not(found, node.start, end) if negated else found
        if op not in _PATTERNS:
            return node
        self._advance()
        if self._token.kind == "(":
            self._advance()
            patterns = [self._pattern(op)]
            while self._accept(","):
                patterns.append(self._pattern(op))
            end = self._expect(")", "`,` or `)`").end
        else:
            patterns = [self._pattern(op)]
            end = patterns[0].end
        return Match(node, op, tuple(patterns), node.start, end)

    def _items(self, depth: int, op: str) -> tuple[tuple[Node, ...], int]:
        if self._token.kind == "~":
            raise self._unexpected("`(`")
        self._expect("(")
        if self._token.kind == ")":
            raise self._error(self._token, f"the list after `{op}` is empty")
        items = [self._expression(depth + 1)]
        while self._accept(","):
            items.append(self._expression(depth + 1))
        return tuple(items), self._expect(")", "`,` or `)`").end

    def _pattern(self, op: str) -> Literal:
        token = self._token
        if token.kind != "string":
            if token.kind in ("integer", "decimal", "true", "false", "null"):
                raise self._error(token, f"`{op}` needs a string, found [{token.value}]")
            raise self._unexpected(f"a string: what stands after `{op}` must be constant")
        self._advance()
        return Literal(token.value, token.start, token.end)

    def _primary(self, depth: int) -> Node:
        token = self._token
        kind = token.kind
        if kind == "(":
            self._advance()
            node = self._expression(depth + 1)
            self._expect(")", "`)`")
            return node
        if kind in ("name", "quoted", "?"):
            return self._name(depth)
        if kind == "string":
            self._advance()
            return Literal(token.value, token.start, token.end)
        if kind in ("integer", "decimal"):
            self._advance()
            return Literal(self._number(token), token.start, token.end)
        if kind in ("true", "false", "null"):
            self._advance()
            value = {"true": True, "false": False, "null": None}[kind]
            return Literal(value, token.start, token.end)
        raise self._unexpected("a value")

    def _number(self, token: Token) -> int | float:
        if token.kind == "integer" and len(token.value) < 20 and int(token.value) < _LONG:
            return int(token.value)
        value = float(token.value[:400] if token.kind == "decimal" else f"{token.value[:400]}e0")
        if value == float("inf"):
            raise self._error(token, f"the number [{token.value[:40]}] is out of range")
        return value

    def _name(self, depth: int) -> Node:
        """A function call, or a field by its whole dotted name."""
        token = self._token
        optional = self._accept("?")
        first = self._token
        if first.kind == "name" and not optional:
            following = self._tokens[self._at + 1]
            if following.kind == "(":
                return self._call(depth)
            if following.kind == "of":
                raise self._error(first, "Process relationships are not supported")
        parts = [self._part()]
        while self._accept("."):
            parts.append(self._part())
        return Field(".".join(parts), optional, token.start, self._tokens[self._at - 1].end)

    def _part(self) -> str:
        token = self._token
        if token.kind not in ("name", "quoted") or (
            token.kind == "name" and token.value.endswith("~")
        ):
            raise self._unexpected("the name of a field")
        return self._advance().value

    def _call(self, depth: int) -> Node:
        name = self._advance()
        self._expect("(")
        args: list[Node] = []
        if self._token.kind != ")":
            args.append(self._expression(depth + 1))
            while self._accept(","):
                args.append(self._expression(depth + 1))
        end = self._expect(")", "`,` or `)`").end
        insensitive = name.value.endswith("~")
        return Call(name.value.rstrip("~").lower(), insensitive, tuple(args), name.start, end)


def _negated(node: Node, start: int) -> Node:
    if (
        isinstance(node, Literal)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        return Literal(-node.value, start, node.end)
    return Negative(node, start, node.end)
