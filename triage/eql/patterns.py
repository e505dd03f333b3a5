"""Patterns: wildcards and Lucene regular expressions, matched in linear time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import re2

from triage.eql.values import fold

TextTest = Callable[[str], bool]
_STAR, _ONE = object(), object()
_SIGNS = {"*": _STAR, "?": _ONE}
_PIECE = re.compile(r"\*+|\?|[^*?]+")
_ESCAPED = re.compile(r"\*+|\?|(?:\\.|\\\Z|[^*?\\])+", re.DOTALL)
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_MEMO_SIZE = 256  # values a compiled pattern remembers
_MEMO_LENGTH = 128  # characters; longer values hardly come twice
_MEMORY = 1 << 20  # bytes
_SURELY_FITS = 1_000  # characters of wildcard patterns that RE2 never refuses
_MAX_DEPTH = 50


def has_wildcard(text: str) -> bool:
    """Whether ``*`` or ``?`` occurs."""
    return "*" in text or "?" in text


def wildcard_test(patterns: Iterable[str], insensitive: bool, *, escapes: bool = False) -> TextTest:
    """The test whether a whole text matches any of the patterns: ``*`` any run, ``?`` one.

    With ``escapes`` a backslash makes the character after it literal, else it is literal itself.
    Literals become one set lookup, stars string methods, the rest one RE2 program. Raises
    ValueError where RE2 refuses it.
    """
    exact: set[str] = set()
    starts: list[str] = []
    ends: list[str] = []
    parts: list[str] = []
    runs: list[TextTest] = []
    rest: list[list[Any]] = []
    for pattern in patterns:
        if not (has_wildcard(pattern) or escapes):  # as most
            exact.add(fold(pattern) if insensitive else pattern)
            continue
        pieces = _pieces(pattern, escapes)
        texts = [
            fold(piece) if insensitive and piece.__class__ is str else piece for piece in pieces
        ]
        match texts:
            case []:
                exact.add("")
            case [str(text)]:
                exact.add(text)
            case [str(text), last] if last is _STAR:
                starts.append(text)
            case [first, str(text)] if first is _STAR:
                ends.append(text)
            case [first, str(text), last] if first is _STAR and last is _STAR:
                parts.append(text)
            case [only] if only is _STAR:
                starts.append("")
            case _ if _ONE in texts:
                rest.append(texts)
            case _:
                runs.append(_run(texts))
    if rest:
        runs.append(_single_signs(rest))
    return _assemble(frozenset(exact), tuple(starts), tuple(ends), parts, runs, insensitive)


def _pieces(pattern: str, escapes: bool) -> list[Any]:
    """Literal runs, _STAR and _ONE; runs of stars are one."""
    if not escapes:
        return [_SIGNS.get(piece[0], piece) for piece in _PIECE.findall(pattern)]
    pieces = _ESCAPED.findall(pattern)
    return [_SIGNS.get(piece[0]) or _BACKSLASH.sub(r"\1", piece) for piece in pieces]


def _single_signs(patterns: list[list[Any]]) -> TextTest:
    """The test for patterns with ``?`` in them, by one RE2 program."""

    def program() -> TextTest:
        expressions = ("".join(map(_expression, pieces)) for pieces in patterns)
        return _program("|".join(expressions), insensitive=False)

    size = sum(len(piece) if piece.__class__ is str else 1 for one in patterns for piece in one)
    if size > _SURELY_FITS:
        return program()
    # Most rules see few texts that come so far: their programs wait for the first.
    made: list[TextTest] = []

    def test(text: str) -> bool:
        if not made:
            made.append(program())
        return made[0](text)

    return test


def _expression(piece: Any) -> str:
    if piece is _STAR:
        return ".*"
    return "." if piece is _ONE else "".join(map(_char, piece))


def _run(pieces: list[Any]) -> TextTest:
    """The test for literals with stars between them: each found after the one before."""
    first = pieces[0] if pieces[0] is not _STAR else ""
    last = pieces[-1] if pieces[-1] is not _STAR else ""
    inner = pieces[bool(first) : len(pieces) - bool(last)]
    middle = [piece for piece in inner if piece is not _STAR]

    def test(text: str) -> bool:
        if not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return at <= end

    return test


def _assemble(
    exact: frozenset[str],
    starts: tuple[str, ...],
    ends: tuple[str, ...],
    parts: list[str],
    runs: list[TextTest],
    insensitive: bool,
) -> TextTest:
    if not (starts or ends or parts or runs):
        if insensitive:
            return lambda text: fold(text) in exact
        return lambda text: text in exact

    def test(text: str) -> bool:
        if insensitive:
            text = fold(text)
        if text in exact or text.startswith(starts) or text.endswith(ends):
            return True
        for part in parts:
            if part in text:
                return True
        for run in runs:  # noqa: SIM110 - any() over a generator costs twice as much
            if run(text):
                return True
        return False

    return _remembering(test) if runs else test


def regex_test(patterns: Iterable[str], insensitive: bool) -> TextTest:
    """The test whether a whole text matches any of the Lucene regular expressions.

    Raises ValueError, with the reason, for what is no such expression or cannot be run in
    linear time (complement ``~``, intersection ``&``, numeric ranges ``<1-9>``).
    """
    translated = "|".join(_Lucene(pattern).translate() for pattern in patterns)
    return _remembering(_program(translated, insensitive=insensitive))


def _program(expression: str, insensitive: bool) -> TextTest:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.dot_nl = True
    options.case_sensitive = not insensitive
    # Memory that RE2 may take for the states a hostile text leads it to; a thousand rules share
    # a process. Only a very large pattern needs more to compile at all.
    options.max_mem = _MEMORY
    wrapped = f"(?:{expression})".encode("utf-8", "replace")
    try:
        compiled = re2.compile(wrapped, options)
    except re2.error:
        options.max_mem = 8 * _MEMORY
        try:
            compiled = re2.compile(wrapped, options)
        except re2.error as problem:
            reason = problem.args[0] if problem.args else ""
            shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            raise ValueError(f"the pattern cannot be compiled: {shown}") from None
    fullmatch = compiled.fullmatch
    # As bytes: half the cost, and a lone surrogate in a log cannot raise.
    return lambda text: fullmatch(text.encode("utf-8", "replace")) is not None


def _remembering(test: TextTest) -> TextTest:
    """The same test, with the answers for recent short values remembered."""
    memo: dict[str, bool] = {}

    def remembered(text: str) -> bool:
        known = memo.get(text)
        if known is None:
            known = test(text)
            if len(text) <= _MEMO_LENGTH:
                if len(memo) >= _MEMO_SIZE:
                    memo.clear()
                memo[text] = known
        return known

    return remembered


_CLASSES = {
    "d": "0-9",
    "D": "\\x{0}-/:-\\x{10FFFF}",
    "s": "\\t\\n\\r ",
    "S": "\\x{0}-\\x{8}\\x{B}\\x{C}\\x{E}-\\x{1F}!-\\x{10FFFF}",
    "w": "0-9A-Z_a-z",
    "W": "\\x{0}-/:-@\\[-\\^`{-\\x{10FFFF}",
}


class _Lucene:
    """Translates one Lucene regular expression (all optional operators on) to RE2's syntax."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def translate(self) -> str:
        if not self._text:
            return "(?:)"
        found = self._union(0)
        if self._at < len(self._text):
            raise self._wrong(f"unexpected [{self._text[self._at]}]")
        return f"(?:{found})"

    def _wrong(self, what: str) -> ValueError:
        return ValueError(f"regular expression: {what} at character {self._at + 1}")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise self._wrong("unexpected end")
        self._at += 1
        return self._text[self._at - 1]

    def _union(self, depth: int) -> str:
        if depth > _MAX_DEPTH:
            raise self._wrong("groups are nested too deeply")
        branches = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence(depth))
        return "|".join(branches)

    def _sequence(self, depth: int) -> str:
        parts: list[str] = []
        while self._peek() not in ("", ")", "|"):
            if self._peek() == "&":
                raise self._wrong("the operator & is not supported, write \\& for the character")
            parts.append(self._repeated(depth))
        if not parts:
            raise self._wrong("an alternative is empty")
        return "".join(parts)

    def _repeated(self, depth: int) -> str:
        atom = self._atom(depth)
        while True:
            sign = self._peek()
            if sign and sign in "?*+":
                self._at += 1
                # In a group of its own: a+? is (a+)? in Lucene, and no lazy repetition.
                atom = f"(?:{atom}{sign})"
            elif sign == "{":
                self._at += 1
                atom = f"(?:{atom}{{{self._counts()}}})"
            else:
                return atom

    def _counts(self) -> str:
        close = self._text.find("}", self._at)
        inside = self._text[self._at : close] if close >= 0 else ""
        low, comma, high = inside.partition(",")
        if not low.isdecimal() or (high and not high.isdecimal()):
            raise self._wrong("a repetition is written {2}, {2,} or {2,5}")
        if len(inside) > 12 or (high and int(high) < int(low)):
            raise self._wrong("the repetition is out of range")
        self._at = close + 1
        return f"{int(low)}{comma}{int(high) if high else ''}"

    def _atom(self, depth: int) -> str:
        char = self._next()
        if char == "(":
            if self._peek() == ")":
                self._at += 1
                return "(?:)"
            inner = self._union(depth + 1)
            if self._peek() != ")":
                raise self._wrong("a closing ) is missing")
            self._at += 1
            return f"(?:{inner})"
        if char == "[":
            return self._class()
        if char == "\\":
            char = self._next()
            return f"[{_CLASSES[char]}]" if char in _CLASSES else _char(char)
        if char == '"':
            close = self._text.find('"', self._at)
            if close < 0:
                raise self._wrong('a closing " is missing')
            inside = self._text[self._at : close]
            self._at = close + 1
            return f"(?:{''.join(map(_char, inside))})"
        if char in "~<":
            self._at -= 1
            raise self._wrong(
                f"the operator {char} is not supported, write \\{char} for the character"
            )
        return {".": ".", "@": "(?:.*)", "#": "[^\\x{0}-\\x{10FFFF}]"}.get(char) or _char(char)

    def _class(self) -> str:
        negated = self._peek() == "^"
        self._at += negated
        members: list[str] = []
        while not members or self._peek() != "]":
            if self._peek() == "\\" and self._text[self._at + 1 : self._at + 2] in _CLASSES:
                members.append(_CLASSES[self._text[self._at + 1]])
                self._at += 2
                continue
            first = self._member()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                last = self._member()
                if last < first:
                    raise self._wrong(f"the range {first}-{last} is out of order")
                members.append(f"{_char(first)}-{_char(last)}")
            else:
                members.append(_char(first))
        self._at += 1
        return f"[{'^' if negated else ''}{''.join(members)}]"

    def _member(self) -> str:
        char = self._next()
        return self._next() if char == "\\" else char


def _char(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    return f"\\x{{{ord(char):X}}}" if not "\ud800" <= char <= "\udfff" else "\\x{FFFD}"
