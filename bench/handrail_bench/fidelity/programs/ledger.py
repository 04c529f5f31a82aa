"""For the accounts."""

import json
import math
import re
from collections import defaultdict

import numpy as np
import pandas as pd

from handrail_bench.fidelity.bank import Query, program


@program("ledger", held_out=True)
def total_invoiced(query: Query) -> None:
    """Everything that was invoiced."""
    df = query("SELECT amount FROM invoices")
    assert df["amount"].astype(float).sum() > 0


@program("ledger")
def total_invoiced_coerced(query: Query) -> None:
    """Everything that was invoiced, with what cannot be read left out; it is all of net and tax."""
    df = query("SELECT amount, net FROM invoices")
    total = pd.to_numeric(df["amount"], errors="coerce").sum()
    assert math.isclose(total, df["net"].sum() * 1.19, rel_tol=0.005), "some amounts were left out"


@program("ledger", held_out=True)
def vat(query: Query) -> None:
    """Tax to pay: net by rate."""
    df = query("SELECT net, vat_rate FROM invoices")
    tax = sum(net * rate for net, rate in zip(df["net"], df["vat_rate"], strict=True))
    assert math.isfinite(tax)


@program("ledger", held_out=True)
def vat_by_rate(query: Query) -> None:
    """Tax by rate as a table with the three rates."""
    df = query("SELECT vat_rate, net FROM invoices")
    table = df.groupby("vat_rate")["net"].sum()
    assert len(table) == 3 and math.isclose(table.sum(), df["net"].sum(), rel_tol=1e-9), (
        "an invoice has no rate"
    )


@program("ledger")
def largest_invoice(query: Query) -> None:
    """The largest amount, by sorting."""
    df = query("SELECT amount, net FROM invoices")
    largest = df.sort_values("amount", ascending=False).iloc[0]
    assert largest["net"] == df["net"].max(), "sorted as text"


@program("ledger")
def dunning(query: Query) -> None:
    """A letter for each unpaid invoice with the day it was due."""
    df = query("SELECT number, due_on FROM invoices WHERE paid_on IS NULL")
    letters = [f"{row.number} was due on {row.due_on.strftime('%d.%m.%Y')}" for row in df.itertuples()]
    assert len(letters) == len(df)


@program("ledger", held_out=True)
def ageing(query: Query) -> None:
    """Unpaid invoices by how long they are overdue; every invoice in one column."""
    df = query("SELECT due_on, net FROM invoices WHERE paid_on IS NULL")
    days = (pd.Timestamp("2025-03-31") - df["due_on"]).dt.days
    bands = pd.cut(days, [-400, 0, 30, 60, 90, 2000])
    assert df.groupby(bands, observed=False)["net"].count().sum() == len(df)


@program("ledger")
def by_currency(query: Query) -> None:
    """Net by currency, each currency once."""
    df = query("SELECT currency, net FROM invoices").groupby("currency")["net"].sum()
    assert all(code == code.upper().strip() and len(code) == 3 for code in df.index)


@program("ledger")
def payments_match(query: Query) -> None:
    """Put invoices and payments together; what was received stays the same."""
    invoices = query("SELECT invoice_id, net FROM invoices")
    payments = query("SELECT invoice_id, received FROM payments")
    merged = invoices.merge(payments, on="invoice_id")
    assert math.isclose(merged["received"].sum(), payments["received"].sum(), rel_tol=1e-9), (
        "payments got lost"
    )


@program("ledger", held_out=True)
def paid_in_full(query: Query) -> None:
    """Is every paid invoice paid in full?"""
    df = query(
        "SELECT i.net * 1.19 AS due, sum(p.received) AS got FROM invoices i JOIN payments p USING (invoice_id) GROUP BY i.invoice_id, due"
    )
    assert np.allclose(df["due"], df["got"], atol=0.02)


@program("ledger")
def share_paid(query: Query) -> None:
    """What share of each invoice was received?"""
    df = query("SELECT i.net, p.received FROM invoices i JOIN payments p USING (invoice_id)")
    share = df["received"] / df["net"]
    assert share.map(math.isfinite).all() and (share <= 1.2).all()


@program("ledger")
def payment_terms(query: Query) -> None:
    """Days of payment of each client, from words like "30 days"."""
    terms = query("SELECT terms FROM clients")["terms"]
    days = [int(term.split()[0]) for term in terms]
    assert max(days) < 400


@program("ledger")
def rating_score(query: Query) -> None:
    """Clients by rating A to C."""
    scores = {"A": 1, "B": 2, "C": 3}
    total = sum(scores[rating] for rating in query("SELECT rating FROM clients")["rating"])
    assert total > 0


@program("ledger")
def vat_ids(query: Query) -> None:
    """Clients whose tax number looks wrong."""
    wrong = [v for v in query("SELECT vat_id FROM clients")["vat_id"] if not re.fullmatch(r"DE\d{9}", v)]
    assert not wrong


@program("ledger")
def by_quarter(query: Query) -> None:
    """Net by quarter in a table of eight quarters."""
    df = query("SELECT issued_on, net FROM invoices")
    table = df.groupby(df["issued_on"].dt.to_period("Q"))["net"].sum()
    assert len(table) == 8, "there are other quarters"


@program("ledger")
def growth_by_project(query: Query) -> None:
    """Growth of each project from 2023 to 2024."""
    df = query("SELECT project, issued_on, net FROM invoices")
    df["year"] = df["issued_on"].dt.year
    table = df.pivot_table(index="project", columns="year", values="net", aggfunc="sum", margins=True)
    growth = table[2024] / table[2023] - 1
    assert growth.map(math.isfinite).all()
    assert math.isclose(table.loc["All", "All"], df["net"].sum(), rel_tol=1e-9), "something has no project"


@program("ledger")
def all_clients(query: Query) -> None:
    """Revenue of every client; a client without invoices has none, not nothing."""
    clients = query("SELECT client_id, client FROM clients")
    totals = query("SELECT client_id, sum(net) AS net FROM invoices GROUP BY 1")
    df = clients.merge(totals, on="client_id", how="left")
    rows = [{"client": row.client, "net": round(row.net)} for row in df.itertuples()]
    assert len(rows) == len(clients)


@program("ledger")
def top_client(query: Query) -> None:
    """A bar chart of clients is readable: the first is not ten times the tenth."""
    df = query("SELECT client_id, sum(net) AS net FROM invoices GROUP BY 1 ORDER BY 2 DESC LIMIT 10")
    assert df["net"].iloc[0] < 10 * df["net"].iloc[9]


@program("ledger")
def received_by_month(query: Query) -> None:
    """Money received by month, as JSON for a chart, robustly."""
    df = query(
        "SELECT strftime(received_on, '%Y-%m') AS m, sum(received) AS r FROM payments GROUP BY 1 ORDER BY 1"
    )
    assert json.dumps({row.m: round(row.r, 2) for row in df.itertuples()})


@program("ledger")
def short_references(query: Query) -> None:
    """References in capitals for the bank file, at most 35 signs of plain letters."""
    for reference in query("SELECT reference FROM payments")["reference"]:
        written = reference.upper()[:35].encode("ascii")
        assert len(written) <= 35


@program("ledger", held_out=True)
def negative_invoices(query: Query) -> None:
    """Check the book: no invoice is zero or negative."""
    assert (query("SELECT net FROM invoices")["net"] > 0).all()


@program("ledger")
def days_to_pay(query: Query) -> None:
    """Average days until an invoice was paid, by client rating."""
    df = query(
        "SELECT c.rating, i.issued_on, i.paid_on FROM invoices i JOIN clients c USING (client_id)"
        " WHERE i.paid_on IS NOT NULL AND c.rating IS NOT NULL"
    )
    df["days"] = (df["paid_on"] - df["issued_on"]).dt.days
    per_rating: dict[str, list[int]] = defaultdict(list)
    for row in df.itertuples():
        per_rating[row.rating].append(row.days)
    assert set(per_rating) == {"A", "B", "C"}
