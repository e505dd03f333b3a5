"""The filter language of the alert list: words, field:value, comparisons, not, and, or, brackets.

``certutil severity>=high and not (state:closed or user:"svc *")``: words next to each other must
all hold; a bare word is looked for in rule, host, user, process and reason; ``*`` and ``?`` are
wildcards in a value; case never counts.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from triage import times
from triage.case.model import SEVERITIES, AlertRow
from triage.case.words import CLOSE_WORDS
from triage.errors import TriageError

Predicate = Callable[[AlertRow], bool]

_TEXT: dict[str, Callable[[AlertRow], str]] = {
    "rule": lambda row: row.rule_name,
    "host": lambda row: row.host,
    "user": lambda row: row.user,
    "process": lambda row: row.process,
    "reason": lambda row: row.reason,
    "id": lambda row: row.id,
    "assignee": lambda row: row.assignee,
    "by": lambda row: row.decided_by,
    "tag": lambda row: " ".join(row.tags),
}
_NUMBER: dict[str, Callable[[AlertRow], float]] = {
    "risk": lambda row: row.risk_score,
    "count": lambda row: row.count,
    "notes": lambda row: row.notes,
}
FIELDS = (*_TEXT, *_NUMBER, "severity", "state", "time")
_ALIASES = {"sev": "severity", "status": "state", "proc": "process", "risk_score": "risk"}


def _closed_as(reason: str) -> Predicate:
    return lambda row: row.close_reason == reason


_STATES: dict[str, Predicate] = {
    "open": lambda row: row.status == "open",
    "ack": lambda row: row.status == "acknowledged",
    "acknowledged": lambda row: row.status == "acknowledged",
    "closed": lambda row: row.status == "closed",
    "fp": lambda row: row.close_reason == "false_positive",
    "superseded": lambda row: row.superseded,
    "late": lambda row: row.late,
    **{reason: _closed_as(reason) for reason in CLOSE_WORDS},
}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    ":": operator.eq,
    "=": operator.eq,
}
_TOKEN = re.compile(
    r"""\s*(?:([()])|(>=|<=|[:=<>])|"((?:[^"\\]|\\["\\]|\\)*)(")?|([^\s():=<>"]+))"""
)
_MAX_DEPTH = 50


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


def parse(text: str) -> Predicate:
    """The test a filter text stands for; an empty text lets everything through."""
    tokens = _tokens(text)
    if len(tokens) == 1:
        return lambda _row: True
    parser = _Parser(tokens)
    found = parser.either(0)
    if parser.now.kind != "end":
        raise FilterError(parser.now.column, f"{parser.now.text!r} does not belong here")
    return found


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            break  # only blanks are left
        bracket, sign, quoted, closing, word = match.groups()
        if bracket:
            tokens.append(_Token("bracket", bracket, match.start(1) + 1))
        elif sign:
            tokens.append(_Token("operator", sign, match.start(2) + 1))
        elif word:
            tokens.append(_Token("word", word, match.start(5) + 1))
        else:
            if closing is None:
                raise FilterError(match.start(3), 'the text has no closing "')
            value = re.sub(r'\\(["\\])', r"\1", quoted)
            tokens.append(_Token("string", value, match.start(3)))
        place = match.end()
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


class _Parser:
    """Recursive descent; the deepest nesting is bounded."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
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
            return _not(self.negated(depth + 1))
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
        name = _ALIASES.get(token.text.lower(), token.text.lower())
        sign = self._next()
        value = self._next()
        if name not in FIELDS:
            raise FilterError(
                token.column, f"no field {token.text!r}; there are {', '.join(FIELDS)}"
            )
        if value.kind == "end":
            self._place -= 1
        if value.kind not in ("word", "string"):
            raise FilterError(value.column, f"a value for {name} is missing here")
        return self._compare(name, sign, self._joined(value))

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

    def _compare(self, name: str, sign: _Token, value: _Token) -> Predicate:
        if name in _TEXT:
            if sign.text not in ":=":
                raise FilterError(sign.column, f"{name} is text: write {name}:{value.text}")
            return _text(_TEXT[name], value.text)
        compare = _COMPARE[sign.text]
        if name == "severity":
            rank = _rank(value)
            return lambda row: compare(_RANKS.get(row.severity, -1), rank)
        if name == "state":
            found = _STATES.get(value.text.lower())
            if found is None or sign.text not in ":=":
                states = "open, ack, closed, fp, late, superseded"
                raise FilterError(value.column, f"a state is one of {states}")
            return found
        if name == "time":
            return _time(sign.text, value)
        try:
            number = float(value.text)
        except ValueError:
            raise FilterError(value.column, f"{name} takes a number") from None
        read = _NUMBER[name]
        return lambda row: compare(read(row), number)


_RANKS = {name: rank for rank, name in enumerate(SEVERITIES)}


def _rank(value: _Token) -> int:
    text = value.text.lower()
    for name, rank in _RANKS.items():
        if name.startswith(text):
            return rank
    raise FilterError(value.column, f"a severity is one of {', '.join(SEVERITIES)}")


def _time(sign: str, value: _Token) -> Predicate:
    """``12:04`` or ``12:04:31`` is a time of day, ``2026-08-21[T12:04]`` an instant; both UTC."""
    text = value.text
    of_day = re.fullmatch(r"(\d\d?):(\d\d)(?::(\d\d))?", text)
    day = 86_400 * times.SECOND
    if of_day:
        hour, minute, second = (int(part or 0) for part in of_day.groups())
        start = (hour * 3600 + minute * 60 + second) * times.SECOND
        length = times.SECOND if of_day[3] else 60 * times.SECOND
        return lambda row: _within(sign, row.time % day, start, length)
    instant = times.parse(f"{text}T00:00" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text)
    if instant is None:
        raise FilterError(value.column, "a time is 12:04, 12:04:31, 2026-08-21 or 2026-08-21T12:04")
    length = day if len(text) == 10 else 60 * times.SECOND if text.count(":") == 1 else times.SECOND
    return lambda row: _within(sign, row.time, instant, length)


def _within(sign: str, time: int, start: int, length: int) -> bool:
    """Compare with a span: a minute is "after" 12:04 only from 12:05 on."""
    if sign in ":=":
        return start <= time < start + length
    if sign == ">":
        return time >= start + length
    return {">=": time >= start, "<": time < start, "<=": time < start + length}[sign]


def quoted(value: str) -> str:
    """A value as it stands in a filter, in quotes; what can not be typed becomes ``?``."""
    typed = "".join(char if char.isprintable() else "?" for char in value)
    escaped = typed.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@lru_cache(maxsize=64)
def _pattern(value: str) -> re.Pattern[str]:
    # Runs of stars would make the pattern slow and mean no more than one.
    return re.compile(translate(re.sub(r"\*+", "*", value.replace("[", "[[]").lower())))


def _text(read: Callable[[AlertRow], str], value: str) -> Predicate:
    if "*" in value or "?" in value:
        match = _pattern(value).match
        return lambda row: any(match(name) is not None for name in _names(read(row).lower()))
    needle = value.lower()
    return lambda row: needle in read(row).lower()


def _names(text: str) -> tuple[str, ...]:
    """A value as the list may show it: whole, a user without domain, a host without its."""
    return (text, text.rpartition("\\")[2], text.partition(".")[0])


def _anywhere(value: str) -> Predicate:
    needle = value.lower()
    return lambda row: (
        needle in row.rule_name.lower()
        or needle in row.host.lower()
        or needle in row.user.lower()
        or needle in row.process.lower()
        or needle in row.reason.lower()
    )


def _not(inner: Predicate) -> Predicate:
    return lambda row: not inner(row)
