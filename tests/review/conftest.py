"""A catalog with ordinary and sensitive data, and versions of an app as the apps room hands them over."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import begun, inhabited
from tests.data.asking import actors

from handrail import data
from handrail.kernel import Instance, Manifest
from handrail.review import Submission

Submitting = Callable[..., Submission]

HEAD = '[app]\nname = "weekly"\nkind = "job"\nentrypoint = "app.py"\npurpose = "sales-reporting"\nsays = "Weekly"\n'
ORDERS = '\n[data.orders]\ncolumns = ["region", "net_amount"]\n'
SALARIES = '\n[data.staff]\ncolumns = ["salary"]\n'
CODE = b'from handrail_sdk import query\nprint(query("SELECT region, net_amount FROM orders"))\n'
CODE_STAFF = CODE + b'print(query("SELECT avg(salary) FROM staff"))\n'


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with a catalog, where a test names it."""
    with begun(tmp_path, stocked if "catalog" in request.fixturenames else None) as opened:
        yield opened


@pytest.fixture
def catalog(instance: Instance) -> Instance:
    """Two datasets: orders, and staff whose salary is sensitive."""
    return instance


def stocked(folder: Path) -> None:
    """Make `home`, an instance with these two, and `source`, from which they were imported."""
    source = folder / "source"
    source.mkdir(parents=True)
    (source / "orders.csv").write_text("order_id,region,net_amount,note\n1,EMEA,10.5,a\n2,APAC,20.0,b\n")
    (source / "staff.csv").write_text("staff_id,salary\n1,50000\n2,60000\n")
    made = inhabited(folder / "home")
    acting = actors(made)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(source), name="shop")
    with acting("steward.hr") as ctx:
        data.propose(ctx, "staff", {"classifications": {"salary": "sensitive"}})
    made.close()


@pytest.fixture
def version() -> Submitting:
    """A version of the app `weekly` by maker.sales; anything can be given otherwise."""

    def made(n: int = 1, data: str = ORDERS, code: bytes = CODE, **otherwise: object) -> Submission:
        manifest = Manifest.parse(HEAD + data)
        files = {"handrail.toml": manifest.text.encode(), "app.py": code}
        whole = Submission(
            app="weekly",
            commit=f"{n:040x}",
            n=n,
            tree=f"{n:039x}f",
            manifest=manifest,
            layer="sha256:layer-one",
            files=files,
            owner="maker.sales",
            maker="maker.sales",
            why="Sales asked for it every Monday.",
            observed={"orders": ("region", "net_amount")} if data == ORDERS else None,
            packages=frozenset({"pandas"}),
            tier="handoff",
        )
        return replace(whole, **otherwise)  # type: ignore[arg-type]

    return made
