"""Fields of an event as strict formats want them: an address that is one, a port in its range.

A log may say anything; what is no such value is left out rather than making the file invalid.
"""

from __future__ import annotations

import ipaddress
import re

from triage.fields import Doc, first_text, lookup
from triage.times import parse

_HEX = re.compile(r"[0-9a-fA-F]+")
_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}  # of a hash in hex
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
                   r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")  # fmt: skip


def address(doc: Doc, name: str) -> str:
    """An IPv4 or IPv6 address in its usual spelling, without a zone; "" where there is none."""
    try:
        return str(ipaddress.ip_address(first_text(doc, name).partition("%")[0]))
    except ValueError:
        return ""


def number(doc: Doc, name: str, most: int = 2**31 - 1) -> int | None:
    """A whole number from 0 to ``most``, None where there is none."""
    found = lookup(doc, name)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 20:
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found <= most else None


def port(doc: Doc, name: str) -> int | None:
    """A port of TCP or UDP, None where there is none."""
    return number(doc, name, 65_535)


def hostname(doc: Doc, *names: str) -> str:
    """A name that DNS could hold; "" where there is none."""
    found = first_text(doc, *names).rstrip(".")
    return found if _HOST.fullmatch(found) else ""


def hashes(doc: Doc, prefix: str) -> dict[str, str]:
    """The hashes under ``prefix`` ("process.hash") by kind, in lower case: md5, sha1 …"""
    found: dict[str, str] = {}
    for kind, length in _LENGTHS.items():
        text = first_text(doc, f"{prefix}.{kind}")
        if len(text) == length and _HEX.fullmatch(text):
            found[kind] = text.lower()
    return found


def instant(doc: Doc, name: str) -> int | None:
    """An instant in ns since 1970, None where there is none."""
    found = lookup(doc, name)
    return parse(found) if isinstance(found, str) else None


def split_path(path: str) -> tuple[str, str]:
    """Folder and name of a Windows or Unix path; the folder is "" where the path has none."""
    at = max(path.rfind("\\"), path.rfind("/"))
    return path[: max(at, 0)], path[at + 1 :]


def without_nothing(doc: Doc) -> Doc:
    """The members that have a value."""
    return {key: value for key, value in doc.items() if value not in (None, "", [], {})}
