"""The styleguide: every component of the kit on one page, with made-up values, for those who build pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from handrail import kit

router = kit.pages()
kit.templates_from("handrail.faces.web")

OLD = '''"""Weekly sales velocity."""
from handrail_sdk import metric, table

frame = metric("revenue", by=["region"])
total = frame["revenue"].sum()
print("Total", total)
table("velocity", frame)
'''
NEW = '''"""Weekly sales velocity by region."""
from handrail_sdk import metric, table

frame = metric("revenue", by=["region", "product_line"])
frame = frame[frame["revenue"] > 0]
total = frame["revenue"].sum()
print(f"Total {total:,.2f}")
table("velocity", frame)
'''
GATES: list[dict[str, str]] = [
    {
        "title": "Owner",
        "state": "open",
        "because": "Mara Sales owns it; Otto Ops is deputy.",
        "next_step": "",
    },
    {
        "title": "Data certified",
        "state": "open",
        "because": "sales_orders is certified until 1 May 2027.",
        "next_step": "",
    },
    {
        "title": "Declared = observed",
        "state": "open",
        "because": "It declares 4 columns and read these 4.",
        "next_step": "",
    },
    {
        "title": "Review clean",
        "state": "shut",
        "because": "A key is written into the code: app.py, line 12.",
        "next_step": "Take the key out of app.py and push again.",
        "href": "#code",
        "action": "See the line",
    },
    {
        "title": "Somebody else said yes",
        "state": "waiting",
        "because": "Nobody has looked at version 3 yet.",
        "next_step": "Ask for a review; Rita Review answers within a day.",
    },
]


@router.get("/styleguide", response_class=HTMLResponse)
def styleguide_page(_: kit.Ctx, request: Request) -> HTMLResponse:
    """Every component once."""
    return kit.render(
        request,
        "web/styleguide.html",
        gates=GATES,
        change=kit.diff(OLD, NEW, "app.py"),
        code=NEW,
        **_values(),
    )


def _values() -> dict[str, Any]:
    now = datetime.now(UTC)
    regions = ("EMEA", "APAC", "North America", "Nordics", "DACH", "Iberia", "LATAM", "UK", "Benelux")
    rows = [
        {
            "region": region,
            "orders": 20_000 // (place + 1),
            "size": 1_400_000 // (place + 1),
            "seen": now - timedelta(hours=7 * place),
            "state": ("certified", "draft", "expired", "running", "failed")[place % 5],
        }
        for place, region in enumerate(regions)
    ]
    return {
        "rows": rows,
        "states": (
            "draft",
            "certified",
            "expired",
            "queued",
            "running",
            "succeeded",
            "failed",
            "open",
            "waiting",
        ),
        "moments": [
            {
                "title": "Version 3 pushed",
                "when": now - timedelta(minutes=12),
                "by": "maker.sales",
                "body": "Group by product line as well.",
                "tone": "info",
                "icon": "git-commit-horizontal",
            },
            {
                "title": "Version 2 refused",
                "when": now - timedelta(hours=5),
                "by": "reviewer.platform",
                "body": "The total counts returns.",
                "tone": "bad",
                "icon": "x",
            },
            {
                "title": "Run succeeded",
                "when": now - timedelta(days=2),
                "by": "maker.sales",
                "tone": "good",
                "icon": "check",
            },
        ],
    }
