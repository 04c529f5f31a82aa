"""A web app that calls another system keeps what one viewer was answered from another, who may not be answered."""

import pytest

from handrail import apps, connectors
from handrail.kernel import Manifest
from tests.conftest import Acting
from tests.connectors.conftest import CALLS


@pytest.mark.usefixtures("crm")
@pytest.mark.parametrize(("calls", "alone"), [(CALLS, True), ("", False)], ids=["calls", "calls nothing"])
def test_each_viewer_of_an_app_that_calls_another_system_has_a_sandbox_of_their_own(
    acting: Acting, calls: str, alone: bool
) -> None:
    manifest = Manifest.render("desk", purpose="sales-reporting", kind="web") + calls
    with acting("maker.sales") as ctx:
        version = apps.push(
            ctx, {"handrail.toml": manifest.encode(), "app.py": b"app = None\n"}, "A desk", ""
        )
        assert connectors.stated(ctx, "crm") is not None
    found: dict[str, set[str]] = {"production": set(), "sandbox": set()}
    for person in ("viewer.emea", "viewer.apac"):
        with acting(person) as ctx:
            for environment in ("production", "sandbox"):
                found[environment].add(apps.whose(ctx, version, environment))
    assert found["production"] == ({"viewer.emea", "viewer.apac"} if alone else {""})
    assert found["sandbox"] == {"viewer.emea", "viewer.apac"}  # so that it counts as theirs
