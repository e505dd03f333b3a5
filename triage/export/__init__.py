"""Hand-over: a case, or a part of it, as a file for people and for other programs.

A format is a module with one function, ``write(selection)``, that yields the file in pieces.
"""

from triage.export.formats import BY_NAME, FORMATS, Format
from triage.export.save import Saved, suggested_name, write_file
from triage.export.selection import Selection, stands

__all__ = [
    "BY_NAME",
    "FORMATS",
    "Format",
    "Saved",
    "Selection",
    "stands",
    "suggested_name",
    "write_file",
]
