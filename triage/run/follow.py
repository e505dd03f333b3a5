"""The engine of ``watch``: following logs for ever, telling the console how it fares."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

from triage.case.lock import EngineLock
from triage.case.write import CaseWriter
from triage.run.engine import Engine, settle
from triage.run.rulebook import Config, wall_clock
from triage.sources import Follower

_SAY_EVERY = 0.5  # seconds between two words of the engine to the console
_LOOK_EVERY = 1.0  # seconds between two looks at rule and exception files
_WAIT = 0.25  # seconds without news after which the logs are looked at again
_GATHER_SECONDS = 0.2  # spent on evidence before the logs are looked at again


def follow(
    config: Config,
    case: str,
    roots: Sequence[str],
    stop: threading.Event,
    clock: Callable[[], int] = wall_clock,
    *,
    newest_first: bool = False,
) -> None:
    """The engine of ``watch``: follow ``roots`` into ``case`` until ``stop`` is set.

    ``newest_first``: of what exists, what was written last is read first.

    Raises CaseHeldError where another engine follows into the case, TriageError for a root that
    does not exist or a case that cannot be used.
    """
    with EngineLock(case):
        positions = CaseWriter(case, clock)
        known = positions.positions()
        positions.set_meta("roots", "\n".join(roots))
        positions.close()
        engine = Engine(config, case, Follower(roots, known, newest_first=newest_first), clock)
        try:
            engine.resume()
            settle()
            _follow(engine, stop, clock)
        finally:
            engine.writer.say(engine.state("stopped"), engine.sources())
            engine.close()


def _follow(engine: Engine, stop: threading.Event, clock: Callable[[], int]) -> None:
    word = "reading"
    said = looked = 0.0

    def tell() -> None:
        nonlocal said, looked
        now = time.monotonic()
        if now - looked >= _LOOK_EVERY:
            looked = now
            engine.refresh()
        if now - said >= _SAY_EVERY:
            said = now
            engine.writer.say(engine.state(word), engine.sources())

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
