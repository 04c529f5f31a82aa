"""The main job in real Chromium, against a server that was started as an operator starts it."""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from handrail.kernel import Instance, identity
from tests.faces.conftest import PASSWORD
from tests.journeys import company
from tests.journeys.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.long]
PATIENCE = 60_000  # milliseconds for a run of an app on a busy machine
# What an assistant wrote before it had met a row without a region.
CARELESS = company.CODE.replace('sales = sales.fillna({"region": "(none)", "line": "(none)"})\n', "")
Opens = Callable[[], Page]
Links = Callable[[str], str]


@pytest.fixture(scope="module")
def instance(furnished: Instance) -> Instance:
    """The company's certified data and its people, of whom only the reviewer has a password."""
    with company.actors(furnished)("admin") as ctx:
        identity.set_password(ctx, "reviewer.platform", PASSWORD)
    return furnished


@pytest.fixture
def link(instance: Instance) -> Links:
    """The address of a one-time sign-in link that an admin made."""

    def make(who: str) -> str:
        with company.actors(instance)("admin") as ctx:
            return f"/sign-in/link?token={identity.issue_link(ctx, who)}"

    return make


@pytest.fixture
def browser(chromium: Browser, server: Served) -> Iterator[Opens]:
    """Opens a browser of somebody's own; whatever its console reports fails the test."""
    said: list[str] = []
    opened = []

    def open_one() -> Page:
        opened.append(chromium.new_context(base_url=server.address))
        page = opened[-1].new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda message: (
                said.append(message.text)
                if message.type in ("error", "warning") and "Failed to load resource" not in message.text
                else None
            ),
        )
        return page

    yield open_one
    for context in opened:
        context.close()
    assert said == []


def by_link(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
    return page


def by_password(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def push_zip(page: Page, files: dict[str, bytes], why: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(f"net-sales/{path}", content)
    page.goto("/apps/new")
    page.get_by_label("Zip").set_input_files(
        {"name": "net-sales.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}
    )
    keep(page, why)


def push_folder(page: Page, folder: Path, files: dict[str, bytes], why: str) -> None:
    folder.mkdir()
    for path, content in files.items():
        (folder / path).write_bytes(content)
    page.goto("/apps/new")
    page.get_by_role("link", name="A folder").click()
    page.get_by_label("Folder", exact=True).set_input_files(folder)
    keep(page, why)


def keep(page: Page, why: str) -> None:
    page.get_by_label("Why does this version exist?").fill(why)
    page.get_by_label("What did you ask the assistant?").fill(
        "Net sales by product line. The test mailbox is 4111 1111 1111 1111."
    )
    page.get_by_role("button", name="Keep this version").click()


def run_in_the_sandbox(page: Page, app: str) -> None:
    page.goto(f"/apps/{app}")
    page.get_by_role("button", name="Run in the sandbox").click()
    expect(page.get_by_text("Synthetic data.")).to_be_visible()


def share(page: Page, app: str, group: str) -> None:
    page.goto(f"/apps/{app}")
    page.get_by_role("tab", name="Sharing").click()
    page.get_by_label("Groups").select_option(group)
    page.get_by_role("button", name="See what it costs").click()
    expect(page.get_by_text("It becomes a handoff.")).to_be_visible()
    page.get_by_role("button", name="Share it").click()
    expect(page.get_by_text(f"{app} is shared.")).to_be_visible()


def open_app(page: Page, app: str) -> list[tuple[str, ...]]:
    """Open an app that was shared with this viewer; gives the rows of its table."""
    page.goto("/")
    page.get_by_role("link", name=app).first.click()
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("It ended well.")).to_be_visible(timeout=PATIENCE)
    drawn(page)
    return rows(page, "Net sales by line")


def rows(page: Page, caption: str) -> list[tuple[str, ...]]:
    lines = page.get_by_role("table", name=caption).locator("tbody tr").all()
    return [tuple(cell.inner_text() for cell in line.locator("td").all()) for line in lines]


def drawn(page: Page) -> None:
    """The chart is there, and is a picture that the browser could read."""
    picture = page.get_by_role("img", name="Net sales, drawn")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100


def written(source: Path, region: str) -> list[tuple[str, ...]]:
    """What a viewer of this region must read, from the source itself."""
    return [(r, line, f"{net:,.2f}", str(n)) for r, line, net, n in company.by_line(source, region)]


def refused(page: Page, path: str, why: str, next_step: str) -> None:
    """The page says why not, and what to do next."""
    page.goto(path)
    expect(page.locator(".refusal-why")).to_contain_text(why)
    expect(page.locator(".next-step")).to_contain_text(next_step)


def test_an_app_goes_from_a_zip_to_two_viewers_who_each_see_their_own_rows(
    browser: Opens, link: Links, server: Served, source: Path, tmp_path: Path
) -> None:
    maker = by_link(browser(), link("maker.sales"))
    maker.get_by_role("link", name="Data", exact=True).click()
    maker.get_by_role("link", name="sales_orders").click()
    expect(maker.get_by_text("Synthetic data.")).to_be_visible()

    push_zip(maker, company.files("net-sales", CARELESS), "Sales asked for net sales by product line")
    expect(maker.get_by_text("net-sales version 1 is kept.")).to_be_visible()
    expect(maker.get_by_text("taken out of the prompts")).to_be_visible()
    run_in_the_sandbox(maker, "net-sales")
    expect(maker.get_by_text("It ended with exit code 1: TypeError")).to_be_visible(timeout=PATIENCE)
    expect(maker.get_by_text("Its log names the line")).to_be_visible()
    maker.goto("/apps/net-sales")
    expect(maker.get_by_role("button", name="Promote version 1")).to_be_disabled()

    push_folder(
        maker, tmp_path / "net-sales", company.files("net-sales"), "Orders without a region count too"
    )
    expect(maker.get_by_text("net-sales version 2 is kept.")).to_be_visible()
    run_in_the_sandbox(maker, "net-sales")
    expect(maker.get_by_text("It ended well.")).to_be_visible(timeout=PATIENCE)
    drawn(maker)
    made_up = rows(maker, "Net sales by line")
    assert made_up
    assert not set(made_up) & {row for region in ("EMEA", "APAC", "NA") for row in written(source, region)}

    share(maker, "net-sales", "sales")
    maker.goto("/apps/net-sales")
    maker.get_by_role("button", name="Ask a reviewer").click()
    expect(maker.get_by_text("A reviewer was asked.")).to_be_visible()

    reviewer = browser()
    by_password(reviewer, "reviewer.platform@meridian.example")
    reviewer.get_by_role("link", name="net-sales, version 2").click()
    expect(reviewer.get_by_role("heading", level=1)).to_contain_text("net-sales, version 2")
    access = rows(reviewer, "Declared, seen and observed access, column by column")
    assert [(row[1].split()[0], row[5].strip()) for row in access] == [
        (column, "fits") for column in ("region", "line", "net_amount")
    ]
    expect(reviewer.get_by_text("Orders without a region count too")).to_be_visible()
    reviewer.get_by_role("button", name="Approve …").click()
    reviewer.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(reviewer.get_by_text("reviewer.platform approved it.").first).to_be_visible()

    maker.goto("/apps/net-sales")
    maker.get_by_role("button", name="Promote version 2").click()
    maker.get_by_role("dialog").get_by_role("button", name="Promote version 2").click()
    expect(maker.get_by_text("Version 2 is in production.")).to_be_visible()

    for who, region in (("viewer.emea", "EMEA"), ("viewer.apac", "APAC")):
        viewer = by_link(browser(), link(who))
        assert open_app(viewer, "net-sales") == written(source, region)
        expect(viewer.get_by_text("Synthetic data.")).to_have_count(0)

    stranger = by_link(browser(), link("maker.ops"))
    refused(stranger, "/open/net-sales", "net-sales", "share it with you")
    verified = server.cli("audit", "verify", person="compliance")
    assert verified["ok"]


def test_somebody_signs_in_by_a_link_that_works_once_and_nobody_by_a_wrong_password(
    browser: Opens, link: Links
) -> None:
    page, address = browser(), link("viewer.emea")
    page.goto(address)
    expect(page.get_by_role("heading", name="Welcome, Emil")).to_be_visible()
    again = browser()
    refused(again, address, "used before", "Ask an admin for a new one.")
    by_password(again, "reviewer.platform@meridian.example", "a guess")
    expect(again.get_by_role("alert")).to_contain_text("do not belong together")
    by_password(again, "reviewer.platform@meridian.example")
    expect(again.get_by_role("heading", name="Welcome, Rita")).to_be_visible()


def test_the_catalog_is_searched_and_a_dataset_says_what_it_is_for(browser: Opens, link: Links) -> None:
    page = by_link(browser(), link("viewer.apac"))
    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_label("Words in its name").fill("customers")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("table", name="Datasets").locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="customers").click()
    expect(page.get_by_role("main")).to_contain_text("sales-reporting")
    columns = {row[0].split()[0]: row for row in rows(page, "Columns")}
    assert columns["email"][4] == "a pseudonym"
    assert columns["email"][3].startswith("personal")
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)


def test_two_stewards_certify_what_one_of_them_sent_and_build_its_twin(browser: Opens, link: Links) -> None:
    steward = by_link(browser(), link("steward.sales"))
    steward.get_by_role("link", name="Data", exact=True).click()
    steward.get_by_role("link", name="Import data").click()
    lines = [f"{n},{('EMEA', 'APAC')[n % 2]},c{n}@example.org,{n}.50" for n in range(100)]
    content = "\n".join(["Return No,Region,Contact,Amount", *lines]).encode()
    steward.locator("input[name=files]").set_input_files(
        {"name": "Returns 2026.csv", "mimeType": "text/csv", "buffer": content}
    )
    steward.get_by_role("button", name="Import").first.click()
    steward.get_by_role("link", name="returns_2026").click()
    steward.get_by_role("link", name="Complete and propose").click()
    steward.get_by_label("Owner").fill("steward.sales")
    steward.get_by_label("Deputy").fill("lead")
    steward.get_by_label("What it is").fill("What came back, and how much was paid back.")
    steward.get_by_label("Certified until").fill(company.EXPIRES)
    steward.get_by_label("sales-reporting").check()
    steward.get_by_label("Groups that may read it").fill("sales")
    filters = steward.get_by_role("table", name="Row filters")
    expect(filters.get_by_role("columnheader").get_by_role("button")).to_have_count(0)  # their order decides
    filters.get_by_label("Rows where").first.fill("Region = viewer.region")
    steward.get_by_label("What Contact holds").select_option("personal data")
    steward.get_by_label("What readers see of Contact").select_option("a pseudonym")
    steward.get_by_role("button", name="Propose").click()
    expect(steward.get_by_text("Another steward can certify it now.")).to_be_visible()
    expect(steward.get_by_role("button", name="Certify")).to_have_count(0)

    second = by_link(browser(), link("steward.hr"))
    second.get_by_role("link", name="returns_2026").click()
    second.get_by_role("button", name="Certify").click()
    second.get_by_role("dialog").get_by_role("button", name="Certify").click()
    expect(second.get_by_text(f"returns_2026 is certified until {company.EXPIRES}.")).to_be_visible()
    second.goto("/twins/returns_2026")
    second.get_by_role("button", name="Build the twin").click()
    expect(second.get_by_text("The twin is being built.")).to_be_visible()
    expect(second.get_by_text("Alike overall")).to_be_visible(timeout=PATIENCE)  # the page follows the build
    second.goto("/datasets/returns_2026")
    expect(second.get_by_role("table", name="Made-up rows")).to_be_visible()
