"""triage keys: the keys of the console, as the table that changes them."""

from __future__ import annotations

import argparse
import json

from triage import config
from triage.cli.common import FAILED, OK, Commands, command, say

_DESCRIPTION = """\
Print the keys of the console as they are now, as a [keys] table to put into the settings file.
There, only what is to be different needs a line:

  [keys]
  "alert.ack" = "A"
  "undo" = ["U", "ctrl+t"]

What is wrong in the settings file is told on standard error; the exit code is then 2.
"""


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command(commands, "keys", "the keys of the console", _DESCRIPTION).set_defaults(command=_keys)


def _keys(_options: argparse.Namespace) -> int:
    from triage.ui import keymap, keys  # only this command needs them: they cost half a second

    path = config.settings_file()
    own = keymap.load(path)
    print(f"# the settings file is {path}")
    print("[keys]")
    for group, actions in keys.grouped():
        print(f"\n# {group}")
        for action in actions:
            now = [keymap.typed(key) for key in own.real(action).keys.split(",")]
            value = now[0] if len(now) == 1 else now
            line = f'"{action.id}" = {json.dumps(value, ensure_ascii=False)}'
            print(f"{line:<40}  # {action.help}")
    for problem in own.problems:
        say(f"triage: {problem}")
    return FAILED if own.problems else OK
