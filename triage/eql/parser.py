"""Parser: tokens to a query; what Elasticsearch's grammar rejects is rejected here."""

from __future__ import annotations

import difflib

from triage.eql.check import check_condition, check_expression
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
    Pipe,
    Query,
    Stage,
)
from triage.errors import EqlError
from triage.times import duration

_MAX_DEPTH = 64  # parentheses, calls and signs within one another; no sane rule has ten
_MAX_ARITHMETIC = 100  # operators in a query; each makes the tree one deeper
_MAX_RUNS = 100
_MAX_SAMPLE = 5
_LONG = 1 << 63
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_PATTERNS = (":", "like", "like~", "regex", "regex~")
_PIPES = ("head", "tail")
_OLD_PIPES = ("count", "filter", "sort", "unique", "unique_count")
_LEVELS = {"or": 1, "and": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5} | dict.fromkeys(
    _COMPARISONS, 3
)


def parse(text: str) -> Query:
    """A query from its text; EqlError, with the place, where Elasticsearch would reject it."""
    return _Parser(text).query()


def parse_expression(text: str) -> tuple[Node, Source]:
    """A single expression, as :func:`triage.eql.evaluate` takes it, and its source."""
    parser = _Parser(text)
    return parser.single_expression(), parser.source


class _Parser:
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

    # -- query ---------------------------------------------------------------------------------

    def query(self) -> Query:
        kind = self._token.kind
        if kind == "end":
            raise self._error(self._token, "the query is empty")
        if kind == "join":
            raise self._error(self._token, "join is not supported, did you mean `sequence`?")
        maxspan: int | None = None
        until: Stage | None = None
        if kind in ("sequence", "sample"):
            self._advance()
            stages, until, maxspan = self._joined(kind)
        else:
            kind, stages = "event", [self._filter((), missing=False)]
        pipes = []
        while self._accept("|"):
            if self._token.kind == "|":
                raise self._error(self._tokens[self._at - 1], "unexpected `||`, did you mean `or`?")
            pipes.append(self._pipe())
        if self._token.kind != "end":
            raise self._unexpected("`and`, `or`, `|` or the end of the query")
        return Query(kind, tuple(stages), until, maxspan, tuple(pipes), self.source.text)

    def _joined(self, kind: str) -> tuple[list[Stage], Stage | None, int | None]:
        start = self._tokens[self._at - 1]
        shared = self._keys()
        maxspan = None
        if self._token.kind == "with":
            if kind == "sample":
                raise self._error(self._token, "`with maxspan` is not supported in a sample")
            maxspan = self._maxspan()
            if self._token.kind == "by":
                raise self._error(self._token, "specify sequence [by] before [with], not after")
        stages: list[Stage] = []
        own: int | None = None
        while self._token.kind in ("[", "!["):
            at = self._token
            stage, runs = self._stage(shared, kind)
            own = self._same_keys(own, stage, shared, at)
            stages.extend([stage] * runs)
        until = None
        if self._token.kind == "until":
            if kind == "sample":
                raise self._error(self._token, "`until` is not supported in a sample")
            self._advance()
            at = self._token
            if at.kind != "[":
                raise self._unexpected("`[`")
            until, _ = self._stage(shared, "until")
            self._same_keys(own, until, shared, at)
        if not stages:
            raise self._unexpected("`[`")
        if len(stages) < 2:
            raise self._error(start, f"A {kind} requires a minimum of 2 queries, found [1]")
        if kind == "sample" and len(stages) > _MAX_SAMPLE:
            raise self._error(
                start,
                f"A sample cannot contain more than {_MAX_SAMPLE} queries; found [{len(stages)}]",
            )
        if all(stage.missing for stage in stages):
            raise self._error(start, "A sequence requires at least one positive event query")
        if maxspan is None and any(stage.missing for stage in stages):
            raise self._error(
                start, "[maxspan] is required for sequences with missing events queries; found none"
            )
        if kind == "sample" and not stages[0].keys:
            raise self._error(start, "A sample must have at least one join key, found none")
        return stages, until, maxspan

    def _same_keys(
        self, own: int | None, stage: Stage, shared: tuple[Field, ...], at: Token
    ) -> int:
        found = len(stage.keys) - len(shared)
        if own is not None and own != found:
            raise self._error(
                at,
                f"Inconsistent number of join keys specified; expected [{own}] but found [{found}]",
            )
        return found

    def _keys(self) -> tuple[Field, ...]:
        if not self._accept("by"):
            return ()
        keys: list[Field] = []
        while True:
            start = self._token
            node = self._expression(0)
            if not isinstance(node, Field):
                text = self.source.text[node.start : node.end]
                raise self._error(start, f"Unsupported join key [{text}]: join keys must be fields")
            keys.append(node)
            if not self._accept(","):
                return tuple(keys)

    def _maxspan(self) -> int:
        self._expect("with")
        self._expect("maxspan")
        self._expect("=")
        number = self._token
        if number.kind == "decimal":
            raise self._error(
                number,
                f"Decimal time interval [{number.value}] not supported;"
                " please use a positive integer",
            )
        self._expect("integer", "a time span such as `30s`")
        if not number.value.strip("0"):
            raise self._error(number, "A positive maxspan value is required; found [0]")
        if self._token.kind != "name":
            raise self._error(
                number, f"No time unit specified, did you mean [s] as in [{number.value}s]?"
            )
        unit = self._advance()
        span = duration(number.value + unit.value) if len(number.value) < 16 else None
        if span is None:
            raise self._error(
                unit,
                f"Unrecognized time unit [{unit.value}] in [{number.value}{unit.value}],"
                " please specify one of [ms, s, m, h, d]",
            )
        return span

    def _stage(self, shared: tuple[Field, ...], kind: str) -> tuple[Stage, int]:
        """One ``[…]`` with its own keys, and how often it runs."""
        opening = self._advance()
        missing = opening.kind == "!["
        if missing and kind == "sample":
            raise self._error(opening, "Missing events are not supported in a sample")
        stage = self._filter(shared, missing=missing)
        self._expect("]")
        keys = shared + self._keys()
        stage = Stage(
            stage.category,
            stage.condition,
            keys,
            missing,
            stage.line,
            stage.column,
            stage.text,
            stage.query_text,
        )
        return stage, self._runs(kind, missing)

    def _runs(self, kind: str, missing: bool) -> int:
        if self._token.kind != "with":
            return 1
        at = self._advance()
        if kind != "sequence":
            raise self._error(at, f"[runs] is not supported in {kind} queries")
        option = self._expect("name", "`runs`")
        if option.value != "runs":
            raise self._error(option, f"Unrecognized option [{option.value}], expecting [runs]")
        self._expect("=")
        count = self._expect("integer", "how often the query runs")
        runs = int(count.value) if len(count.value) < 9 else 10**9
        if missing:
            raise self._error(option, "[runs] is not supported with missing events queries")
        if runs < 1:
            raise self._error(count, "A positive runs value is required; found [0]")
        if runs > _MAX_RUNS:
            raise self._error(
                count,
                f"A query cannot be repeated more than {_MAX_RUNS} times; found [{count.value}]",
            )
        return runs

    def _filter(self, keys: tuple[Field, ...], missing: bool) -> Stage:
        start = self._token
        category: str | None = None
        if start.kind in ("name", "string"):
            if start.value.endswith("~") and start.kind == "name":
                raise self._unexpected("an event category")
            category = start.value
        elif start.kind == "quoted":
            raise self._error(
                start, f'an event category is quoted as "{start.value}", not with backquotes'
            )
        elif start.kind != "any":
            raise self._unexpected("an event category such as `process`, or `any`")
        self._advance()
        self._expect("where")
        condition = self._expression(0)
        check_condition(condition, self.source)
        line, column = self.source.place(start.start)
        text = self.source.text[start.start : self._tokens[self._at - 1].end]
        return Stage(category, condition, keys, missing, line, column, text, self.source.text)

    def _pipe(self) -> Pipe:
        name = self._expect("name", "`head` or `tail`")
        if name.value in _OLD_PIPES:
            raise self._error(name, f"Pipe [{name.value}] is not supported")
        if name.value not in _PIPES:
            near = difflib.get_close_matches(name.value, _PIPES, 1)
            hint = f", did you mean [{near[0]}]?" if near else ""
            raise self._error(name, f"Unrecognized pipe [{name.value}]{hint}")
        arguments: list[Token] = []
        negative = False
        while self._token.kind not in ("|", "end"):
            token = self._advance()
            negative = negative or token.kind == "-"
            if token.kind not in (",", "-"):
                arguments.append(token)
        if len(arguments) != 1:
            raise self._error(
                name,
                f"Pipe [{name.value}] expects exactly one argument but found [{len(arguments)}]",
            )
        count = arguments[0]
        if count.kind != "integer" or negative or len(count.value) > 10:
            raise self._error(
                count,
                f"Pipe [{name.value}] expects a positive integer but found"
                f" [{'-' if negative else ''}{count.value}]",
            )
        return Pipe(name.value, int(count.value))

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
