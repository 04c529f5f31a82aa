"""An app asks for data from inside a real sandbox, and each person gets what that person may see."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail import data, runtime
from handrail.kernel import Instance, Manifest
from handrail.runtime import Run
from tests.conftest import Acting
from tests.data import shop

DECLARES = Manifest.parse(
    Manifest.render("tried") + '\n[data.sales_orders]\ncolumns = ["id", "region", "customer_id", "note"]\n'
)
ASKS = "import handrail_sdk as h\nfor row in h.query('SELECT id, region FROM sales_orders').itertuples(): print(row.region)"


@pytest.fixture
def orders(instance: Instance, acting: Acting, tmp_path: Path) -> None:
    """Certified sales orders of two regions, and a twin of them."""
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(shop.make(tmp_path / "shop.sqlite")))
        data.propose(ctx, "sales_orders", shop.COMPLETE)
    with acting("steward.hr") as ctx:
        data.certify(ctx, "sales_orders")
    twin = instance.settings.home / "twins" / "sales_orders" / "1.parquet"
    twin.parent.mkdir(parents=True)
    pq.write_table(pa.table({"id": [71], "region": ["TWIN"], "customer_id": [1], "note": ["x"]}), twin)
    with acting("steward.sales") as ctx:
        data.set_rendition(ctx, "sales_orders", twin, {})


def ran(instance: Instance, acting: Acting, code: str, person: str, environment: str) -> tuple[Run, str]:
    with acting(person) as ctx:
        run = runtime.start(ctx, "tried", "c0ffee", {"app.py": code.encode()}, DECLARES, environment)  # type: ignore[arg-type]
    over = runtime.execute(instance, run.id)
    with acting(person) as ctx:
        return over, runtime.log(ctx, run.id)


def test_the_same_code_answers_each_viewer_and_the_sandbox_from_their_own_rows(
    instance: Instance, acting: Acting, orders: None
) -> None:
    asked = (("viewer.emea", "production"), ("viewer.apac", "production"), ("maker.sales", "sandbox"))
    logs = [ran(instance, acting, ASKS, person, environment)[1] for person, environment in asked]
    assert logs == ["EMEA\n", "APAC\n", "TWIN\n"]


def test_what_a_run_read_is_observed_under_its_app_and_commit(
    instance: Instance, acting: Acting, orders: None
) -> None:
    ran(instance, acting, ASKS, "maker.sales", "sandbox")
    with acting("maker.sales") as ctx:
        assert data.observed_reads(ctx, "tried", "c0ffee", "sandbox") == {
            "sales_orders": frozenset({"id", "region"})
        }


def test_reading_what_is_not_declared_fails_the_run_with_the_rule_and_the_next_step(
    instance: Instance, acting: Acting, orders: None
) -> None:
    code = "import handrail_sdk as h\nh.query('SELECT email FROM customers')"
    run, log = ran(instance, acting, code, "viewer.emea", "production")
    assert (run.state, run.ended) == ("failed", "refused")
    assert "customers" in run.reason
    assert run.next_step in log
