"""Two tables held against each other."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.runtime.compare_tables import CellChange, compare_tables
from handrail_sdk.tables import packed
from tests.cases import cases

OLD = [
    {"region": "EMEA", "line": "Tents", "net": 1.5, "n": 3},
    {"region": "EMEA", "line": "Shells", "net": 2.5, "n": 4},
    {"region": "APAC", "line": "Tents", "net": 3.5, "n": 5},
]


def test_rows_are_known_by_what_tells_them_apart_and_not_by_what_is_measured() -> None:
    new = [{**OLD[2]}, {**OLD[0], "net": 9.0, "n": 4}, {"region": "NA", "line": "Tents", "net": 1.0, "n": 1}]
    found = compare_tables(packed(OLD), packed(new))
    assert (found.key, found.rows_before, found.rows) == (("region", "line"), 3, 3)
    assert (found.rows_new, found.rows_gone, found.rows_changed) == (1, 1, 1)
    assert (found.keys_new, found.keys_gone) == (("NA, Tents",), ("EMEA, Shells",))
    assert found.cells == (("n", 1), ("net", 1))
    assert found.shown[0] == CellChange("EMEA, Tents", "net", "1.5", "9.0")


def test_the_order_of_rows_and_columns_is_no_change() -> None:
    turned = [dict(reversed(row.items())) for row in reversed(OLD)]
    assert compare_tables(packed(OLD), packed(turned)).state == "same"


def test_columns_that_came_and_went_are_named() -> None:
    found = compare_tables(packed(OLD), packed([{**row, "share": 1} for row in OLD]))
    assert (found.columns_new, found.columns_gone, found.state) == (("share",), (), "changed")


def test_rows_without_a_key_are_known_by_their_place() -> None:
    found = compare_tables(packed([{"a": 1.5}, {"a": 1.5}]), packed([{"a": 1.5}, {"a": 2.5}, {"a": 1.5}]))
    assert (found.key, found.rows_new, found.rows_changed) == ((), 1, 1)
    assert found.shown == (CellChange("2", "a", "1.5", "2.5"),)


@settings(max_examples=cases(200), deadline=None)
@given(
    st.dictionaries(st.integers(0, 30), st.text(max_size=3), max_size=15),
    st.dictionaries(st.integers(0, 30), st.text(max_size=3), max_size=15),
)
def test_what_is_counted_is_what_differs(old: dict[int, str], new: dict[int, str]) -> None:
    def table(rows: dict[int, str]) -> bytes:
        columns = [pa.array(list(rows), pa.int64()), pa.array(list(rows.values()), pa.string())]
        return packed(pa.table(columns, names=["id", "name"]))

    found = compare_tables(table(old), table(new))
    assert found.rows_new == len(new.keys() - old.keys())
    assert found.rows_gone == len(old.keys() - new.keys())
    assert found.rows_changed == sum(old[key] != new[key] for key in old.keys() & new.keys())
    assert (found.state == "same") == (old == new)
