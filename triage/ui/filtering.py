"""The filter language of the alert list: words, field:value, comparisons, not, and, or, brackets.

``certutil severity>=high and not (state:closed or user:"svc *")``: words next to each other must
all hold; a bare word is looked for in rule, host, user, process, reason and tags; ``:`` finds a
part of a value and ``=`` the whole; ``*`` and ``?`` are wildcards; ``1..9`` is a range; ``last:2h``
the time before now; any field of the alert's document can be named; case never counts.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from triage import times
from triage.case.model import AlertRow
from triage.errors import TriageError
from triage.ui.filter_fields import (
    ALIASES,
    COMPARE,
    FIELDS,
    NUMBERS,
    STATES,
    TEXTS,
    Documents,
    Predicate,
    number_of,
    of_document,
    rank_of,
    severity_rank,
    span_of,
    text_test,
    time_test,
)

_TOKEN = re.compile(
    r"""\s*(?:([()])|(>=|<=|[:=<>])|"((?:[^"\\]|\\["\\]|\\)*)(")?|([^\s():=<>"]+))"""
)
_MAX_DEPTH = 50
_TIMES = "a time is 12:04, 12:04:31, 2026-08-21 or 2026-08-21T12:04"


class FilterError(TriageError):
    """A filter that can not be understood; ``column`` is the 1-based place in its text."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "bracket", "operator", "string", "word", "end"
    text: str
    column: int  # from 1


def parse(
    text: str, clock: Callable[[], int] | None = None, documents: Documents | None = None
) -> Predicate:
    """The test a filter text stands for; an empty text lets everything through.

    ``clock`` (ns) is what ``last:2h`` counts from, ``documents`` the values of document fields; an
    alert whose value is not among them does not pass.
    """
    tokens = _tokens(text)
    if len(tokens) == 1:
        return lambda _row: True
    parser = _Parser(tokens, clock, documents if documents is not None else {})
    found = parser.either(0)
    if parser.now.kind != "end":
        raise FilterError(parser.now.column, f"{parser.now.text!r} does not belong here")
    return found


def document_fields(text: str) -> frozenset[str]:
    """The fields of the alert's document that a filter names, also one not yet complete."""
    try:
        tokens = _tokens(text)
    except FilterError:
        return frozenset()
    pairs = pairwise(tokens)
    named = (one.text for one, sign in pairs if (one.kind, sign.kind) == ("word", "operator"))
    return frozenset(name for name in named if of_document(name))


def moves(text: str) -> bool:
    """Whether what passes changes as time goes by."""
    return re.search(r"\blast\s*[:=]", text, re.IGNORECASE) is not None


def quoted(value: str) -> str:
    """A value as it stands in a filter; what can not be typed becomes ``?``."""
    typed = "".join(char if char.isprintable() else "?" for char in value)
    return '"' + typed.replace("\\", "\\\\").replace('"', '\\"') + '"'


def with_fact(text: str, field: str, value: str, without: bool) -> str:
    """The filter that lets through only what has a value, or (``without``) only what has not."""
    sign = "="
    if not value.isprintable():  # what can not be typed is found by a pattern
        sign, value = ":", value.replace("*", "?")
    term = f"{'not ' if without else ''}{field}{sign}{quoted(value)}"
    if not text.strip():
        return term
    loose = re.search(r"\bor\b", text, re.IGNORECASE)
    return f"({text.strip()}) {term}" if loose else f"{text.strip()} {term}"


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            break  # only blanks are left
        bracket, sign, quoted_, closing, word = match.groups()
        if bracket:
            tokens.append(_Token("bracket", bracket, match.start(1) + 1))
        elif sign:
            tokens.append(_Token("operator", sign, match.start(2) + 1))
        elif word:
            tokens.append(_Token("word", word, match.start(5) + 1))
        else:
            if closing is None:
                raise FilterError(match.start(3), 'the text has no closing "')
            value = re.sub(r'\\(["\\])', r"\1", quoted_)
            tokens.append(_Token("string", value, match.start(3)))
        place = match.end()
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


class _Parser:
    """Recursive descent; the deepest nesting is bounded."""

    def __init__(
        self, tokens: list[_Token], clock: Callable[[], int] | None, documents: Documents
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._documents = documents
        self._place = 0

    @property
    def now(self) -> _Token:
        return self._tokens[self._place]

    def _next(self) -> _Token:
        token = self.now
        self._place += 1
        return token

    def _keyword(self, word: str) -> bool:
        return self.now.kind == "word" and self.now.text.lower() == word

    def either(self, depth: int) -> Predicate:
        tests = [self.both(depth)]
        while self._keyword("or"):
            self._next()
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def both(self, depth: int) -> Predicate:
        tests = [self.negated(depth)]
        while True:
            if self._keyword("and"):
                self._next()
            elif self._keyword("or") or self.now.kind == "end" or self.now.text == ")":
                return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)
            tests.append(self.negated(depth))

    def negated(self, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            raise FilterError(self.now.column, "brackets are nested too deeply")
        if self._keyword("not"):
            self._next()
            inner = self.negated(depth + 1)
            return lambda row: not inner(row)
        if self.now.text == "(" and self.now.kind == "bracket":
            opened = self._next()
            found = self.either(depth + 1)
            if self.now.text != ")":
                raise FilterError(opened.column, "this bracket is never closed")
            self._next()
            return found
        return self._test()

    def _test(self) -> Predicate:
        token = self._next()
        if token.kind == "end":
            raise FilterError(token.column, "something to look for is missing here")
        if token.kind not in ("word", "string"):
            raise FilterError(token.column, f"a word or field is expected, not {token.text!r}")
        if self.now.kind != "operator" or token.kind == "string":
            return _anywhere(token.text)
        given = token.text.lower()
        name = ALIASES.get(given, given)
        sign = self._next()
        if sign.text == ":" and self.now.kind == "operator" and self.now.text != ":":
            sign = self._next()  # time:>=10:00
        value = self._next()
        known = name in TEXTS or name in NUMBERS or name in ("severity", "state", "time", "last")
        if not known and not of_document(given):
            near = difflib.get_close_matches(given, FIELDS, 3, 0.5) or FIELDS[:12]
            raise FilterError(
                token.column, f"no field {token.text!r}; there are {', '.join(near)} and ECS's"
            )
        if value.kind == "end":
            self._place -= 1
        if value.kind not in ("word", "string"):
            raise FilterError(value.column, f"a value for {given} is missing here")
        return self._compare(name, given, sign, self._joined(value))

    def _joined(self, value: _Token) -> _Token:
        """The value with what a colon split off it: ``time>12:04``, ``host:a:b``."""
        text, end = value.text, value.column + len(value.text)
        while value.kind == "word" and self.now.kind != "end" and self.now.column == end:
            if self.now.kind == "bracket":
                break
            text += self.now.text
            end += len(self.now.text)
            self._next()
        return _Token(value.kind, text, value.column)

    def _compare(self, name: str, given: str, sign: _Token, value: _Token) -> Predicate:
        if name == "severity":
            return _severity(sign, value)
        if name == "state":
            found = STATES.get(value.text.lower())
            if found is None or sign.text not in ":=":
                raise FilterError(value.column, f"a state is one of {', '.join(STATES)}")
            return found
        if name == "time":
            return _time(sign, value)
        if name == "last":
            return self._last(value)
        if name in NUMBERS:
            read, test = NUMBERS[name], _number(given, sign, value)
            return lambda row: test(read(row))
        if name in TEXTS:
            if sign.text not in ":=":
                raise FilterError(sign.column, f"{given} is text: write {given}:{value.text}")
            texts, holds = TEXTS[name], text_test(sign.text, value.text)
            return lambda row: any(map(holds, texts(row)))
        return self._document(given, sign, value)

    def _last(self, value: _Token) -> Predicate:
        length, clock = times.duration(value.text), self._clock
        if length is None:
            raise FilterError(value.column, "a length of time is 90s, 15m, 2h or 7d")
        if clock is None:
            raise FilterError(value.column, "there is no clock here that last could count from")
        return lambda row: row.time > clock() - length

    def _document(self, name: str, sign: _Token, value: _Token) -> Predicate:
        documents = self._documents

        def found(row: AlertRow) -> tuple[str, ...]:
            return documents.get(name, {}).get(row.id, ())

        if sign.text in ":=" and not (".." in value.text and value.kind == "word"):
            holds = text_test(sign.text, value.text)
            return lambda row: any(map(holds, found(row)))
        test = _number(name, sign, value)
        return lambda row: any(
            test(number) for text in found(row) if (number := number_of(text)) is not None
        )


def _range(value: _Token) -> tuple[_Token, _Token] | None:
    """The two ends of ``a..b``; either may be left open."""
    first, dots, last = value.text.partition("..")
    if not dots or value.kind != "word":
        return None
    return (
        _Token("word", first, value.column),
        _Token("word", last, value.column + len(first) + len(dots)),
    )


def _number(name: str, sign: _Token, value: _Token) -> Callable[[float], bool]:
    ends = _range(value)
    if ends is not None and sign.text in ":=":
        low = _figure(name, ends[0]) if ends[0].text else -inf
        high = _figure(name, ends[1]) if ends[1].text else inf
        return lambda number: low <= number <= high
    wanted, compare = _figure(name, value), COMPARE[sign.text]
    return lambda number: compare(number, wanted)


def _figure(name: str, value: _Token) -> float:
    words = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
    found = words.get(value.text.lower(), number_of(value.text))
    if found is None:
        raise FilterError(value.column, f"{name} takes a number")
    return found


def _severity(sign: _Token, value: _Token) -> Predicate:
    rank = rank_of(value.text)
    if rank is None:
        raise FilterError(value.column, "a severity is low, medium, high or critical")
    compare = COMPARE[sign.text]
    return lambda row: compare(severity_rank(row), rank)


def _time(sign: _Token, value: _Token) -> Predicate:
    ends = _range(value) if sign.text in ":=" else None
    if ends is None:
        return _moment(sign.text, value)
    tests = [
        _moment(compare, end) for compare, end in zip((">=", "<="), ends, strict=True) if end.text
    ]
    return lambda row: all(test(row) for test in tests)


def _moment(sign: str, value: _Token) -> Predicate:
    span = span_of(value.text)
    if span is None:
        raise FilterError(value.column, _TIMES)
    return time_test(sign, span)


def _anywhere(value: str) -> Predicate:
    needle = value.lower()
    return lambda row: (
        needle in row.rule_name.lower()
        or needle in row.host.lower()
        or needle in row.user.lower()
        or needle in row.process.lower()
        or needle in row.reason.lower()
        or any(needle in tag.lower() for tag in row.tags)
    )
