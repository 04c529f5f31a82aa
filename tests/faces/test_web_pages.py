"""Our own pages: signing in, the trail, people, and one's account."""

from collections.abc import Callable

import pytest

from handrail.kernel import Caller, Instance, identity
from tests.conftest import PEOPLE
from tests.faces.conftest import PASSWORD, SignedIn
from tests.web import Client


def with_password(instance: Instance, who: str) -> None:
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        identity.set_password(ctx, who, PASSWORD)


def test_a_password_signs_in_and_leads_where_one_wanted_to_go(
    instance: Instance, open_client: Callable[[], Client]
) -> None:
    with_password(instance, "maker.sales")
    client = open_client()
    form = {"email": "Maker.Sales@meridian.example", "password": PASSWORD, "next": "/audit?verb=a"}
    answer = client.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/audit?verb=a")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    "wanted", ["https://evil.example", "//evil.example/x", "/\\evil.example", "javascript:x"]
)
def test_signing_in_leads_to_no_other_site(
    instance: Instance, open_client: Callable[[], Client], wanted: str
) -> None:
    with_password(instance, "maker.sales")
    form = {"email": "maker.sales@meridian.example", "password": PASSWORD, "next": wanted}
    assert open_client().post("/sign-in", data=form).headers["location"] == "/"


def test_a_wrong_password_shows_the_form_again_without_it(
    instance: Instance, open_client: Callable[[], Client]
) -> None:
    with_password(instance, "maker.sales")
    answer = open_client().post(
        "/sign-in", data={"email": "maker.sales@meridian.example", "password": "a wrong guess"}
    )
    assert answer.status_code == 403
    assert "do not belong together" in answer.text and "a wrong guess" not in answer.text
    assert "handrail_session" not in answer.headers.get("set-cookie", "")


def test_a_link_works_once(instance: Instance, open_client: Callable[[], Client]) -> None:
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        token = identity.issue_link(ctx, "maker.sales")
    assert open_client().get("/sign-in/link", params={"token": token}).status_code == 303
    again = open_client().get("/sign-in/link", params={"token": token})
    assert again.status_code == 403 and "used before" in again.text


def test_a_link_that_another_site_opens_is_confirmed_first(
    instance: Instance, open_client: Callable[[], Client]
) -> None:
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        token = identity.issue_link(ctx, "maker.sales")
    client = open_client()
    answer = client.get("/sign-in/link", params={"token": token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200 and "set-cookie" not in answer.headers
    assert client.post("/sign-in/link", data={"token": token}).status_code == 303


@pytest.mark.parametrize("who", [person.id for person in PEOPLE])
def test_everybody_has_a_home_and_an_account_page(signed_in: SignedIn, who: str) -> None:
    client = signed_in(who)
    for path in ("/", "/me", "/audit", "/styleguide"):
        assert client.get(path).status_code == 200, path


def test_compliance_sees_the_whole_trail_and_a_maker_only_what_is_their_own(
    instance: Instance, signed_in: SignedIn
) -> None:
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        ctx.audit.note("payroll.opened", "dataset:hr_employees")
    assert "payroll.opened" in signed_in("compliance").get("/audit").text
    maker = signed_in("maker.sales")
    assert "payroll.opened" not in maker.get("/audit").text
    assert "payroll.opened" not in maker.get("/audit?person=admin").text
    assert maker.get("/audit/0").status_code == 403
    assert maker.post("/audit/verify").status_code == 403


def test_the_trail_is_filtered_and_paged_without_losing_an_entry(
    instance: Instance, signed_in: SignedIn
) -> None:
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        for number in range(60):
            ctx.audit.note("thing.made", f"thing:{number}")
    client = signed_in("compliance")
    first = client.get("/audit?verb=thing.").text
    assert "thing:59" in first and "thing:10" in first and "thing:9<" not in first
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(older).text
    assert "thing:9<" in second and "thing:0<" in second and "thing:10<" not in second


def test_an_entry_shows_its_proof_and_the_trail_verifies_anew(signed_in: SignedIn) -> None:
    client = signed_in("compliance")
    entry = client.get("/audit/3")
    assert entry.status_code == 200 and "Neighbour 1" in entry.text and "Signed checkpoint" in entry.text
    assert "The trail is whole" in client.post("/audit/verify").text
    assert client.get("/audit/99999").status_code == 404


def test_admins_add_and_change_people_and_nobody_else_does(signed_in: SignedIn) -> None:
    form = {
        "id": "anna.weber",
        "name": "Anna Weber",
        "email": "anna@meridian.example",
        "roles": ["maker", "steward"],
        "groups": "sales, finance",
        "attributes": "region = EMEA, APAC\ndesk = 4",
    }
    assert signed_in("maker.sales").post("/people", data=form).status_code == 403
    admin = signed_in("admin")
    assert admin.post("/people", data=form).headers["location"] == "/people/anna.weber"
    page = admin.get("/people/anna.weber").text
    assert "region = EMEA, APAC" in page and "finance, sales" in page
    assert admin.post("/people/anna.weber", data={**form, "attributes": "nonsense"}).status_code == 422
    assert admin.post("/people/anna.weber", data={**form, "roles": ["emperor"]}).status_code == 422
    assert admin.post("/people/anna.weber", data={**form, "active": ""}).status_code == 303
    assert "Inactive" in admin.get("/people/anna.weber").text


def test_a_sign_in_link_is_shown_once_and_works(
    signed_in: SignedIn, open_client: Callable[[], Client]
) -> None:
    admin = signed_in("admin")
    page = admin.post("/people/viewer.emea/link").text
    token = page.split("/sign-in/link?token=")[1].split("<")[0].split('"')[0].split("\n")[0].strip()
    assert token not in admin.get("/people/viewer.emea").text
    assert open_client().get("/sign-in/link", params={"token": token}).status_code == 303


def test_a_token_is_shown_once_works_and_ends(signed_in: SignedIn, open_client: Callable[[], Client]) -> None:
    client = signed_in("maker.sales")
    made = client.post("/me/tokens", data={"name": "git", "days": "7"}).text
    secret = "hr_" + made.split(">hr_")[1].split("\n")[0].split("<")[0]
    bearer = {"Authorization": f"Bearer {secret}"}
    assert open_client().get("/api/v1/me", headers=bearer).status_code == 200
    page = client.get("/me").text
    assert secret not in page
    client.post(page.split('action="/me/tokens/')[1].split('"')[0].join(("/me/tokens/", "")))
    assert open_client().get("/api/v1/me", headers=bearer).status_code == 401
