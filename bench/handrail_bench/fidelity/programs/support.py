"""For the help desk."""

import json
import math
import re

import duckdb
import pandas as pd
import polars as pl

from handrail_bench.fidelity.bank import Query, program


@program("support")
def hours_to_close(query: Query) -> None:
    """Average hours to close by priority; a ticket is never closed before it is opened."""
    df = query("SELECT priority, opened_at, closed_at FROM tickets WHERE closed_at IS NOT NULL")
    df["hours"] = (df["closed_at"] - df["opened_at"]).dt.total_seconds() / 3600
    assert (df["hours"] >= 0).all()
    assert df.groupby("priority")["hours"].mean().max() < 24 * 365


@program("support")
def priority_rank(query: Query) -> None:
    """Sort tickets by priority."""
    rank = {"low": 1, "normal": 2, "high": 3, "urgent": 4}
    df = query("SELECT ticket_id, priority FROM tickets")
    df["rank"] = df["priority"].map(rank).astype(int)
    assert df["rank"].min() >= 1


@program("support")
def products_listed(query: Query) -> None:
    """Tickets by product, each product once."""
    counts = query("SELECT product, count(*) AS n FROM tickets GROUP BY 1")
    assert counts["product"].str.strip().str.lower().is_unique, "a product stands there twice"


@program("support", held_out=True)
def client_of_ticket(query: Query) -> None:
    """Which client writes most? By the domain of the requester."""
    df = query("SELECT requester FROM tickets")
    df["client"] = df["requester"].str.extract(r"@([a-z0-9.]+)$")
    assert df["client"].notna().all(), "a requester has no client"


@program("support")
def agent_load(query: Query) -> None:
    """Tickets per agent, all agents and all tickets."""
    df = query(
        "SELECT a.agent_id, count(t.ticket_id) AS n FROM agents a LEFT JOIN tickets t USING (agent_id) GROUP BY 1"
    )
    total = query("SELECT count(*) AS n FROM tickets")["n"].iloc[0]
    assert df["n"].sum() == total, "some tickets are nobody's"


@program("support")
def minutes_per_ticket(query: Query) -> None:
    """Tickets per hour and agent."""
    df = query("SELECT agent_id, sum(minutes_spent) AS m, count(*) AS n FROM tickets GROUP BY 1")
    rate = df["n"] / (df["m"] / 60)
    assert rate.map(math.isfinite).all()


@program("support", held_out=True)
def cost_per_answer(query: Query) -> None:
    """Minutes for each word written, per ticket, with pandas."""
    df = query(
        "SELECT t.ticket_id, t.minutes_spent, sum(m.words) AS words FROM tickets t JOIN messages m USING (ticket_id)"
        " GROUP BY ALL"
    )
    df["per_word"] = df["minutes_spent"] / df["words"]
    assert df["per_word"].map(math.isfinite).all(), "nothing was written there"


@program("support")
def satisfied(query: Query) -> None:
    """Per cent of satisfied answers among all who answered, rounded."""
    df = query("SELECT satisfaction FROM tickets")
    answered = df["satisfaction"].dropna()
    assert answered.between(1, 5).all(), "a mark that does not exist"
    assert 0 <= round(100 * (answered >= 4).mean()) <= 100


@program("support")
def stars(query: Query) -> None:
    """Show satisfaction as stars."""
    marks = query("SELECT satisfaction FROM tickets")["satisfaction"]
    assert ["*" * int(mark) for mark in marks]


@program("support")
def languages_spoken(query: Query) -> None:
    """Which agents speak which languages?"""
    spoken = {
        row.agent: row.languages.split(",")
        for row in query("SELECT agent, languages FROM agents").itertuples()
    }
    assert all(len(code) == 2 for codes in spoken.values() for code in codes)


@program("support")
def subject_without_prefix(query: Query) -> None:
    """Subjects without RE: in front, and none is empty."""
    subjects = query("SELECT subject FROM tickets")["subject"]
    cleaned = [re.sub(r"^(RE|FW): ", "", subject).strip() for subject in subjects]
    assert all(cleaned)


@program("support")
def search_subjects(query: Query) -> None:
    """Find the tickets whose subject is like another one's, with a regular expression from the data."""
    subjects = query("SELECT DISTINCT subject FROM tickets")["subject"]
    found = [sum(bool(re.search(one, other)) for other in subjects) for one in subjects]
    assert all(found), "a subject does not find itself"


@program("support", held_out=True)
def message_preview(query: Query) -> None:
    """The first words of each message."""
    bodies = query("SELECT body FROM messages")["body"]
    previews = [body.split()[0] for body in bodies]
    assert len(previews) == len(bodies)


@program("support")
def words_by_direction(query: Query) -> None:
    """Average words of messages in and out, side by side."""
    table = query("SELECT direction, words FROM messages").pivot_table(
        columns="direction", values="words", aggfunc="mean"
    )
    assert list(table.columns) == ["in", "out"] and table.notna().all(axis=None)


@program("support", held_out=True)
def weekly_tickets(query: Query) -> None:
    """Tickets per week of 2024, weeks without tickets as zero."""
    df = query("SELECT opened_at FROM tickets")
    weeks = df.set_index("opened_at").resample("W").size()
    assert 50 <= len(weeks) <= 54, "the year has other weeks"


@program("support", held_out=True)
def rolling(query: Query) -> None:
    """Seven-day average of new tickets; there is a value for every day after the first week."""
    df = query("SELECT opened_at::DATE AS day, count(*) AS n FROM tickets GROUP BY 1 ORDER BY 1").set_index(
        "day"
    )["n"]
    mean = df.asfreq("D").rolling(7).mean()
    assert len(mean) < 1000 and mean.iloc[7:].notna().all(), "a day has no value"


@program("support")
def conversation(query: Query) -> None:
    """The last message of each ticket, by the order in which they were stored."""
    df = query("SELECT message_id, ticket_id, sent_at FROM messages ORDER BY message_id")
    last = df.groupby("ticket_id")["sent_at"].last()
    newest = df.groupby("ticket_id")["sent_at"].max()
    assert (last == newest).all(), "the last one stored is not the last one sent"


@program("support")
def no_answer(query: Query) -> None:
    """Tickets without any message, counted robustly."""
    df = query("SELECT count(*) AS n FROM tickets t ANTI JOIN messages m USING (ticket_id)")
    assert int(df["n"].iloc[0]) >= 0


@program("support")
def ticket_json(query: Query) -> None:
    """One ticket per line as JSON, with whole minutes and real nulls."""
    df = query("SELECT ticket_id, subject, closed_at, satisfaction FROM tickets LIMIT 500")
    for row in df.astype(object).where(df.notna(), None).to_dict("records"):
        assert json.dumps(row, default=str, allow_nan=False)


@program("support")
def team_cost_polars(query: Query) -> None:
    """Cost per team with polars: minutes by hourly cost; all minutes are in it."""
    tickets = pl.DataFrame(
        query("SELECT agent_id, minutes_spent FROM tickets WHERE agent_id IS NOT NULL").to_dict("list")
    )
    agents = pl.DataFrame(query("SELECT agent_id, team, hourly_cost FROM agents").to_dict("list"))
    joined = tickets.with_columns(pl.col("agent_id").cast(pl.Int64)).join(agents, on="agent_id")
    assert joined["minutes_spent"].sum() == tickets["minutes_spent"].sum()
    assert set(joined["team"].to_list()) == {"A", "B", "C"}, "there is another team"


@program("support", held_out=True)
def busiest_hour(query: Query) -> None:
    """The busiest hour of the day, by DuckDB alone."""
    df = query(
        "SELECT hour(opened_at) AS h, count(*) AS n FROM tickets GROUP BY 1 ORDER BY n DESC, h LIMIT 1"
    )
    assert 0 <= int(df["h"].iloc[0]) <= 23


@program("support", held_out=True)
def urgent_only(query: Query) -> None:
    """The newest urgent ticket of every product."""
    for product in query("SELECT DISTINCT product FROM tickets")["product"]:
        urgent = query("SELECT product, opened_at FROM tickets WHERE priority = 'urgent' ORDER BY opened_at")
        mine = urgent[urgent["product"] == product]
        assert mine["opened_at"].iloc[-1] >= pd.Timestamp("2024-01-01", tz=mine["opened_at"].dt.tz)


@program("support")
def like_search(query: Query) -> None:
    """Search messages with LIKE and a pattern built from the subject."""
    db = duckdb.connect()
    for subject in query("SELECT DISTINCT subject FROM tickets")["subject"]:
        assert db.execute(f"SELECT '{subject}' LIKE '%{subject}%'").fetchone() == (True,)
