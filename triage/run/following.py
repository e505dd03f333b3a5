"""The engine of ``watch``: following logs for ever, telling the console how it fares."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from triage.case.checkpoints import Checkpoints
from triage.case.faults import CaseDamagedError, CaseUnavailableError, told
from triage.case.lock import EngineLock
from triage.case.mend import mark, marked
from triage.case.write import CaseWriter
from triage.run.engine import Engine
from triage.run.given import Config, wall_clock
from triage.run.patience import Patience, StoppedError
from triage.run.rulebook import settling
from triage.sources import Follower

_SAY_EVERY = 0.5  # seconds between two words of the engine to the console
_LOOK_EVERY = 1.0  # seconds between two looks at rule and exception files
_COSTS_EVERY = 5.0  # seconds between two words on what rules cost
_FORGET_EVERY = 86_400.0  # seconds between two looks for logs long gone
_WAIT = 0.25  # seconds without news after which the logs are looked at again
_GATHER_SECONDS = 0.03  # spent on evidence before the logs are looked at again
_GATHER_REST = 5  # times as long as that took, while logs are being written


def follow(
    config: Config,
    case: str,
    roots: Sequence[str],
    stop: threading.Event,
    clock: Callable[[], int] = wall_clock,
    *,
    newest_first: bool = False,
    tell: Callable[[str], None] = lambda _words: None,
) -> None:
    """The engine of ``watch``: follow ``roots`` into ``case`` until ``stop`` is set.

    ``newest_first``: of what exists, what was written last is read first. ``tell`` is given what
    keeps the case from being written, in words, and "" once nothing does: until then nothing is
    read, and no place in a log counts as read.

    Raises CaseHeldError where another engine follows into the case, CaseDamagedError, TriageError
    for a root that does not exist or a case that cannot be used.
    """
    with EngineLock(case) as lock:

        def tell_both(words: str) -> None:
            lock.say(words)
            tell(words)

        patience = Patience(stop, tell_both)
        if why := marked(case):
            raise CaseDamagedError(why)

        def start() -> Engine:
            with told():
                before = CaseWriter(case, clock)
                try:
                    known = before.positions()
                    before.set_meta("roots", "\n".join(roots))
                finally:
                    before.close()
                follower = Follower(roots, known, newest_first=newest_first)
                engine = Engine(config, case, follower, clock, patience)
                try:
                    engine.resume()
                except BaseException:
                    engine.close()
                    raise
                return engine

        try:
            with settling():
                engine = patience(start)
            try:
                with Checkpoints(engine.writer.connection, case):
                    _follow(engine, stop, clock)
            finally:
                _say(engine, "stopped")
                engine.close()
        except StoppedError:
            return
        except CaseDamagedError as error:
            mark(case, str(error))
            raise


def _say(engine: Engine, word: str) -> None:
    """Tell the console how the engine fares, where the case can take it."""
    try:
        engine.writer.say(engine.state(word), engine.sources())
    except (CaseUnavailableError, CaseDamagedError):
        return  # it is said again soon; what stands in the way is found by what must be written


def _price(engine: Engine) -> None:
    """Tell the console what rules cost, where the case can take it."""
    try:
        engine.writer.say_costs(engine.health.times.costs())
    except (CaseUnavailableError, CaseDamagedError):
        return  # as above


def _follow(engine: Engine, stop: threading.Event, clock: Callable[[], int]) -> None:
    word = "reading"
    said = looked = priced = gathers_from = forgets_from = 0.0

    def tell() -> None:
        nonlocal said, looked, priced
        now = time.monotonic()
        if now - looked >= _LOOK_EVERY:
            looked = now
            # Where the case does not say now what people switched, it is asked again in a second.
            with suppress(CaseUnavailableError):
                engine.refresh()
        if now - said >= _SAY_EVERY:
            said = now
            _say(engine, word)
        if now - priced >= _COSTS_EVERY:
            priced = now
            _price(engine)

    _say(engine, word)
    while not stop.is_set():
        busy = False
        for block in engine.follower.poll():
            busy = True
            engine.take(block)
            tell()
            if stop.is_set():
                return
        engine.pass_time(clock())
        if word != "live":
            word, said = "live", 0.0
        if time.monotonic() >= forgets_from:
            engine.forget_gone()
            forgets_from = time.monotonic() + _FORGET_EVERY
        tell()
        began, left = time.monotonic(), False
        if not busy or began >= gathers_from:
            left = _gather(engine)
            # Around one alert may lie a million events: new lines must not wait for old alerts.
            gathers_from = time.monotonic() + _GATHER_REST * (time.monotonic() - began)
        engine.follower.wait(0.0 if left and not busy else _WAIT)


def _gather(engine: Engine) -> bool:
    """Keep what lies around alerts, for a moment; True where more is left.

    What the case can not take now is gathered later."""
    try:
        for _ in engine.gather(_GATHER_SECONDS):
            pass
    except CaseUnavailableError:
        return False
    return engine.gathering


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
