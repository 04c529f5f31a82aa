"""The page to ask on: the same governed answer, in a browser, with files, and one's own questions again."""

import csv
import html
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from playwright.sync_api import Browser

from handrail import data
from handrail.kernel import Instance, identity, trail
from handrail.server import application
from tests.apps.conftest import url as url
from tests.data.asking import actors, furnished
from tests.web import Client

SQL = "SELECT region, amount FROM orders WHERE amount >= 60 ORDER BY amount"
ASKED = {"sql": SQL, "purpose": "sales-reporting", "environment": "production"}
SignedIn = Callable[[str], Client]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    made = furnished(tmp_path_factory.mktemp("shop"))
    yield made
    made.close()


def link(instance: Instance, who: str) -> str:
    with actors(instance)("admin") as ctx:
        return identity.issue_link(ctx, who)


@pytest.fixture
def signed_in(instance: Instance) -> SignedIn:
    app = application(instance)

    def sign_in(who: str) -> Client:
        client = Client(app, follow_redirects=True, headers={"Sec-Fetch-Site": "same-origin"})
        client.get("/sign-in/link", params={"token": link(instance, who)})
        return client

    return sign_in


def cells(page: str) -> list[str]:
    table = page[page.index('id="rows"') :]
    return [
        html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", table[: table.index("</table>")])
    ]


def test_a_question_is_answered_on_the_page_as_whoever_asks_may_see_it(signed_in: SignedIn) -> None:
    page = signed_in("viewer.emea").post("/ask", data=ASKED).text
    assert cells(page) == ["EMEA", "60", "EMEA", "80", "EMEA", "100"]
    assert html.escape(SQL) in page
    assert "Data as of" in page
    assert "Synthetic" not in page
    page = signed_in("viewer.apac").post("/ask", data=ASKED).text
    assert cells(page) == ["APAC", "70", "APAC", "90", "APAC", "110"]


def test_who_sees_no_row_is_told_why(signed_in: SignedIn) -> None:
    page = signed_in("steward.sales").post("/ask", data=ASKED).text
    assert "No row for you" in page
    assert "region" in page[page.index("No row for you") :][:400]
    assert "No row fits" in page


def test_masked_columns_are_marked(signed_in: SignedIn) -> None:
    asked = {**ASKED, "sql": "SELECT name, city FROM customers ORDER BY id LIMIT 1"}
    page = signed_in("viewer.emea").post("/ask", data=asked).text
    assert ">name (masked)</th>" in page
    assert ">city</th>" in page
    assert "customers.name" in page
    assert "Ana" not in page


def test_the_sandbox_says_that_its_rows_are_made_up(signed_in: SignedIn) -> None:
    page = (
        signed_in("maker.sales")
        .post("/ask", data={**ASKED, "environment": "sandbox", "sql": "FROM orders"})
        .text
    )
    assert "TWIN" in page
    assert "Synthetic" in page
    refused = signed_in("viewer.emea").post("/ask", data={**ASKED, "environment": "sandbox"})
    assert refused.status_code == 403


def test_a_refusal_says_what_to_do_and_is_not_kept(signed_in: SignedIn, instance: Instance) -> None:
    client = signed_in("steward.hr")
    refused = client.post("/ask", data={**ASKED, "sql": "SELECT regoin FROM orders"})
    assert (refused.status_code, "Did you mean region?" in refused.text) == (422, True)
    assert "regoin" not in client.get("/ask").text


def test_all_rows_come_as_a_file(signed_in: SignedIn) -> None:
    client = signed_in("viewer.emea")
    many = {**ASKED, "sql": "SELECT a.id, '=' || a.region AS r FROM orders a, orders b, orders c, orders d"}
    page = client.post("/ask", data=many).text
    assert "The first 200 rows" in page
    as_csv = client.post("/ask/rows/csv", data=many)
    assert as_csv.headers["content-disposition"].startswith('attachment; filename="query_')
    assert len(list(csv.reader(io.StringIO(as_csv.text)))) == 6**4 + 1
    as_arrow = client.post("/ask/rows/arrow", data=many)
    assert pa.ipc.open_stream(as_arrow.content).read_all().num_rows == 6**4
    excel = client.post("/ask/rows/excel", data=many).content
    assert excel.startswith(b"\xef\xbb\xbf")
    assert b'"\'=EMEA"' in excel


def test_ones_own_questions_are_found_again_and_nobody_elses(signed_in: SignedIn, instance: Instance) -> None:
    client, other = signed_in("steward.sales"), signed_in("viewer.emea")
    for _ in range(2):  # asked twice, kept once
        client.post("/ask", data={**ASKED, "sql": "SELECT count(*) AS mine FROM orders"})
    page = client.get("/ask").text
    assert page.count("AS mine") == 1
    (name,) = set(re.findall(r"/ask/(question_\w+)", page[: page.index("AS mine")][-200:]))
    assert "AS mine" in client.get(f"/ask/{name}").text
    assert other.get(f"/ask/{name}").status_code == 404
    assert "AS mine" not in other.get("/ask").text
    assert "of your questions are forgotten" in client.post("/ask/forget").text
    assert client.get(f"/ask/{name}").status_code == 404
    with actors(instance)("admin") as ctx:
        told = trail.entries(ctx, verb="question", limit=10)
    assert {entry.verb for entry in told} >= {"question.kept", "questions.forgotten"}
    assert "AS mine" not in repr(told)


def test_only_so_many_questions_are_kept(instance: Instance) -> None:
    for n in range(53):
        with actors(instance)("viewer.apac") as ctx:
            data.ask_first(ctx, f"SELECT {n} AS n FROM orders LIMIT 1", "sales-reporting", "production", 1)
    with actors(instance)("viewer.apac") as ctx:
        kept = data.questions(ctx, 100)
    assert len(kept) == 50
    assert "SELECT 52" in kept[0].sql


def test_a_dataset_leads_to_a_first_question_about_it(signed_in: SignedIn) -> None:
    client = signed_in("viewer.emea")
    assert "/ask?dataset=orders" in client.get("/datasets/orders").text
    page = client.get("/ask", params={"dataset": "orders"}).text
    typed = html.unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL).group(1))  # type: ignore[union-attr]
    assert typed == 'SELECT "id", "customer_id", "region", "amount", "ordered" FROM "orders" LIMIT 100'
    assert "6 rows" in client.post("/ask", data={**ASKED, "sql": typed}).text


def test_datasets_are_found_by_a_word_with_their_columns(signed_in: SignedIn) -> None:
    client = signed_in("viewer.emea")
    page = client.get("/ask", params={"q": "customers"}).text
    assert "<code>city</code>" in page
    assert "<code>amount</code>" not in page
    assert "No certified dataset fits" in client.get("/ask", params={"q": "zebra"}).text


@pytest.mark.browser
def test_a_question_is_asked_in_a_browser(
    instance: Instance, url: str, chromium: Browser, tmp_path: Any
) -> None:
    context = chromium.new_context(base_url=url, accept_downloads=True)
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"/sign-in/link?token={link(instance, 'viewer.emea')}")
    page.goto("/ask")
    page.get_by_role("textbox", name="Your question").fill(SQL)
    page.get_by_label("What it is for").select_option("sales-reporting")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("#rows").wait_for()
    assert page.locator("#rows tbody tr").count() == 3
    with page.expect_download() as coming:
        page.get_by_role("button", name="CSV", exact=True).click()
    file = tmp_path / "rows.csv"
    coming.value.save_as(file)
    assert file.read_text().splitlines() == ['"region","amount"', '"EMEA",60', '"EMEA",80', '"EMEA",100']
    page.get_by_role("textbox", name="Your question").fill("SELECT regoin FROM orders")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Did you mean region?").wait_for()
    assert page.get_by_role("textbox", name="Your question").input_value() == "SELECT regoin FROM orders"
    assert said == []
    context.close()
