"""Configuration files: the only reader of TOML, where folders lie, and what stands where in a file.

A :class:`Places` finds the line and column of a key, or of a position inside a string, in the TOML
text: so a fault in an EQL query is shown at its place in the rule file, not in the query alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import tomli

from triage.errors import Problem, TriageError

MAX_TOML_BYTES = 1 << 20
_APP = "triage"
_PACKAGE = Path(__file__).resolve().parent


class TomlError(TriageError):
    """A TOML file that can not be read; ``problem`` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def config_dir() -> Path:
    """The user's configuration folder: rules, themes and settings of their own."""
    return Path(platformdirs.user_config_path(_APP, appauthor=False))


def state_dir() -> Path:
    """The user's state folder: what the program writes for itself."""
    return Path(platformdirs.user_state_path(_APP, appauthor=False))


def cache_dir() -> Path:
    """The user's cache folder: what can be made again, and is only quicker to have."""
    return Path(platformdirs.user_cache_path(_APP, appauthor=False))


def settings_file() -> Path:
    """Where the user's settings lie: the keys of the console."""
    return config_dir() / "config.toml"


def exceptions_dir() -> Path:
    """Where exception lists lie unless the user names another folder."""
    return config_dir() / "exceptions"


def themes_dir() -> Path:
    """Where the user's own themes lie."""
    return config_dir() / "themes"


def views_file() -> Path:
    """Where the user's saved views of the alert list lie."""
    return config_dir() / "views.toml"


def cases_dir() -> Path:
    """Where case files lie unless the user names another place."""
    return state_dir() / "cases"


def screen_file(case: str) -> Path:
    """Where it is kept how the console was left on a case."""
    place = os.path.realpath(case)
    mark = hashlib.blake2b(place.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return state_dir() / "screens" / f"{mark}.json"


def bundled(name: str) -> Path:
    """The folder ``name`` ("rules", "themes", "samples/logs") that came with the program.

    In a wheel it lies in the package's ``_data``, in a checkout at the top level.
    """
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """The file's content as tables, and its text (line ends as ``\n``) for :class:`Places`.

    Raises :class:`TomlError` where it is no regular file, longer than 1 MiB, not UTF-8 or not TOML.
    """
    return parse_toml(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a TOML file, at most 1 MiB; raises :class:`TomlError`."""
    try:
        # A pipe or a device named *.toml would block or never end.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise TomlError(Problem(str(path), 0, 0, "not a regular file"))
        with path.open("rb") as file:
            content = file.read(min(status.st_size, MAX_TOML_BYTES) + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = getattr(error, "strerror", None) or str(error)
        raise TomlError(Problem(str(path), 0, 0, f"can not be read: {reason}")) from error
    return content


def parse_toml(path: Path, content: bytes) -> tuple[dict[str, Any], str]:
    """As :func:`read_toml`, of bytes that are, or will be, the content of ``path``."""
    if len(content) > MAX_TOML_BYTES:
        message = f"longer than {MAX_TOML_BYTES // 1024} KiB; split it or remove what is not needed"
        raise TomlError(Problem(str(path), 0, 0, message))
    try:
        text = toml_text(content)
        return tomli.loads(text), text
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = "not UTF-8 text; save the file as UTF-8"
        raise TomlError(Problem(str(path), line, column, message)) from error
    except tomli.TOMLDecodeError as error:
        message = f"not valid TOML: {error.msg}"
        raise TomlError(Problem(str(path), error.lineno, error.colno, message)) from error
    except RecursionError as error:
        problem = Problem(str(path), 0, 0, "tables or arrays are nested too deeply")
        raise TomlError(problem) from error


def toml_text(content: bytes) -> str:
    """The text of a TOML file's bytes, line ends as ``\n``; raises UnicodeDecodeError."""
    return content.decode("utf-8-sig").replace("\r\n", "\n")


# A path names a key in nested tables; the tables of an array have their index from 0:
# ("rule", "query"), ("item", 2, "entries", 0, "field").
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A table header or a ``key = value`` of a TOML text; offsets are characters from its start."""

    path: KeyPath
    header: bool
    start: int  # of the header or key
    value: int  # of the value; for a header its end
    end: int  # behind the header or value


_KEY_PART = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_BLANK = re.compile(r"(?:[ \t\n\r]+|#[^\n]*)*")
_BARE = re.compile(r"[^#\n]*[^#\s]")
_BETWEEN = re.compile(r"""(?:[^\[\]{}"'#]|#[^\n]*)+""")  # of values in brackets; comments too
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|([ \t]*\n[ \t\n]*)|(.))", re.DOTALL
)


class Places:
    """Where keys and values stand in a TOML text that ``tomli`` has accepted.

    A scanner beside the parser, since ``tomli`` keeps no positions: it only has to find where
    keys, strings and brackets begin and end. On text that is not TOML it stops where it is lost.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.statements = tuple(_scan(text))
        # A table's first mention wins, so a missing key is shown at its own header.
        self._found: dict[KeyPath, Statement] = {}
        for statement in self.statements:
            self._found.setdefault(statement.path, statement)
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character offset."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def key(self, *path: str | int) -> tuple[int, int]:
        """Line and column of a key, else of the nearest table around it; (0, 0) without any."""
        for length in range(len(path), 0, -1):
            found = self._found.get(path[:length])
            if found is not None:
                return self.position(found.start)
        return 0, 0

    def inside(self, path: KeyPath, line: int, column: int) -> tuple[int, int]:
        """Line and column in the file of ``line``:``column`` in the string that ``path`` holds.

        Escapes in the file count as the one character they stand for. Behind the string's end it
        is the end; where the value is no string it is the key.
        """
        found = self._found.get(path)
        if found is None or self.text[found.value : found.value + 1] not in ("'", '"'):
            return self.key(*path)
        at_line, at_column = 1, 1
        for offset, char in _characters(self.text, found.value, found.end):
            if at_line > line or (at_line == line and at_column >= column):
                return self.position(offset)
            if char == "\n":
                if at_line == line:
                    return self.position(offset)
                at_line, at_column = at_line + 1, 1
            else:
                at_column += 1
        quote = 3 if self.text.startswith(('"""', "'''"), found.value) else 1
        return self.position(found.end - quote)


def _characters(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """Each character of the string value at ``start`` with the offset where it is written."""
    literal = text[start] == "'"
    quote = 3 if text.startswith(text[start] * 3, start) else 1
    offset, stop = start + quote, end - quote
    if quote == 3 and text.startswith("\n", offset):
        offset += 1  # TOML drops a line feed right behind the opening quotes
    found: list[tuple[int, str]] = []
    while offset < stop:
        match = None if literal else _ESCAPE.match(text, offset)
        if match is None:
            found.append((offset, text[offset]))
            offset += 1
        elif match[4] is not None:
            offset = match.end()  # a backslash at a line's end joins it with the next text
        else:
            found.append((offset, "\n" if match[5] == "n" else " "))
            offset = match.end()
    return found


def _scan(text: str) -> list[Statement]:
    statements: list[Statement] = []
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}  # path of an array of tables → how many so far
    offset = _skip_blank(text, 0)
    while offset < len(text):
        start = offset
        header = text[offset] == "["
        array = text.startswith("[[", offset)
        names, offset = _key(text, offset + header + array)
        if not names or not text.startswith("]" if header else "=", offset):
            break
        if header:
            offset += 1 + array
            table = _table(names, counts, array)
            statements.append(Statement(table, True, start, offset, offset))
        else:
            value = _skip_space(text, offset + 1)
            offset = _value_end(text, value)
            statements.append(Statement(table + names, False, start, value, offset))
        offset = _skip_blank(text, offset)
    return statements


def _table(names: tuple[str, ...], counts: dict[KeyPath, int], array: bool) -> KeyPath:
    """The path of a header, with the index of the last table of each array it passes through."""
    path: KeyPath = ()
    for name in names[:-1]:
        path += (name,)
        if path in counts:
            path += (counts[path] - 1,)
    path += (names[-1],)
    if not array:
        return path
    counts[path] = counts.get(path, 0) + 1
    return (*path, counts[path] - 1)


def _key(text: str, offset: int) -> tuple[tuple[str, ...], int]:
    names: list[str] = []
    while (match := _KEY_PART.match(text, offset)) is not None:
        part = match[1]
        names.append(part[1:-1] if part[0] in "\"'" else part)
        offset = match.end()
        if not text.startswith(".", offset):
            break
        offset += 1
    return tuple(names), offset


def _skip_space(text: str, offset: int) -> int:
    while text.startswith((" ", "\t"), offset):
        offset += 1
    return offset


def _skip_blank(text: str, offset: int) -> int:
    match = _BLANK.match(text, offset)
    return match.end() if match else offset


def _value_end(text: str, offset: int) -> int:
    """The offset behind the value at ``offset``; brackets are counted, never recursed into."""
    depth = 0
    while offset < len(text):
        char = text[offset]
        if char in "\"'":
            offset = _string_end(text, offset)
        elif char in "[{":
            depth += 1
            offset += 1
        elif char in "]}":
            depth -= 1
            offset += 1
        else:
            match = (_BETWEEN if depth else _BARE).match(text, offset)
            offset = match.end() if match else len(text)
        if depth <= 0:
            break
    return offset


def _string_end(text: str, offset: int) -> int:
    quote = text[offset]
    if not text.startswith(quote * 3, offset):
        match = (_BASIC if quote == '"' else _LITERAL).match(text, offset)
        return match.end() if match else len(text)
    at = offset + 3
    while at < len(text) and not text.startswith(quote * 3, at):
        at += 2 if quote == '"' and text[at] == "\\" else 1
    at += 3
    while text.startswith(quote, at):
        at += 1  # up to two quotes may stand before the closing three
    return min(at, len(text))
