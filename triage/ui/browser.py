"""The driver of a console whose terminal is a page in a browser; Textual takes it by its name."""

from __future__ import annotations

from textual import events, messages
from textual.drivers.web_driver import WebDriver


class BrowserDriver(WebDriver):
    """Textual's, but it ends with its input, however the server went away, and opens no address."""

    def start_application_mode(self) -> None:
        super().start_application_mode()  # as if another window had the keys
        self._app.call_later(self._app.post_message, events.AppFocus())

    def run_input_thread(self) -> None:
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(messages.ExitApp())

    def open_url(self, url: str, new_tab: bool = True) -> None:
        """Nothing: what is in a log is not to be visited from here."""
