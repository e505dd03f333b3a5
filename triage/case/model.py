"""What a case tells: frozen values that the console and the exports show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import Struct

from triage.event import Event
from triage.fields import Doc

Status = Literal["open", "acknowledged", "closed"]
# Kibana's words for why an alert was closed (kibana.alert.workflow_reason).
CLOSE_REASONS = ("true_positive", "benign_positive", "false_positive", "duplicate", "other")
# Of these: the alert was no sign of an attack, or another alert tells of it.
HARMLESS = ("benign_positive", "false_positive", "duplicate")
# How a response step can end; the first two close it.
STEP_OUTCOMES = ("done", "not_applicable", "failed")
STEP_CLOSED = STEP_OUTCOMES[:2]
SEVERITIES = ("low", "medium", "high", "critical")


class AlertRow(Struct, frozen=True, gc=False):
    """One line of the alert list.

    Python's collector does not look at it: a console keeps one of each alert, and what a row holds
    leads back to none.
    """

    id: str  # kibana.alert.uuid
    change: int  # the case's change counter when this row last changed
    rule_id: str
    rule_name: str
    severity: str  # one of SEVERITIES
    risk_score: float  # 0-100
    time: int  # ns: when the matched activity completed (kibana.alert.original_time)
    created: int  # ns: when the alert was made
    host: str
    user: str
    process: str  # name of the process the alert is about
    entity_id: str  # its process.entity_id
    reason: str  # one sentence
    collapsed: int  # further alerts of the rule in the same interval, beyond its max_signals
    superseded: bool  # a late event changed what matched; the newer alert stands beside it
    status: Status
    close_reason: str  # one of CLOSE_REASONS where closed, else ""
    assignee: str
    decided_by: str
    decided_at: int  # ns, 0 where nobody decided yet
    notes: int  # how many notes
    tags: tuple[str, ...] = ()  # what people call it, in order of the alphabet
    parent: str = ""  # name of its process's parent
    destination: str = ""  # address that process talked to, where the events tell of one
    threat: str = ""  # ids of the rule's tactics and techniques: "TA0005 T1218 T1218.004"
    root_id: str = ""  # entity id of the process with which its process tree begins
    root: str = ""  # name and pid of that: "winword.exe (612)"
    late: bool = False  # found when an event came after later ones had been read
    steps: int = 0  # of its guide, once somebody marked one; 0 before
    steps_closed: int = 0  # of them done or not applicable
    risk_of: str = ""  # "host" or "user": whose risk it tells, where it is an incident

    @property
    def count(self) -> int:
        """How many alerts this line stands for."""
        return 1 + self.collapsed


@dataclass(frozen=True, slots=True)
class MatchedEvent:
    """An event that filled a stage of the rule."""

    stage: int  # 0-based place in the rule's query
    event: Event


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    at: int  # ns
    who: str
    body: str


@dataclass(frozen=True, slots=True)
class Tick:
    """What somebody said of a checklist step."""

    step_id: str
    at: int  # ns
    who: str
    outcome: str = "done"  # one of STEP_OUTCOMES; "" still to be taken, with a note
    note: str = ""
    steps: int = 0  # how many its guide has; 0 not told

    @property
    def closed(self) -> bool:
        """Nothing is left to do: it is done, or there is nothing to do here."""
        return self.outcome in STEP_CLOSED


def full_mark(mark: Sequence[Any]) -> list[Any]:
    """What a journal keeps of a step's mark (when, who, outcome, note, steps) with what a journal
    of before did not tell."""
    return [*mark, *("done", "", 0)[len(mark) - 2 :]]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing somebody did, as the history of an alert shows it."""

    id: int
    at: int  # ns
    who: str
    # "acknowledge", "close", "reopen", "except", "assign", "tag", "note", "tick", "untick", "undo",
    # "rule_on", "rule_off"
    action: str
    detail: Doc  # what the action needs to be told again: reason, note, exception …
    undoes: int | None  # id of the entry this one takes back


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """All that is known of one alert."""

    row: AlertRow
    doc: Doc  # the alert document: kibana.alert.* flat, ECS nested
    matched: tuple[MatchedEvent, ...]  # in the order of the rule's stages
    notes: tuple[Note, ...]
    ticks: dict[str, Tick]  # by step id
    history: tuple[JournalEntry, ...]  # oldest first


@dataclass(frozen=True, slots=True)
class Process:
    """A process as its start told, or as much as a child's or its own events tell of it."""

    host: str
    entity_id: str
    parent_entity_id: str
    pid: int  # 0 unknown
    parent_pid: int
    name: str
    executable: str
    command_line: str
    parent_name: str
    parent_executable: str
    parent_command_line: str
    user: str
    start: int  # ns, 0 unknown
    end: int  # ns, 0 unknown or still running
    sha256: str
    integrity: str
    sha1: str = ""
    md5: str = ""
    imphash: str = ""
    signer: str = ""  # subject of the code signature
    signature: str = ""  # "trusted", "not trusted", "not signed", "" not told


@dataclass(frozen=True, slots=True)
class Contacts:
    """How often a host talked with an address before an instant."""

    host: str
    count: int
    sure: bool  # False: the hour of the instant is counted as a whole
    first: int  # ns
    last: int  # ns


@dataclass(frozen=True, slots=True)
class RuleState:
    """A loaded rule as the engine runs it."""

    rule_id: str
    name: str
    severity: str
    path: str
    runnable: bool
    reason: str  # why it does not run
    alerts: int
    suppressed: int  # events that exceptions kept from this rule
    open: int = 0  # alerts nobody closed yet
    closed: int = 0  # alerts closed for any reason
    false_positives: int = 0  # of the closed ones
    enabled: bool = True  # its file does not switch it off
    threat: str = ""  # ids of its tactics and techniques: "TA0005 T1218 T1218.004"


@dataclass(frozen=True, slots=True)
class ThreatCount:
    """How many alerts that nobody found harmless name the same tactics and techniques."""

    threat: str  # their ids: "TA0005 T1218 T1218.004"
    severity: str
    alerts: int  # those that a line stands for counted each
    open: int  # lines nobody closed yet


@dataclass(frozen=True, slots=True)
class SourceState:
    """A log the engine follows."""

    path: str
    format: str
    state: str  # "reading", "idle", "unreadable", "refused", "not a log", "skipped", "gone"
    reason: str
    offset: int  # bytes read; records for EVTX
    size: int  # bytes
    events: int  # since the engine started, as the rest below
    rejects: int
    lag: int = 0  # bytes not yet read
    behind_since: int = 0  # ns: since when there are such bytes; 0 where there are none
    rate: float = 0.0  # events a second over the last seconds
    error: str = ""  # why the last record that could not be read was refused
    gaps: int = 0  # places where something was lost, over the whole case


@dataclass(frozen=True, slots=True)
class EngineState:
    """What the engine last said of itself; all zero before its first word."""

    pid: int = 0
    state: str = ""  # "starting", "reading" (first pass over what exists), "live", "stopped"
    at: int = 0  # ns: when it said so
    events: int = 0  # since it started
    rate: float = 0.0  # events a second over the last seconds
    lag_bytes: int = 0  # in the logs, not yet read
    total_bytes: int = 0
    rejects: int = 0
    suppressed: int = 0
    open_hits: int = 0  # events kept for sequences still open
    evicted: int = 0  # open hits dropped because a limit was reached
    rules: int = 0  # runnable
    problems: int = 0  # in rules and exception lists
    message: str = ""  # what is wrong, in words
    seconds_left: float = 0.0  # until all that exists is read, at the present speed; 0 unknown
    memory: int = 0  # bytes the engine takes; 0 where the system does not tell
    # By rule id, the most first: open hits dropped at a limit, and seconds in which its conditions
    # were tried on a sample of the events.
    evicted_by: dict[str, int] = field(default_factory=dict)
    evicted_at: dict[str, int] = field(default_factory=dict)  # by limit: "key", "rule", "all"
    slowest: dict[str, float] = field(default_factory=dict)
    sampled: int = 0  # events in that sample
    polling: str = ""  # why changes are found by looking alone; "" where the system tells of them
