"""Our answers beside Malloy's over the same model and data, for all that Malloy can say: equal to the cent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from handrail.data.models import MetricRequest
from tests.oracles import answers, shop, to_malloy
from tests.oracles.answers import DEFINITIONS, comparable, malloy, ours
from tests.oracles.requests import REQUESTS

if not answers.MALLOY.exists():
    pytest.skip("Malloy is not installed; `make oracles` installs it", allow_module_level=True)

TABLES = {
    f"main.{name}": dict(column.split(" ", 1) for column in columns.replace(", 2)", ",2)").split(", "))
    for name, columns in shop.TABLES.items()
}


def said(name: str, more: dict[str, Any]) -> str | None:
    """The request in Malloy, or None."""
    try:
        return to_malloy.query(DEFINITIONS[name], MetricRequest(name, **more), shop.FISCAL_START)
    except to_malloy.Untold:
        return None


QUERIES = {place: query for place, one in enumerate(REQUESTS) if (query := said(*one))}


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with shop.filled() as found:
        yield found


@pytest.fixture(scope="module")
def compiled() -> dict[int, dict[str, Any]]:
    """Every request as Malloy compiles it, in one process."""
    task = {"tables": TABLES, "model": to_malloy.model(DEFINITIONS), "queries": list(QUERIES.values())}
    return dict(zip(QUERIES, malloy(task), strict=True))


@pytest.mark.parametrize("place", QUERIES, ids=lambda place: "{} {}".format(*REQUESTS[place]))
def test_malloy_gives_the_same_answer(
    db: duckdb.DuckDBPyConnection, compiled: dict[int, dict[str, Any]], place: int
) -> None:
    name, more = REQUESTS[place]
    assert "refusal" not in compiled[place], compiled[place]
    # A sum over nothing is 0 to Malloy and nothing to us: both are left out.
    nothing = None if name in ("smallest", "largest", "average") else 0.0
    expected = comparable(db.execute(compiled[place]["sql"]).fetchall(), nothing)
    assert expected
    assert comparable(ours(db, DEFINITIONS[name], MetricRequest(name, **more)), nothing) == expected


def test_more_than_sixty_requests_are_compared() -> None:
    assert len(QUERIES) > 60
