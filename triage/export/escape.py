"""How untrusted text becomes part of a file that a person opens: cleaned, defanged, escaped.

JSON formats need none of it: there the text stays as it is, and no reader obeys it.
"""

from __future__ import annotations

import re

from triage.text import clean

MAX_SHOWN = 4_000  # characters of one value: a page shows less, a hostile log has more

_SCHEMES = {"http": "hxxp", "https": "hxxps", "ftp": "fxp", "ftps": "fxps"}
_SCHEME = re.compile(r"\b(https?|ftps?)(?=:)", re.IGNORECASE)
# Marks inside a line; and those that mean something at its beginning alone.
_MARKS = re.compile(r"([\\`*_\[\]#|~@$^]|^[+=-])")
_WWW = re.compile(r"(?i)\b(www)\.")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What a spreadsheet takes for a formula: these, and their full-width forms.
_FORMULA = "=+@＝＋－＠-"
_BEGINS = re.compile(rf"[\t\r\n]|[\s\"]*[{_FORMULA}]")
# A sheet that parts cells at semicolons sees a new cell behind each, whatever quotes say.
_AFTER = re.compile(rf"(;[\s\"']*)(?=[{_FORMULA}])")


def shown(value: object, limit: int = MAX_SHOWN) -> str:
    """A value as one line that no program turns into a link; of a very long one the beginning,
    and how much more there is."""
    text = value if isinstance(value, str) else str(value)
    more = len(text) - limit
    text = defanged(clean(text[:limit]))
    return f"{text} … {more:,} more characters" if more > 0 else text


def defanged(text: str) -> str:
    """``https://x`` as ``hxxps://x``: nobody follows an attacker's address by a slip."""
    return _SCHEME.sub(lambda found: _SCHEMES[found[1].lower()], text)


def markdown(value: object, limit: int = MAX_SHOWN) -> str:
    """A value as text of Markdown, inside a line or a table's cell: never a mark, tag or link.

    At the very beginning of a line something of ours must stand: "1." would begin a list.
    """
    text = "".join(_ENTITIES.get(char, char) for char in shown(value, limit))
    return _WWW.sub(r"\1\\.", _MARKS.sub(r"\\\1", text)).strip()


def cell(value: object) -> str:
    """A value as a quoted cell of a CSV file that no spreadsheet takes for a formula."""
    text = value if isinstance(value, str) else str(value)
    lead = "'" if _BEGINS.match(text) else ""
    text = _AFTER.sub(r"\1'", lead + clean(text))
    return '"' + text.replace('"', '""') + '"'
