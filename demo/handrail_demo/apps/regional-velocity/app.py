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


def load_weeks() -> pd.DataFrame:
    """Orders per week, region and product line, over the last WEEKS full weeks."""
    # Counting is left to the query: there are millions of orders and only a few thousand of these rows.
    # Orders without an amount are cancellations; they are no sales velocity.
    today = pd.Timestamp.today()
    weeks = query(
        """
        SELECT date_trunc('week', order_date) AS week, region, product_line, count(*) AS orders
        FROM sales_orders
        WHERE order_date BETWEEN $first AND $today AND net_amount > 0
        GROUP BY ALL
        """,
        first=(today - pd.Timedelta(weeks=WEEKS + 2)).date(),
        today=today.date(),  # the twin has an order from the year 9999
    )
    weeks["week"] = pd.to_datetime(weeks["week"])
    weeks["region"] = weeks["region"].fillna("(no region)")
    weeks["product_line"] = weeks["product_line"].fillna("(no line)")

    # The newest week is still running, so it would always look like a slump.
    full_weeks = sorted(weeks["week"].unique())[:-1][-WEEKS:]
    return weeks[weeks["week"].isin(full_weeks)]


def velocity(weeks: pd.DataFrame) -> pd.DataFrame:
    """Orders per week now and before, and the change, per region and product line."""
    weekly = weeks.pivot_table(
        index=["region", "product_line"], columns="week", values="orders", aggfunc="sum", fill_value=0
    )
    now = weekly.iloc[:, -RECENT_WEEKS:].mean(axis=1)
    before = weekly.iloc[:, :-RECENT_WEEKS].mean(axis=1)
    table = pd.DataFrame({"orders_per_week": now.round(1), "before": before.round(1)})
    # Avoid dividing by zero for combinations that are new.
    table["change_pct"] = ((now / before.where(before > 0) - 1) * 100).round(1)
    return table.reset_index().sort_values("orders_per_week", ascending=False)


def draw(weeks: pd.DataFrame) -> plt.Figure:
    """A line per region, orders per week; the eight largest, so that the legend stays readable."""
    weekly = weeks.pivot_table(index="week", columns="region", values="orders", aggfunc="sum", fill_value=0)
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
    weeks = load_weeks()
    if weeks.empty:
        text("There are no orders that you may see in the last quarter.")
        return

    first, last = weeks["week"].min(), weeks["week"].max()
    text(f"{weeks['orders'].sum():,} orders in the weeks from {first:%d %b %Y} to {last:%d %b %Y}.")

    show(velocity(weeks).head(40), title="Velocity by region and product line")
    show(draw(weeks), title="Orders per week")

    # Amounts are in the currency of each order, so money is never summed here:
    # the certified metric is net of returns and in euros.
    show(metric("revenue", by=["region"]), title="Revenue by region")


if __name__ == "__main__":
    main()
