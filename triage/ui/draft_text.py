"""An exception in the making as TOML, to be written in an editor of one's own, and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from triage.errors import TriageError
from triage.exceptions import Item, item_text, read_item
from triage.ui.conditions import Condition
from triage.ui.draft import Draft, Scope

KEYS = ("name", "comment", "rules", "tags", "expire_time")  # what an exception is, besides entries
_HEAD = """\
# An event on which all entries are true no longer alerts. Save and leave to go on in the console;
# nothing is in force before it is saved there. With neither rules nor tags it is for every rule.
# The comment is the reason. A file without a line of it leaves the exception as it was.

"""


def draft_text(draft: Draft) -> str:
    """The draft as the TOML of an exception list, with a word on how to go on."""
    item = Item(
        "",
        draft.name,
        draft.ticked,
        draft.reason,
        draft.scope.rules,
        draft.scope.tags,
        expire_time=draft.expire_time,
    )
    text = item_text(item, KEYS)
    if not draft.reason:  # it is required, so its place is there
        text = text.replace("[[item]]\n", '[[item]]\ncomment = ""\n', 1)
    return _HEAD + text


def read_draft(text: str, draft: Draft, folder: Path) -> Draft:
    """``draft`` as somebody changed its text; ``folder`` holds the value lists.

    Lines that were proposed and are not in the text stay, without a tick. Raises TriageError, with
    the line, for what can not be used.
    """
    item = read_item(folder, text)
    usual = Item(item.item_id, item.name, item.entries)
    if replace(item, comment="", rules=(), tags=(), expire_time=None) != usual:
        raise TriageError(f"only {', '.join(KEYS)} and entries can be changed here")
    wanted = list(item.entries)
    lines: list[Condition] = []
    for one in draft.conditions:
        ticked = one.saved in wanted
        if ticked:
            wanted.remove(one.saved)
        if ticked or not one.added:
            lines.append(replace(one, ticked=ticked))
    lines += [Condition(entry, ticked=True, added=True) for entry in wanted]
    scope = Scope(item.rules, item.tags)
    # Where no name is written one is made up; that is none to keep.
    name = "" if item.name in (item.comment, item.item_id) else item.name
    return Draft(tuple(lines), scope, item.expire_time, item.comment, name)


def written(text: str) -> bool:
    """Whether there is anything in a text but blank lines and comments."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
