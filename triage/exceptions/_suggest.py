"""Which fields an exception could be made of, most specific and most stable first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from triage.exceptions._match import wildcard
from triage.exceptions._model import Entry, RuleLike
from triage.fields import Doc, values

# What stays the same when the same benign thing happens again. Never a pid, a time, an entity id
# or a source port: an exception of those never holds a second time.
_HASHES = tuple(
    f"{of}.hash.{kind}" for of in ("process", "file", "dll") for kind in ("sha256", "sha1", "md5")
)
_SIGNED = ("process", "file", "dll")
_FIELDS = (
    "process.executable",
    "process.pe.original_file_name",
    "process.parent.executable",
    "file.path",
    "registry.path",
    "user.name",
    "host.name",
    "destination.ip",
    "destination.domain",
    "dns.question.name",
    "destination.port",
)
_COMMAND_LINES = ("process.command_line", "process.parent.command_line")
_UNSTABLE = re.compile(
    r"(^|\.)(pid|entity_id|id|start|end|created|ingested|sequence|uptime|hash|args)(\.|$)"
    r"|timestamp|^source\.port$|^event\.|^kibana\.|^message$"
)
_GENERAL = (
    (re.compile(r"\{?\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b\}?", re.IGNORECASE), "*"),
    (re.compile(r"(\\te?mp\\)[^\s\"']+", re.IGNORECASE), r"\1*"),
    (re.compile(r"(?<=:\\users\\)[^\\\"']+", re.IGNORECASE), "*"),
    (re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b", re.IGNORECASE), "*"),
    (re.compile(r"(?<![a-z])\d+|\d{4,}", re.IGNORECASE), "*"),  # "Framework64" and "v4" stay
    (re.compile(r"\*[*?]*"), "*"),
)
_MAX_PATTERN = 1024
_MIN_LITERAL = 8  # a pattern that says less would hide far too much


def suggest(docs: Sequence[Doc], rule: RuleLike) -> list[Entry]:
    """Entries that are true of every document, to be ticked by the analyst; [] without documents.

    ``docs`` are the events of an alert, or one document an alert where several are marked. Order:
    hashes and code signature, executables, user, host, destination, the rule's own investigation
    fields, command lines as wildcards.
    """
    found: list[Entry] = []
    for of in ("process", "file", "dll"):
        hashes = (name for name in _HASHES if name.startswith(f"{of}."))
        strongest = next((e for name in hashes if (e := _same(docs, name)) is not None), None)
        if strongest is not None:
            found.append(strongest)
    found += [entry for of in _SIGNED if (entry := _signature(docs, of)) is not None]
    others = [name for name in rule.investigation_fields if not _UNSTABLE.search(name)]
    for name in dict.fromkeys([*_FIELDS, *others]):
        if name not in _COMMAND_LINES and (entry := _same(docs, name)) is not None:
            found.append(entry)
    found += [entry for name in _COMMAND_LINES if (entry := _alike(docs, name)) is not None]
    return found


def _common(docs: Sequence[Doc], name: str) -> str | None:
    """The one value all documents have, as text; None where there is none or more than one."""
    texts: set[str] = set()
    for doc in docs:
        given = values(doc, name)
        if len(given) != 1:
            return None
        value = given[0]
        texts.add(str(value).lower() if isinstance(value, bool) else str(value))
    return texts.pop() if len(texts) == 1 else None


def _same(docs: Sequence[Doc], name: str) -> Entry | None:
    value = _common(docs, name)
    return Entry(name, "match", (value,)) if value else None


def _signature(docs: Sequence[Doc], of: str) -> Entry | None:
    """The signer, together with the signature being trusted: anyone can sign as anyone."""
    signer = _common(docs, f"{of}.code_signature.subject_name")
    if not signer or _common(docs, f"{of}.code_signature.trusted") != "true":
        return None
    conditions = (Entry("subject_name", "match", (signer,)), Entry("trusted", "match", ("true",)))
    return Entry(f"{of}.code_signature", "nested", entries=conditions)


def _alike(docs: Sequence[Doc], name: str) -> Entry | None:
    """A wildcard that all the documents' command lines are like."""
    texts = [str(given[0]) for doc in docs if len(given := values(doc, name)) == 1]
    if not texts or len(texts) != len(docs):
        return None
    patterns = list(dict.fromkeys(generalise(text) for text in texts))
    pattern = patterns[0]
    if len(patterns) > 1:
        head = _beginning(patterns)
        tail = _beginning([each[len(head) :][::-1] for each in patterns])[::-1]
        pattern = re.sub(r"\*+", "*", f"{head}*{tail}")
    if len(re.sub(r"[*?\W]", "", pattern)) < _MIN_LITERAL:
        return None
    like = wildcard(pattern)
    return Entry(name, "wildcard", (pattern,)) if all(like(text) for text in texts) else None


def _beginning(texts: list[str]) -> str:
    """The longest text that all of ``texts`` begin with."""
    first, last = min(texts), max(texts)
    same = (at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(same, len(first))]


def generalise(command_line: str) -> str:
    """A command line as a wildcard: ids, numbers, user names and temporary names become ``*``."""
    pattern = command_line
    if len(pattern) > _MAX_PATTERN:
        pattern = pattern[:_MAX_PATTERN] + "*"
    for unstable, general in _GENERAL:
        pattern = unstable.sub(general, pattern)
    return pattern
