"""Alerts as NDJSON: the documents themselves, kibana.alert.* and ECS, one a line."""

from __future__ import annotations

from collections.abc import Iterator

from triage.export.selection import Selection
from triage.text import json_line


def write(selection: Selection) -> Iterator[str]:
    """One document a line, its matched events under ``triage.events``."""
    for _row, doc in selection.documents():
        yield json_line(doc) + "\n"
