"""Every kind of metric, asked in many ways, against plain SQL that was written by hand on the same data."""

import datetime as dt
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from handrail.data import ossie
from handrail.data.compile_metric import compile_metric, reachable, reads
from handrail.data.explain import sentence
from handrail.data.models import Column, MetricRequest
from handrail.data.parse import read
from handrail.data.resolve import resolve
from handrail.kernel import Invalid, Refusal
from handrail.kernel import definitions as files
from tests.data import asking
from tests.data.governing import contract

DATASETS = """
      - name: orders
        source: orders
        primary_key: [id]
        fields:
          - {name: region, expression: {dialects: [{dialect: ANSI_SQL, expression: region}]}}
          - {name: channel, expression: {dialects: [{dialect: ANSI_SQL, expression: channel}]}}
          - {name: ordered, datatype: Date, expression: {dialects: [{dialect: ANSI_SQL, expression: day}]}}
          - {name: big, expression: {dialects: [{dialect: ANSI_SQL, expression: "amount > 500"}]}}
      - name: lines
        source: order_lines
        primary_key: [order_id, line]
        fields:
          - {name: product, expression: {dialects: [{dialect: ANSI_SQL, expression: product}]}}
      - name: customers
        source: customers
        primary_key: [id]
        fields:
          - {name: segment, expression: {dialects: [{dialect: ANSI_SQL, expression: segment}]}}
      - name: countries
        source: countries
        primary_key: [code]
        fields:
          - {name: continent, expression: {dialects: [{dialect: ANSI_SQL, expression: continent}]}}
      - name: stock
        source: stock
        primary_key: [day, product]
        fields:
          - {name: item, expression: {dialects: [{dialect: ANSI_SQL, expression: product}]}}
          - {name: counted, datatype: Date, expression: {dialects: [{dialect: ANSI_SQL, expression: day}]}}
    relationships:
      - {name: line_order, from: lines, to: orders, from_columns: [order_id], to_columns: [id]}
      - {name: order_customer, from: orders, to: customers, from_columns: [customer_id], to_columns: [id]}
      - {name: customer_country, from: customers, to: countries, from_columns: [country], to_columns: [code]}
"""
YEAR_BEFORE = {"before": {"metric": "revenue", "earlier": "1 year"}}
METRICS: dict[str, tuple[str, dict[str, Any]]] = {
    "revenue": ("SUM(orders.amount)", {}),
    "orders_made": ("COUNT(orders.id)", {}),
    "buyers": ("COUNT(DISTINCT orders.customer_id)", {}),
    "largest": ("MAX(orders.amount)", {}),
    "web_revenue": ("SUM(orders.amount)", {"filter": "orders.channel = 'web'"}),
    "eu_revenue": ("SUM(orders.amount)", {"filter": "countries.continent = 'Europe'"}),
    "pieces": ("SUM(lines.pieces)", {}),
    "basket": ("revenue / orders_made", {"kind": "ratio"}),
    "web_share": ("web_revenue / revenue", {"kind": "ratio"}),
    "per_order": ("pieces / orders_made", {"kind": "ratio"}),
    "growth": ("revenue / before - 1", {"kind": "derived", "inputs": YEAR_BEFORE}),
    "year_before": ("before", {"kind": "derived", "inputs": YEAR_BEFORE}),
    "offline": ("revenue - web_revenue", {"kind": "derived"}),
    "basket_growth": (
        "basket - earlier",
        {"kind": "derived", "inputs": {"earlier": {"metric": "basket", "earlier": "1 quarter"}}},
    ),
    "so_far": ("SUM(orders.amount)", {"kind": "cumulative"}),
    "year_to_date": ("SUM(orders.amount)", {"kind": "cumulative", "to_date": "year"}),
    "fiscal_to_date": ("SUM(orders.amount)", {"kind": "cumulative", "to_date": "fiscal_year"}),
    "rolling": ("SUM(orders.amount)", {"kind": "cumulative", "window": "28 day"}),
    "active": ("COUNT(DISTINCT orders.customer_id)", {"kind": "cumulative", "window": "3 month"}),
    "web_so_far": ("SUM(orders.amount)", {"kind": "cumulative", "filter": "orders.channel = 'web'"}),
    "on_hand": ("SUM(stock.held)", {"over_time": "last"}),
}


def definitions(metrics: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, ossie.Definition]:
    """A model with these metrics; its fiscal year begins in April."""
    text = f'version: "0.2.0.dev0"\nsemantic_model:\n  - name: shop\n    datasets:{DATASETS}'
    text += "    custom_extensions:\n      - {vendor_name: HANDRAIL, data: '{\"fiscal_start\": 4}'}\n    metrics:\n"
    for name, (expression, settings) in metrics.items():
        said = json.dumps(settings).replace("'", "''")
        text += (
            f"      - name: {name}\n"
            f'        expression: {{dialects: [{{dialect: ANSI_SQL, expression: "{expression}"}}]}}\n'
            f"        custom_extensions: [{{vendor_name: HANDRAIL, data: '{said}'}}]\n"
        )
    return {one.metric.name: one for one in ossie.load(text.encode(), "model/shop.yaml")}


MODEL = definitions(METRICS)
CONTRACTS = {
    name: contract(name, [Column(column, type_) for column, type_ in columns.items()])
    for name, columns in {
        "orders": {
            "id": "BIGINT",
            "customer_id": "BIGINT",
            "region": "VARCHAR",
            "channel": "VARCHAR",
            "day": "DATE",
            "amount": "BIGINT",
        },
        "order_lines": {"order_id": "BIGINT", "line": "BIGINT", "product": "VARCHAR", "pieces": "BIGINT"},
        "customers": {"id": "BIGINT", "segment": "VARCHAR", "country": "VARCHAR"},
        "countries": {"code": "VARCHAR", "continent": "VARCHAR"},
        "stock": {"day": "DATE", "product": "VARCHAR", "held": "BIGINT"},
    }.items()
}


@pytest.fixture(scope="module")
def shop() -> Iterator[duckdb.DuckDBPyConnection]:
    """Three years of a shop with gaps: nulls in dimensions, customers without a country, days without stock."""
    chance = random.Random(7)
    first = dt.date(2023, 11, 20)
    with duckdb.connect() as db:
        for name, one in CONTRACTS.items():
            columns = ", ".join(f"{c.name} {c.type}" for c in one.columns)
            db.execute(f"CREATE TABLE {name} ({columns})")
        db.execute("INSERT INTO countries VALUES ('DE', 'Europe'), ('FR', 'Europe'), ('JP', 'Asia')")
        for n in range(40):
            row = [n, chance.choice(["club", "shop", None]), chance.choice(["DE", "FR", "JP", "XX", None])]
            db.execute("INSERT INTO customers VALUES (?, ?, ?)", row)
        for n in range(600):
            row = [
                n,
                chance.choice([*range(45), None]),
                chance.choice(["EMEA", "APAC", "NA", None]),
                chance.choice(["web", "store"]),
                first + dt.timedelta(days=chance.choice([*range(300), *range(360, 800)])),
                chance.choice([0, 10, 250, 900, None]),
            ]
            db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", row)
            for line in range(chance.randrange(4)):
                more = [n, line, chance.choice("AB"), chance.randrange(1, 9)]
                db.execute("INSERT INTO order_lines VALUES (?, ?, ?, ?)", more)
        for n in range(120):
            for product in "AB":
                if chance.random() < 0.8:
                    day = first + dt.timedelta(days=n * 5)
                    db.execute("INSERT INTO stock VALUES (?, ?, ?)", [day, product, chance.randrange(100)])
        yield db


def ours(db: duckdb.DuckDBPyConnection, name: str, **request: Any) -> list[tuple[Any, ...]]:
    """The metric's answer; its SQL must also pass the governed query's allow-list and scoping."""
    question = compile_metric(MODEL[name], MetricRequest(name, **request))
    resolve(read(question.sql).copy(), question.sql, CONTRACTS)
    return plain(db.execute(question.sql, question.params).fetchall())


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows that compare: moments as days, numbers rounded alike, in an order of their own."""

    def value(one: Any) -> Any:
        if isinstance(one, dt.datetime):
            return one.date()
        return (
            round(float(one), 6)
            if isinstance(one, int | float | Decimal) and not isinstance(one, bool)
            else one
        )

    return sorted((tuple(map(value, row)) for row in rows), key=repr)


GRAIN_SQL = {
    "day": "day",
    "week": "date_trunc('week', day)",
    "month": "date_trunc('month', day)",
    "quarter": "date_trunc('quarter', day)",
    "year": "date_trunc('year', day)",
    "fiscal_quarter": "date_trunc('quarter', day)",
    "fiscal_year": "make_date(CASE WHEN month(day) >= 4 THEN year(day) ELSE year(day) - 1 END, 4, 1)",
}
SIMPLE = {
    "revenue": "sum(amount)",
    "orders_made": "count(id)",
    "buyers": "count(DISTINCT customer_id)",
    "largest": "max(amount)",
    "basket": "sum(amount) / nullif(count(id), 0)",
}
JOINED = "orders LEFT JOIN customers c ON c.id = customer_id LEFT JOIN countries k ON k.code = c.country"


@pytest.mark.parametrize("grain", GRAIN_SQL)
@pytest.mark.parametrize("name", SIMPLE)
def test_each_grain_aggregates_the_rows_anew(shop: Any, name: str, grain: str) -> None:
    expected = shop.execute(f"SELECT {GRAIN_SQL[grain]}, {SIMPLE[name]} FROM orders GROUP BY 1").fetchall()
    assert ours(shop, name, grain=grain) == plain(expected)


def every(grain: str) -> str:
    """Each period from the first order to the last, also those without one."""
    p, unit = GRAIN_SQL[grain], grain.removeprefix("fiscal_")
    step = "3 MONTH" if unit == "quarter" else f"1 {unit}"
    return (
        f"(SELECT CAST(unnest(generate_series(min({p})::TIMESTAMP, max({p})::TIMESTAMP, INTERVAL {step})) AS DATE) "
        "AS p FROM orders)"
    )


REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("revenue", {}, "SELECT sum(amount) FROM orders"),
    ("revenue", {"by": ("region",)}, "SELECT region, sum(amount) FROM orders GROUP BY 1"),
    ("buyers", {"by": ("region",)}, "SELECT region, count(DISTINCT customer_id) FROM orders GROUP BY 1"),
    ("revenue", {"by": ("segment",)}, f"SELECT segment, sum(amount) FROM {JOINED} GROUP BY 1"),
    ("revenue", {"by": ("continent",)}, f"SELECT continent, sum(amount) FROM {JOINED} GROUP BY 1"),
    (
        "basket",
        {"by": ("continent",)},
        f"SELECT continent, sum(amount) / count(orders.id) FROM {JOINED} GROUP BY 1",
    ),
    (
        "buyers",
        {"by": ("continent", "segment")},
        f"SELECT continent, segment, count(DISTINCT customer_id) FROM {JOINED} GROUP BY 1, 2",
    ),
    (
        "pieces",
        {"by": ("continent",)},
        "SELECT continent, sum(pieces) FROM order_lines l LEFT JOIN orders o ON o.id = l.order_id "
        "LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN countries k ON k.code = c.country GROUP BY 1",
    ),
    (
        "pieces",
        {"by": ("product",), "grain": "year"},
        "SELECT date_trunc('year', day), product, sum(pieces) FROM order_lines JOIN orders ON id = order_id GROUP BY 1, 2",
    ),
    ("revenue", {"by": ("big",)}, "SELECT amount > 500, sum(amount) FROM orders GROUP BY 1"),
    ("revenue", {"where": {"region": "EMEA"}}, "SELECT sum(amount) FROM orders WHERE region = 'EMEA'"),
    ("revenue", {"where": {"region": None}}, "SELECT sum(amount) FROM orders WHERE region IS NULL"),
    (
        "revenue",
        {"where": {"region": ["EMEA", None], "channel": "web"}},
        "SELECT sum(amount) FROM orders WHERE (region = 'EMEA' OR region IS NULL) AND channel = 'web'",
    ),
    ("orders_made", {"where": {"region": [None]}}, "SELECT count(*) FROM orders WHERE region IS NULL"),
    (
        "revenue",
        {"where": {"region": ["EMEA", "NA"]}, "by": ("channel",)},
        "SELECT channel, sum(amount) FROM orders WHERE region IN ('EMEA', 'NA') GROUP BY 1",
    ),
    (
        "revenue",
        {"start": "2024-02-01", "end": "2024-03-15"},
        "SELECT sum(amount) FROM orders WHERE day >= '2024-02-01' AND day < '2024-03-15'",
    ),
    ("web_revenue", {}, "SELECT sum(amount) FROM orders WHERE channel = 'web'"),
    (
        "web_revenue",
        {"by": ("region",), "grain": "month"},
        "SELECT date_trunc('month', day), region, sum(amount) FROM orders WHERE channel = 'web' GROUP BY 1, 2",
    ),
    ("eu_revenue", {}, f"SELECT sum(amount) FROM {JOINED} WHERE continent = 'Europe'"),
    (
        "eu_revenue",
        {"by": ("region",)},
        f"SELECT region, sum(amount) FROM {JOINED} WHERE continent = 'Europe' GROUP BY 1",
    ),
    (
        "web_share",
        {"by": ("region",)},
        "SELECT region, sum(amount) FILTER (channel = 'web') / nullif(sum(amount), 0) FROM orders GROUP BY 1",
    ),
    (
        "web_share",
        {"by": ("continent",), "grain": "quarter"},
        "SELECT date_trunc('quarter', day), continent, sum(amount) FILTER (channel = 'web') / nullif(sum(amount), 0) "
        f"FROM {JOINED} GROUP BY 1, 2",
    ),
    (
        "offline",
        {"grain": "year"},
        "SELECT date_trunc('year', day), sum(amount) - sum(amount) FILTER (channel = 'web') FROM orders GROUP BY 1",
    ),
    (
        "per_order",
        {},
        "SELECT (SELECT sum(pieces) FROM order_lines) / (SELECT count(*) FROM orders)",
    ),
    (
        "per_order",
        {"by": ("region",)},
        "SELECT o.region, any_value(p.n) / count(*) FROM orders o LEFT JOIN (SELECT region, sum(pieces) AS n "
        "FROM order_lines JOIN orders ON id = order_id GROUP BY 1) p ON p.region IS NOT DISTINCT FROM o.region GROUP BY 1",
    ),
    (
        "year_before",
        {"grain": "month", "start": "2025-01-01", "end": "2025-07-01"},
        "SELECT date_trunc('month', day + INTERVAL 1 YEAR), sum(amount) FROM orders "
        "WHERE day >= '2024-01-01' AND day < '2024-07-01' GROUP BY 1",
    ),
    (
        "year_before",
        {"start": "2025-01-01", "end": "2025-07-01"},
        "SELECT sum(amount) FROM orders WHERE day >= '2024-01-01' AND day < '2024-07-01'",
    ),
    (
        "on_hand",
        {},
        "SELECT sum(held) FROM stock WHERE day = (SELECT max(day) FROM stock)",
    ),
    (
        "on_hand",
        {"by": ("item",)},
        "SELECT product, sum(held) FROM stock WHERE day = (SELECT max(day) FROM stock) GROUP BY 1",
    ),
    (
        "on_hand",
        {"grain": "day"},
        "SELECT day, sum(held) FROM stock GROUP BY 1",
    ),
    (
        "on_hand",
        {"end": "2024-06-01"},
        "SELECT sum(held) FROM stock WHERE day = (SELECT max(day) FROM stock WHERE day < '2024-06-01')",
    ),
]
for _grain in ("month", "quarter", "year", "fiscal_quarter"):
    _p = GRAIN_SQL[_grain]
    REQUESTS += [
        (
            "growth",
            {"grain": _grain},
            f"WITH y AS (SELECT {_p} AS p, sum(amount) AS v FROM orders GROUP BY 1), "
            f"b AS (SELECT {_p} + INTERVAL 1 YEAR AS p, sum(amount) AS v FROM orders GROUP BY 1) "
            "SELECT y.p, y.v / nullif(b.v, 0) - 1 FROM y LEFT JOIN b USING (p)",
        ),
        (
            "so_far",
            {"grain": _grain},
            f"SELECT p, (SELECT sum(amount) FROM orders WHERE {_p} <= p) FROM {every(_grain)}",
        ),
        (
            "web_so_far",
            {"grain": _grain},
            f"SELECT p, (SELECT sum(amount) FROM orders WHERE channel = 'web' AND {_p} <= p) FROM {every(_grain)}",
        ),
        (
            "on_hand",
            {"grain": _grain},
            f"SELECT {_p}, sum(held) FROM stock s WHERE day = (SELECT max(day) FROM stock t WHERE "
            f"{_p.replace('day)', 't.day)')} = {_p.replace('day)', 's.day)')}) GROUP BY 1",
        ),
    ]
for _grain in ("month", "quarter"):
    _p, _to = GRAIN_SQL[_grain], f"INTERVAL 1 {_grain.upper()}"
    _periods = every(_grain)
    REQUESTS += [
        (
            "year_to_date",
            {"grain": _grain},
            f"SELECT p, (SELECT sum(amount) FROM orders WHERE day < p + {_to} AND year(day) = year(p)) FROM {_periods}",
        ),
        (
            "fiscal_to_date",
            {"grain": _grain},
            f"SELECT p, (SELECT sum(amount) FROM orders WHERE day < p + {_to} AND {GRAIN_SQL['fiscal_year']} = "
            f"{GRAIN_SQL['fiscal_year'].replace('day', 'p')}) FROM {_periods}",
        ),
        (
            "active",
            {"grain": _grain},
            f"SELECT p, (SELECT count(DISTINCT customer_id) FROM orders WHERE day < p + {_to} "
            f"AND day >= p + {_to} - INTERVAL 3 MONTH) FROM {_periods}",
        ),
    ]
REQUESTS += [
    (
        "rolling",
        {"grain": "day"},
        "SELECT p, (SELECT sum(amount) FROM orders WHERE day <= p AND day > p - 28) "
        f"FROM {every('day')} WHERE p - 28 < (SELECT max(day) FROM orders WHERE day <= p)",
    ),
    (
        "so_far",
        {"grain": "month", "start": "2024-06-01", "end": "2024-09-01"},
        "SELECT p, (SELECT sum(amount) FROM orders WHERE day < p + INTERVAL 1 MONTH) FROM (SELECT DISTINCT "
        "date_trunc('month', day) AS p FROM orders WHERE day >= '2024-06-01' AND day < '2024-09-01')",
    ),
    (
        "so_far",
        {"grain": "year", "by": ("channel",)},
        "SELECT p, channel, (SELECT sum(amount) FROM orders o WHERE o.channel = c.channel AND day < p + INTERVAL 1 YEAR) "
        "FROM (SELECT DISTINCT date_trunc('year', day) AS p FROM orders), (SELECT DISTINCT channel FROM orders) c",
    ),
    (
        "basket_growth",
        {"grain": "quarter"},
        "WITH y AS (SELECT date_trunc('quarter', day) AS p, sum(amount) / count(id) AS v FROM orders GROUP BY 1) "
        "SELECT y.p, y.v - b.v FROM y LEFT JOIN y b ON b.p + INTERVAL 3 MONTH = y.p",
    ),
]


@pytest.mark.parametrize(("name", "request_", "oracle"), REQUESTS)
def test_an_answer_is_what_plain_sql_says(
    shop: Any, name: str, request_: dict[str, Any], oracle: str
) -> None:
    expected = plain(shop.execute(oracle).fetchall())
    assert expected
    assert ours(shop, name, **request_) == expected


def test_there_are_many_requests() -> None:
    assert len(REQUESTS) + len(GRAIN_SQL) * len(SIMPLE) >= 60


def test_a_leap_day_is_compared_once(shop: Any) -> None:
    days = dict(ours(shop, "year_before", grain="day", start="2025-02-28", end="2025-03-01"))
    both = shop.execute("SELECT sum(amount) FROM orders WHERE day IN ('2024-02-28', '2024-02-29')").fetchone()
    assert days.get(dt.date(2025, 2, 28)) == both[0]


@pytest.mark.parametrize(
    ("name", "request_", "message"),
    [
        ("growth", {}, "needs to know which time is meant"),
        ("so_far", {}, "needs steps of time"),
        ("per_order", {"by": ("product",)}, "would count rows more than once"),
        ("basket", {"by": ("nothing",)}, "no dimension nothing"),
        ("revenue", {"by": ("product",)}, "would count rows more than once"),
        ("on_hand", {"by": ("region",)}, "would count rows more than once|no dimension"),
    ],
)
def test_what_cannot_be_right_is_refused(name: str, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(Refusal, match=message):
        compile_metric(MODEL[name], MetricRequest(name, **request_))


@pytest.mark.parametrize(
    ("expression", "settings", "message"),
    [
        ("odd / revenue", {"kind": "ratio"}, "made of itself"),
        ("revenue + orders_made", {"kind": "ratio"}, "not one metric divided by another"),
        ("revenu / orders_made", {"kind": "ratio"}, "names revenu, which is no metric"),
        ("SUM(orders.amount) / revenue", {"kind": "derived"}, "aggregates rows too"),
        ("orders.amount * 2", {"kind": "derived"}, "not made of metrics alone"),
        ("1", {"kind": "derived"}, "not made of metrics alone"),
        ("SUM(orders.amount)", {"filter": "SUM(orders.amount) > 1"}, "no condition on one row"),
        ("SUM(orders.amount)", {"filter": "lines.product = 'A'"}, "would count rows more than once"),
        ("SUM(orders.amount)", {"window": "28 day"}, "for cumulative metrics"),
        ("SUM(orders.amount)", {"kind": "cumulative", "window": "28 days"}, "window"),
        ("SUM(orders.amount)", {"kind": "cumulative", "window": "1 day", "to_date": "year"}, "exclude"),
        ("SUM(stock.held)", {"kind": "cumulative", "over_time": "last"}, "cannot be accumulated"),
        ("revenue / orders_made", {"kind": "ratio", "filter": "true"}, "belong to the metrics"),
        ("SUM(orders.amount)", {"inputs": YEAR_BEFORE}, "inputs are for"),
        ("SUM(orders.amount)", {"kind": "magic"}, "kind"),
        ("SUM(orders.amount)", {"fiscal_start": 13}, "fiscal_start"),
    ],
)
def test_a_definition_that_cannot_be_right_is_refused_with_its_place(
    expression: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        reachable(definitions({**METRICS, "odd": (expression, settings)})["odd"])


def test_two_metrics_made_of_each_other_are_refused() -> None:
    two = {"a": ("b + revenue", {"kind": "derived"}), "b": ("a + revenue", {"kind": "derived"})}
    with pytest.raises(Invalid, match="made of itself, by way of b"):
        reachable(definitions({**METRICS, **two})["a"])


def test_a_metric_made_of_others_reads_what_they_read_and_is_cut_by_what_they_share() -> None:
    assert set(reads(MODEL["per_order"])) == {"orders", "order_lines", "customers", "countries"}
    source, dimensions, time = reachable(MODEL["per_order"])
    assert (source, time) == ("order_lines", "orders.ordered")
    assert "lines.product" not in dimensions
    assert "countries.continent" in dimensions


KINDS = """
      - name: share
        expression: {dialects: [{dialect: ANSI_SQL, expression: "sales / buyers"}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"kind": "ratio"}'}]
      - name: so_far
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"kind": "cumulative"}'}]
      - name: newest
        expression: {dialects: [{dialect: ANSI_SQL, expression: SUM(orders.amount)}]}
        custom_extensions: [{vendor_name: HANDRAIL, data: '{"over_time": "last"}'}]
"""


def test_every_kind_passes_the_governed_query_and_sees_the_viewers_rows_only(tmp_path: Path) -> None:
    instance = asking.furnished(tmp_path)
    with asking.actors(instance)("steward.sales") as ctx:
        files.write(ctx, "model/shop.yaml", asking.MODEL + KINDS.encode(), "Say more")
    ask = asking.asking(instance)

    def values(name: str, **request: Any) -> list[float]:
        rows = ask("viewer.emea", metric=MetricRequest(name, **request))
        return [float(list(row.values())[-1]) for row in rows]

    # EMEA has the even orders: 0, 60 in January; 40, 100 in February; 20, 80 in March
    assert values("sales", grain="month") == [60, 140, 100]
    assert values("share", grain="month") == [30, 70, 50]
    assert values("so_far", grain="month") == [60, 200, 300]
    assert values("so_far", grain="month", by=("city",)) == [60, 200, 300]
    assert values("newest") == [100]
    instance.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("revenue", "The sum of amount over the rows of orders."),
        ("buyers", "The number of different customer_id over the rows of orders."),
        ("web_revenue", "The sum of amount over the rows of orders where channel = 'web'."),
        ("basket", "Revenue divided by orders_made."),
        ("growth", "Revenue / before - 1, where before is revenue 1 year before."),
        (
            "rolling",
            "The sum of amount over the rows of orders, of the last 28 days at the end of each period.",
        ),
        (
            "fiscal_to_date",
            "The sum of amount over the rows of orders, from the beginning of the fiscal year to the end of each period.",
        ),
        (
            "so_far",
            "The sum of amount over the rows of orders, from the beginning to the end of each period.",
        ),
        ("on_hand", "The sum of held over the rows of stock, of the last moment in each period."),
    ],
)
def test_every_metric_explains_itself_in_a_sentence(name: str, said: str) -> None:
    assert sentence(MODEL[name]) == said
