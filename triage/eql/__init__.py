"""EQL: the event query language with Elasticsearch's semantics, alone and without I/O."""

from triage.eql.compile import CompiledStage, Test, compile_stage, explain
from triage.eql.machine import UNTIL, SampleMachine, SequenceMachine
from triage.eql.nodes import Pipe, Query, Stage
from triage.eql.parser import parse
from triage.eql.search import Hit, evaluate, search
from triage.errors import EqlError

__all__ = [
    "UNTIL",
    "CompiledStage",
    "EqlError",
    "Hit",
    "Pipe",
    "Query",
    "SampleMachine",
    "SequenceMachine",
    "Stage",
    "Test",
    "compile_stage",
    "evaluate",
    "explain",
    "parse",
    "search",
]
