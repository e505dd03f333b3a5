"""Overview: what the alert says, why it fired, about whom and what, and what was done so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triage import context, times
from triage.case.model import AlertDetail, JournalEntry
from triage.case.words import CLOSE_WORDS, told
from triage.context import technique_ids
from triage.fields import Doc, first_text, values
from triage.ui.facts import account
from triage.ui.format import (
    SEVERITY_LETTER,
    day_time,
    full_time,
    plural,
    short_host,
    shortened,
    state_role,
    state_word,
)
from triage.ui.lines import BLANK, Item, Line, Page, field, heading, line, paragraphs
from triage.ui.panes.risk import member_lines, risk_lines
from triage.ui.subject import Subject

_INTEGRITY = "process.Ext.token.integrity_level_name"
_KIN = 6  # related alerts shown
_HASHES = ("sha256", "sha1", "md5", "imphash")


def build(subject: Subject, _open: frozenset[str]) -> Iterator[Page]:
    """The page at once, then with the counts that need the logs."""
    waiting = field("related", ("reading the logs …", "dim"))
    yield Page(tuple(_lines(subject, waiting, False)), first_word=True)
    yield Page(tuple(_lines(subject, _related(subject), True)))


def _lines(subject: Subject, related: Line, ready: bool) -> Iterator[Line]:
    alert = subject.alert
    yield from _head(alert)
    yield BLANK
    yield from _why(subject)
    yield BLANK
    if subject.members:
        yield from member_lines(subject)
    else:
        yield from _actors(alert)
    yield BLANK
    yield from _times(alert)
    yield related
    if ready:
        yield from _kin(subject)
    description = first_text(alert.doc, "kibana.alert.rule.description")
    if description:
        yield BLANK
        yield heading("About the rule")
        yield line((" ".join(description.split()), "dim"))
    yield from risk_lines(subject)
    yield from _notes(alert)
    yield from _history(alert.history)


def _head(alert: AlertDetail) -> Iterator[Line]:
    row = alert.row
    yield line((row.rule_name, "title"))
    ids = technique_ids(alert.doc)
    techniques = ", ".join(ids[:3]) + (f" +{len(ids) - 3}" if len(ids) > 3 else "")
    yield line(
        (row.severity, row.severity if row.severity in CRITICALITY else ""),
        (f" · risk {row.risk_score:g}", ""),
        (f" · {techniques}" if techniques else "", "accent"),
        (" · ", ""),
        (state_word(row.status, row.close_reason), state_role(row.status, row.close_reason)),
        (
            f" ({CLOSE_WORDS.get(row.close_reason, row.close_reason)})" if row.close_reason else "",
            "dim",
        ),
        (f" · {row.assignee}" if row.assignee else "", "dim"),
    )
    if row.tags:
        yield field("tags", " ".join(f"#{tag}" for tag in row.tags))
    if row.late:
        yield line(("↶ late: an event of it came after later ones had been read", "dim"), indent=2)
    if row.superseded:
        why = "a late event changed what matched; a newer alert stands beside this one"
        if first_text(alert.doc, "kibana.alert.rule.type") == "risk":
            why = "what is left of its alerts no longer reaches the threshold"
        yield line((f"↷ superseded: {why}", "warn"), indent=2)
    if row.collapsed:
        yield line(
            (
                f"×{row.count}: {plural(row.collapsed, 'further alert')} of this rule in the"
                " same interval are counted here",
                "warn",
            ),
            indent=4,
        )


CRITICALITY = ("critical", "high", "medium", "low")


def _why(subject: Subject) -> Iterator[Line]:
    alert = subject.alert
    yield field("reason", alert.row.reason)
    stages = {test.stage for test in subject.tests}
    for test in subject.tests:
        stage = f"{test.stage + 1}. " if len(stages) > 1 else ""
        found = ", ".join(test.values)
        told = tuple(zip(test.fields * len(test.values), test.values, strict=False))
        item = Item("field", f"test {test.stage} {test.text}", found, found, told)
        text = " ".join(test.text.split())
        if f'"{found}"' in text and text.count('"') == 2:
            yield Line((("  " + stage, "dim"), (text, "dim")), item, 4)
            continue  # an equation with one literal: its value is what it says
        names = ", ".join(test.fields)
        yield Line((("  " + stage, "dim"), (names + " ", ""), (found, "match")), item, 6)
        # A rule's list of programs can be long: r shows all of it.
        yield Line((("     " + text, "dim"),), wrap=False)


def _actors(alert: AlertDetail) -> Iterator[Line]:
    row = alert.row
    docs = [one.event.doc for one in alert.matched] or [alert.doc]

    def text(*names: str) -> str:
        return next((found for doc in docs if (found := first_text(doc, *names))), "")

    yield field(
        "host", row.host or "-", _dim(text("host.ip")), copy=row.host, fact=("host.name", row.host)
    )
    domain = text("user.domain")
    shown = row.user if not domain or "\\" in row.user else f"{domain}\\{row.user}"
    yield field(
        "user", shown or "-", copy=row.user, key="user", fact=("user.name", account(row.user))
    )
    pid = text("process.pid")
    yield field("process", row.process or "-", _dim(f"pid {pid}" if pid else ""), copy=row.process,
                fact=("process.name", row.process))  # fmt: skip
    for label, names in (
        ("path", ("process.executable",)),
        ("command", ("process.command_line",)),
        ("original", ("process.pe.original_file_name",)),
        ("parent", ("process.parent.executable", "process.parent.name")),
        ("parent cmd", ("process.parent.command_line",)),
        ("integrity", (_INTEGRITY, "winlog.event_data.IntegrityLevel")),
        ("target", ("destination.ip",)),
        ("file", ("file.path",)),
        ("registry", ("registry.path",)),
        ("dns", ("dns.question.name",)),
    ):  # fmt: skip
        found = text(*names)
        if found:
            port = text("destination.port") if label == "target" else ""
            yield field(label, shortened(found), f":{port}" if port else "", copy=found, key=label,
                        fact=(names[0], found))  # fmt: skip
    yield from _signature(docs)
    for kind in _HASHES:
        found = text(f"process.hash.{kind}", f"process.pe.{kind}")
        if found:
            yield field(kind, found, fact=(f"process.hash.{kind}", found))


def _dim(text: str) -> tuple[str, str]:
    return (f"  {text}" if text else "", "dim")


def _signature(docs: Sequence[Doc]) -> Iterator[Line]:
    for doc in docs:
        signer = first_text(
            doc, "process.code_signature.subject_name", "file.code_signature.subject_name"
        )
        trusted = values(doc, "process.code_signature.trusted")
        exists = values(doc, "process.code_signature.exists")
        if signer or trusted or exists:
            word, role = ("trusted", "good") if trusted == [True] else ("not trusted", "warn")
            if exists == [False]:
                word, role = "not signed", "warn"
            yield field("signer", signer or "-", "  ", (word, role), copy=signer, key="signer",
                        fact=("process.code_signature.subject_name", signer))  # fmt: skip
            return


def _times(alert: AlertDetail) -> Iterator[Line]:
    yield field("happened", full_time(alert.row.time))
    if len(alert.matched) > 1:
        first = min(one.event.time for one in alert.matched)
        yield field(
            "began",
            full_time(first),
            _dim(f"{plural(len(alert.matched), 'event')} over {_span(alert.row.time - first)}"),
        )
    yield field("alerted", full_time(alert.row.created))


def _span(nanoseconds: int) -> str:
    seconds = max(0, nanoseconds) / times.SECOND
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _related(subject: Subject) -> Line:
    around = subject.around
    places = {one.address for one in subject.connections}
    others = subject.neighbours
    return field(
        "related",
        f"{plural(len(around.events) + around.truncated, 'event')} ±{times.span(subject.window)}"
        f" · {plural(len(places), 'destination')}",
        f" · {plural(len(others), 'other alert')} on this host",
    )


def _kin(subject: Subject) -> Iterator[Line]:
    """The related alerts: how many by each tie, then the closest."""
    found = subject.kin
    if not found:
        return
    counts = [(tie, sum(tie in one.ties for one in found)) for tie in context.TIES]
    yield BLANK
    told = " · ".join(f"same {tie} {count}" for tie, count in counts if count)
    yield heading("Related alerts", told)
    for one in found[:_KIN]:
        row = one.row
        yield Line(
            (
                (f"  {day_time(row.time)} ", "dim"),
                (f"{SEVERITY_LETTER.get(row.severity, '?')} ",
                 row.severity if row.severity in CRITICALITY else ""),
                (f"{row.rule_name}  ", ""),
                (f"{short_host(row.host)}  {', '.join(one.ties)}", "dim"),
            ),
            Item("alert", f"kin {row.id}", row, row.id),
            wrap=False,
        )  # fmt: skip
    if len(found) > _KIN:
        yield Line(
            ((f"  … {len(found) - _KIN:,} more", "link"),),
            Item("kin", "kin more", tuple(one.row for one in found)),
        )


def _notes(alert: AlertDetail) -> Iterator[Line]:
    if alert.notes:
        yield BLANK
        yield heading("Notes")
    for note in alert.notes:
        yield line((f"{day_time(note.at)}  {note.who}", "dim"))
        yield from paragraphs(note.body, indent=2)


def _history(entries: Sequence[JournalEntry]) -> Iterator[Line]:
    if entries:
        yield BLANK
        yield heading("History")
    for entry in entries:
        yield line(
            (f"{day_time(entry.at)}  ", "dim"), (f"{entry.who} ", ""), (told(entry), ""), indent=4
        )
