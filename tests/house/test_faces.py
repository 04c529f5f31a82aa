"""One house, four faces: web, REST, command line and app socket give the same answer, or the same no.

The web's part in questions is the page to ask on, and an app that was opened: what these show is compared with
the answer of the other faces. What people do by forms (certify, promote, share, open, review, import) is compared
between web, REST and the command line; an app cannot do any of it.
"""

import html
import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from handrail import apps, data, runtime
from handrail.apps import Version
from handrail.faces.socket import AppDoor
from handrail.kernel import Caller, Instance, Manifest, RunRef, identity
from handrail.server import application, command
from handrail.settings import Settings
from handrail_sdk import wire
from tests.journeys import company
from tests.journeys.served import run_cli
from tests.web import Client

MAKER = "maker.sales"
SQL = "SELECT region, line, sum(net_amount) AS net, count(*) AS orders FROM sales_orders GROUP BY ALL ORDER BY line"
Said = dict[str, Any]


@dataclass(frozen=True)
class House:
    """An instance with an app in production, another that never ran, and a dataset that nobody certified."""

    instance: Instance
    client: Client
    board: Version
    untried: Version

    def token(self, person: str) -> str:
        with company.actors(self.instance)(person) as ctx:
            return identity.issue_token(ctx, "test")[1]

    def by_rest(self, person: str, method: str, path: str, body: object = None) -> Said:
        headers = {"Authorization": f"Bearer {self.token(person)}"}
        answer = self.client.request(method, f"/api/v1{path}", json=body, headers=headers)
        said: Said = answer.json()
        if answer.status_code < 400:
            return said
        return {"code": said["code"], "message": said["detail"], "next_step": said["next_step"]}

    def by_cli(self, person: str, *words: str) -> Said:
        where = {"HANDRAIL_HOME": str(self.instance.settings.home), "HANDRAIL_PERSON": person}
        done = CliRunner().invoke(command(), [*words, "--json"], env=where, catch_exceptions=False)
        said: Said = json.loads(done.stderr if done.exit_code else done.stdout)
        return said

    def in_a_terminal(self, person: str, *words: str) -> Said:
        """The same in a process of its own, which takes seconds to begin."""
        done = run_cli(*words, "--json", home=self.instance.settings.home, person=person)
        said: Said = json.loads(done.stderr if done.returncode else done.stdout)
        return said

    def by_web(self, person: str, path: str, form: dict[str, str]) -> Said:
        """What the page says: its sentence, its next step, and the code in small print."""
        with company.actors(self.instance)("admin") as ctx:
            link = identity.issue_link(ctx, person)
        assert self.client.get("/sign-in/link", params={"token": link}).status_code == 303
        page = self.client.post(path, data=form).text
        self.client.cookies.clear()
        found = [
            re.search(pattern, page, re.DOTALL)
            for pattern in (
                r"on the trail as <code>(.*?)</code>",
                r'class="refusal-why">(.*?)</p>',
                r'class="next-step">.*?<p>(.*?)</p>',
            )
        ]
        texts = [html.unescape(match.group(1)) if match else page for match in found]
        return dict(zip(("code", "message", "next_step"), texts, strict=True))

    def by_socket(self, person: str, manifest: Manifest, message: Said) -> Said:
        """Ask as a run in production does, over the socket that is all it has."""
        with self.instance.context(self.instance.system()) as ctx:
            somebody = identity.found(ctx, person)
        run = RunRef("run_1", manifest.name, self.board.commit, "production", manifest)
        ours, theirs = socket.socketpair()
        caller = Caller(somebody, "socket", run=run)
        thread = threading.Thread(target=AppDoor().serve, args=(self.instance, caller, theirs, None))
        thread.start()
        with ours:
            wire.send_message(ours, message)
            answer = wire.receive_message(ours)
            if answer.get("stream"):
                content = b"".join(wire.receive_content(ours))
                answer = {"rows": pa.ipc.open_stream(io.BytesIO(content)).read_all().to_pylist()}
        thread.join(30)
        refusal: Said = answer.get("refusal", answer)
        return refusal


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    instance = company.furnished(folder)
    acting = company.actors(instance)
    (folder / "suppliers.csv").write_text("supplier_id,name\n1,Acme\n2,Bolt\n")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(folder / "suppliers.csv"))
    with acting("steward.sales") as ctx:
        usual = {"owner": "steward.sales", "deputy": "lead", "readers": ["sales"], "expires": company.EXPIRES}
        data.propose(
            ctx, "suppliers", {**usual, "purposes": [company.PURPOSE], "description": "Who delivers."}
        )
    with acting(MAKER) as ctx:
        board = apps.push(ctx, company.files("board"), "Sales by line", "")
        untried = apps.push(ctx, company.files("untried"), "Not tried yet", "")
    with acting(MAKER) as ctx:
        run = apps.run(ctx, "board")
    assert runtime.execute(instance, run.id).state == "succeeded"
    with acting(MAKER) as ctx:
        apps.promote(ctx, "board")
    client = Client(application(instance), raise_server_exceptions=False, follow_redirects=False)
    yield House(instance, client, board, untried)
    instance.close()


def plain(rows: list[dict[str, Any]]) -> list[list[object]]:
    """Rows as JSON has them, which writes exact decimals as text."""
    return [[str(value) if isinstance(value, Decimal) else value for value in row.values()] for row in rows]


def test_the_same_question_has_the_same_answer(house: House) -> None:
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": SQL, "app": "board"})
    cli = house.in_a_terminal(MAKER, "query", SQL, "--app", "board")
    app = house.by_socket(MAKER, house.board.manifest, {"verb": "query", "sql": SQL})
    assert len(rest["rows"]) == 4
    assert {row["region"] for row in rest["rows"]} == {"EMEA"}
    assert plain(rest["rows"]) == plain(cli["rows"]) == plain(app["rows"])


ASKED = {"sql": SQL, "purpose": company.PURPOSE, "environment": "production"}


def test_the_page_to_ask_on_shows_what_the_other_faces_answer(house: House) -> None:
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": SQL, "purpose": company.PURPOSE})
    cli = house.by_cli(MAKER, "query", SQL, "--purpose", company.PURPOSE)
    app = house.by_socket(MAKER, house.board.manifest, {"verb": "query", "sql": SQL})
    token = {"Authorization": f"Bearer {house.token(MAKER)}"}
    page = house.client.post("/ask", data=ASKED, headers=token).text
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page[page.index('id="rows"') :])
    web = [cells[at : at + 4] for at in range(0, len(cells), 4)]
    assert len(web) == 4
    assert web == [[str(value) for value in row] for row in plain(rest["rows"])]
    assert plain(rest["rows"]) == plain(cli["rows"]) == plain(app["rows"])


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT name FROM suppliers", "not_ready"),
        ("DELETE FROM sales_orders", "not_allowed"),
        ("SELECT 1; SELECT 2", "invalid"),
        ("SELECT 1", "invalid"),
        ("SELECT regoin FROM sales_orders", "invalid"),
        ("SELECT 1 FROM orders_of_sales", "not_found"),
        ("SELECT CAST(region AS INTEGER) FROM sales_orders", "invalid"),
        ("SELECT * FROM read_csv('/etc/passwd')", "not_allowed"),
    ],
)
def test_the_page_to_ask_on_refuses_as_the_other_faces_do(house: House, sql: str, code: str) -> None:
    web = house.by_web(MAKER, "/ask", {**ASKED, "sql": sql})
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": sql, "purpose": company.PURPOSE})
    cli = house.by_cli(MAKER, "query", sql, "--purpose", company.PURPOSE)
    app = house.by_socket(MAKER, house.board.manifest, {"verb": "query", "sql": sql})
    assert (rest["code"], bool(rest["next_step"])) == (code, True)
    assert web == rest == cli == app


def test_a_wrong_purpose_is_refused_alike_on_the_page_to_ask_on(house: House) -> None:
    web = house.by_web(MAKER, "/ask", {**ASKED, "purpose": "people"})
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": SQL, "purpose": "people"})
    assert rest["code"] == "not_allowed"
    assert web == rest


def test_the_page_of_an_opened_app_shows_what_rest_answers(house: House) -> None:
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": SQL, "app": "board"})
    started = house.by_rest(MAKER, "POST", "/apps/board/open")
    runtime.execute(house.instance, started["id"])
    token = {"Authorization": f"Bearer {house.token(MAKER)}"}
    page = house.client.get(f"/runs/{started['id']}", headers=token).text
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
    shown = [cells[at : at + 4] for at in range(0, len(cells), 4)]
    assert shown == [
        [row["region"], row["line"], f"{Decimal(row['net']):,.2f}", str(row["orders"])]
        for row in rest["rows"]
    ]


def test_the_page_of_a_failed_run_shows_the_refusal_that_rest_gives(house: House) -> None:
    sql = "SELECT name FROM suppliers"
    code = f"from handrail_sdk import query\n\nprint(query('{sql}'))\n"
    with company.actors(house.instance)(MAKER) as ctx:
        apps.push(ctx, company.files("nosy", code), "Who delivers?", "")
    with company.actors(house.instance)(MAKER) as ctx:
        run = apps.run(ctx, "nosy")
    runtime.execute(house.instance, run.id)
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": sql, "app": "nosy", "environment": "sandbox"})
    token = {"Authorization": f"Bearer {house.token(MAKER)}"}
    page = html.unescape(house.client.get(f"/runs/{run.id}", headers=token).text)
    assert rest["code"] == "not_ready"
    assert f"Handrail refused: {rest['message']}" in page
    assert rest["next_step"] in page


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT name FROM suppliers", "not_ready"),
        ("DELETE FROM sales_orders", "not_allowed"),
        ("SELECT 1; SELECT 2", "invalid"),
        ("SELECT regoin FROM sales_orders", "invalid"),
        ("SELECT order_id FROM sales_orders", "not_allowed"),
        ("SELECT full_name FROM customers", "not_allowed"),
        ("SELECT 1 FROM orders_of_sales", "not_found"),
        ("SELECT CAST(region AS INTEGER) FROM sales_orders", "invalid"),
    ],
    ids=[
        "uncertified", "no SELECT", "two statements", "unknown column", "undeclared column",
        "undeclared dataset", "unknown dataset", "fails while it runs",
    ],
)  # fmt: skip
def test_the_same_question_has_the_same_refusal(house: House, sql: str, code: str) -> None:
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": sql, "app": "board"})
    cli = house.by_cli(MAKER, "query", sql, "--app", "board")
    app = house.by_socket(MAKER, house.board.manifest, {"verb": "query", "sql": sql})
    assert rest["code"] == code
    assert rest["message"]
    assert rest["next_step"]
    assert rest == cli == app


def test_a_wrong_purpose_is_refused_alike(house: House) -> None:
    manifest = Manifest.parse(company.MANIFEST.format(name="board").replace(company.PURPOSE, "people"))
    rest = house.by_rest(MAKER, "POST", "/query", {"sql": SQL, "purpose": "people"})
    cli = house.in_a_terminal(MAKER, "query", SQL, "--purpose", "people")
    app = house.by_socket(MAKER, manifest, {"verb": "query", "sql": SQL})
    assert (rest["code"], "may be used for sales-reporting" in rest["message"]) == ("not_allowed", True)
    assert rest == cli == app


def test_a_metric_that_an_app_does_not_declare_is_refused_alike(house: House) -> None:
    rest = house.by_rest(MAKER, "POST", "/query", {"metric": {"name": "revenue"}, "app": "board"})
    cli = house.by_cli(MAKER, "metric", "revenue", "--app", "board")
    app = house.by_socket(MAKER, house.board.manifest, {"verb": "query", "metric": {"name": "revenue"}})
    assert rest["code"] == "not_allowed"
    assert rest == cli == app


@dataclass(frozen=True)
class Deed:
    """Something that is refused to somebody, as each face words the request. `commit` is the untried app's."""

    person: str
    code: str
    rest: Callable[[str], tuple[str, object]]
    cli: tuple[str, ...]
    web: Callable[[str], tuple[str, dict[str, str]]]


REASON = {"reason": "no"}
LAYER = runtime.layer_digest(Settings(Path()))  # as the form that a reviewer looks at sends it back
DEEDS = {
    "certify one's own proposal": Deed(
        "steward.sales", "not_allowed",
        lambda _: ("/datasets/suppliers/certify", None),
        ("certify", "suppliers"),
        lambda _: ("/datasets/suppliers/certify", {}),
    ),
    "propose without being a steward": Deed(
        MAKER, "not_allowed",
        lambda _: ("/datasets/suppliers/propose", {"owner": MAKER}),
        ("propose", "suppliers", "--owner", MAKER),
        lambda _: ("/datasets/suppliers/propose", {"owner": MAKER}),
    ),
    "revoke what is not certified": Deed(
        "steward.hr", "not_ready",
        lambda _: ("/datasets/suppliers/revoke", {"reason": "It is no longer right."}),
        ("revoke", "suppliers", "--reason", "It is no longer right."),
        lambda _: ("/datasets/suppliers/revoke", {"reason": "It is no longer right."}),
    ),
    "import without being a steward": Deed(
        MAKER, "not_allowed",
        lambda _: ("/import", {"location": "/nowhere/x.csv"}),
        ("import", "/nowhere/x.csv"),
        lambda _: ("/import", {"location": "/nowhere/x.csv"}),
    ),
    "promote with shut gates": Deed(
        MAKER, "not_ready",
        lambda _: ("/apps/untried/promote", {}),
        ("promote", "untried"),
        lambda _: ("/apps/untried/promote", {}),
    ),
    "promote somebody else's app": Deed(
        "reviewer.platform", "not_allowed",
        lambda _: ("/apps/untried/promote", {}),
        ("promote", "untried"),
        lambda _: ("/apps/untried/promote", {}),
    ),
    "open an app that was not shared": Deed(
        "viewer.emea", "not_found",
        lambda _: ("/apps/board/open", None),
        ("run", "board", "--production"),
        lambda _: ("/open/board", {}),
    ),
    "share with a group of nobody": Deed(
        MAKER, "invalid",
        lambda _: ("/apps/board/share", {"groups": ["martians"]}),
        ("share", "board", "--group", "martians"),
        lambda _: ("/apps/board/share", {"groups": "martians", "agreed": "yes"}),
    ),
    "approve one's own app": Deed(
        MAKER, "not_allowed",
        lambda commit: (f"/reviews/untried/{commit}/approve", {}),
        ("approve", "untried"),
        lambda commit: (f"/reviews/untried/{commit}/approve", {"layer": LAYER}),
    ),
    "approve what nobody asked about": Deed(
        "reviewer.platform", "not_ready",
        lambda commit: (f"/reviews/untried/{commit}/approve", {}),
        ("approve", "untried"),
        lambda commit: (f"/reviews/untried/{commit}/approve", {"layer": LAYER}),
    ),
    "refuse without a reason to act on": Deed(
        "reviewer.platform", "invalid",
        lambda commit: (f"/reviews/untried/{commit}/refuse", REASON),
        ("refuse", "untried", "--reason", "no"),
        lambda commit: (f"/reviews/untried/{commit}/refuse", REASON),
    ),
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS.keys())
def test_what_is_refused_is_refused_alike_by_web_rest_and_command_line(house: House, deed: Deed) -> None:
    path, body = deed.rest(house.untried.commit)
    rest = house.by_rest(deed.person, "POST", path, body)
    cli = house.by_cli(deed.person, *deed.cli)
    web = house.by_web(deed.person, *deed.web(house.untried.commit))
    assert rest["code"] == deed.code, rest
    assert rest["next_step"]
    assert rest == cli == web
