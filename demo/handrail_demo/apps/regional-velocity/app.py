"""Weekly sales velocity by region and product line.

Shows how many orders each region and product line takes per week over the last
quarter, which combinations are speeding up or slowing down, and the revenue
behind them (from the certified metric, so that it matches the board pack).
"""

import matplotlib

matplotlib.use("Agg")  # no display where this runs

import matplotlib.pyplot as plt
import pandas as pd
from handrail_sdk import metric, query, show, text

WEEKS = 13  # one quarter
RECENT_WEEKS = 4  # "now" in the now-versus-before comparison


def load_orders() -> pd.DataFrame:
    """The last WEEKS full weeks of orders, one row per order."""
    orders = query(
        """
        SELECT order_date, region, product_line, net_amount
        FROM sales_orders
        WHERE order_date IS NOT NULL
        """
    )
    orders["order_date"] = pd.to_datetime(orders["order_date"], errors="coerce")
    orders = orders.dropna(subset=["order_date"])
    # Orders without an amount are cancellations; they are no sales velocity.
    orders = orders[pd.to_numeric(orders["net_amount"], errors="coerce").fillna(0) > 0]
    orders["region"] = orders["region"].fillna("(no region)")
    orders["product_line"] = orders["product_line"].fillna("(no line)")
    orders["week"] = orders["order_date"].dt.to_period("W-SUN").dt.start_time

    # The newest week is still running, so it would always look like a slump.
    full_weeks = sorted(orders["week"].unique())[:-1][-WEEKS:]
    return orders[orders["week"].isin(full_weeks)]


def velocity(orders: pd.DataFrame) -> pd.DataFrame:
    """Orders per week now and before, and the change, per region and product line."""
    weekly = orders.groupby(["region", "product_line", "week"]).size().unstack("week", fill_value=0)
    now = weekly.iloc[:, -RECENT_WEEKS:].mean(axis=1)
    before = weekly.iloc[:, :-RECENT_WEEKS].mean(axis=1)
    table = pd.DataFrame({"orders_per_week": now.round(1), "before": before.round(1)})
    # Avoid dividing by zero for combinations that are new.
    table["change_pct"] = ((now / before.where(before > 0) - 1) * 100).round(1)
    return table.reset_index().sort_values("orders_per_week", ascending=False)


def draw(orders: pd.DataFrame) -> plt.Figure:
    """A line per region, orders per week; the eight largest, so that the legend stays readable."""
    weekly = orders.groupby(["week", "region"]).size().unstack("region", fill_value=0)
    largest = weekly.sum().nlargest(8).index
    fig, ax = plt.subplots(figsize=(9, 4.5))
    for region in largest:
        ax.plot(weekly.index, weekly[region], marker="o", markersize=3, label=str(region))
    ax.set_ylim(bottom=0)
    ax.grid(axis="y", alpha=0.3)
    ax.legend(ncols=4, fontsize=8, frameon=False)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    fig.autofmt_xdate()
    return fig


def main() -> None:
    orders = load_orders()
    if orders.empty:
        text("There are no orders that you may see in the last quarter.")
        return

    first, last = orders["week"].min(), orders["week"].max()
    text(f"{len(orders):,} orders in the weeks from {first:%d %b %Y} to {last:%d %b %Y}.")

    show(velocity(orders).head(40), title="Velocity by region and product line")
    show(draw(orders), title="Orders per week")

    # Amounts are in the currency of each order, so money is never summed here:
    # the certified metric is net of returns and in euros.
    show(metric("revenue", by=["region"]), title="Revenue by region")


if __name__ == "__main__":
    main()
