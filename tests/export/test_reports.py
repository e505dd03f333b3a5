"""The report: it tells the whole case, and nothing that a log says becomes more than text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec import structs

from tests.export.conftest import HOSTILE, Make
from tests.ui.helpers import NOW, Clock, add_alerts
from triage.case.decide import Decisions
from triage.case.model import AlertRow, Process
from triage.case.read import CaseReader
from triage.context import ProcessNode
from triage.export import BY_NAME, Selection
from triage.export.escape import markdown, shown
from triage.export.figures import timeline
from triage.export.forest import forest
from triage.export.markup import el
from triage.export.report import MAX_DEEP, Deep
from triage.times import SECOND

TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "h4", "h5", "p",
    "nav", "a", "main", "section", "dl", "dt", "dd", "figure", "figcaption", "span", "i", "b",
    "small", "div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code", "details",
    "summary", "article", "del", "svg", "text", "line", "circle",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "scope", "open",
    "viewbox", "role", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r",
}  # fmt: skip


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "elements are not nested as they were opened"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def html_of(selection: Selection) -> str:
    return "".join(BY_NAME["html"].write(selection))


def harmless(text: str) -> Page:
    """The page, once it is shown that it can do nothing."""
    page = Page(text)
    assert not page.open
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for tag, attributes in page.tags:
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES
        if "href" in attributes:  # a link leads to a place on the page, and there is that place
            assert (attributes["href"] or "")[0] == "#"
            assert (attributes["href"] or "")[1:] in ids
    assert ("meta", {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }) in page.tags  # fmt: skip
    assert not re.search(r"(?i)\b(https?|ftp)://", text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e]", text)
    return page


def test_t14_a_hostile_case_becomes_a_harmless_page(hostile_case: Path, select: Make) -> None:
    page = harmless(html_of(select(hostile_case)))
    for text in HOSTILE:
        assert " ".join(shown(text).split()) in page.text, "what the log said is not told"


@given(st.text() | st.sampled_from(HOSTILE))
def test_t14_any_text_is_text_in_an_element(text: str) -> None:
    page = Page(el("p", text, class_=text))
    assert [tag for tag, _ in page.tags] == ["p"]
    assert "".join(page.words) == shown(text)
    assert page.tags[0][1] == {"class": shown(text)}


def test_the_page_tells_the_whole_case(sample_case: Path, select: Make) -> None:
    selection = select(sample_case)
    page = harmless(html_of(selection))
    told = page.text
    for row in selection.rows:
        assert row.reason in told
        assert row.host in told
    assert "16: 2 high, 14 medium" in told
    assert "11 open, 3 closed as false positive, 1 acknowledged, 1 closed as true positive" in told
    assert "2026-03-12 16:00:00 UTC jdoe wrote a note the patch agent, change 4711 1, 2, 3" in (
        " ".join(" ".join(page.words).split()).replace(" , ", ", ")
    )
    assert "Defense Evasion" in told
    assert "T1218.004 InstallUtil" in told
    assert "5 entries, whole; its last entry has the hash" in told
    assert "hxxps://packages.nordwind.example" in told
    assert "WINWORD.EXE" in told, "where an alert's process comes from"
    assert "4 read; 0 records could not be read" in told
    circles = [attributes for tag, attributes in page.tags if tag == "circle"]
    assert {str(one["class"]).split()[1] for one in circles} == {"medium", "high"}


def test_a_rule_that_was_switched_off_is_among_the_decisions(case: Path, select: Make) -> None:
    decisions = Decisions(str(case), "mk", Clock(NOW))
    rule_id = select(case).rows[0].rule_id
    decisions.switch_rule(rule_id, "Loud", on=False, reason="see CHG-4411")
    decisions.switch_rule("another", "Elsewhere", on=False, reason="no matter here")
    decisions.close_case()
    told = harmless(html_of(select(case))).text
    assert "switched the rule 'Loud' off: see CHG-4411" in told
    assert "Elsewhere" not in told


def test_the_page_brings_all_it_needs(sample_case: Path, select: Make) -> None:
    text = html_of(select(sample_case))
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert not re.search(r"url\(|@import|src=", text)


def test_an_empty_selection_is_a_page_too(sample_case: Path, select: Make) -> None:
    for name in ("html", "markdown"):
        text = "".join(BY_NAME[name].write(select(sample_case, lambda _row: False)))
        assert "Nobody decided anything yet." in text


def test_of_too_many_alerts_those_that_matter_are_told_in_depth(case: Path, select: Make) -> None:
    reader = CaseReader(str(case))
    last = max(row.time for row in reader.alerts())
    reader.close()
    many = MAX_DEEP + 50
    add_alerts(case, [
        {"id": f"copy-{place:04}", "time": last + place * SECOND, "reason": f"copy {place}",
         "severity": "critical" if place == 7 else "low", "status": "open", "close_reason": ""}
        for place in range(many)
    ])  # fmt: skip
    selection = select(case)
    told: list[tuple[int, int]] = []
    followed = replace(selection, progress=lambda done, all_: told.append((done, all_)))
    page = harmless(html_of(followed))
    assert f"{MAX_DEEP} of {many + 16} alerts, those that matter most" in page.text
    articles = {attributes["id"] for tag, attributes in page.tags if tag == "article"}
    assert len(articles) == MAX_DEEP
    critical = next(n for n, row in enumerate(selection.rows, 1) if row.severity == "critical")
    assert f"a{critical}" in articles
    assert told[-1] == (MAX_DEEP, MAX_DEEP)


# The figure of time -------------------------------------------------------------------------------


def row(selection: Selection, **changes: object) -> AlertRow:
    return structs.replace(selection.rows[0], **changes)


def test_ten_thousand_alerts_stay_a_figure(sample_case: Path, select: Make) -> None:
    some = select(sample_case)
    rows = [
        row(some, id=str(n), time=NOW + n * SECOND, host=f"h{n % 40}", severity="high")
        for n in range(10_000)
    ]
    page = Page(timeline(rows))
    circles = [attributes for tag, attributes in page.tags if tag == "circle"]
    assert len(circles) < 2_700
    assert "27 other hosts" in page.text
    for one in circles:
        assert 230 <= float(one["cx"] or "") <= 1080


@pytest.mark.parametrize("span", [0, 1, SECOND, 3600 * SECOND, 40 * 365 * 86_400 * SECOND])
def test_any_span_of_time_has_an_axis(sample_case: Path, select: Make, span: int) -> None:
    some = select(sample_case)
    page = Page(timeline([row(some, time=NOW), row(some, id="2", time=NOW + span)]))
    ticks = [a for tag, a in page.tags if tag == "line" and a["class"] == "grid"]
    assert 1 <= len(ticks) <= 9


# Process trees ------------------------------------------------------------------------------------


def process(name: str, parent: str = "", start: int = 1) -> Process:
    return Process(
        "pc", name, parent, start, 0, name, "", "", parent, "", "", "", start, 0, "", ""
    )  # fmt: skip


def node(name: str, role: str, *children: ProcessNode) -> ProcessNode:
    return ProcessNode(process(name), children, role, 0)


def deep(some: Selection, number: int, tree: ProcessNode) -> Deep:
    alert = some.case.alert(some.rows[0].id)
    assert alert is not None
    return Deep(number, alert, (), tree, (), (), 0, ())


def test_trees_that_share_a_process_are_one(sample_case: Path, select: Make) -> None:
    some = select(sample_case)
    word = node("word", "ancestor", node("shell", "subject", node("net", "child")))
    shell = node("explorer", "ancestor", node("word", "ancestor", node("other", "subject")))
    ((host, (root,)),) = forest([deep(some, 1, word), deep(some, 2, shell)])
    assert (host, root.process.name) == ("pc", "explorer")
    (word_,) = root.shown()[0]
    assert sorted(one.process.name for one in word_.shown()[0]) == ["other", "shell"]
    assert {one.process.name: one.alerts for one in word_.shown()[0]} == {
        "shell": [1],
        "other": [2],
    }


def test_a_process_that_is_its_own_ancestor_is_told_all_the_same(
    sample_case: Path, select: Make
) -> None:
    some = select(sample_case)
    circle = [
        deep(some, 1, node("a", "ancestor", node("b", "subject"))),
        deep(some, 2, node("b", "ancestor", node("a", "subject"))),
    ]
    ((_host, (root,)),) = forest(circle)
    assert root.matters()


def test_quiet_children_are_counted_and_those_with_alerts_never_left_out(
    sample_case: Path, select: Make
) -> None:
    some = select(sample_case)
    children = [node(f"c{n}", "sibling") for n in range(40)]
    tree = node("svc", "ancestor", *children, node("bad", "subject"))
    ((_host, (root,)),) = forest([deep(some, 1, tree)])
    shown_, more = root.shown()
    assert "bad" in {one.process.name for one in shown_}
    assert len(shown_) + more == 41
    assert more == 28


# Markdown -----------------------------------------------------------------------------------------

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False, "html": True})


def leaves(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from leaves(token.children or [])


@given(st.text() | st.sampled_from(HOSTILE) | st.text(alphabet="*_`[]()<>|\\#-=+!&;: \n~1.@w"))
def test_t14_any_text_is_text_in_markdown(text: str) -> None:
    made = markdown(text)
    tokens = MARKDOWN.parse(f"a {made} z\n")
    kinds = [token.type for token in leaves(tokens)]
    assert set(kinds) <= {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}
    told = "".join(token.content for token in leaves(tokens) if token.type.startswith("text"))
    assert " ".join(told.split()) == " ".join(f"a {shown(text)} z".split())


@given(st.text() | st.sampled_from(HOSTILE) | st.text(alphabet="|\\` \n-:"))
def test_any_text_stays_in_its_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {markdown(text)} | end |\n"
    tokens = MARKDOWN.parse(table)
    cells = [tokens[place + 1] for place, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 2
    told = "".join(token.content for token in cells[0].children or [])
    assert " ".join(told.split()) == " ".join(shown(text).split())
    assert cells[1].content == "end"


def test_t14_a_hostile_case_becomes_harmless_markdown(hostile_case: Path, select: Make) -> None:
    text = "".join(BY_NAME["markdown"].write(select(hostile_case)))
    tokens = list(leaves(MARKDOWN.parse(text)))
    assert not [token for token in tokens if re.search("link|image|html|code|^s_", token.type)]
    assert not re.search(r"(?i)(https?|ftp)://", text)
    fences = [token for token in tokens if token.type == "fence"]
    assert len(fences) == text.count("\nHost ")  # the process trees, and no other block of code
    outside = re.sub(r"(?ms)^(````*)text\n.*?^\1\n", "", text)
    assert not re.search(r"[^\\]<|\bwww\.|[^\\]@|[^\\]`", outside)


def test_markdown_tells_the_whole_case(sample_case: Path, select: Make) -> None:
    selection = select(sample_case)
    text = "".join(BY_NAME["markdown"].write(selection))
    tokens = list(leaves(MARKDOWN.parse(text)))
    told = " ".join(token.content for token in tokens if token.type.startswith("text"))
    for one in selection.rows:
        assert one.host in "".join(
            token.content for token in tokens if token.type.startswith("text")
        )
    assert "the patch agent, change 4711" in told
    assert "closed as true positive" in told
    assert sum(token.type == "table_open" for token in tokens) > 16
