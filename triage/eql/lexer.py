"""Lexer: EQL text to tokens, each with its place in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from triage.errors import EqlError

KEYWORDS = frozenset(
    {"and", "any", "by", "false", "in", "in~", "join", "like", "like~", "maxspan", "not", "null"}
    | {"of", "or", "regex", "regex~", "sample", "sequence", "true", "until", "where", "with"}
)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
# Only the query is scanned with these, and each alternative is linear.
_TOKEN = re.compile(
    r"""(?:[ \r\n\t]+|//[^\r\n]*)*+(?:
    (?P<name>[A-Za-z_@][A-Za-z0-9_]*~?)
  | (?P<raw>\"{3})
  | (?P<plain>"[^"\\\r\n]*")
  | (?P<string>")
  | (?P<comment>/\*)
  | (?P<single>')
  | (?P<oldraw>\?["'])
  | (?P<quoted>`)
  | (?P<decimal>[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?
      |[0-9]+[eE][+-]?[0-9]+)
  | (?P<integer>[0-9]+)
  | (?P<op>==|!=|<=|>=|!\[|[<>=:+\-*/%.,\[\]()|?])
  | (?P<end>\Z)
  | (?P<unknown>)
    )""",
    re.VERBOSE,
)
# Comments, and what stands between them and spaces; what looks like one in a string is none.
_PIECES = re.compile(
    r"""//[^\r\n]*|/\*(?s:.*?)\*/
      |((?:\"{3}.*?\"{3,5}|"(?:\\.|[^"\\])*"|`[^`]*`|[^ \r\n\t/"`]++|/(?![/*]))+)""",
    re.VERBOSE,
)
_STOP = re.compile(r'["\\\r\n]')  # where the plain text of a string ends


class Token(NamedTuple):  # there are a hundred a rule: a tuple is made in a third of the time
    """One token: ``kind`` is "name", "quoted", "string", "integer", "decimal", "end", or the
    keyword or operator itself; ``value`` the decoded text; ``start``/``end`` offsets."""

    kind: str
    value: str
    start: int
    end: int


class Source:
    """A query's text, able to say where an offset lies and to raise errors that show it."""

    __slots__ = ("_lines", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0]
        at = text.find("\n")
        while at >= 0:
            self._lines.append(at + 1)
            at = text.find("\n", at + 1)

    def place(self, offset: int) -> tuple[int, int]:
        """1-based line and column of an offset."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def error(self, offset: int, message: str) -> EqlError:
        """The error for an offset, with the line and a caret under the place."""
        line, column = self.place(offset)
        start = self._lines[line - 1]
        stop = self._lines[line] - 1 if line < len(self._lines) else len(self.text)
        shown = self.text[start:stop].rstrip("\r").replace("\t", " ")
        caret = column - 1
        if caret > 90:  # a query on one long line: show the place, not the page
            shown, caret = "…" + shown[caret - 60 :], 61
        if len(shown) > 140:
            shown = shown[:139] + "…"
        return EqlError(line, column, message, f"{shown}\n{' ' * caret}^")


def tokenize(source: Source) -> list[Token]:
    """All tokens of a query, the last of kind "end"; raises EqlError where it is no EQL."""
    text = source.text
    tokens: list[Token] = []
    at = 0
    while found := _TOKEN.match(text, at):
        kind = str(found.lastgroup)
        start, at = found.span(kind)
        value = found[kind]
        if kind == "name":
            tokens.append(Token(value if value in KEYWORDS else "name", value, start, at))
        elif kind == "op":
            tokens.append(Token(value, value, start, at))
        elif kind == "plain":
            tokens.append(Token("string", value[1:-1], start, at))
        elif kind == "string":
            value, at = _string(source, start)
            tokens.append(Token("string", value, start, at))
        elif kind == "raw":
            value, at = _raw(source, start)
            tokens.append(Token("string", value, start, at))
        elif kind == "comment":
            at = text.find("*/", at) + 2
            if at < 2:
                raise source.error(start, "the comment is not closed: `*/` is missing")
        elif kind == "single":
            raise source.error(
                start, "Use double quotes [\"] to define string literals, not single quotes [']"
            )
        elif kind == "oldraw":
            raise source.error(
                start,
                'Use triple double quotes ["""] to define unescaped string literals,'
                f" not [{value}]",
            )
        elif kind == "quoted":
            value, at = _quoted(source, start)
            tokens.append(Token("quoted", value, start, at))
        elif kind == "unknown":
            raise source.error(at, _unknown(text, at))
        else:
            tokens.append(Token(kind, value, start, at))
            if kind == "end":
                break
    return tokens


def one_line(text: str) -> str:
    """A piece of a sound query on one line, without comments; equal results mean equal queries."""
    if not any(mark in text for mark in ("\n", "  ", "\t", "//", "/*", "\r")):
        return text
    return " ".join(filter(None, _PIECES.findall(text)))


def _unknown(text: str, at: int) -> str:
    pair = text[at : at + 2]
    meant = {"&&": "and", "||": "or", "!:": "not … :", "<>": "!="}.get(pair)
    if meant is None and text[at] == "!":
        meant = "not"
    hint = f", did you mean `{meant}`?" if meant else ""
    if text[at] == "~":
        hint = ", did you mean `in~`, `like~` or `regex~`? The sign stands right after the word"
    return f"unexpected character [{text[at]}]{hint}"


def _raw(source: Source, start: int) -> tuple[str, int]:
    text = source.text
    close = text.find('"""', start + 3)
    if close < 0 or "\n" in text[start:close] or "\r" in text[start:close]:
        raise source.error(start, 'the string is not closed on its line: `"""` is missing')
    end = close + 3
    # Up to two more quotes belong to the content: """"a"""" is "a" with its quotes.
    while end < close + 5 and text[end : end + 1] == '"':
        end += 1
    return text[start + 3 : end - 3], end


def _string(source: Source, start: int) -> tuple[str, int]:
    text = source.text
    parts: list[str] = []
    at = start + 1
    while True:
        found = _STOP.search(text, at)
        stop = found.start() if found else len(text)
        parts.append(text[at:stop])
        if stop == len(text) or text[stop] in "\r\n":
            raise source.error(start, 'the string is not closed on its line: `"` is missing')
        if text[stop] == '"':
            return "".join(parts), stop + 1
        letter = text[stop + 1 : stop + 2]
        if letter == "u":
            value, at = _unicode(source, stop)
            parts.append(value)
        elif letter in _ESCAPES:
            parts.append(_ESCAPES[letter])
            at = stop + 2
        else:
            raise source.error(
                stop, f"unknown escape [\\{letter}], did you mean `\\\\{letter}` or a raw string?"
            )


def _unicode(source: Source, start: int) -> tuple[str, int]:
    """The character of ``\\u{41}`` at ``start``, and where the escape ends."""
    text = source.text
    close = text.find("}", start, start + 64)
    if text[start + 2 : start + 3] != "{" or close < 0:
        raise source.error(start, "a Unicode escape is written \\u{…} with hexadecimal digits")
    digits = text[start + 3 : close]
    if not digits or digits.strip("0123456789abcdefABCDEF"):
        raise source.error(start, "a Unicode escape holds hexadecimal digits only")
    if not 2 <= len(digits) <= 8:
        raise source.error(start, "Unicode sequence should use [2-8] hex digits")
    code = int(digits, 16)
    if code > 0x10FFFF:
        raise source.error(start, f"Invalid unicode character code [{digits}]")
    if 0xD800 <= code <= 0xDFFF:
        raise source.error(start, f"Invalid unicode character code, [{digits}] is a surrogate code")
    return chr(code), close + 1


def _quoted(source: Source, start: int) -> tuple[str, int]:
    text = source.text
    at = start + 1
    while True:
        close = text.find("`", at)
        if close < 0:
            raise source.error(start, "the name is not closed: a backquote is missing")
        if text[close + 1 : close + 2] != "`":
            break
        at = close + 2
    name = text[start + 1 : close].replace("``", "`")
    if not name:
        raise source.error(start, "the quoted name is empty")
    return name, close + 1
