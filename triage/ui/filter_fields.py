"""The fields a filter can name: columns of the alert, words for its state and time, and any field
of its document. What a column is called, what it holds and how it is compared is told here alone.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from functools import lru_cache

from triage import times
from triage.case.model import SEVERITIES, AlertRow
from triage.case.words import CLOSE_WORDS

Predicate = Callable[[AlertRow], bool]
Texts = Callable[[AlertRow], Iterable[str]]
# Values of document fields: by field, then by alert id. What is not there was not read yet.
Documents = Mapping[str, Mapping[str, tuple[str, ...]]]

_RANKS = {name: rank for rank, name in enumerate(SEVERITIES)}
_DAY = 86_400 * times.SECOND
# Other names of columns. What is not here is called as the column is.
ALIASES = {
    "sev": "severity", "status": "state", "proc": "process", "rule": "rule_name",
    "risk": "risk_score", "by": "decided_by", "tag": "tags", "process.parent.name": "parent",
    "host.name": "host", "user.name": "user", "kibana.alert.rule.name": "rule_name",
    "kibana.alert.rule.uuid": "rule_id", "kibana.alert.rule.rule_id": "rule_id",
    "kibana.alert.severity": "severity", "kibana.alert.risk_score": "risk_score",
    "kibana.alert.uuid": "id", "kibana.alert.workflow_status": "state",
    "kibana.alert.workflow_tags": "tags", "kibana.alert.workflow_assignee_ids": "assignee",
    "kibana.alert.workflow_reason": "close_reason", "kibana.alert.original_time": "time",
    "@timestamp": "time",
}  # fmt: skip
STATES: dict[str, Predicate] = {
    "open": lambda row: row.status == "open",
    "ack": lambda row: row.status == "acknowledged",
    "acknowledged": lambda row: row.status == "acknowledged",
    "closed": lambda row: row.status == "closed",
    "fp": lambda row: row.close_reason == "false_positive",
    "superseded": lambda row: row.superseded,
    "late": lambda row: row.late,
    **{reason: (lambda row, r=reason: row.close_reason == r) for reason in CLOSE_WORDS},  # type: ignore[misc] # mypy knows no defaults of lambdas
}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
    ":": operator.eq, "=": operator.eq,
}  # fmt: skip


def _columns() -> tuple[dict[str, Texts], dict[str, Callable[[AlertRow], float]]]:
    """Columns that hold text, and those that hold numbers: whatever the alert's row has."""
    texts: dict[str, Texts] = {}
    numbers: dict[str, Callable[[AlertRow], float]] = {"count": lambda row: row.count}
    for name, of in AlertRow.__annotations__.items():
        kind, read = str(of), operator.attrgetter(name)
        if kind in ("int", "float", "bool"):
            numbers[name] = read
        elif kind.startswith("tuple"):
            texts[name] = read
        else:
            texts[name] = lambda row, read=read: (read(row),)  # type: ignore[misc] # as above
    texts["reason"] = lambda row: (row.reason, row.close_reason)
    for name, lead in (("tactic", "TA"), ("technique", "T")):
        texts[name] = lambda row, lead=lead: [  # type: ignore[misc] # as above
            one for one in row.threat.split() if one.startswith("TA") == (lead == "TA")
        ]
    return texts, numbers


TEXTS, NUMBERS = _columns()
_HIDDEN = {"status", "change", "time", "created", "decided_at", "superseded", "severity", "threat"}
# The names people see, short ones first.
_SHORT = ("rule", "host", "user", "process", "severity", "state", "time", "last", "risk", "tags",
          "assignee", "reason")  # fmt: skip
FIELDS = tuple(
    dict.fromkeys([*_SHORT, *sorted({*TEXTS, *NUMBERS} - _HIDDEN - {"rule_name", "risk_score"})])
)


def of_document(name: str) -> bool:
    """Whether a name is of a field of the alert's document, which must be read for it."""
    found = ALIASES.get(name.lower(), name.lower())
    known = found in TEXTS or found in NUMBERS or found in ("severity", "state", "time", "last")
    return not known and ("." in name or name == "message")


# Tests of values ----------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _pattern(value: str) -> re.Pattern[str]:
    # Runs of stars would make the pattern slow and mean no more than one.
    return re.compile(translate(re.sub(r"\*+", "*", value.replace("[", "[[]").lower())))


def text_test(sign: str, value: str) -> Callable[[str], bool]:
    """``:`` finds a part, a pattern of ``*`` and ``?``, or the addresses of a network; ``=`` the
    whole, of an account also without its domain."""
    wanted = value.lower()
    if sign == "=":
        return lambda text: (low := text.lower()) == wanted or low.endswith(f"\\{wanted}")
    if "*" in value or "?" in value:
        match = _pattern(value).match
        return lambda text: any(match(name) is not None for name in _names(text.lower()))
    if "/" in value and (net := _network(value)) is not None:
        return lambda text: (at := _address(text)) is not None and at in net
    return lambda text: wanted in text.lower()


def _names(text: str) -> tuple[str, ...]:
    """A value as the list may show it: whole, a user without domain, a host without its."""
    return (text, text.rpartition("\\")[2], text.partition(".")[0])


def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=65_536)
def _address(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def number_of(text: str) -> float | None:
    """The number a value is, None where it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def rank_of(text: str) -> int | None:
    """The rank of a severity, given by name or by its beginning; None for no severity."""
    found = [rank for name, rank in _RANKS.items() if text and name.startswith(text.lower())]
    return found[0] if found else None


def severity_rank(row: AlertRow) -> int:
    """The rank of an alert's severity; -1 where it has none of ours."""
    return _RANKS.get(row.severity, -1)


def span_of(text: str) -> tuple[int, int, bool] | None:
    """The span a time stands for: start, length (ns), and whether it is of any day.

    ``12:04`` and ``12:04:31`` are times of day; ``2026-08-21``, ``2026-08-21T12:04`` and
    ``2026-08-21T12:04:31`` instants; all UTC.
    """
    of_day = re.fullmatch(r"(\d\d?):(\d\d)(?::(\d\d))?", text)
    if of_day:
        hour, minute, second = (int(part or 0) for part in of_day.groups())
        start = (hour * 3600 + minute * 60 + second) * times.SECOND
        return start, times.SECOND if of_day[3] else 60 * times.SECOND, True
    day = re.fullmatch(r"\d{4}-\d\d-\d\d", text)
    instant = times.parse(f"{text}T00:00" if day else text)
    if instant is None:
        return None
    return instant, _DAY if day else (60 if text.count(":") == 1 else 1) * times.SECOND, False


def time_test(sign: str, span: tuple[int, int, bool]) -> Predicate:
    """Compare with a span: a minute is "after" 12:04 only from 12:05 on."""
    start, length, of_day = span
    end = start + length
    tests: dict[str, Callable[[int], bool]] = {
        ":": lambda at: start <= at < end, "=": lambda at: start <= at < end,
        ">": lambda at: at >= end, ">=": lambda at: at >= start,
        "<": lambda at: at < start, "<=": lambda at: at < end,
    }  # fmt: skip
    test = tests[sign]
    return (lambda row: test(row.time % _DAY)) if of_day else (lambda row: test(row.time))
