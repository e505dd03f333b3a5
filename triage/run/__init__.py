"""Run: the engine at work, over logs once or for ever: follow, match, sequence, commit.

A room is entered when something of it is asked for: a console starts the engine as a process, and
need not wait for all that an engine is made of.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triage.run.engine import Engine, hunt
    from triage.run.following import follow, stop_on_signals
    from triage.run.given import Config, wall_clock
    from triage.run.process import EngineProcess
    from triage.run.replay import Replay
    from triage.run.rulebook import Rulebook, settling

__all__ = [
    "Config",
    "Engine",
    "EngineProcess",
    "Replay",
    "Rulebook",
    "follow",
    "hunt",
    "settling",
    "stop_on_signals",
    "wall_clock",
]
_ROOMS = {
    "Engine": "engine", "hunt": "engine", "follow": "following", "stop_on_signals": "following",
    "EngineProcess": "process", "Replay": "replay", "Config": "given", "Rulebook": "rulebook",
    "settling": "rulebook", "wall_clock": "given",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"triage.run.{_ROOMS[name]}"), name)
    return found
