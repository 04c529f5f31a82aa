"""Every attack on PostgreSQL is refused, or comes to what it would come to if hidden rows and values were not there."""

import datetime as dt
import decimal

import pyarrow as pa
import pytest

from handrail.kernel import Refusal
from handrail.kernel.ports import EngineLimits
from tests.adapters.engines.attacks import POSTGRES, corpus
from tests.adapters.engines.live import LiveHouse
from tests.data.governing import EMEA
from tests.postgres import Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres
ATTACKS = corpus(POSTGRES)
LIMITS = EngineLimits(seconds=1, memory_mb=128, threads=1)


def orders(*, hidden: bool) -> pa.Table:
    """Orders of two regions; the viewer's row filter leaves EMEA."""
    kept = [0, 1, 2, 3] if hidden else [0, 2]
    table = pa.table(
        {
            "id": [1, 2, 3, 4],
            "customer_id": [10, 20, 10, 20],
            "region": ["EMEA", "APAC", "EMEA", None],
            "amount": [5.0, 4711.0, 11.0, 1e300],
            "ordered": [dt.date(2026, 1, 1)] * 4,
            "Ship Name": ["1", "x4711", "3", "y4711"],
        }
    )
    return table.take(kept)


def customers(*, hidden: bool) -> pa.Table:
    """Customers; of a masked column the other table holds another value that looks the same masked."""
    return pa.table(
        {
            "id": [10, 20],
            "name": ["Bob", "Eve"] if hidden else ["Bxx", "Exx"],
            "email": ["bob@x.example", "eve@x.example"] if hidden else ["b-@x.example", "e-@x.example"],
            "phone": ["4711", "4712"],
            "salary": pa.array([decimal.Decimal("77777.00") if hidden else None] * 2, pa.decimal128(12, 2)),
            "born": [dt.date(1990, 5, 4) if hidden else dt.date(1990, 1, 1)] * 2,
        }
    )


@pytest.fixture(scope="module")
def houses(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[LiveHouse, LiveHouse]:
    """The same database twice: once with everything, once with only what the viewer may see."""
    made = []
    for name, hidden in (("everything", True), ("permitted", False)):
        house = LiveHouse(tmp_path_factory.mktemp(name), postgres.database(name))
        house.put("orders", orders(hidden=hidden))
        house.put("customers", customers(hidden=hidden))
        made.append(house)
    return made[0], made[1]


def outcome(house: LiveHouse, sql: str) -> str:
    """What comes back, refusal or rows in no order, as one text."""
    try:
        answer = house.ask(sql.replace("{folder}", "/tmp"), EMEA, limits=LIMITS)
    except Refusal as refusal:
        assert refusal.next_step
        # The one string that reads no dataset and meets two limits: the machine's load decides which comes first.
        if sql == "SELECT list(a) FROM range(1000000000) t(a)":
            return refusal.code
        return f"{refusal.code}: {refusal.message}"
    return f"{answer.schema.names} {sorted(map(str, answer.to_pylist()))}"


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(ATTACKS) == len(set(ATTACKS)) >= 400


@pytest.mark.parametrize("sql", ATTACKS)
def test_an_attack_is_refused_or_answered_within_policy(
    houses: tuple[LiveHouse, LiveHouse], sql: str
) -> None:
    everything, permitted = (outcome(house, sql) for house in houses)
    assert everything == permitted
    for secret in ("4711", "77777", "1990, 5", "hidden", "ERROR", "DETAIL", "relation", "PL/pgSQL"):
        assert secret not in everything or secret.lower() in sql.lower()
