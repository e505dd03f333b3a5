"""What the tests of this room share: reading a whole log, and the folder of our own small logs."""

from __future__ import annotations

from pathlib import Path

from triage.fields import Doc
from triage.sources import Follower, RecordError, decode

LOGS = Path(__file__).resolve().parent.parent / "data" / "logs"


def read(path: Path) -> tuple[list[Doc], list[str]]:
    """(events, reasons of rejects) of one log, read once from its begin to its end."""
    docs: list[Doc] = []
    reasons: list[str] = []
    follower = Follower([path], once=True)
    for block in follower.poll():
        reasons += [reject.reason for reject in block.rejects]
        for record in block.records:
            try:
                doc = decode(block.format, record)
            except RecordError as error:
                reasons.append(str(error))
                continue
            if doc is not None:
                docs.append(doc)
    follower.close()
    return docs, reasons
