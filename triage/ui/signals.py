"""What screens ask of the app."""

from __future__ import annotations

from textual.message import Message

from triage.context import Asked


class Hurry(Message):
    """A decision was written: look at the case now, not at the next tick."""


class Pivoted(Message):
    """Back on the main screen, show what this filter lets through."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Refined(Message):
    """Add a value of a field to the list's filter, or leave out what has it."""

    def __init__(self, field: str, value: str, without: bool) -> None:
        super().__init__()
        self.field = field
        self.value = value
        self.without = without


class OpenAlert(Message):
    """Show one alert, whatever the list's cursor is on."""

    def __init__(self, alert_id: str) -> None:
        super().__init__()
        self.alert_id = alert_id


class Ask(Message):
    """Show what a guide's question finds."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked


class SearchLogs(Message):
    """Search all logs for a value of a field."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__()
        self.field = field
        self.value = value
