"""The catalog: found by words and facets, in states that SQL computes as the room does, page by page."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail import data
from handrail.data import catalog_store, store
from handrail.data.browse import PAGE
from handrail.data.models import Certification, Proposal
from handrail.data.state import standing
from handrail.kernel import Context, Instance, definitions, storage
from handrail.server import ROOMS
from tests.cases import cases
from tests.conftest import Acting
from tests.data import shop
from tests.data.test_check_quality import instance, orders
from tests.postgres import postgres

__all__ = ["instance", "orders", "postgres"]

NOW = dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC)


def names(acting: Acting, **wanted: str) -> list[str]:
    with acting("viewer.emea") as ctx:
        return [one.name for one in data.browse(ctx, data.Wanted(**wanted)).datasets]


@pytest.fixture
def shops(acting: Acting, tmp_path: Path) -> None:
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(tmp_path / "shop.sqlite")))
        data.propose(
            ctx, "sales_orders", {**shop.COMPLETE, "description": "What regions ordered", "domain": "sales"}
        )


def test_words_are_found_by_their_beginning_wherever_the_contract_says_them(
    acting: Acting, shops: None
) -> None:
    assert names(acting, q="order") == ["sales_orders"]
    assert names(acting, q="regi") == ["sales_orders"]
    assert names(acting, q="Email customers") == ["customers"]
    assert names(acting, q="steward") == ["sales_orders"]
    assert names(acting, q="egion") == []
    assert names(acting, q="% _ ' \" ;--") == ["customers", "sales_orders"]
    assert names(acting, q="zzz") == []


def test_a_name_weighs_more_than_a_column(acting: Acting, shops: None) -> None:
    assert names(acting, q="customer") == ["customers", "sales_orders"]  # it has a customer_id


def test_facets_narrow_and_count_what_else_fits(acting: Acting, shops: None) -> None:
    assert names(acting, state="proposed") == names(acting, domain="sales") == ["sales_orders"]
    assert names(acting, classification="personal") == ["customers"]
    with acting("viewer.emea") as ctx:
        found = data.browse(ctx, data.Wanted(state="draft"))
    states = {one.value: (one.count, one.chosen) for one in found.facets["state"]}
    assert states == {"draft": (1, True), "proposed": (1, False)}
    assert "domain" not in found.facets  # what is left has no two values of it
    assert (found.fitting, found.total, found.pages) == (1, 2, 1)


def test_edits_by_every_way_are_found_at_once(acting: Acting, shops: None, instance: Instance) -> None:
    path = "contracts/customers.odcs.yaml"
    assert names(acting, q="walruses") == []
    with acting("steward.sales") as ctx:
        text = (definitions.read(ctx, path) or b"").decode()
        definitions.write(ctx, path, text.replace("Likely email", "No walruses").encode(), "Say so.")
    assert names(acting, q="walruses") == ["customers"]
    file = instance.settings.home / "definitions" / path
    aside = file.with_suffix(".new")
    aside.write_text(text.replace("Likely email", "Only penguins"))
    aside.replace(file)  # as editors save
    assert names(acting, q="walruses") == []
    assert names(acting, q="penguins") == ["customers"]


def test_an_edit_that_was_rolled_back_is_in_no_row(acting: Acting, shops: None) -> None:
    with pytest.raises(ZeroDivisionError), acting("steward.sales") as ctx:
        data.propose(ctx, "customers", {"description": "Walruses"})
        data.browse(ctx, data.Wanted())
        1 / 0  # noqa: B018
    assert names(acting, q="walruses") == []
    assert names(acting, state="draft") == ["customers"]


def test_a_page_holds_so_many_and_the_next_the_others(acting: Acting, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(PAGE + 3):
        (folder / f"table_{n:02}.csv").write_text("id\n1\n")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(folder))
    with acting("viewer.emea") as ctx:
        first, second, far = (data.browse(ctx, data.Wanted(), page) for page in (1, 2, 99))
    assert (len(first.datasets), len(second.datasets), first.pages) == (PAGE, 3, 2)
    assert far == second
    both = [one.name for one in (*first.datasets, *second.datasets)]
    assert both == sorted(both)


DIGESTS = ("a", "b")
moments = st.integers(0, 40).map(lambda n: NOW - dt.timedelta(days=40 - n))
proposal = st.builds(
    lambda digest, at, renews: Proposal("p", "d", digest, "x", at, NOW.date() if renews else None),
    st.sampled_from(DIGESTS), moments, st.booleans(),
)  # fmt: skip
certification = st.builds(
    lambda digest, at, days, revoked: Certification(
        "c", "d", digest, "x", "y", at, NOW.date() + dt.timedelta(days=days), at if revoked else None
    ),
    st.sampled_from(DIGESTS), moments, st.integers(-3, 33), st.booleans(),
)  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    assert ROOMS
    if request.param == "sqlite":
        url = storage.sqlite_url(tmp_path_factory.mktemp("states") / "state.db")
    else:
        url = request.getfixturevalue("postgres").database("states")
    engine = storage.open_engine(url)
    with engine.begin() as made:
        catalog_store.catalog.create(made)
        yield made
    engine.dispose()


@settings(max_examples=cases(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(proposal | st.none(), certification | st.none())
def test_sql_computes_the_state_that_the_room_computes(
    connection: sa.Connection, asked: Proposal | None, yes: Certification | None
) -> None:
    row: dict[str, Any] = {
        "dataset": "d", "stamp": "", "digest": "a", "owner": "", "domain": "", "subject": "", "source": "",
        "classification": "", "schedules": "", "renews": False, "revoked": False, "quality": "",
    }  # fmt: skip
    if asked:
        row |= {"proposed": asked.digest, "proposed_at": asked.at, "renews": asked.until is not None}
    if yes:
        row |= {"certified": yes.digest, "certified_at": yes.at, "until": yes.until}
        row["revoked"] = yes.revoked_at is not None
    connection.execute(catalog_store.catalog.delete())
    connection.execute(catalog_store.catalog.insert().values(row))
    wanted = standing("a", [asked] if asked else [], [yes] if yes else [], NOW.date())
    state, renewing = connection.execute(
        sa.select(catalog_store.state(NOW.date()), catalog_store.renewing())
    ).one()
    assert state == wanted.state
    assert bool(renewing) == (wanted.renewal is not None)


def test_every_way_to_another_state_is_in_the_catalog_at_once(acting: Acting, shops: None) -> None:
    def agrees(state: str) -> None:
        assert names(acting, state=state) == ["sales_orders"]
        with acting("viewer.emea") as ctx:
            assert data.dataset(ctx, "sales_orders").state == state

    agrees("proposed")
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    agrees("certified")
    with acting("steward.hr") as ctx:
        data.revoke(ctx, "sales_orders", "wrong")
    agrees("revoked")


def count_of(ctx: Context, table: sa.Table) -> int:
    return ctx.db.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0


def test_looking_again_reads_no_file_and_writes_no_row(
    acting: Acting, shops: None, instance: Instance
) -> None:
    assert names(acting) == ["customers", "sales_orders"]
    written: list[str] = []
    sa.event.listen(
        instance.engine,
        "before_cursor_execute",
        lambda _c, _cur, statement, *_: written.append(statement) if not statement.startswith(("SELECT", "PRAGMA")) else None,
    )  # fmt: skip
    assert names(acting) == ["customers", "sales_orders"]
    assert written == []
    with acting("viewer.emea") as ctx:
        assert count_of(ctx, store.extracts) == count_of(ctx, catalog_store.catalog) == 2
