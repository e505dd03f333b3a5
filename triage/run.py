"""Run: the engine at work, over logs once or for ever: follow, match, sequence, commit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from triage.case.lock import EngineLock, holder
from triage.case.model import EngineState
from triage.case.model import SourceState as CaseSource
from triage.case.read import CaseReader
from triage.case.schema import MEMORY
from triage.case.write import CaseWriter, Committed
from triage.context import WINDOW, around
from triage.engine.match import Matcher, host_of
from triage.engine.sequence import Sequencer
from triage.errors import Problem
from triage.exceptions import ExceptionSet, compile_item, load_exceptions
from triage.rules import Rule, RuleSet, load_rules
from triage.sources import Block, Follower, SourceState

_SAY_EVERY = 0.5  # seconds between two words of the engine to the console
_LOOK_EVERY = 1.0  # seconds between two looks at rule and exception files
_WAIT = 0.25  # seconds without news after which the logs are looked at again
_EVIDENCE_EVENTS = 300  # kept around one alert
_ATTACHED = ("--headless", "--attached")
_GATHER_SECONDS = 0.2  # spent on evidence before the logs are looked at again


def wall_clock() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()


@dataclass(frozen=True, slots=True)
class Config:
    """What an engine works with."""

    rules: tuple[Path, ...]  # files and folders
    exceptions: Path  # folder of lists


class Rulebook:
    """The rules and exceptions in force, kept in step with their files.

    A file that breaks keeps its last good state in force; its problem is shown.
    """

    def __init__(self, config: Config, clock: Callable[[], int]) -> None:
        self._config = config
        self._clock = clock
        self._stamp: object = None
        self._expiry: int | None = None
        self.all: tuple[Rule, ...] = ()  # also those that do not run
        self.rules: dict[str, Rule] = {}  # those that run, by id
        self.problems: tuple[Problem, ...] = ()
        self.exceptions = ExceptionSet()
        self.refresh()

    def refresh(self) -> bool:
        """Read the files again where one changed or an exception expired; True where it did."""
        stamp = self._files()
        expired = self._expiry is not None and self._clock() >= self._expiry
        if stamp == self._stamp and not expired:
            return False
        self._stamp = stamp
        rules = load_rules(self._config.rules)
        exceptions = load_exceptions(self._config.exceptions)
        broken = {p.path for p in (*rules.problems, *exceptions.problems) if p.severity == "error"}
        self.all = self._keep_rules(rules, broken)
        self.rules = {rule.rule_id: rule for rule in self.all if rule.runnable and rule.enabled}
        self.exceptions = self._keep_lists(exceptions, broken)
        self.problems = (*rules.problems, *exceptions.problems)
        now = self._clock()
        items = [item for one in self.exceptions.lists for item in one.items]
        ends = [item.expire_time for item in items if item.expire_time and item.expire_time > now]
        self._expiry = min(ends, default=None)
        return True

    def matcher(self, *, processes: bool) -> Matcher:
        """The rules with their exceptions, compiled."""
        now = self._clock()
        return Matcher(
            (
                (
                    rule,
                    [
                        (item.item_id, compile_item(item))
                        for item in self.exceptions.items_for(rule, now)
                    ],
                )
                for rule in self.rules.values()
            ),
            processes=processes,
        )

    def _keep_rules(self, fresh: RuleSet, broken: set[str]) -> tuple[Rule, ...]:
        good = {rule.path: rule for rule in self.all if rule.runnable and rule.path in broken}
        good = {path: rule for path, rule in good.items() if Path(path).exists()}
        read = [rule for rule in fresh.rules if rule.runnable or rule.path not in good]
        have = {rule.rule_id for rule in read}
        return (*read, *(rule for rule in good.values() if rule.rule_id not in have))

    def _keep_lists(self, fresh: ExceptionSet, broken: set[str]) -> ExceptionSet:
        # A list may be read in part; what was whole before it broke stays in force whole.
        kept = tuple(one for one in self.exceptions.lists if one.path in broken)
        paths = {one.path for one in kept}
        lists = (*(one for one in fresh.lists if one.path not in paths), *kept)
        return replace(fresh, lists=lists)

    def _files(self) -> object:
        stamps: list[tuple[str, int, int]] = []
        for root in (*self._config.rules, self._config.exceptions):
            for path in [root, *sorted(root.rglob("*.toml"))] if root.is_dir() else [root]:
                try:
                    stat = path.stat()
                except OSError:
                    continue
                stamps.append((str(path), stat.st_mtime_ns, stat.st_size))
        return stamps


class Engine:
    """Follower, rules and case joined: each block becomes one transaction."""

    def __init__(
        self, config: Config, case: str, follower: Follower, clock: Callable[[], int] = wall_clock
    ) -> None:
        self.book = Rulebook(config, clock)
        self.writer = CaseWriter(case, clock)
        self.follower = follower
        self._keeps = case != MEMORY
        self._clock = clock
        self.events = 0
        self.rejects = 0
        self.suppressed = 0
        self.evicted = 0
        self.collapsed = 0
        self._per_source: dict[str, list[int]] = {}  # path -> [events, rejects]
        self._matcher = self.book.matcher(processes=self._keeps)
        self._sequencer = Sequencer(self.book.rules.values())
        self.writer.say_rules(self.book.all, self.book.problems)

    def resume(self) -> None:
        """Take up the sequences that were open when the case was last written."""
        self._sequencer.restore(self.writer.open_hits(self.book.rules))

    def refresh(self) -> bool:
        """Put changed rules and exceptions in force; True where there were any."""
        before = {id_: rule.fingerprint for id_, rule in self.book.rules.items()}
        if not self.book.refresh():
            return False
        self._matcher = self.book.matcher(processes=self._keeps)
        after = {id_: rule.fingerprint for id_, rule in self.book.rules.items()}
        self._sequencer.update(
            self.book.rules.values(),
            [id_ for id_, mark in before.items() if after.get(id_) != mark],
        )
        self.writer.say_rules(self.book.all, self.book.problems)
        return True

    def take(self, block: Block) -> Committed:
        """Match a block, advance the sequences, commit."""
        result = self._matcher(block)
        advance = self._sequencer.advance(result.hits)
        committed = self.writer.commit(block, result, advance, self.book.rules)
        self.events += result.events
        self.rejects += len(result.rejects)
        self.suppressed += len(result.suppressed)
        self.evicted += len(advance.evicted)
        self.collapsed += committed.collapsed
        counts = self._per_source.setdefault(block.source, [0, 0])
        counts[0] += result.events
        counts[1] += len(result.rejects)
        return committed

    def pass_time(self, now: int | None) -> Committed | None:
        """Let time pass up to ``now`` (ns; None: for ever) for what only that can confirm."""
        advance = self._sequencer.pass_time(now)
        if not advance.matches:
            return None
        committed = self.writer.commit_confirmed(advance, self.book.rules)
        self.collapsed += committed.collapsed
        return committed

    def sources(self) -> list[CaseSource]:
        """How each followed log stands."""
        return [
            CaseSource(
                one.path,
                one.format,
                one.state,
                one.reason,
                one.offset,
                one.size,
                *self._per_source.get(one.path, (0, 0)),
            )
            for one in self.follower.sources()
        ]

    def state(self, word: str, rate: float = 0.0, message: str = "") -> EngineState:
        """What the engine has to say of itself."""
        sources = self.follower.sources()
        return EngineState(
            pid=os.getpid(),
            state=word,
            at=self._clock(),
            events=self.events,
            rate=rate,
            lag_bytes=sum(_lag(one) for one in sources),
            total_bytes=sum(one.size for one in sources),
            rejects=self.rejects,
            suppressed=self.suppressed,
            open_hits=self._sequencer.open_hits,
            evicted=self.evicted,
            rules=len(self.book.rules),
            problems=len(self.book.problems),
            message=message,
        )

    def gather(self, seconds: float) -> Iterator[int]:
        """Keep what lies around alerts in the case, for when the logs are gone.

        Only around alerts whose window has passed; yields how many are left. Stops after
        ``seconds``, to be called again.
        """
        reader = CaseReader(self.writer.connection)
        deadline = time.monotonic() + seconds
        waiting = self.writer.ungathered(self._clock() - WINDOW)
        for done, alert_id in enumerate(waiting):
            if time.monotonic() > deadline:
                return
            alert = reader.alert(alert_id)
            if alert is None:
                continue
            middle = alert.row.time
            near = sorted(around(reader, alert).events, key=lambda event: abs(event.time - middle))
            kept = [(event, host_of(event.doc)) for event in near[:_EVIDENCE_EVENTS]]
            self.writer.gather(alert_id, kept)
            yield len(waiting) - done - 1

    def close(self) -> None:
        self.follower.close()
        self.writer.close()


def hunt(engine: Engine, progress: Callable[[], None]) -> list[str]:
    """Read everything once; the ids of the alerts that stand at the end, in order of time.

    ``progress`` is called after each block. All is read before the first alert is told, since an
    event further on may belong before one already read.
    """
    found: set[str] = set()
    for block in engine.follower.poll():
        found.update(engine.take(block).found)
        progress()
    if confirmed := engine.pass_time(None):
        found.update(confirmed.found)
    rows = CaseReader(engine.writer.connection).alerts()
    standing = [row for row in rows if row.id in found and not row.superseded]
    return [row.id for row in sorted(standing, key=lambda row: (row.time, row.rule_id, row.id))]


def follow(
    config: Config,
    case: str,
    roots: Sequence[str],
    stop: threading.Event,
    clock: Callable[[], int] = wall_clock,
) -> None:
    """The engine of ``watch``: follow ``roots`` into ``case`` until ``stop`` is set.

    Raises CaseHeldError where another engine follows into the case, TriageError for a root that
    does not exist or a case that cannot be used.
    """
    with EngineLock(case):
        positions = CaseWriter(case, clock)
        known = positions.positions()
        positions.set_meta("roots", "\n".join(roots))
        positions.close()
        engine = Engine(config, case, Follower(roots, known), clock)
        try:
            engine.resume()
            _follow(engine, stop, clock)
        finally:
            engine.writer.say(engine.state("stopped"), engine.sources())
            engine.close()


def _follow(engine: Engine, stop: threading.Event, clock: Callable[[], int]) -> None:
    word = "reading"
    rate = _Rate()
    said = looked = 0.0

    def tell() -> None:
        nonlocal said, looked
        now = time.monotonic()
        if now - looked >= _LOOK_EVERY:
            looked = now
            engine.refresh()
        if now - said >= _SAY_EVERY:
            said = now
            engine.writer.say(engine.state(word, rate(engine.events, now)), engine.sources())

    engine.writer.say(engine.state(word), engine.sources())
    while not stop.is_set():
        for block in engine.follower.poll():
            engine.take(block)
            tell()
            if stop.is_set():
                return
        engine.pass_time(clock())
        if word != "live":
            word, said = "live", 0.0
        tell()
        for _left in engine.gather(_GATHER_SECONDS):
            if stop.is_set():
                return
        engine.follower.wait(_WAIT)


def _lag(source: SourceState) -> int:
    """Bytes of a log that are not read yet."""
    if source.state != "reading":
        return 0
    # An EVTX file's offset counts records; it is read in one go, so it is behind as a whole.
    return source.size if source.format == "evtx" else max(0, source.size - source.offset)


class _Rate:
    """Events a second over about the last five seconds."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, int]] = []

    def __call__(self, events: int, now: float) -> float:
        self._marks.append((now, events))
        while len(self._marks) > 2 and now - self._marks[0][0] > 5:
            self._marks.pop(0)
        (then, before), (now, events) = self._marks[0], self._marks[-1]
        return (events - before) / (now - then) if now > then else 0.0


def stop_on_signals(stop: threading.Event, *, attached: bool) -> None:
    """Set ``stop`` on Ctrl+C and SIGTERM; ``attached``: also when standard input ends, which is
    how an engine learns that its console is gone, however that one died."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            signal.signal(number, lambda *_: stop.set())
    if attached:

        def until_gone() -> None:
            # Not through sys.stdin: its buffer's lock would be held by this thread at exit.
            while os.read(0, 4096):
                pass
            stop.set()

        threading.Thread(target=until_gone, daemon=True, name="console").start()


class EngineProcess:
    """The engine as a process of its own, started and restarted by the console."""

    def __init__(self, case: str, arguments: Sequence[str], log: Path) -> None:
        """``arguments``: those of ``triage watch`` without ``--case`` and ``--headless``; ``log``:
        where what the engine prints goes."""
        self._case = case
        self._arguments = ["--case", case, *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def exit_reason(self) -> str:
        """Why it stopped: the last line it printed, "" while it runs."""
        if self._process is None or self._process.poll() is None:
            return ""
        try:
            lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else f"exit code {self._process.returncode}"

    def start(self) -> None:
        """Start it; to be called before the console takes the terminal."""
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._log.open("ab") as log:  # another console may write there too
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "triage", "watch", *_ATTACHED, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl+C in the console is the console's
            )

    def alive(self) -> bool:
        """Whether an engine follows into the case: this one, or that of another console."""
        if self._process is not None and self._process.poll() is None:
            return True
        return holder(self._case) is not None

    def restart(self) -> None:
        """Stop it where it still runs, and start it again."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Ask it to stop, wait for its last commit; after ten seconds, kill it."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
