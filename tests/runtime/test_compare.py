"""Two runs held against each other, for who may see both."""

import pytest

from handrail import runtime
from handrail.kernel import Invalid, NotAllowed, NotFound
from tests.conftest import Acting
from tests.runtime.conftest import Start

FIRST = """
import handrail_sdk as h
h.show([{'region': 'EMEA', 'net': 1}, {'region': 'APAC', 'net': 2}], title='Sales')
h.text('one\\ntwo', title='Words')
h.text('the same', title='Still')
h.save('old.bin', b'1')
h.save('file.bin', b'1')
print('a'); print('b')
"""
SECOND = (
    FIRST.replace("'net': 2", "'net': 3").replace("two", "three").replace("old", "new").replace("b'1')\nprint", "b'2')\nprint").replace("print('b')", "print('c')")
)  # fmt: skip


def test_a_run_is_held_against_the_one_before(ended: Start, acting: Acting) -> None:
    first, second = ended(FIRST), ended(SECOND)
    with acting("maker.sales") as ctx:
        found = runtime.compare(ctx, second.id)
    assert (found.before.run, found.now.run, found.same) == (first.id, second.id, False)
    assert {one.name: one.state for one in found.outputs} == {
        "sales.json": "changed", "words.txt": "changed", "still.txt": "same", "new.bin": "new", "old.bin": "gone", "file.bin": "changed",
    }  # fmt: skip
    by_name = {one.name: one for one in found.outputs}
    table = by_name["sales.json"].table
    assert table is not None and (table.key, table.cells) == (("region",), (("net", 1),))
    assert by_name["words.txt"].text == ("@@ -1,2 +1,2 @@", " one", "-two", "+three")
    assert found.log == ("@@ -1,2 +1,2 @@", " a", "-b", "+c")


def test_the_same_run_shows_the_same(ended: Start, acting: Acting) -> None:
    first, second = ended(FIRST), ended(FIRST)
    with acting("maker.sales") as ctx:
        assert runtime.compare(ctx, second.id, first.id).same


def test_the_first_run_and_runs_of_another_place_cannot_be_held_against_each_other(
    ended: Start, acting: Acting, owned: None
) -> None:
    first = ended(FIRST)
    other = ended(FIRST, environment="production")
    with acting("maker.sales") as ctx, pytest.raises(NotFound, match="no earlier run"):
        runtime.compare(ctx, first.id)
    with acting("maker.sales") as ctx, pytest.raises(Invalid, match="one is in the sandbox"):
        runtime.compare(ctx, other.id, first.id)


def test_nobody_learns_by_comparing_what_another_persons_run_showed(
    ended: Start, acting: Acting, owned: None
) -> None:
    """The attack: one's own run held against somebody else's says what theirs had."""
    theirs = ended(FIRST, person="viewer.emea", environment="production")
    mine = ended(SECOND, person="viewer.apac", environment="production")
    owners = ended(SECOND, environment="production")
    with acting("viewer.apac") as ctx, pytest.raises(NotFound):
        runtime.compare(ctx, mine.id, theirs.id)
    with acting("maker.sales") as ctx, pytest.raises(NotAllowed):
        runtime.compare(ctx, owners.id, theirs.id)
