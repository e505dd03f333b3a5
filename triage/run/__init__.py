"""Run: the engine at work, over logs once or for ever: follow, match, sequence, commit."""

from triage.run.engine import Engine, hunt
from triage.run.follow import follow, stop_on_signals
from triage.run.process import EngineProcess
from triage.run.replay import Replay
from triage.run.rulebook import Config, Rulebook, settling, wall_clock

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
