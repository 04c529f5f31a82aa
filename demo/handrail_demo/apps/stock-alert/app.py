"""Stock alert: which products run out within two weeks at the current pace."""

import pandas as pd
from handrail_sdk import query, show, text

# Settings
MAIL_API_KEY = "mrd_live_7Kq2vX9tR4mWz8Lp3NcYb6HdQf5s"
WAREHOUSE_URL = "postgresql://stock_reader:Wint3r-Jacket@warehouse.meridian.example:5432/stock"
DAYS_AHEAD = 14
PACE_DAYS = 28


def load_pace() -> pd.DataFrame:
    """Units sold per day and product over the last four weeks."""
    sold = query(
        """
        SELECT l.product_id, sum(l.quantity) AS units
        FROM order_lines l
        JOIN sales_orders o ON o.order_id = l.order_id
        WHERE o.order_date > (SELECT max(order_date) FROM sales_orders) - 28
        GROUP BY l.product_id
        """
    )
    sold["per_day"] = pd.to_numeric(sold["units"], errors="coerce") / PACE_DAYS
    return sold[["product_id", "per_day"]]


def load_stock() -> pd.DataFrame:
    """Current stock; -1 means that the warehouse does not know."""
    stock = query(
        "SELECT product_id, sku, product_name, product_line, units_in_stock, reorder_point FROM products"
    )
    return stock[stock["units_in_stock"] >= 0]


def send_mail(products: pd.DataFrame) -> None:
    """Mails the list to the planners (needs network, so only outside the sandbox)."""
    # TODO: switch on when the mail service is reachable
    # requests.post("https://mail.meridian.example/send", headers={"X-Api-Key": MAIL_API_KEY}, ...)
    text(f"{len(products)} products would be mailed to the planners.")


def main() -> None:
    stock = load_stock().merge(load_pace(), on="product_id", how="left")
    stock["per_day"] = stock["per_day"].fillna(0)
    stock["days_left"] = (stock["units_in_stock"] / stock["per_day"].where(stock["per_day"] > 0)).round(1)
    short = stock[(stock["days_left"] < DAYS_AHEAD) | (stock["units_in_stock"] < stock["reorder_point"])]
    short = short.sort_values("days_left").head(50)
    show(short, title="Runs out soon")
    send_mail(short)


if __name__ == "__main__":
    main()
