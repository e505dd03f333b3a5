"""Exceptions as the body of a Splunk filter macro: what a detection's ``<name>_filter`` is for.

The body is a ``where`` command that keeps a row unless an exception is true of it. ``where`` and
not ``search``, since ``search`` has no case and no way to write a ``*`` that is one; every test
is false, not null, where its field is missing, since a null would drop the row. Fields are called
as Splunk's data models call them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from triage.errors import TriageError
from triage.exceptions._match import _MULTI_FIELDS, _WILDCARD_FIELDS, words
from triage.exceptions._model import Entry, Item

MAX_VALUES = 1_000  # of one value list: beyond, a lookup is the better way
_NAMES = {
    "destination.domain": "dest_host",
    "destination.ip": "dest_ip",
    "destination.port": "dest_port",
    "dns.question.name": "query",
    "file.hash.md5": "file_hash",
    "file.hash.sha256": "file_hash",
    "file.name": "file_name",
    "file.path": "file_path",
    "host.name": "dest",
    "network.transport": "transport",
    "process.command_line": "process",
    "process.entity_id": "process_guid",
    "process.executable": "process_path",
    "process.hash.md5": "process_hash",
    "process.hash.sha1": "process_hash",
    "process.hash.sha256": "process_hash",
    "process.name": "process_name",
    "process.parent.command_line": "parent_process",
    "process.parent.entity_id": "parent_process_guid",
    "process.parent.executable": "parent_process_path",
    "process.parent.name": "parent_process_name",
    "process.parent.pid": "parent_process_id",
    "process.pe.original_file_name": "original_file_name",
    "process.pid": "process_id",
    "process.working_directory": "process_current_directory",
    "registry.data.strings": "registry_value_data",
    "registry.key": "registry_key_name",
    "registry.path": "registry_path",
    "registry.value": "registry_value_name",
    "source.ip": "src_ip",
    "source.port": "src_port",
    "user.domain": "user_domain",
    "user.id": "user_id",
    "user.name": "user",
}
_SAFE = re.compile(r"[ -~]*")
_FIELD = re.compile(r"[A-Za-z0-9_.@ -]+")


def splunk_macro(items: Sequence[Item]) -> str:
    """The macro's body for these items; ``search *``, which keeps every row, without any.

    Raises TriageError for a field name no macro can hold, or a value list too long for one.
    """
    tests = [_item(item) for item in items if item.entries]
    if not tests:
        return "search *"
    return "where if(" + " OR ".join(tests) + ", 1, 0)=0"


def _item(item: Item) -> str:
    tests = [_entry(entry) for entry in item.entries]
    if item.os_types:
        found = ", ".join(_text(name.lower()) for name in item.os_types)
        tests.insert(0, f"if(lower({_name('host.os.type')}) IN ({found}), 1, 0)=1")
    return "(" + " AND ".join(tests) + ")"


def _entry(entry: Entry, outer: str = "") -> str:
    if entry.type == "nested":
        prefix = f"{outer}{entry.field}."
        test = "(" + " AND ".join(_entry(inner, prefix) for inner in entry.entries) + ")"
        return f"if({test}, 1, 0)={int(entry.operator == 'included')}"
    field = outer + entry.field
    base = field
    for suffix in _MULTI_FIELDS:
        base = base.removesuffix(suffix)
    name = _name(base)
    test = _test(entry, name, base != field, base in _WILDCARD_FIELDS, field.endswith(".text"))
    if entry.operator == "included":
        return f"if({test}, 1, 0)=1"
    known = f"isnotnull({name}) AND " if entry.type == "list" else ""
    return f"({known}if({test}, 1, 0)=0)"


def _test(entry: Entry, name: str, caseless: bool, wild: bool, analysed: bool) -> str:
    if entry.type == "exists":
        return f"isnotnull({name})"
    if entry.type == "wildcard":
        return _match(name, _pattern(entry.values[0]), caseless or wild)
    if entry.type == "cidr":
        return _any(_cidr(name, value) for value in entry.values)
    if entry.type == "list":
        return _listed(entry, name)
    if analysed:
        phrases = [r"\W+".join(map(_literal, words(value))) for value in entry.values]
        return _any(_match(name, rf"(^|.*\W){one}(\W.*|$)", True) for one in phrases)
    return _equal(name, entry.values, caseless)


def _listed(entry: Entry, name: str) -> str:
    if len(entry.listed) > MAX_VALUES:
        raise TriageError(
            f"the value list {entry.values[0]!r} holds {len(entry.listed):,} values, a macro can"
            f" hold {MAX_VALUES:,}; use a Splunk lookup for it"
        )
    if not entry.listed:
        return "1=0"
    if entry.list_type in ("ip", "ip_range"):
        networks = (text for value in entry.listed for text in _networks(value))
        return _any(_cidr(name, text) for text in networks)
    return _equal(name, entry.listed, entry.list_type == "text")


def _networks(text: str) -> list[str]:
    """An address range as Splunk takes it: 10.0.0.1-10.0.0.9 are several networks."""
    first, dash, last = text.partition("-")
    if not dash:
        return [text]
    low, high = (ipaddress.ip_address(one.strip()) for one in (first, last))
    return [str(one) for one in ipaddress.summarize_address_range(low, high)]


def _equal(name: str, values: Sequence[str], caseless: bool) -> str:
    if name.endswith("_hash"):  # of all kinds, one after the other
        return _any(_match(name, f".*{_literal(value)}.*", True) for value in values)
    texts = [_text(value.lower() if caseless else value) for value in values]
    left = f"lower({name})" if caseless else name
    return f"{left}={texts[0]}" if len(texts) == 1 else f"{left} IN ({', '.join(texts)})"


def _any(tests: Iterable[str]) -> str:
    found = list(tests)
    return found[0] if len(found) == 1 else "(" + " OR ".join(found) + ")"


def _cidr(name: str, value: str) -> str:
    return f"cidrmatch({_text(value)}, {name})"


def _match(name: str, pattern: str, caseless: bool) -> str:
    return f'match({name}, "(?{"i" if caseless else ""}s)^{pattern}$")'


def _pattern(text: str) -> str:
    parts = re.split(r"([*?])", text)
    return "".join({"*": ".*", "?": "."}.get(part) or _literal(part) for part in parts)


def _literal(text: str) -> str:
    """Text as a regular expression in which nothing is left that any layer could take for more."""
    return "".join(
        char
        if char.isascii() and (char.isalnum() or char in " _,;:/@=-")
        else f"\\x{ord(char):02x}"
        if ord(char) < 0x100
        else f"\\x{{{ord(char):x}}}"
        for char in text
    )


def _text(value: str) -> str:
    """A value as a string of the eval language."""
    if _SAFE.fullmatch(value) and not set(value) & set("`$"):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    # A backtick would call a macro, a $ stand for a token: those are written as no layer reads.
    return f'urldecode("{quote(value, safe=" /:;,=@_-.()", errors="replace")}")'


def _name(field: str) -> str:
    if not _FIELD.fullmatch(field):
        raise TriageError(f"{field!r} can not be the name of a field in Splunk")
    return _NAMES.get(field) or f"'{field}'"
