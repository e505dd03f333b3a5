"""The one table of formats: command line, console and documentation offer what stands here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from triage.export import csv, html, markdown, navigator, ndjson, ocsf, stix, timesketch
from triage.export.selection import Selection


@dataclass(frozen=True, slots=True)
class Format:
    """One way to hand alerts over."""

    name: str  # as the command line has it
    key: str  # the letter that chooses it in the console
    suffix: str  # of its files
    words: str  # what it is
    write: Callable[[Selection], Iterator[str]]


FORMATS = (
    Format("html", "h", ".html", "a report as one page that opens offline", html.write),
    Format("markdown", "m", ".md", "the report for a ticket or a wiki", markdown.write),
    Format("ndjson", "n", ".ndjson", "alert documents (kibana.alert.*), one a line", ndjson.write),
    Format("csv", "c", ".csv", "a table for a spreadsheet", csv.write),
    Format("navigator", "a", ".layer.json", "layer for the ATT&CK Navigator", navigator.write),
    Format("stix", "x", ".stix.json", "STIX 2.1 bundle: indicators and sightings", stix.write),
    Format("timesketch", "t", ".jsonl", "timeline for Timesketch", timesketch.write),
    Format("ocsf", "o", ".ocsf.ndjson", "OCSF Detection Findings, one a line", ocsf.write),
)
BY_NAME = {one.name: one for one in FORMATS}
