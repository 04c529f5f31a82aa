"""A maker asks for a package, another person who is an admin grants or refuses it, and both stand on the trail."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from handrail import runtime
from handrail.kernel import Conflict, Instance, Invalid, NotAllowed, NotFound, definitions, identity, trail
from handrail.server import application, command
from tests.conftest import Acting
from tests.web import Client


def asked(acting: Acting, name: str = "seaborn", person: str = "maker.sales", versions: str = "") -> None:
    with acting(person) as ctx:
        runtime.request_package(ctx, name, "Box plots by region", versions)


def test_a_grant_is_a_line_in_the_definitions_committed_by_the_admin(
    instance: Instance, acting: Acting
) -> None:
    with acting("admin") as ctx:
        definitions.write(ctx, "packages.toml", b'# ours\n[packages]\nhumanize = ""  # small\n', "Begin.")
    asked(acting, "Sea_Born", versions=">=0.13")
    with acting("admin") as ctx:
        granted = runtime.grant_package(ctx, "sea-born", reason="MIT, kept up.")
        assert (granted.state, granted.versions, granted.by) == ("granted", ">=0.13", "maker.sales")
    with acting("admin") as ctx:
        text = (definitions.read(ctx, "packages.toml") or b"").decode()
        assert text == '# ours\n[packages]\nhumanize = ""  # small\nsea-born = ">=0.13"\n'
        assert definitions.history(ctx, "packages.toml")[0].message == "Allow apps to use sea-born."
        assert runtime.approved_packages(ctx)["sea-born"] == ">=0.13"
        told = {entry.verb: entry.facts for entry in trail.entries(ctx, subject="package:sea-born")}
    assert told["package.requested"]["why"] == "Box plots by region"
    assert (told["package.granted"]["asked_by"], told["package.granted"]["reason"]) == (
        "maker.sales",
        "MIT, kept up.",
    )


def test_a_refusal_has_a_reason_that_the_maker_sees(acting: Acting) -> None:
    asked(acting)
    with acting("admin") as ctx, pytest.raises(Invalid, match="why not"):
        runtime.refuse_package(ctx, "seaborn", " ")
    with acting("admin") as ctx:
        runtime.refuse_package(ctx, "seaborn", "Use matplotlib.")
    with acting("maker.sales") as ctx:
        (mine,) = runtime.package_requests(ctx)
    assert (mine.state, mine.reason, mine.decided_by) == ("refused", "Use matplotlib.", "admin")
    asked(acting)  # and may be asked again, in better words


def test_makers_ask_and_other_admins_decide(instance: Instance, acting: Acting) -> None:
    with acting("viewer.emea") as ctx, pytest.raises(NotAllowed, match="asked for by makers"):
        runtime.request_package(ctx, "seaborn", "Plots")
    with acting("viewer.emea") as ctx, pytest.raises(NotAllowed, match="for makers, reviewers"):
        runtime.package_requests(ctx)
    with acting("admin") as ctx:
        both = replace(identity.found(ctx, "maker.sales"), roles=frozenset({"maker", "admin"}))
        identity.change_person(ctx, both)
    asked(acting)
    with acting("reviewer.platform") as ctx, pytest.raises(NotAllowed, match="decided by admins"):
        runtime.grant_package(ctx, "seaborn")
    with acting("maker.sales") as ctx, pytest.raises(NotAllowed, match="somebody else decides"):
        runtime.grant_package(ctx, "seaborn")
    with acting("maker.sales") as ctx, pytest.raises(NotAllowed, match="somebody else decides"):
        runtime.refuse_package(ctx, "seaborn", "No.")
    with acting("admin") as ctx:
        assert runtime.grant_package(ctx, "seaborn").decided_by == "admin"


def test_what_is_asked_for_already_approved_or_no_package_is_refused(acting: Acting) -> None:
    asked(acting)
    with acting("maker.ops") as ctx, pytest.raises(Conflict, match="Somebody has asked for seaborn"):
        runtime.request_package(ctx, "Seaborn", "Plots")
    with acting("maker.ops") as ctx, pytest.raises(Conflict, match="approved already"):
        runtime.request_package(ctx, "polars", "Speed")
    for name, versions in (
        ("a b", ""),
        ("x @ http://e.example", ""),
        ("x[y]", ""),
        ("x", "1"),
        ("", ""),
        ("-e .", ""),
    ):
        with acting("maker.ops") as ctx, pytest.raises(Invalid, match="is no package"):
            runtime.request_package(ctx, name, "Why", versions)
    with acting("maker.ops") as ctx, pytest.raises(Invalid, match="needed for"):
        runtime.request_package(ctx, "xyz", "")
    with acting("admin") as ctx, pytest.raises(NotFound, match="Nobody waits"):
        runtime.grant_package(ctx, "xyz")


def test_makers_see_their_own_requests_and_admins_all(acting: Acting) -> None:
    asked(acting)
    asked(acting, "humanize", "maker.ops")
    with acting("maker.ops") as ctx:
        assert [one.name for one in runtime.package_requests(ctx)] == ["humanize"]
    with acting("admin") as ctx:
        assert {one.name for one in runtime.package_requests(ctx)} == {"humanize", "seaborn"}


def test_commands_say_what_verbs_do(instance: Instance) -> None:
    def told(person: str, *words: str) -> object:
        home = ("--home", str(instance.settings.home), "--as", person)
        result = CliRunner().invoke(command(), ["layers", *words, *home, "--json"], catch_exceptions=False)
        return json.loads(result.stdout)

    assert (
        told("maker.sales", "request", "seaborn", "--why", "Plots", "--versions", ">=0.13")["state"]
        == "waiting"
    )  # type: ignore[index]
    assert told("maker.sales", "requests")[0]["why"] == "Plots"  # type: ignore[index]
    assert told("admin", "grant", "seaborn")["state"] == "granted"  # type: ignore[index]
    assert told("maker.sales", "approved")["seaborn"] == ">=0.13"  # type: ignore[index]
    assert told("maker.sales", "request", "humanize", "--why", "Words")["state"] == "waiting"  # type: ignore[index]
    assert told("admin", "refuse", "humanize", "--reason", "No.")["reason"] == "No."  # type: ignore[index]


def test_the_page_lets_makers_ask_and_admins_answer(instance: Instance, acting: Acting) -> None:
    def signed_in(person: str) -> Client:
        client = Client(application(instance))
        with acting("admin") as ctx:
            link = identity.issue_link(ctx, person)
        client.post("/sign-in/link", data={"token": link})
        return client

    maker, admin = signed_in("maker.sales"), signed_in("admin")
    maker.post("/packages/request", data={"name": "seaborn", "why": "<b>Plots</b>"})
    seen = maker.get("/packages").text
    assert "&lt;b&gt;Plots" in seen
    assert "Grant …" not in seen
    assert "Grant …" in admin.get("/packages").text
    assert "Packages that makers ask for" in admin.get("/").text
    assert "Packages that makers ask for" not in maker.get("/").text
    granted = admin.post("/packages/seaborn/grant", data={"versions": ">=0.13"})
    assert granted.status_code == 200, granted.text
    assert "granted" in maker.get("/packages").text.lower()
