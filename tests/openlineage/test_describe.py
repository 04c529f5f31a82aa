"""How things are called for OpenLineage: sources by its own naming, so that lineage joins what others tell."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from handrail import data
from handrail.data.models import SourceRecord
from handrail.openlineage import describe

CONTRACT = data.Contract(
    name="orders", version="1.0.0", digest="sha256:1", description="", owner=None, deputy=None, purposes=(),
    readers=(), columns=(), row_filters=(), entity_key=None, subject=None, expires=None, source="dw",
    physical_name="sales.orders", rows=None,
)  # fmt: skip


def source(kind: str, location: str) -> SourceRecord:
    return SourceRecord("dw", kind, location, "steward.sales", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("kind", "location", "table", "named"),
    [
        ("postgres", "postgresql://reader@db.example:5433/shop", "sales.orders",
         ("postgres://db.example:5433", "shop.sales.orders")),
        ("postgres", "postgresql://db.example/shop", "orders", ("postgres://db.example:5432", "shop.public.orders")),
        ("csv", "/data/orders.csv", "orders.csv", ("file", "/data/orders.csv#orders.csv")),
        ("csv", "upload of orders.csv", "orders.csv", ("here", "source.dw.orders.csv")),
    ],
)  # fmt: skip
def test_a_copied_table_is_named_by_where_it_is(
    kind: str, location: str, table: str, named: tuple[str, str]
) -> None:
    of = data.Stated(replace(CONTRACT, physical_name=table), source(kind, location), None, None)
    made = describe.source_table("here", of, {})
    assert (made["namespace"], made["name"]) == named


def test_a_table_that_stays_where_it_is_is_named_by_its_server() -> None:
    contract = replace(CONTRACT, engine="warehouse", server="db.example:5432/shop")
    of = data.Stated(contract, source("engine", "engine:warehouse"), None, None)
    made = describe.source_table("here", of, {"warehouse": "postgres"})
    assert (made["namespace"], made["name"]) == ("postgres://db.example:5432", "shop.sales.orders")
    other = describe.source_table("here", of, {"warehouse": "spark"})
    assert (other["namespace"], other["name"]) == ("here", "source.dw.sales.orders")


def test_a_password_in_an_address_does_not_leave() -> None:
    of = data.Stated(CONTRACT, source("postgres", "postgresql://reader:hunter2@db/shop"), None, None)
    assert "hunter2" not in str(describe.source_table("here", of, {}))
