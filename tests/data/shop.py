"""A small shop as an SQLite file: what the tests of this room import."""

import sqlite3
from datetime import date, timedelta
from pathlib import Path

TOMORROW_YEAR = (date.today() + timedelta(days=300)).isoformat()  # noqa: DTZ011 - a day, not a moment

COMPLETE = {
    "owner": "steward.sales",
    "deputy": "lead",
    "purposes": ["sales-reporting"],
    "readers": ["sales"],
    "row_filters": ["region = viewer.region"],
    "masks": {"note": "null"},
    "expires": TOMORROW_YEAR,
}


def make(path: Path, *more: str) -> Path:
    """The shop, and after it any statements that change it."""
    statements = (
        "CREATE TABLE Customers (id INTEGER PRIMARY KEY, email TEXT NOT NULL)",
        'CREATE TABLE "Sales Orders" (id INTEGER PRIMARY KEY, region TEXT NOT NULL,'
        " customer_id INTEGER NOT NULL REFERENCES Customers (id), note TEXT)",
        "INSERT INTO Customers VALUES (1, 'a@x.example'), (2, 'b@x.example'), (3, 'c@x.example')",
        "INSERT INTO \"Sales Orders\" VALUES (1, 'EMEA', 1, NULL), (2, 'APAC', 2, 'late')",
    )
    new = not path.exists()
    with sqlite3.connect(path) as db:
        for statement in (*(statements if new else ()), *more):
            db.execute(statement)
    db.close()
    return path
