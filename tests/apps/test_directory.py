"""What lower rooms may ask about apps: which concern a caller, and by which version."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import apps
from handrail.apps import store
from handrail.apps.models import Promotion
from handrail.kernel import Instance
from tests.data import asking


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    """Version 1 of `report`, in production, declares orders and sales; version 2 and `other` customers."""
    instance = asking.furnished(tmp_path)
    act = asking.actors(instance)
    second = asking.MANIFEST.replace("data.orders", "data.customers").replace('"region", "amount"', '"city"')
    third = second.replace('name = "report"', 'name = "other"')
    for manifest in (asking.MANIFEST, second, third.replace('use = ["sales"]', "use = []")):
        with act("maker.sales") as ctx:
            apps.push(ctx, {"app.py": b"print(1)\n", "handrail.toml": manifest.encode()}, "Why", "")
    with act("maker.sales") as ctx:
        one = apps.version(ctx, "report", n=1)
        went = Promotion(
            "report", 1, one.commit, one.tree, one.manifest.digest, "", "self-service", "x", one.at
        )
        store.add_promotion(ctx, went)
    yield instance
    instance.close()


def test_what_counts_is_the_version_in_production_or_else_the_newest(shop: Instance) -> None:
    directory = apps.Directory()
    with asking.actors(shop)("maker.sales") as ctx:
        (report,) = directory.known(ctx, ["orders"])
        assert (report.environment, tuple(report.manifest.datasets)) == ("production", ("orders",))
        assert report.newest == apps.version(ctx, "report", n=2).commit
        assert [(use.name, use.environment) for use in directory.known(ctx, ["customers"])] == [
            ("other", "sandbox")
        ]
        assert [use.name for use in directory.known(ctx, ["sales"])] == ["report"]


def test_names_are_compared_whole_and_by_what_is_declared(shop: Instance) -> None:
    """A manifest mentions its purpose and columns too, and % or _ in a name stand for themselves."""
    directory = apps.Directory()
    with asking.actors(shop)("maker.sales") as ctx:
        for name in ("sales-reporting", "region", "order", "%", "_rders", "report"):
            assert directory.known(ctx, [name]) == ()
        assert [use.name for use in directory.known(ctx, [], ["other"])] == ["other"]
        assert [use.name for use in directory.known(ctx, [], None)] == ["other", "report"]


def test_only_those_that_concern_the_caller_are_known_and_code_is_its_readers(shop: Instance) -> None:
    directory = apps.Directory()
    with asking.actors(shop)("viewer.emea") as ctx:
        assert directory.known(ctx, ["orders"], ["other"]) == ()
        assert directory.known(ctx, [], None) == ()
    with asking.actors(shop)("steward.sales") as ctx:
        assert [use.code for use in directory.known(ctx, ["orders"])] == [False]
    with asking.actors(shop)("maker.sales") as ctx:
        assert [use.code for use in directory.known(ctx, ["orders"])] == [True]
