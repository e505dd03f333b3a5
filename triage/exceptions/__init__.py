"""Exceptions: what an analyst has found to be benign, as lists of TOML, one file a list.

They mean what Kibana's exception lists mean: the entries of an item are joined by *and*, items and
lists by *or*, and an event of which an item is true is not looked at by the rules it is for::

    [list]
    list_id = "installutil-network"
    name = "InstallUtil network connections"
    type = "rule_default"               # or "detection": shared between rules

    [[item]]
    item_id = "7f4d…"
    name = "Nightly build server"
    comment = "CHG-4411: the build signs its installers"     # the reason
    rules = ["…"]                       # rule ids; and tags = […]; with neither: every rule
    expire_time = "2026-06-30T00:00:00Z"                     # from then on it does nothing

      [[item.entries]]
      field = "process.parent.executable"
      operator = "included"             # "excluded" turns the condition round
      type = "match"                    # match_any, wildcard, exists, list, nested; cidr is ours
      value = 'C:\\BuildAgent\\agent.exe'
"""

from triage.exceptions._conflicts import conflicts
from triage.exceptions._kibana import Imported, kibana_lines, read_kibana, sorted_keys
from triage.exceptions._load import load_exceptions
from triage.exceptions._match import compile_item, item_matches
from triage.exceptions._model import (
    Entry,
    ExceptionList,
    ExceptionSet,
    Item,
    RuleLike,
    applies_to,
    file_name,
)
from triage.exceptions._splunk import splunk_macro
from triage.exceptions._suggest import suggest
from triage.exceptions._text import item_text
from triage.exceptions._values import FOLDER, network, read_values, value_lists
from triage.exceptions._write import (
    append_item,
    append_items,
    change_item,
    read_item,
    remove_item,
    restore_item,
    write_values,
)

__all__ = [
    "FOLDER",
    "Entry",
    "ExceptionList",
    "ExceptionSet",
    "Imported",
    "Item",
    "RuleLike",
    "append_item",
    "append_items",
    "applies_to",
    "change_item",
    "compile_item",
    "conflicts",
    "file_name",
    "item_matches",
    "item_text",
    "kibana_lines",
    "load_exceptions",
    "network",
    "read_item",
    "read_kibana",
    "read_values",
    "remove_item",
    "restore_item",
    "sorted_keys",
    "splunk_macro",
    "suggest",
    "value_lists",
    "write_values",
]
