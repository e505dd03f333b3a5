"""Guides: whatever a note's headings and lists look like, the steps are found and keep their id."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage import guide
from triage.config import read_toml

NOTE = """## Triage and analysis

### Investigating Something

What it is, in **bold** words.
Goes on here.

> A note with a [link](https://example.org/a_(b)).

#### Possible investigation steps

- Look at `process.parent.*` first.
  - Is it signed?
    - By whom?
  goes on
- Check the cache. !{osquery{"label":"DNS cache","query":"SELECT * FROM x WHERE y = '}'"}}
* Another *really important* bullet with a \\*.exe and C:\\Temp\\*.dll
1. A number
2) Another number

### Related rules

- Not a step - 1234

### False Positive Analysis:

- Backup agents.

### Response and Remediation

- Isolate the host.
- Isolate the host.
"""


def test_an_elastic_guide_is_taken_apart() -> None:
    found = guide.steps(NOTE, "## Setup\n\nTurn it on.")
    assert found.overview == (
        "What it is, in bold words. Goes on here.\n\nA note with a link (https://example.org/a_(b))."
    )
    assert [(step.depth, step.text) for step in found.investigation] == [
        (0, "Look at process.parent.* first."),
        (1, "Is it signed?"),
        (2, "By whom? goes on"),
        (0, "Check the cache. DNS cache"),
        (0, "Another really important bullet with a \\*.exe and C:\\Temp\\*.dll"),
        (0, "A number"),
        (0, "Another number"),
    ]
    assert [step.text for step in found.false_positives] == ["Backup agents."]
    assert [step.text for step in found.remediation] == ["Isolate the host."] * 2
    assert [each.title for each in found.sections][-1] == "Setup"
    assert len({step.id for step in found.steps}) == len(found.steps)


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("### Possible investigation steps", "investigation"),
        ("#### Possible Investigation Steps:", "investigation"),
        ("## Investigation steps ##", "investigation"),
        ("#### Triage and analysis steps", "investigation"),
        ("### False positives", "false_positives"),
        ("#### False positive steps:", "false_positives"),
        ("### Response", "remediation"),
        ("### Remediation", "remediation"),
    ],
)
def test_headings_vary(heading: str, kind: str) -> None:
    found = guide.steps(f"## Triage and analysis\n\n{heading}\n\n- One\n")
    assert [step.text for step in getattr(found, kind)] == ["One"]
    assert len(found.steps) == 1


def test_a_heading_below_the_steps_belongs_to_them() -> None:
    found = guide.steps(
        "### Possible investigation steps\n- a\n#### On the host\n- b\n### Performance\n- c"
    )
    assert [step.text for step in found.investigation] == ["a", "b"]


def test_steps_right_under_the_overview_are_found() -> None:
    found = guide.steps("## Triage and analysis\n\n### Investigating X\n\n1. First\n2. Second\n")
    assert [step.text for step in found.investigation] == ["First", "Second"]


def test_paragraphs_are_steps_where_there_is_no_list() -> None:
    found = guide.steps("### Response and remediation\n\nIsolate it.\n\nReset the\npassword.\n")
    assert [step.text for step in found.remediation] == ["Isolate it.", "Reset the password."]


def test_a_step_keeps_its_id_when_the_guide_around_it_changes() -> None:
    before = guide.steps(NOTE).investigation
    after = guide.steps(NOTE.replace("- Look at", "- A new one\n- Look at")).investigation
    assert {step.id for step in before} < {step.id for step in after}
    assert (
        guide.steps("### Response\n- One").steps[0].id
        != guide.steps("### False positives\n- One").steps[0].id
    )


def test_headings_in_code_are_code() -> None:
    found = guide.steps("### Possible investigation steps\n- a\n```\n# Response\n```\n- b\n")
    assert [step.text for step in found.investigation][-1] == "b"
    assert not found.remediation


def test_no_note_is_an_empty_guide() -> None:
    found = guide.steps("")
    assert (found.overview, found.steps, found.sections) == ("", (), ())


@given(st.text(alphabet='#-* \n`>[]()!{}"ab:1.~_\\', max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    found = guide.steps(text, text)
    assert all(step.text and "\n" not in step.text for step in found.steps)


@pytest.mark.parametrize(
    "piece", ["`", "**a", "[", "[a](", "*a ", "!{osquery{", '!{osquery{"a":', "- ", "> "]
)
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    found = guide.steps("### Response and remediation\n- " + piece * 20_000)
    assert time.process_time() - began < 5.0  # what grows with the square takes minutes
    assert found.remediation


@pytest.mark.shared
def test_elastics_guides_are_understood(shared: Path) -> None:
    """Every section of the corpus whose heading promises steps gives some."""
    empty: list[str] = []
    steps = 0
    for path in sorted((shared / "elastic-rules").glob("*.toml")):
        note = read_toml(path)[0]["rule"].get("note", "")
        found = guide.steps(note)
        steps += len(found.steps)
        promised = {
            "investigation": "nvestigation steps",
            "false_positives": "alse positive",
            "remediation": "esponse and remediation",
        }
        for kind, words in promised.items():
            headed = any(words in line for line in note.split("\n") if line.startswith("#"))
            if headed and not getattr(found, kind):
                empty.append(f"{path.name}: {kind}")
    assert empty == []
    assert steps > 18_000
