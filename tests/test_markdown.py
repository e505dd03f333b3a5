"""Markdown of guides: marks become styles, plugins become questions, and no text breaks it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage import guide
from triage.markdown import Filter, Investigation, Osquery, plain, plugin, plugins, spans
from triage.rules import load_rules

INVESTIGATE = {
    "label": "Alerts of the user",
    "description": "",
    "providers": [
        [
            {"field": "event.kind", "queryType": "phrase", "value": "signal", "excluded": False},
            {"field": "user.id", "queryType": "phrase", "value": "{{user.id}}", "excluded": True},
        ],
        [{"field": "destination.port", "queryType": "range", "value": {"gte": 1, "lt": 1024}}],
        [{"field": "dns.question.name", "queryType": "exists"}],
    ],
    "relativeFrom": "now-48h/h",
    "relativeTo": "now",
}


def inline(kind: str, body: object) -> str:
    return f"!{{{kind}{json.dumps(body)}}}"


def test_marks_become_styles_and_links_text() -> None:
    told = spans("Look at `process.parent.*` **first**, see [the *page*](https://e.org/a_(b)).")
    assert ("process.parent.*", "code") in told
    assert ("first", "strong") in told
    assert ("https://e.org/a_(b)", "link") in told
    assert "".join(text for text, _ in told) == (
        "Look at process.parent.* first, see the *page* (https://e.org/a_(b))."
    )
    assert spans("**bold with `code`**") == (("bold with ", "strong"), ("code", "code"))
    assert spans("`a` `b`") == (("a", "code"), (" ", ""), ("b", "code"))


def test_plugins_become_questions() -> None:
    select = inline("osquery", {"label": "x", "query": "SELECT 1"})
    text = f"Ask. {inline('investigate', INVESTIGATE)} {select}"
    asked, query = plugins(text)
    assert asked == Investigation(
        "Alerts of the user",
        "",
        (
            (
                Filter("event.kind", "signal", "phrase"),
                Filter("user.id", "{{user.id}}", "phrase", excluded=True),
            ),
            (Filter("destination.port", "", "range", "1", "1024"),),
            (Filter("dns.question.name", "", "exists"),),
        ),
        "now-48h/h",
        "now",
    )
    assert query == Osquery("x", "SELECT 1")
    assert plain(text) == "Ask. Alerts of the user x"
    found = guide.steps(f"### Response\n- {text}\n- {inline('investigate', INVESTIGATE)}\n")
    blocks = found.sections[0].blocks
    assert [len(block.plugins) for block in blocks] == [2, 1]
    assert blocks[0].spans == (("Ask.", ""),)
    assert blocks[1].spans == (("Alerts of the user", ""),)
    assert [block.step for block in blocks] == list(found.remediation)


@pytest.mark.parametrize(
    ("kind", "body", "wrong"),
    [
        ("osquery", {"label": "x"}, "no query"),
        ("investigate", {"label": "x"}, "no providers"),
        ("investigate", {"providers": [[{"value": "x"}]]}, "no field"),
        ("investigate", {"providers": [[{"field": "a", "queryType": "fuzzy"}]]}, "queryType"),
        ("investigate", {"providers": ["x"]}, "no field"),
        (
            "investigate",
            {"providers": [[{"field": "a", "queryType": "range", "value": "{"}]]},
            "no field",
        ),
    ],
)
def test_a_plugin_that_can_not_be_understood_says_why(
    kind: str, body: dict[str, object], wrong: str
) -> None:
    found, problem = plugin(kind, body)
    assert found is None
    assert wrong in problem


def test_a_rule_with_a_broken_provider_loads_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        '[rule]\nname = "x"\nrule_id = "x"\ntype = "eql"\nseverity = "low"\nrisk_score = 21\n'
        "description = \"x\"\nquery = 'process where true'\n"
        'note = "### Response\\n- one $investigate_0\\n- two $osquery_7"\n'
        '[[transform.investigate]]\nlabel = "x"\n'
    )
    found = load_rules([tmp_path])
    assert len(found.rules) == 1
    told = "\n".join(str(problem) for problem in found.problems)
    assert "it has no providers" in told
    assert "$osquery_7 stands for no [[transform.osquery]]" in told


@given(st.text(alphabet='#-* \n`>[]()!{}"ab:1.~_\\$', max_size=200))
def test_spans_lose_no_word(text: str) -> None:
    line = " ".join(text.split())
    told = "".join(part for part, _ in spans(line))
    assert told.split() == plain(line).split()


@pytest.mark.parametrize("piece", ["`", "**a", "[", "[a](", "*a ", "!{osquery{", "__a ", "**`a "])
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    assert spans(piece * 20_000)
    assert time.process_time() - began < 5.0  # what grows with the square takes minutes


@pytest.mark.shared
def test_elastic_s_rules_load_with_all_their_providers(shared: Path) -> None:
    found = load_rules([shared / "elastic-rules"])
    asked = [
        one
        for rule in found.rules
        for section in guide.steps(rule.note).sections
        for block in section.blocks
        for one in block.plugins
    ]
    assert sum(isinstance(one, Investigation) for one in asked) >= 464
    assert sum(isinstance(one, Osquery) for one in asked) >= 224
    told = [str(one) for one in found.problems if "transform" in str(one)]
    assert len(told) == 1  # a guide that names a query its file does not have
    assert "$osquery_6 stands for no [[transform.osquery]]" in told[0]
