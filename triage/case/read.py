"""Reading a case: what the console, the panes and the exports ask it, from one door."""

from __future__ import annotations

from triage.case.alert_details import AlertDetails
from triage.case.engine_word import EngineWord
from triage.case.surroundings import Surroundings


class CaseReader(AlertDetails, Surroundings, EngineWord):
    """A case open for reading; every answer is a frozen value of its own moment."""
