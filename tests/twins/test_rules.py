"""Rules are found where they hold, not where chance holds them, and tell nothing about fewer than k."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from handrail import data
from handrail.twins import codec
from handrail.twins.generate import generate
from handrail.twins.make import make
from handrail.twins.models import Field, Sketch, Table
from handrail.twins.plane import open_plane
from handrail.twins.rare_rules import rare_in_rules
from handrail.twins.rules import Rule, says
from handrail.twins.sketch import take

KEY = Field("id", "", required=True, primary_key=True)


def sketched(*tables: Table, k: int = 10) -> Sketch:
    return take(open_plane(tables, k)).sketch


def said(table: Table) -> set[str]:
    rules = sketched(table).tables[0].rules
    return {says(rule) for rule in rules if rule.kind != "range"}


def cents(numbers: Any) -> pa.Array:
    return pa.array([Decimal(int(n)).scaleb(-2) for n in numbers], pa.decimal128(14, 2))


def dates(days: Any) -> pa.Array:
    return pa.array(np.asarray(days, dtype=np.int32)).cast(pa.date32())


def test_orders_sums_products_and_distances_are_found(make_table: Any) -> None:
    rng = np.random.default_rng(1)
    quantity, price = rng.integers(1, 30, 3000), rng.integers(100, 9000, 3000)
    percent, shipping = rng.choice([0, 5, 10, 20], 3000), rng.integers(300, 900, 3000)
    amount = np.round(quantity * price * (100 - percent) / 100)
    began = rng.integers(19_000, 19_400, 3000)
    table = make_table(
        "lines",
        {
            "quantity": quantity,
            "price": cents(price),
            "discount": cents(percent),
            "amount": cents(amount),
            "shipping": cents(shipping),
            "gross": cents(amount + shipping),
            "ordered": dates(began),
            "due": dates(began + 30),
            "paid": dates(began + rng.integers(0, 90, 3000)),
        },
    )
    assert said(table) >= {
        "amount = quantity * price * (1 - discount)",
        "gross = amount + shipping",
        "due = ordered + 30",
        "ordered is at most paid",
    }


def test_names_of_codes_texts_made_of_texts_and_conditional_blanks_are_found(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    place = rng.integers(0, 60, 6000)
    code = np.array([f"C{n:02d}" for n in range(60)])[place]
    city = np.array([f"City {n // 3}" for n in range(60)])[place]
    kind = rng.choice(["club", "person", "shop"], 6000)
    table = make_table(
        "people",
        {
            "code": code,
            "city": city,
            "shouted": np.char.upper(city),
            "kind": kind,
            "company": np.where(kind == "person", None, rng.choice(["A", "B", "C", "D"], 6000)),
        },
    )
    found = said(table)
    assert "city and code go together in 60 ways" in found
    assert "shouted is upper of city" in found
    assert (
        "kind and company go together in 9 ways" in found
        or "company is empty for 1 values of kind" in str(found)
    )


def test_what_only_chance_holds_is_no_rule(make_table: Any) -> None:
    rng = np.random.default_rng(3)
    table = make_table(
        "chance",
        {
            "small": rng.integers(0, 10, 5000),
            "great": rng.integers(1000, 9000, 5000),  # never less than small, whatever the row
            "letter": rng.choice(list("abcdefgh"), 5000),
            "word": rng.choice(["x", "y", "z"], 5000),
            "seldom": np.where(rng.random(5000) < 0.02, None, rng.choice(["u", "v"], 5000)),
        },
    )
    assert said(table) == set()


def test_pairs_and_exceptions_that_fewer_than_k_share_are_not_told(make_table: Any) -> None:
    rng = np.random.default_rng(4)
    place = rng.integers(0, 20, 8000)
    code = np.array([f"C{n:02d}" for n in range(20)])[place].astype(object)
    city = np.array([f"City {n // 2}" for n in range(20)])[place].astype(object)
    city[:4] = "City 9"  # four rows that are wrong for their code
    code[10:15], city[10:15] = "SECRET", "Hidden"
    table = make_table("places", {"code": code, "city": city})
    sketch = sketched(table)
    rule = next(one for one in sketch.tables[0].rules if one.kind == "accepted")
    assert rule.kept == 1.0, "four exceptions are fewer than k"
    assert "SECRET" not in codec.to_json(sketch).decode()
    assert codec.from_json(codec.to_json(sketch)) == sketch
    twin = generate(sketch, 1, "plain")["places"].table.to_pylist()
    listed = {(a, b) for a, b, _ in rule.pairs}
    assert all(
        (row[rule.columns[0]], row[rule.columns[1]]) in listed for row in twin if row["code"] != "SECRET"
    )


def test_one_great_value_does_not_show_in_any_mean(make_table: Any) -> None:
    rng = np.random.default_rng(5)
    salary = rng.integers(3000, 9000, 1000)
    salary[7] = 90_000_000
    team = rng.choice(["a", "b", "c"], 1000)
    sketch = sketched(
        make_table("staff", {"team": team, "salary": salary, "age": rng.integers(20, 60, 1000)})
    )
    means = [mean for one in sketch.tables[0].means if one.measure == "salary" for _, mean in one.means]
    assert means
    assert max(means) < 9000


def orders_and_lines(make_table: Any) -> list[Table]:
    rng = np.random.default_rng(6)
    region = rng.choice(["EMEA", "APAC", "AMER"], 3000, p=[0.6, 0.3, 0.1])
    owner = np.sort(rng.integers(0, 3000, 9000))
    dear = np.where(region == "APAC", 3, 1)[owner]
    quantity, price = rng.integers(1, 6, 9000), rng.integers(100, 900, 9000) * dear
    total = np.bincount(owner, quantity * price, 3000)
    full = np.bincount(owner, minlength=3000) > 0
    orders = make_table(
        "orders",
        {
            "id": pa.array(range(3000)),
            "region": region,
            "total": pa.array(
                [Decimal(int(t)).scaleb(-2) if f else None for t, f in zip(total, full, strict=True)]
            ),
        },
        KEY,
    )
    lines = make_table(
        "lines",
        {
            "id": pa.array(range(9000)),
            "order": pa.array(owner),
            "quantity": quantity,
            "price": cents(price),
            "amount": cents(quantity * price),
        },
        KEY,
        Field("order", "", required=True, references=("orders", "id")),
    )
    return [orders, lines]


def test_totals_of_other_tables_are_kept_and_the_same_seed_gives_the_same_rows(make_table: Any) -> None:
    tables = orders_and_lines(make_table)
    made = make(tables, 10, 3, "plain")
    assert all(score.broken == 0 for report in made.reports for score in report.rules)
    assert "total is the sum of amount in lines" in {one.says for r in made.reports for one in r.rules}
    again = make(tables, 10, 3, "plain")
    assert all(made.twins[name].table.equals(again.twins[name].table) for name in ("orders", "lines"))


def test_what_a_contract_promises_holds_in_a_plain_twin(make_table: Any) -> None:
    rng = np.random.default_rng(7)
    found = make_table(
        "bookings",
        {
            "first": dates(rng.integers(19_000, 19_400, 500)),
            "last": dates(rng.integers(19_000, 19_400, 500)),  # the data breaks its promise half of the time
            "state": rng.choice(["open", "closed", "?"], 500),
            "code": [f"{n}" for n in rng.integers(0, 99, 500)],
            "seats": rng.integers(-5, 60, 500),
            "booked": rng.integers(0, 60, 500),
        },
    )
    promises = (
        data.Rule("sql", query="SELECT count(*) FROM bookings b WHERE b.first > b.last", bound=zero()),
        data.Rule(
            "sql", query="SELECT count(*) FROM bookings WHERE booked > 2 * seats AND seats > 9", bound=zero()
        ),
        data.Rule("invalid", columns=("state",), values=("open", "closed")),
        data.Rule("invalid", columns=("code",), pattern="^[A-Z]{2}[0-9]{3}$"),
        data.Rule("invalid", columns=("seats",), least=0, most=50),
    )
    table = Table(found.name, found.fields, found.path, promises=promises)
    made = make([table], 10, 1, "plain")
    declared = [score for score in made.reports[0].rules if score.declared]
    assert len(declared) == 5
    assert [score.broken for score in declared] == [0] * 5
    assert min(score.kept for score in declared) < 0.6, "the real share is told"


def zero() -> Any:
    return data.Rule("nulls").bound


def test_a_rule_says_what_it_is_in_words() -> None:
    rules = (
        Rule("range", ("a",), low=0.0, strict=True),
        Rule("values", ("a",), values=("x",), strict=True),
        Rule("pattern", ("a",), how="x"),
        Rule("unique", ("a", "b")),
        Rule("nulls", ("a", "b"), how="empty", values=(1.0,), filled=(0.0,)),
    )
    assert [says(rule) for rule in rules] == [
        "a is above 0",
        "a is none of 1 values",
        "a has its pattern",
        "a, b are never repeated together",
        "b is empty where a is and has a value where a has one",
    ]


def test_a_rule_that_lists_what_fewer_than_k_share_is_found_again(make_table: Any) -> None:
    rng = np.random.default_rng(9)
    place = rng.integers(0, 20, 4000)
    code = np.array([f"C{n:02d}" for n in range(20)])[place].astype(object)
    city = np.array([f"City {n // 2}" for n in range(20)])[place].astype(object)
    code[:9], city[:9] = "C00", "Hidden"
    plane = open_plane([make_table("places", {"code": code, "city": city})], 10)
    sketch = take(plane).sketch.tables[0]
    assert rare_in_rules(plane, sketch) is None
    rule = Rule("accepted", ("city", "code"), pairs=(("City 0", "C00", 0.9), ("Hidden", "C00", 0.1)))
    assert rare_in_rules(plane, replace(sketch, rules=(rule,))) == "code"
    rule = Rule("nulls", ("city", "code"), values=("Hidden",))
    assert rare_in_rules(plane, replace(sketch, rules=(rule,))) == "city"
