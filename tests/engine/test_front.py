"""Fields read together give what their readers give, whatever the document is like."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from triage.engine import front
from triage.eql.access import reader

NAMES = ("a.b", "a.c.d", "a", "a.b.c.d", "e.f", "c.d.e")
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.floats(0, 2), st.sampled_from(["x", "Y", ""])
)
keys = st.sampled_from(["a", "b", "c", "d", "e", "f", "c.d", "b.c", "b.c.d", "d.e"])
nodes = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)
)
documents = st.dictionaries(st.sampled_from(["a", "c", "e"]), nodes, max_size=3)


@given(documents)
def test_read_together_is_read_one_by_one(doc: dict[str, Any]) -> None:
    readers = [reader(name) for name in NAMES]
    wanted = tuple(front.key(read(doc)) for read in readers)
    found = front.read_together(NAMES, readers)(doc)
    assert found == wanted
    assert list(map(type, found)) == list(map(type, wanted))


def test_fields_are_chosen_by_how_few_combinations_they_make() -> None:
    samples = [("process", "start", f"{n}.exe") for n in range(100)]
    assert front.choose(samples) == [0, 1]
    assert front.often([100, 5, 50, 0]) == [0, 2]
