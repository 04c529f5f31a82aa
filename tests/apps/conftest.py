"""What the tests of the apps room share: a small app, a push, and the real server on a loopback port."""

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn

from handrail import apps, data
from handrail.kernel import Caller, Instance, identity
from handrail.kernel.manifest import FILENAME
from handrail.server import application
from tests.conftest import PEOPLE, begun, inhabited
from tests.data.asking import actors
from tests.web import Client

MANIFEST = """\
[app]
name = "hello"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"
says = "Says hello"
"""
Push = Callable[..., apps.Version]


def hello(code: str = "print('hello')\n", manifest: str = MANIFEST, **more: bytes) -> dict[str, bytes]:
    """The files of a small app."""
    return {FILENAME: manifest.encode(), "app.py": code.encode(), **more}


@pytest.fixture
def push(acting) -> Push:
    """Push the small app, with changes."""

    def do(person="maker.sales", why="The team asked for it", prompts="", **changes) -> apps.Version:
        with acting(person) as ctx:
            return apps.push(ctx, hello(**changes), why, prompts)

    return do


@pytest.fixture
def token(acting) -> Callable[..., str]:
    """A personal token of somebody, for all or some actions."""

    def issue(person: str, scopes: list[str] | None = None) -> str:
        with acting(person) as ctx:
            return identity.issue_token(ctx, "test", scopes)[1]

    return issue


@pytest.fixture
def url(instance: Instance) -> Iterator[str]:
    """The address of the whole application, really served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application(instance), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


ORDERS = """\
[app]
name = "orders"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"
says = "Net amount by region"

[data.sales_orders]
columns = ["region", "net_amount"]
"""
BY_REGION = """\
from handrail_sdk import query, text

rows = query("SELECT region, sum(net_amount) AS net FROM sales_orders GROUP BY region ORDER BY region")
text("; ".join(f"{row.region}={row.net:.0f}" for row in rows.itertuples()))
"""


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with the company's orders, where a test names them."""
    with begun(tmp_path, company if "orders" in request.fixturenames else None) as opened:
        yield opened


@pytest.fixture
def orders() -> str:
    """The dataset of the company's orders: the instance has it from the beginning."""
    return "sales_orders"


def company(folder: Path) -> None:
    """Make an instance with `sales_orders`, certified with a row filter by region, and a twin of other rows."""
    folder.mkdir()
    instance = inhabited(folder / "home")
    acting = actors(instance)
    file = folder / "sales_orders.csv"
    rows = [
        f"{number},{('EMEA', 'APAC')[number % 2]},{number * 10},p{number}@example.org" for number in range(20)
    ]
    file.write_text("order_id,region,net_amount,contact_email\n" + "\n".join(rows) + "\n")
    changes = data.Changes(
        owner="steward.sales",
        deputy="steward.hr",
        purposes=("sales-reporting",),
        readers=("sales",),
        row_filters=(data.RowFilter("region = viewer.region"),),
        expires=dt.datetime.now(dt.UTC).date() + dt.timedelta(days=90),
        description="Orders.",
        classifications={"contact_email": "personal"},
    )
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(file))
    with acting("steward.sales") as ctx:
        data.propose(ctx, "sales_orders", changes)
    with acting("steward.hr") as ctx:
        assert data.certify(ctx, "sales_orders").certified
    twin = instance.settings.home / "twins" / "sales_orders" / "one.parquet"
    twin.parent.mkdir(parents=True)
    with acting("steward.sales") as ctx:
        real = pq.read_table(data.extract_path(ctx, "sales_orders")).schema
        made = pa.table(
            {"order_id": [1], "region": ["TWIN"], "net_amount": [7], "contact_email": ["x@example.org"]}
        )
        pq.write_table(made.cast(real), twin)
        data.set_rendition(ctx, "sales_orders", twin, {})
    instance.close()


@pytest.fixture
def client(instance: Instance) -> Callable[[str], Client]:
    """Clients of people who came in by a one-time link."""
    app = application(instance)

    def sign_in(who: str) -> Client:
        made = Client(app, follow_redirects=False)
        assert made.get("/sign-in/link", params={"token": link(instance, who)}).status_code == 303
        return made

    return sign_in


def link(instance: Instance, who: str) -> str:
    """A one-time sign-in link's token."""
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        return identity.issue_link(ctx, who)
