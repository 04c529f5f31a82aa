"""Formats last month's orders for the freight partner.

The partner's import wants: semicolons, dates as DD.MM.YYYY, decimal commas,
upper-case channel codes, and no empty cells ("-" instead).
"""

import pandas as pd
from handrail_sdk import metric, query, save, show, text

CHANNELS = {"web": "WEB", "store": "STO", "partner": "PAR", "phone": "TEL"}


def last_full_month() -> pd.Period | None:
    """The newest month that is complete in the data."""
    # Not after today: the twin has an order from the year 9999, and one day somebody will type one.
    newest = query(
        "SELECT max(order_date) AS newest FROM sales_orders WHERE order_date <= $today",
        today=pd.Timestamp.today().date(),
    )["newest"].iloc[0]
    return None if pd.isna(newest) else pd.Timestamp(newest).to_period("M") - 1


def load(month: pd.Period) -> pd.DataFrame:
    """The orders of one month."""
    return query(
        """
        SELECT order_id, order_date, region, channel, currency, net_amount, promo_code
        FROM sales_orders
        WHERE order_date BETWEEN $first AND $last OR order_date IS NULL
        ORDER BY order_id
        """,
        first=month.start_time.date(),
        last=month.end_time.date(),
    )


def clean(orders: pd.DataFrame) -> pd.DataFrame:
    """Types first; rows that cannot be shipped (no date, no amount) are counted and left out."""
    orders = orders.copy()
    orders["order_date"] = pd.to_datetime(orders["order_date"], errors="coerce")
    orders["net_amount"] = pd.to_numeric(orders["net_amount"], errors="coerce")
    unusable = orders["order_date"].isna() | orders["net_amount"].isna()
    if unusable.any():
        text(f"{int(unusable.sum())} orders have no date or no amount and are not in the file.")
    return orders[~unusable]


def layout(orders: pd.DataFrame) -> pd.DataFrame:
    """One row per order in the partner's layout."""
    channel = orders["channel"].fillna("").str.strip().str.lower()
    promo = orders["promo_code"].fillna("").str.strip().str.upper()
    return pd.DataFrame(
        {
            "ORDER": orders["order_id"].astype(str).str.zfill(10),
            "DATE": orders["order_date"].dt.strftime("%d.%m.%Y"),
            "REGION": orders["region"].fillna("-"),
            "CHANNEL": channel.map(CHANNELS).fillna("-"),
            "AMOUNT": orders["net_amount"].map(lambda amount: f"{amount:.2f}".replace(".", ",")),
            "CUR": orders["currency"].fillna("-"),
            "PROMO": promo.where(~promo.isin(["", "N/A"]), "-"),
        }
    )


def main() -> None:
    month = last_full_month()
    if month is None:
        text("There are no orders that you may see.")
        return

    formatted = layout(clean(load(month)))
    save(f"orders-{month}.csv", formatted.to_csv(sep=";", index=False).encode("utf-8"))

    text(f"{len(formatted):,} orders of {month:%B %Y}, ready for the partner's import.")
    show(formatted.head(25), title="The first rows of the file")
    # The partner bills us by revenue share, so the certified figure goes along.
    show(metric("revenue", by=["region"]), title="Revenue by region (certified)")


if __name__ == "__main__":
    main()
