"""After the repair every rule holds, nothing else was touched, and the same seed gives the same rows."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.cases import cases

from handrail.twins.calculator import arrow_type
from handrail.twins.holds import broken
from handrail.twins.models import Bin, ColumnSketch, TableSketch
from handrail.twins.repair import repair
from handrail.twins.rule_sql import counts
from handrail.twins.rules import Rule
from handrail.twins.values import Values, to_arrow

TYPES = {
    "start": ("DATE", "date"),
    "end": ("DATE", "date"),
    "quantity": ("INTEGER", "integer"),
    "price": ("DECIMAL(12,2)", "decimal"),
    "rate": ("DECIMAL(4,2)", "decimal"),
    "amount": ("DECIMAL(14,2)", "decimal"),
    "gross": ("DECIMAL(14,2)", "decimal"),
    "country": ("VARCHAR", "text"),
    "city": ("VARCHAR", "text"),
    "code": ("VARCHAR", "text"),
    "year": ("INTEGER", "integer"),
    "bystander": ("INTEGER", "integer"),
}
PLACES = (("DE", "Bonn", 0.5), ("DE", "Kiel", 0.2), ("FR", "Lyon", 0.2), (None, None, 0.1))
RULES = (
    Rule("order", ("start", "end")),
    Rule("formula", ("amount", "quantity", "price", "rate"), how="b * c * (1 - d)"),
    Rule("formula", ("gross", "amount", "price"), how="b + c"),
    Rule("accepted", ("country", "city"), pairs=PLACES),
    Rule("nulls", ("country", "end"), values=("FR",), filled=("DE",)),
    Rule("derived", ("city", "code"), how="upper"),
    Rule("derived", ("start", "year"), how="year"),
    Rule("range", ("quantity",), low=0.0, strict=True),
    Rule("values", ("country",), declared=True, values=("DE", "FR")),
    Rule("check", ("quantity", "price"), declared=True, how='"quantity" < 40 OR "price" < 500'),
)
CITIES = ["Bonn", "Kiel", "Lyon", "Oslo"]


def table(rules: tuple[Rule, ...], **more: Any) -> TableSketch:
    columns = tuple(
        ColumnSketch(name, sql_type, kind, "model", **more.get(name, {}))  # type: ignore[arg-type]
        for name, (sql_type, kind) in TYPES.items()
    )
    return TableSketch("made", 0, columns, (), rules=rules)


def rows_of(rng: np.random.Generator, count: int, nulls: float) -> dict[str, Values]:
    drawn: dict[str, Any] = {
        "start": rng.integers(19_000, 19_400, count),
        "end": rng.integers(19_000, 19_600, count),
        "quantity": rng.integers(-3, 60, count),
        "price": rng.integers(0, 90_000, count),
        "rate": rng.integers(0, 60, count),
        "amount": rng.integers(0, 10**6, count),
        "gross": rng.integers(0, 10**6, count),
        "country": rng.choice(np.array(["DE", "FR", "XX"], dtype=object), count),
        "city": rng.choice(np.array(CITIES, dtype=object), count),
        "code": rng.choice(np.array(["BONN", "?"], dtype=object), count),
        "year": rng.integers(1990, 2030, count),
        "bystander": rng.integers(0, 9, count),
    }
    made = {name: Values(array, rng.random(count) >= nulls) for name, array in drawn.items()}
    for name, value in (("start", 19_000), ("end", 19_500), ("quantity", 1), ("price", 100), ("rate", 0)):
        made[name].array[0], made[name].valid[0] = value, True  # one row that can keep every rule
    for name, text in (("country", "DE"), ("city", "Bonn"), ("code", "BONN")):
        made[name].array[0], made[name].valid[0] = text, True
    return made


def same(one: Values, other: Values) -> bool:
    return bool((one.valid == other.valid).all() and (one.array[one.valid] == other.array[one.valid]).all())


@settings(max_examples=cases(40), deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 300),
    st.sampled_from([0.0, 0.2, 0.9]),
    st.sets(st.sampled_from(range(len(RULES))), min_size=1),
)
@example(31055, 273, 0.2, set(range(len(RULES))))  # an exchange late in the repair reaches a row done with
def test_after_the_repair_every_rule_holds_and_only_its_columns_changed(
    seed: int, count: int, nulls: float, chosen: set[int]
) -> None:
    rules = tuple(RULES[place] for place in sorted(chosen))
    sketch, rows = table(rules), rows_of(np.random.default_rng(seed), count, nulls)
    before = {name: Values(one.array.copy(), one.valid.copy()) for name, one in rows.items()}
    after = repair(sketch, rows, np.random.default_rng(seed))
    columns = {one.name: one for one in sketch.columns}
    left = {rule.kind: int(broken(rule, columns, after).sum()) for rule in rules}
    assert not any(left.values()), left
    spoken_of = {name for rule in rules for name in rule.columns}
    assert all(same(before[name], after[name]) for name in TYPES if name not in spoken_of)
    assert all(same(before[name], rows[name]) for name in TYPES), "what was given is not written into"
    again = repair(sketch, before, np.random.default_rng(seed))
    assert all(same(after[name], again[name]) for name in TYPES)


@settings(max_examples=cases(25), deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3]))
def test_arrays_and_sql_agree_on_which_rows_break_a_rule(seed: int, nulls: float) -> None:
    rules = (
        *RULES,
        *(Rule("derived", ("city", "code"), how=how) for how in ("same", "lower", "first letter")),
    )
    rules += (Rule("pattern", ("city",), how="^[BK]"), Rule("offset", ("start", "end"), by=90.0))
    rules += (Rule("unique", ("country", "city", "bystander")),)
    rules += (Rule("nulls", ("city", "end"), how="empty", values=(1.0,), filled=(0.0,)),)
    sketch, rows = table(rules), rows_of(np.random.default_rng(seed), 200, nulls)
    columns = {one.name: one for one in sketch.columns}
    with duckdb.connect() as con:
        arrays = {one.name: to_arrow(one, rows[one.name], arrow_type(one.type)) for one in sketch.columns}
        con.register("made", pa.table(arrays))
        found = [one.broken for one in counts(con, "made", rules, columns)]
    assert found == [int(broken(rule, columns, rows).sum()) for rule in rules]


def test_an_exchange_leaves_every_columns_own_distribution_as_it_was() -> None:
    rng = np.random.default_rng(3)
    rows = rows_of(rng, 2000, 0.0)
    rows["end"] = Values(rows["start"].array + rng.integers(-20, 180, 2000), rows["end"].valid)
    after = repair(table((RULES[0],)), rows, rng)
    moved = np.abs(np.sort(after["end"].array) - np.sort(rows["end"].array))
    assert moved.mean() < 4, "days"
    assert (after["start"].array == rows["start"].array).all()


def test_a_locked_column_stays_and_the_others_follow_it() -> None:
    rng = np.random.default_rng(4)
    rows = rows_of(rng, 500, 0.0)
    rule = RULES[2]  # gross = amount + price
    after = repair(table((rule,)), rows, rng, frozenset({"gross"}))
    assert (after["gross"].array == rows["gross"].array).all()
    assert (after["gross"].array == after["amount"].array + after["price"].array).all()


def test_columns_that_are_empty_together_keep_the_share_that_the_sketch_knows() -> None:
    rng = np.random.default_rng(5)
    bins = (Bin("null"), Bin("range", low=0, high=90_000))
    known = {"bins": bins, "shares": (0.5, 0.5)}
    rows = rows_of(rng, 4000, 0.0)
    rows["price"] = Values(rows["price"].array, rng.random(4000) < 0.01)  # drawn much too seldom
    rows["amount"] = Values(rows["amount"].array, rng.random(4000) < 0.5)
    rule = Rule("nulls", ("price", "amount"), how="empty", values=(1.0,), filled=(0.0,))
    after = repair(table((rule,), price=known, amount=known), rows, rng)
    assert (after["price"].valid == after["amount"].valid).all()
    assert 0.45 < after["price"].valid.mean() < 0.55


@pytest.mark.parametrize("pattern", [r"^[A-Z]{2}-\d{4}$", r"^(red|green)\.?$", "^[^0-9]+x?$"])
def test_a_pattern_that_nothing_drawn_matches_is_written_out(pattern: str) -> None:
    rng = np.random.default_rng(6)
    rows = rows_of(rng, 50, 0.0)
    rows["city"] = Values(np.full(50, "0", dtype=object), rows["city"].valid)
    rule = Rule("pattern", ("city",), declared=True, how=pattern)
    sketch = table((rule,))
    after = repair(sketch, rows, rng)
    assert not broken(rule, {one.name: one for one in sketch.columns}, after).any()


def test_what_the_contract_lets_some_rows_break_is_left_to_them() -> None:
    rng = np.random.default_rng(7)
    rows = rows_of(rng, 1000, 0.0)
    rule = Rule("range", ("quantity",), declared=True, low=0.0, allowed=0.2)
    after = repair(table((rule,)), rows, rng)
    assert same(rows["quantity"], after["quantity"])


def test_rules_that_cannot_all_be_kept_end_nevertheless() -> None:
    rng = np.random.default_rng(8)
    rules = (Rule("range", ("quantity",), high=5.0), Rule("range", ("quantity",), low=6.0))
    after = repair(table(rules), rows_of(rng, 100, 0.1), rng)
    assert after["quantity"].valid.shape == (100,)
