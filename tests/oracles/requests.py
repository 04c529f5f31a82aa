"""What we and the oracles are asked: every kind of metric, cut, stepped, filtered and bounded."""

from __future__ import annotations

from typing import Any

GRAINS = ("day", "week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year")
Asked = tuple[str, dict[str, Any]]

REQUESTS: list[Asked] = [
    *((name, {"grain": grain}) for name in ("revenue", "buyers", "basket") for grain in GRAINS),
    *((name, {"grain": grain}) for name in ("net", "shipped_revenue") for grain in ("day", "month", "year")),
    *(
        (name, {})
        for name in ("revenue", "orders_made", "buyers", "average", "largest", "smallest", "listed")
    ),
    *(
        (name, {})
        for name in ("web_revenue", "eu_revenue", "tool_net", "web_share", "offline", "net_per_order")
    ),
    *(
        (name, {"by": ("segment",)})
        for name in ("revenue", "buyers", "average", "net", "basket", "web_share")
    ),
    *((name, {"by": ("continent",)}) for name in ("revenue", "buyers", "largest", "offline")),
    *((name, {"by": ("channel",), "grain": "quarter"}) for name in ("orders_made", "smallest", "basket")),
    *((name, {"by": ("category",)}) for name in ("net", "pieces", "on_hand")),
    *((name, {"by": ("continent",)}) for name in ("net", "pieces")),  # lines, orders, customers, countries
    *((name, {"by": ("department",)}) for name in ("net", "listed", "tool_net")),
    ("net", {"by": ("department", "continent"), "grain": "quarter"}),
    ("pieces", {"by": ("channel",), "grain": "month"}),
    ("revenue", {"by": ("big", "channel")}),
    ("revenue", {"by": ("segment", "channel"), "grain": "month"}),
    ("eu_revenue", {"by": ("segment",), "grain": "quarter"}),
    ("net_per_order", {"grain": "month"}),
    ("net_per_order", {"grain": "fiscal_year"}),
    ("offline", {"grain": "quarter", "by": ("segment",)}),
    ("revenue", {"where": {"channel": "web"}}),
    ("revenue", {"where": {"segment": None}}),
    ("revenue", {"where": {"segment": ["club", "shop"]}, "by": ("channel",)}),
    ("buyers", {"where": {"continent": "Europe"}, "grain": "month"}),
    ("net", {"where": {"category": ["Saws", "Pots"]}, "by": ("product",)}),
    ("net", {"where": {"department": "Garden"}}),
    ("basket", {"where": {"continent": "Asia", "channel": "store"}}),
    ("revenue", {"start": "2024-02-01", "end": "2024-03-01"}),
    ("revenue", {"start": "2024-02-29", "end": "2024-03-01", "grain": "day"}),
    ("buyers", {"start": "2024-04-01", "end": "2025-04-01", "grain": "fiscal_year"}),
    ("net", {"start": "2024-01-01", "end": "2025-01-01", "grain": "quarter", "by": ("category",)}),
    *(("growth", {"grain": grain}) for grain in ("month", "quarter", "year")),
    *(("year_before", {"grain": grain}) for grain in ("month", "quarter", "year")),
    ("growth", {"grain": "quarter", "by": ("channel",)}),
    ("growth", {"grain": "month", "where": {"channel": "web"}}),
    ("change", {"grain": "month"}),
    ("change", {"grain": "month", "by": ("segment",)}),
    *(("so_far", {"grain": grain}) for grain in ("day", "week", "month", "quarter", "year")),
    ("so_far", {"grain": "month", "by": ("channel",)}),
    *(("year_to_date", {"grain": grain}) for grain in ("day", "month", "quarter")),
    ("year_to_date", {"grain": "month", "by": ("segment",)}),
    *(("month_to_date", {"grain": grain}) for grain in ("day", "month")),
    *(("rolling", {"grain": grain}) for grain in ("day", "month")),
    ("rolling", {"grain": "month", "where": {"channel": "web"}}),
    *(("active", {"grain": grain}) for grain in ("day", "month", "year")),
    ("active", {"grain": "month", "by": ("channel",)}),
    *(("on_hand", {"grain": grain}) for grain in ("day", "month", "quarter", "year")),
    ("on_hand", {}),
    ("on_hand", {"by": ("product",), "grain": "month"}),
]
