"""The demo is made by its people's own verbs, stands as the docs say, and is made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import apps, connectors, data, review
from handrail.kernel import SYSTEM, Instance, identity, trail
from handrail.server import application
from handrail_demo import seed, service_desk
from handrail_demo.company import PEOPLE
from tests.demo.meridian import TINY, furnished
from tests.web import Client

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def meridian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = furnished(tmp_path_factory.mktemp("demo") / "meridian")
    yield instance
    instance.close()


def test_everybody_of_the_stories_has_an_account(meridian: Instance) -> None:
    with meridian.context(SYSTEM) as ctx:
        assert [identity.found(ctx, person.id) for person in PEOPLE] == list(PEOPLE)


def test_two_apps_are_in_production_and_one_waits_for_a_reviewer(meridian: Instance) -> None:
    with meridian.context(seed.acting(meridian, "reviewer.platform")) as ctx:
        assert [app.name for app in apps.apps(ctx) if app.promoted] == ["damage-claims", "regional-velocity"]
        assert [waiting.report.app for waiting in review.queue(ctx)] == ["order-formatter"]


def test_what_an_app_would_write_waits_for_who_answers_for_the_service_desk(meridian: Instance) -> None:
    with meridian.context(seed.acting(meridian, "steward.sales")) as ctx:
        [waiting] = connectors.waiting(ctx)
    assert (waiting.app, waiting.state) == ("damage-claims", "waiting")
    assert "104711" in waiting.preview
    assert seed.desk_secret(meridian.settings.home).read_text() not in waiting.preview


def test_the_service_desk_is_found_again_where_it_came_up(meridian: Instance) -> None:
    with meridian.context(seed.acting(meridian, "steward.sales")) as ctx:
        before = connectors.definition(ctx, seed.DESK)
    moved = seed.connect_desk(meridian, 18_410)
    assert (moved.host, moved.credential is None) == ("127.0.0.1:18410", False)
    seed.connect_desk(meridian, service_desk.PORT)
    with meridian.context(seed.acting(meridian, "steward.sales")) as ctx:
        assert connectors.definition(ctx, seed.DESK) == before


@pytest.mark.parametrize(
    ("app", "shut"),
    [
        ("stock-alert", {"findings"}),
        ("customer-360", {"findings", "declared"}),
        ("margin-watch", {"findings"}),
    ],
)
def test_each_careless_app_is_stopped_by_its_own_gate(meridian: Instance, app: str, shut: set[str]) -> None:
    with meridian.context(seed.acting(meridian, "reviewer.platform")) as ctx:
        gates = apps.gates(ctx, app)
    assert {gate.key for gate in gates if gate.state == "shut"} == shut


def test_every_certified_dataset_has_a_twin_and_the_doctors_visits_have_neither(meridian: Instance) -> None:
    with meridian.context(seed.acting(meridian, "steward.hr")) as ctx:
        found = {
            one.name: (one.state, data.rendition(ctx, one.name) is not None) for one in data.datasets(ctx)
        }
    assert found.pop("clinic_visits") == ("draft", False)
    assert set(found.values()) == {("certified", True)}


def test_an_edited_definition_of_revenue_shuts_the_gate_of_every_app_that_uses_it(meridian: Instance) -> None:
    file = meridian.settings.home / "definitions" / "model" / "sales.yaml"
    right = file.read_bytes()

    def gate() -> tuple[str, str]:
        with meridian.context(seed.acting(meridian, "maker.sales")) as ctx:
            found = next(gate for gate in apps.gates(ctx, "regional-velocity") if gate.key == "data")
            return found.state, found.because

    assert gate()[0] == "open"
    file.write_bytes(right.replace(b" - COALESCE(sales_orders.returned_amount, 0)", b""))
    assert gate() == ("shut", "The metric revenue is not certified: its definition was edited since.")
    file.write_bytes(right)
    assert gate()[0] == "open"


def test_a_miss_takes_the_badge_from_the_page_of_every_app_that_uses_the_metric(meridian: Instance) -> None:
    client = Client(application(meridian), headers={"Sec-Fetch-Site": "same-origin"})
    with meridian.context(seed.acting(meridian, "admin")) as ctx:
        link = identity.issue_link(ctx, "viewer.emea")
    client.get("/sign-in/link", params={"token": link})
    file = meridian.settings.home / "definitions" / "model" / "sales.yaml"
    right = file.read_bytes()
    assert "ties to finance_control_totals" in client.get("/open/regional-velocity").text
    file.write_bytes(right.replace(b" - COALESCE(sales_orders.returned_amount, 0)", b""))
    with meridian.context(seed.acting(meridian, "steward.sales")) as ctx:
        data.reconcile(ctx, "revenue")
    page = client.get("/open/regional-velocity").text
    file.write_bytes(right)
    assert "misses what finance has closed" in page
    assert "ties to finance_control_totals" not in page


def test_seeding_again_changes_nothing_that_anybody_would_see(meridian: Instance) -> None:
    before = deeds(meridian)
    for _, part in seed.parts(meridian, TINY):
        part()
    assert deeds(meridian) == before


def deeds(instance: Instance) -> list[str]:
    """What was changed so far, by the trail."""
    with instance.context(seed.acting(instance, "compliance")) as ctx:
        return [f"{entry.verb} {entry.subject}" for entry in trail.entries(ctx, limit=500)]


def test_a_new_instance_begins_with_the_companys_definitions(tmp_path: Path) -> None:
    seed.create(tmp_path / "home")
    assert "revenue" in (tmp_path / "home" / "definitions" / "model" / "sales.yaml").read_text("utf-8")
