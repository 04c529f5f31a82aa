"""What the tests of budgets share: customers with a budget, their orders, and lines of these that nobody counts."""

import datetime as dt
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from handrail import data
from handrail.data import seen_store
from handrail.kernel import Instance
from handrail.server import open_instance
from tests.data.asking import TODAY, actors, opened
from tests.prepared import copied

PEOPLE = 40
CITIES = ("Rome", "Oslo")
CUSTOMERS = "id,name,city,born,score\n" + "\n".join(
    f"{n},Person {n},{CITIES[n % 2]},19{50 + n}-03-01,{n * 1.5}" for n in range(PEOPLE)
)
ORDERS = "id,customer_id,region,amount,ordered\n" + "\n".join(
    f"{1000 + n},{n % PEOPLE},{'EMEA' if n % 8 else 'APAC'},{n * 1.25},2026-0{1 + n % 6}-15"
    for n in range(160)
)
LINES = "line_id,order_id,place,price\n" + "\n".join(
    f"{n},{1000 + n % 160},{n // 160},{n * 0.5}" for n in range(320)
)


def furnished(folder: Path, budget: int | None) -> Instance:
    """A fresh instance with all that `furnish` makes. Its sources lie elsewhere: to import again, furnish."""
    copied(_whole(budget), folder)
    return open_instance(folder / "home")


@cache
def _whole(budget: int | None) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        folder.mkdir()
        instance = opened(folder)
        furnish(instance, folder, budget)
        instance.close()

    make.__qualname__ = f"with_budget_{budget}"  # by which it is known from others
    return make


def furnish(instance: Instance, folder: Path, budget: int | None) -> None:
    """Import and certify the three; customers and orders count against one budget of customers."""
    acting = actors(instance)
    counted: dict[str, Any] = {"subject": "customer", "budget": budget}
    for name, text, changes in (
        ("customers", CUSTOMERS, {"entity_key": "id", **counted}),
        ("orders", ORDERS, {"entity_key": "customer_id", **counted}),
        ("lines", LINES, {"entity_key": ""}),
    ):
        (folder / f"{name}.csv").write_text(text)
        with acting("steward.sales") as ctx:
            data.import_source(ctx, str(folder / f"{name}.csv"))
        certify(instance, name, changes)


def certify(instance: Instance, name: str, changes: Mapping[str, Any]) -> None:
    """Propose these changes and certify them."""
    acting = actors(instance)
    general: dict[str, Any] = {
        "owner": "steward.sales",
        "deputy": "steward.hr",
        "description": name,
        "purposes": ["sales-reporting"],
        "readers": ["sales"],
        "masks": {"name": "partial"} if name == "customers" else {},
        "expires": TODAY + dt.timedelta(days=90),
    }
    with acting("steward.sales") as ctx:
        data.propose(ctx, name, {**general, **changes})
    with acting("steward.hr") as ctx:
        data.certify(ctx, name)


def seen(instance: Instance, subject: str = "customer") -> set[str]:
    """The pseudonyms of everybody whom anybody has seen."""
    of = seen_store.entities.c
    with instance.engine.connect() as db:
        return set(db.execute(sa.select(of.entity).where(of.subject == subject)).scalars())


def forget(instance: Instance) -> None:
    """Begin a day anew."""
    with instance.engine.begin() as db:
        for table in (seen_store.entities, seen_store.days, seen_store.fingerprints):
            db.execute(sa.delete(table))
