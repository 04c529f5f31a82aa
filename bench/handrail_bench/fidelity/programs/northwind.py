"""For Microsoft's sample order book, where it lies beside the project."""

import json
import math

import pandas as pd

from handrail_bench.fidelity.bank import Query, program


@program("northwind", held_out=True)
def shipping_days(query: Query) -> None:
    """Days from order to shipping, as whole numbers."""
    df = query("SELECT OrderDate, ShippedDate FROM orders")
    days = (df["ShippedDate"] - df["OrderDate"]).dt.days.astype(int)
    assert (days >= 0).all()


@program("northwind")
def orders_by_region(query: Query) -> None:
    """Orders by region of the ship address; each order has one."""
    df = query("SELECT ShipRegion FROM orders")
    assert df.groupby("ShipRegion").size().sum() == len(df)


@program("northwind")
def sales_after_discount(query: Query) -> None:
    """Sales after discount, by product."""
    df = query("SELECT ProductID, UnitPrice * Quantity * (1 - Discount) AS sales FROM order_details")
    assert df.groupby("ProductID")["sales"].sum().min() > 0


@program("northwind", held_out=True)
def reports_to(query: Query) -> None:
    """Who reports to whom?"""
    df = query("SELECT EmployeeID, LastName, ReportsTo FROM employees")
    names = dict(zip(df["EmployeeID"], df["LastName"], strict=True))
    assert [names[int(boss)] for boss in df["ReportsTo"]]


@program("northwind")
def fax_numbers(query: Query) -> None:
    """Customers with a fax, digits alone."""
    df = query("SELECT CompanyName, Fax FROM customers")
    assert ["".join(c for c in fax if c.isdigit()) for fax in df["Fax"]]


@program("northwind")
def every_customer(query: Query) -> None:
    """The first order of every customer."""
    customers = query("SELECT CustomerID FROM customers")["CustomerID"]
    orders = query("SELECT CustomerID, OrderDate FROM orders ORDER BY OrderDate")
    for customer in customers:
        assert orders[orders["CustomerID"] == customer].iloc[0]["OrderDate"] is not None


@program("northwind")
def freight(query: Query) -> None:
    """Average freight by country as JSON."""
    df = query("SELECT ShipCountry, avg(Freight) AS freight FROM orders GROUP BY 1")
    assert json.dumps({row.ShipCountry: round(row.freight, 2) for row in df.itertuples()}, allow_nan=False)


@program("northwind")
def stock_range(query: Query) -> None:
    """For how many reorder levels does the stock last?"""
    df = query("SELECT UnitsInStock, ReorderLevel FROM products")
    assert (df["UnitsInStock"] / df["ReorderLevel"]).map(math.isfinite).all()


@program("northwind")
def product_names(query: Query) -> None:
    """Products by category with both names."""
    products = query("SELECT ProductName, CategoryID FROM products")
    categories = query("SELECT CategoryID, CategoryName FROM categories")
    merged = products.merge(categories, on="CategoryID")
    assert len(merged) == len(products)


@program("northwind")
def late_orders(query: Query) -> None:
    """Orders that were shipped after they were required."""
    df = query("SELECT RequiredDate, ShippedDate FROM orders")
    late = (df["ShippedDate"] > df["RequiredDate"]).sum()
    in_time = (df["ShippedDate"] <= df["RequiredDate"]).sum()
    assert late + in_time == len(df), "some are not shipped at all"


@program("northwind")
def quarters(query: Query) -> None:
    """Orders by quarter, none missing."""
    df = query("SELECT OrderDate FROM orders")
    by = df["OrderDate"].dt.to_period("Q").value_counts()
    assert len(by) == len(pd.period_range(by.index.min(), by.index.max(), freq="Q"))
