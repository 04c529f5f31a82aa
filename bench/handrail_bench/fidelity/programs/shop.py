"""For the web shop."""

import csv
import html
import io
import json
import math

import duckdb
import pandas as pd
import polars as pl

from handrail_bench.fidelity.bank import Query, program


@program("shop")
def monthly_growth(query: Query) -> None:
    """Revenue per month and its growth over the month before, in per cent."""
    df = query(
        "SELECT date_trunc('month', o.ordered_at) AS month, sum(l.quantity * l.unit_price) AS revenue"
        " FROM orders o JOIN order_lines l USING (order_id) GROUP BY 1 ORDER BY 1"
    )
    df["growth"] = df["revenue"].pct_change() * 100
    assert df["growth"].iloc[1:].abs().max() < 500, "no month is six times the month before"


@program("shop")
def every_month(query: Query) -> None:
    """Orders per month as a list for a chart; every month of the shop stands in it."""
    df = query("SELECT ordered_at FROM orders")
    months = df["ordered_at"].dt.to_period("M")
    counts = months.value_counts().sort_index()
    assert len(counts) == len(pd.period_range(months.min(), months.max(), freq="M")), "a month is missing"


@program("shop")
def basket(query: Query) -> None:
    """Average value of an order."""
    totals = query("SELECT order_id, sum(quantity * unit_price) AS total FROM order_lines GROUP BY 1")
    assert totals["total"].min() >= 0, "an order is not worth less than nothing"


@program("shop")
def category_share(query: Query) -> None:
    """Share of each category in what was sold; the shares make 100 per cent."""
    df = query(
        "SELECT p.category, l.quantity * l.unit_price AS sold FROM order_lines l JOIN products p USING (product_id)"
    )
    share = df.groupby("category")["sold"].sum() / df["sold"].sum() * 100
    assert math.isclose(share.sum(), 100, abs_tol=0.01), "the shares do not make 100"


@program("shop")
def category_emoji(query: Query) -> None:
    """Put a sign before each product, by its category."""
    signs = {"Garden": "G", "Kitchen": "K", "Lighting": "L", "Tools": "T", "Toys": "Y"}
    df = query("SELECT product, category FROM products")
    labels = [f"[{signs[row.category]}] {row.product}" for row in df.itertuples()]
    assert len(labels) == len(df)


@program("shop")
def net_after_discount(query: Query) -> None:
    """Revenue after discounts."""
    df = query("SELECT quantity, unit_price, discount FROM order_lines")
    net = (df["quantity"] * df["unit_price"] * (1 - df["discount"])).sum()
    gross = (df["quantity"] * df["unit_price"]).sum()
    assert net > gross * 0.75, "no discount is that large"


@program("shop")
def coupon_use(query: Query) -> None:
    """Split the coupon code into its name and its per cent."""
    df = query("SELECT coupon FROM orders")
    percent = [int("".join(c for c in coupon if c.isdigit())) for coupon in df["coupon"]]
    assert max(percent) <= 100


@program("shop")
def credit_total(query: Query) -> None:
    """Credit limits as whole numbers, with the total."""
    df = query("SELECT customer_id, credit_limit FROM customers")
    df["credit_limit"] = df["credit_limit"].astype(int)
    assert df["credit_limit"].sum() >= 0


@program("shop")
def credit_used(query: Query) -> None:
    """How much of the credit limit did each customer use?"""
    df = query(
        "SELECT c.customer_id, c.credit_limit, sum(l.quantity * l.unit_price) AS bought FROM customers c"
        " JOIN orders o USING (customer_id) JOIN order_lines l USING (order_id)"
        " WHERE c.credit_limit IS NOT NULL GROUP BY ALL"
    )
    df["used"] = df["bought"] / df["credit_limit"]
    assert df["used"].map(math.isfinite).all(), "a share of nothing"


@program("shop")
def customers_without_orders(query: Query) -> None:
    """Every customer with the number of their orders, as whole numbers in a dictionary."""
    customers = query("SELECT customer_id FROM customers")["customer_id"]
    counts = query("SELECT customer_id, count(*) AS n FROM orders GROUP BY 1").set_index("customer_id")["n"]
    result = {int(c): int(counts[c]) for c in customers}
    assert len(result) == len(customers)


@program("shop")
def vip(query: Query) -> None:
    """Name the customer with most orders; nobody should dominate the list."""
    df = query("SELECT customer_id, count(*) AS n FROM orders GROUP BY 1 ORDER BY n DESC, 1")
    assert df["n"].iloc[0] < 20 * df["n"].median(), "one customer hides the others in the chart"


@program("shop")
def shelf_labels(query: Query) -> None:
    """Price labels: euros with two places; a label needs a price."""
    df = query("SELECT product, price FROM products")
    labels = [f"{row.product}: {row.price:.2f} EUR" for row in df.itertuples()]
    assert not any(label.endswith((" 0.00 EUR", "nan EUR")) for label in labels), "a label without a price"


@program("shop")
def shop_page(query: Query) -> None:
    """A small HTML page of the order notes."""
    df = query("SELECT order_id, note FROM orders WHERE note IS NOT NULL")
    page = "".join(f"<tr><td>{r.order_id}</td><td>{r.note}</td></tr>" for r in df.itertuples())
    assert all(f"<td>{html.escape(note)}</td>" in page for note in df["note"]), "a note would change the page"


@program("shop", held_out=True)
def customer_csv(query: Query) -> None:
    """All customers as CSV for Excel; names as they are."""
    df = query("SELECT customer_id, name, country FROM customers ORDER BY 1")
    text = df.to_csv(index=False)
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert [r[1] for r in rows] == list(df["name"])
    assert not any(r[1].startswith(("=", "+", "-", "@")) for r in rows), "Excel would run a name"


@program("shop")
def safe_customer_csv(query: Query) -> None:
    """All customers as CSV for Excel, with formulas taken out."""
    df = query("SELECT customer_id, name FROM customers ORDER BY 1")
    df["name"] = df["name"].fillna("").map(lambda n: "'" + n if n[:1] in "=+-@" and n else n)
    rows = list(csv.reader(io.StringIO(df.to_csv(index=False))))[1:]
    assert len(rows) == len(df) and not any(r[1].startswith(("=", "+", "-", "@")) for r in rows)


@program("shop", held_out=True)
def order_lookup(query: Query) -> None:
    """Find the orders of a customer by name with SQL put together by hand."""
    names = query("SELECT DISTINCT name FROM customers")["name"]
    db = duckdb.connect()
    db.execute("CREATE TABLE t (name VARCHAR)")
    for name in names:
        db.execute(f"SELECT count(*) FROM t WHERE name = '{name}'").fetchone()


@program("shop")
def country_totals(query: Query) -> None:
    """Customers by country; each country once."""
    df = query("SELECT country FROM customers")
    countries = df["country"].value_counts()
    assert len({c.strip().upper() for c in countries.index}) == len(countries)


@program("shop")
def country_is_code(query: Query) -> None:
    """Put customers on a map by the two letters of their country."""
    codes = query("SELECT DISTINCT country FROM customers")["country"]
    assert all(len(code) == 2 for code in codes), "that is no country code"


@program("shop")
def postcode_region(query: Query) -> None:
    """Customers by postcode region: the first digit."""
    df = query("SELECT postcode FROM customers")
    df["region"] = df["postcode"].str[0].astype(int)
    assert df["region"].between(0, 9).all()


@program("shop")
def pivot_channels(query: Query) -> None:
    """Orders by month and channel; the table adds up to all orders of the shop's two years."""
    df = query("SELECT ordered_at, channel FROM orders")
    table = df.pivot_table(
        index=df["ordered_at"].dt.strftime("%Y-%m"), columns="channel", aggfunc="size", fill_value=0
    )
    assert table.loc["2023-01":"2024-12"].to_numpy().sum() == len(df), "orders of other years"


@program("shop")
def channel_colours(query: Query) -> None:
    """Channels with fixed colours for a chart."""
    colours = {"web": "#123", "phone": "#456", "store": "#789", "app": "#abc"}
    df = query("SELECT channel, count(*) AS n FROM orders GROUP BY 1 ORDER BY 2 DESC")
    assert [colours[c] for c in df["channel"]]


@program("shop")
def status_flow(query: Query) -> None:
    """Return rate: returned orders by delivered orders, per channel, robustly."""
    df = query("SELECT channel, status FROM orders")
    table = df.groupby(["channel", "status"]).size().unstack(fill_value=0)
    returned = table["returned"] if "returned" in table else pd.Series(0, index=table.index)
    delivered = table["delivered"] if "delivered" in table else pd.Series(0, index=table.index)
    rate = returned / (returned + delivered).replace(0, 1)
    assert rate.between(0, 1).all()


@program("shop")
def discontinued_soon(query: Query) -> None:
    """Sort products by the day on which they end, as a plain list."""
    df = query("SELECT product, discontinued FROM products")
    rows = sorted(zip(df["discontinued"].dt.strftime("%Y-%m-%d"), df["product"], strict=True))
    assert len(rows) == len(df)


@program("shop")
def delivered_before_ordered(query: Query) -> None:
    """Average delivery time by status with a proper filter for impossible values."""
    df = query("SELECT ordered_at, delivered_on FROM orders").dropna()
    days = (df["delivered_on"] - df["ordered_at"].dt.normalize()).dt.days
    usable = days[days.between(0, 60)]
    assert len(usable) > len(days) / 2 and usable.mean() > 0


@program("shop")
def orders_json(query: Query) -> None:
    """Orders of the last day as JSON."""
    df = query(
        "SELECT order_id, customer_id, ordered_at, delivered_on FROM orders ORDER BY ordered_at DESC LIMIT 200"
    )
    rows = df.to_dict("records")
    text = json.dumps(rows, default=str, allow_nan=False)
    assert "NaT" not in text


@program("shop")
def polars_average_price(query: Query) -> None:
    """Average price by category with polars, missing categories named."""
    df = pl.DataFrame(
        query("SELECT coalesce(category, 'none') AS category, price FROM products").to_dict("list")
    )
    result = df.group_by("category").agg(pl.col("price").mean().alias("mean"), pl.len().alias("n"))
    assert result["n"].sum() == len(df)
    assert result["mean"].is_finite().all()


@program("shop")
def price_bands(query: Query) -> None:
    """Put products into price bands up to 200 euros."""
    df = query("SELECT price FROM products")
    bands = pd.cut(df["price"], [0, 10, 50, 100, 200])
    assert bands.value_counts().sum() == len(df), "a product is in no band"


@program("shop")
def merge_prices(query: Query) -> None:
    """Put the product names beside the lines by sku group; no line may be doubled."""
    lines = query("SELECT order_id, line_no, product_id FROM order_lines")
    products = query("SELECT product_id, product FROM products")
    merged = lines.merge(products, on="product_id", how="left")
    assert len(merged) == len(lines) and merged["product"].notna().all()
