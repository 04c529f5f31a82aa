"""Customer 360: the hundred customers with the most orders, on one page."""

import pandas as pd
from handrail_sdk import query, show, text

TOP = 100


def load() -> pd.DataFrame:
    # All fields, so that the page can be extended later without touching the query.
    return query(
        """
        WITH busy AS (
            SELECT customer_id, count(*) AS orders, max(order_date) AS last_order
            FROM sales_orders
            GROUP BY customer_id
        )
        SELECT c.*, busy.orders, busy.last_order
        FROM customers c
        JOIN busy ON busy.customer_id = c.customer_id
        ORDER BY busy.orders DESC, c.customer_id
        LIMIT 100
        """
    )


def main() -> None:
    customers = load()
    customers["loyalty_tier"] = customers["loyalty_tier"].fillna("none")
    summary = (
        customers.groupby(["segment", "loyalty_tier"], dropna=False)
        .agg(customers=("customer_id", "nunique"), orders=("orders", "sum"))
        .reset_index()
        .sort_values("orders", ascending=False)
    )
    text(f"The {len(customers)} busiest customers.")
    show(summary, title="By segment and loyalty")
    show(
        customers[["customer_id", "segment", "region", "loyalty_tier", "orders", "last_order"]],
        title="Customers",
    )
    customers.to_csv("customers.csv", index=False)  # picked up as a download


if __name__ == "__main__":
    main()
