"""Our answers beside metricflow's over the same model and data: equal to the cent, or we say who is right."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from handrail.data.compile_metric import compile_metric
from handrail.data.modelled import Modelled
from handrail.data.models import MetricRequest
from handrail.kernel import Refusal
from tests.oracles import answers, sample, shop, to_metricflow
from tests.oracles.answers import DEFINITIONS, comparable, metricflow, ours
from tests.oracles.requests import REQUESTS

if not answers.METRICFLOW.exists():
    pytest.skip("metricflow is not installed; `make oracles` installs it", allow_module_level=True)


def three_joins(name: str, more: dict[str, Any]) -> bool:
    """Whether a request is about lines, and about departments or the continents of customers."""
    if Modelled(to_metricflow.first_leaf(DEFINITIONS[name])).base != "lines":
        return False
    named = {*more.get("by", ()), *more.get("where", {})}
    return name == "tool_net" or bool(named & {"continent", "department"})


MANIFEST = to_metricflow.manifest(DEFINITIONS)
# Metricflow follows two joins; these need three from the lines of orders. Malloy answers them.
THREE = [place for place, (name, more) in enumerate(REQUESTS) if three_joins(name, more)]


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with shop.filled() as found:
        found.execute(to_metricflow.spine(shop.FIRST, dt.date(2027, 12, 31), shop.FISCAL_START))
        yield found


@pytest.fixture(scope="module")
def compiled() -> list[dict[str, Any]]:
    """Every request as metricflow compiles it, in one process."""
    asked = [to_metricflow.request(DEFINITIONS[name], MetricRequest(name, **more)) for name, more in REQUESTS]
    return metricflow({"manifest": MANIFEST, "requests": asked})


def rows(db: duckdb.DuckDBPyConnection, name: str, keys: list[str], sql: str) -> list[answers.Row]:
    columns = ", ".join(f'"{column}"' for column in (*keys, name))
    return comparable(db.execute(f"SELECT {columns} FROM ({sql})").fetchall())


@pytest.mark.parametrize(
    "place",
    [place for place in range(len(REQUESTS)) if place not in THREE],
    ids=lambda place: "{} {}".format(*REQUESTS[place]),
)
def test_metricflow_gives_the_same_answer(
    db: duckdb.DuckDBPyConnection, compiled: list[dict[str, Any]], place: int
) -> None:
    name, more = REQUESTS[place]
    found, asked = compiled[place], MetricRequest(name, **more)
    assert "refusal" not in found
    keys = to_metricflow.request(DEFINITIONS[name], asked)["group_by"]
    expected, mine = rows(db, name, keys, found["sql"]), ours(db, DEFINITIONS[name], asked)
    if DEFINITIONS[name].settings.kind == "cumulative":
        # We stop where the data does; metricflow runs on to the end of its table of days.
        expected = [row for row in expected if row[0] <= max(row[0] for row in mine)]
    assert expected
    assert mine == expected


def test_more_than_sixty_requests_are_compared() -> None:
    assert len(REQUESTS) - len(THREE) > 60


@pytest.mark.parametrize("place", THREE, ids=lambda place: "{} {}".format(*REQUESTS[place]))
def test_where_three_joins_are_needed_metricflow_refuses_and_we_answer(
    db: duckdb.DuckDBPyConnection, compiled: list[dict[str, Any]], place: int
) -> None:
    name, more = REQUESTS[place]
    assert "No valid join paths" in compiled[place]["refusal"]
    assert ours(db, DEFINITIONS[name], MetricRequest(name, **more))


@pytest.mark.parametrize(("name", "by"), [("revenue", "lines__booked"), ("on_hand", "orders__channel")])
def test_what_would_fan_out_is_refused_by_both(name: str, by: str) -> None:
    [found] = metricflow({"manifest": MANIFEST, "requests": [{"metrics": [name], "group_by": [by]}]})
    assert "does not match any of the available group-by-items" in found["refusal"]
    with pytest.raises(Refusal, match="would count rows more than once"):
        compile_metric(DEFINITIONS[name], MetricRequest(name, by=(by.replace("__", "."),)))


def test_a_window_of_months_metricflow_begins_a_day_early_at_the_end_of_a_short_month() -> None:
    """We are right: three months to the end of April are February to April.

    Metricflow goes back three months from 30 April, which is 30 January, and so counts 31 January as well.
    """
    three = {"rows": ("SUM(orders.amount)", {"time": "orders.ordered"})}
    with duckdb.connect() as db:
        for name, columns in shop.TABLES.items():
            db.execute(f"CREATE TABLE {name} ({columns})")
        db.execute(
            "INSERT INTO orders VALUES (1, 1, 'web', '2025-01-31', NULL, 1), (2, 1, 'web', '2025-04-30', NULL, 10)"
        )
        db.execute(to_metricflow.spine(dt.date(2025, 1, 1), dt.date(2025, 5, 1), 4))
        window = {"time": "orders.ordered", "kind": "cumulative", "window": "3 month"}
        one = shop.definitions({**three, "quarterly": ("SUM(orders.amount)", window)})
        asked = MetricRequest("quarterly", grain="month")
        task = to_metricflow.request(one["quarterly"], asked)
        [found] = metricflow({"manifest": to_metricflow.manifest(one), "requests": [task]})
        assert ours(db, one["quarterly"], asked)[-1] == (dt.date(2025, 4, 1), 10.0)
        assert rows(db, "quarterly", task["group_by"], found["sql"])[-1] == (dt.date(2025, 4, 1), 11.0)


def test_a_leap_day_metricflow_forgets_in_the_year_after() -> None:
    """We are right: what was sold on 29 February 2024 was sold a year before 28 February 2025 or never.

    Metricflow takes a year from each day of 2025, which no day turns into 29 February 2024; its days do not
    add up to its year.
    """
    with duckdb.connect() as db:
        for name, columns in shop.TABLES.items():
            db.execute(f"CREATE TABLE {name} ({columns})")
        db.execute(
            "INSERT INTO orders VALUES (1, 1, 'web', '2024-02-28', NULL, 1), (2, 1, 'web', '2024-02-29', NULL, 10)"
        )
        db.execute(to_metricflow.spine(dt.date(2024, 1, 1), dt.date(2026, 1, 1), 4))
        asked = MetricRequest("year_before", grain="day")
        task = to_metricflow.request(DEFINITIONS["year_before"], asked)
        [found] = metricflow({"manifest": MANIFEST, "requests": [task]})
        assert ours(db, DEFINITIONS["year_before"], asked) == [(dt.date(2025, 2, 28), 11.0)]
        assert rows(db, "year_before", task["group_by"], found["sql"]) == [(dt.date(2025, 2, 28), 1.0)]


def test_the_sample_that_is_timed_is_current() -> None:
    assert sample.FILE.read_text() == sample.text()
