"""The page of a run and its REST: nothing of another person, and nothing that a browser would run."""

import re

import pytest

from handrail.kernel import Context, Instance
from handrail.runtime import api, execute, look, pages
from handrail.runtime.models import Run
from tests.runtime.conftest import Start
from tests.web import SignedIn, signed_in

SHOWS = """
import handrail_sdk as h, matplotlib.pyplot as plt
print('<script>alert(1)</script>')
h.show([{'<b>region</b>': '<img src=x onerror=alert(1)>', 'net': 1234.5}], title='Sales <i>by</i> region')
h.text('</pre><script>alert(2)</script>')
h.save('page.html', b'<script>alert(3)</script>')
plt.plot([1, 2]); plt.title('A picture')
"""


@pytest.fixture
def client(instance: Instance) -> SignedIn:
    """Clients of people who came in by a one-time link."""
    return signed_in(instance, pages.router, api.router)


def test_the_page_shows_everything_that_a_run_gave_as_text_and_never_as_markup(
    ended: Start, client: SignedIn
) -> None:
    run = ended(SHOWS)
    page = client("maker.sales").get(f"/runs/{run.id}")
    assert page.status_code == 200
    for shown in (
        "Synthetic data",
        "1,234.50",
        "A picture",
        "page.html",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ):
        assert shown in page.text
    for markup in ("<script>alert", "<img src=x", "<i>by", "<b>region"):
        assert markup not in page.text
    assert "hx-trigger" not in page.text


def test_a_production_run_carries_no_banner_of_synthetic_data(ended: Start, client: SignedIn) -> None:
    run = ended("pass", person="viewer.emea", environment="production")
    assert "Synthetic data" not in client("viewer.emea").get(f"/runs/{run.id}").text


def test_files_are_kept_and_never_opened_and_pictures_are_only_pictures(
    ended: Start, client: SignedIn
) -> None:
    run = ended(SHOWS)
    maker = client("maker.sales")
    for base in (f"/runs/{run.id}/outputs", f"/api/v1/runs/{run.id}/outputs"):
        page = maker.get(f"{base}/3")
        assert page.content == b"<script>alert(3)</script>"
        assert page.headers["content-type"] == "application/octet-stream"
        assert page.headers["content-disposition"].startswith('attachment; filename="page.html"')
        picture = maker.get(f"{base}/4")
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["content-disposition"].startswith("attachment")
        for answer in (page, picture):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"].startswith("sandbox")
    assert maker.get(f"/runs/{run.id}/outputs/9").status_code == 404
    shown = maker.get(f"/runs/{run.id}/outputs/4/shown")
    assert (shown.headers["content-type"], shown.headers["content-disposition"]) == ("image/png", "inline")
    assert shown.headers["content-security-policy"].startswith("sandbox")


def test_a_table_is_kept_as_csv_without_formulas(ended: Start, client: SignedIn) -> None:
    run = ended("import handrail_sdk as h\nh.show([{'who': '=HYPERLINK(1)', 'n': -1}], title='T')")
    answer = client("maker.sales").get(f"/runs/{run.id}/outputs/1")
    assert answer.content.decode("utf-8-sig") == "who,n\r\n'=HYPERLINK(1),-1\r\n"
    assert 'filename="t.csv"' in answer.headers["content-disposition"]


def test_a_name_with_quotes_and_line_ends_stays_one_header(ended: Start, client: SignedIn) -> None:
    run = ended("import handrail_sdk as h\nh.save('\\u00fc\"; x=\"\\r\\nSet-Cookie: a=b.csv', b'1')")
    headers = client("maker.sales").get(f"/runs/{run.id}/outputs/1").headers
    assert "set-cookie" not in headers
    assert headers["content-disposition"].count('"') == 2


def test_a_running_run_asks_again_and_can_be_stopped(start: Start, client: SignedIn) -> None:
    run = start("pass")
    maker = client("maker.sales")
    page = maker.get(f"/runs/{run.id}")
    assert f'hx-get="/runs/{run.id}/live?' in page.text
    assert "Stop this run" in maker.get(f"/runs/{run.id}/live").text
    assert maker.post(f"/runs/{run.id}/stop", headers={"Origin": "http://testserver"}).status_code == 303
    assert "It was stopped." in maker.get(f"/runs/{run.id}").text


def test_others_get_not_found_by_every_address(ended: Start, client: SignedIn) -> None:
    run = ended(SHOWS, person="viewer.emea", environment="production")
    other = client("viewer.apac")
    for base in (f"/runs/{run.id}", f"/api/v1/runs/{run.id}"):
        for address in (base, f"{base}/log", f"{base}/outputs/1"):
            assert other.get(address).status_code == 404
    assert other.get(f"/runs/{run.id}/live").status_code == 404
    assert other.get(f"/api/v1/runs/{run.id}/outputs").status_code == 404


def test_the_owner_sees_that_a_production_run_was_and_none_of_its_rows(
    ended: Start, client: SignedIn, owned: None
) -> None:
    run = ended("print('Q1 4711')", person="viewer.emea", environment="production")
    maker = client("maker.sales")
    page = maker.get(f"/runs/{run.id}")
    assert page.status_code == 200
    assert "4711" not in page.text
    assert "was made for viewer.emea alone" in page.text
    assert maker.get(f"/runs/{run.id}/log").status_code == 403
    assert maker.get(f"/api/v1/runs/{run.id}/outputs").status_code == 403


def test_rest_tells_how_a_run_ended(ended: Start, client: SignedIn) -> None:
    run = ended("raise SystemExit(3)")
    answer = client("maker.sales").get(f"/api/v1/runs/{run.id}").json()
    assert (answer["state"], answer["exit_code"], answer["person"]) == ("failed", 3, "maker.sales")
    assert "exit code 3" in answer["reason"]


def test_a_page_that_has_seen_everything_gets_nothing_anew(start: Start, client: SignedIn) -> None:
    run = start("pass")
    maker = client("maker.sales")
    address = re.search(r'hx-get="([^"]+)"', maker.get(f"/runs/{run.id}").text)
    assert address is not None
    assert maker.get(address[1]).status_code == 204
    maker.post(f"/runs/{run.id}/stop", headers={"Origin": "http://testserver"})
    assert "It was stopped." in maker.get(address[1]).text


def test_what_changes_while_a_page_is_made_is_shown_the_next_time_it_asks(
    start: Start, client: SignedIn, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, looked = start("print('done')"), look.run

    def ends_meanwhile(ctx: Context, run_id: str) -> Run:
        found = looked(ctx, run_id)
        if found.state == "queued":
            execute(instance, run_id)
        return found

    monkeypatch.setattr(look, "run", ends_meanwhile)
    browser = client("maker.sales")
    page = browser.get(f"/runs/{run.id}").text
    assert "Waiting for its turn" in page
    asks = re.search(r'hx-get="([^"]+)"', page)
    assert asks and "It ended well." in browser.get(asks[1]).text


def test_a_run_is_compared_where_there_was_one_before(ended: Start, client: SignedIn) -> None:
    first, second = ended("print(1)"), ended("print(2)")
    browser = client("maker.sales")
    assert f"/runs/{first.id}/compare" not in browser.get(f"/runs/{first.id}").text
    assert f"/runs/{second.id}/compare" in browser.get(f"/runs/{second.id}").text
    assert browser.get(f"/runs/{second.id}/compare").status_code == 200
