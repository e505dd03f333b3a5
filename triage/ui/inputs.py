"""A text field into which nothing gets that a terminal would obey."""

from __future__ import annotations

from textual.widgets import Input


class TextInput(Input):
    """An input whose value is printable, also when it is pasted or set by a program."""

    def __init__(self, value: str = "", placeholder: str = "", *, id: str | None = None) -> None:
        super().__init__(value, placeholder, id=id, select_on_focus=False)
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """Drop what is not printable: control, bidi and invisible characters."""
        return value if value.isprintable() else "".join(c for c in value if c.isprintable())
