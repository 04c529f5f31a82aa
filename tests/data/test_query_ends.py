"""What ends an answer: an edited or revoked contract, a limit, a broken model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail import data
from handrail.kernel import Instance, Invalid, LimitReached, NotReady, definitions
from handrail.kernel.audit import recent
from tests.data.asking import asking, furnished


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    opened = furnished(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ask(instance: Instance) -> Callable[..., Any]:
    return asking(instance)


def test_an_edited_contract_answers_nothing_until_it_is_certified_again(acting: Any, ask: Any) -> None:
    with acting("steward.sales") as ctx:
        path = "contracts/orders.odcs.yaml"
        content = definitions.read(ctx, path)
        assert content
        definitions.write(ctx, path, content + b"# one byte more\n", "Touch it")
    with pytest.raises(NotReady, match="edited"):
        ask("viewer.emea", "SELECT region FROM orders")


def test_a_revoked_certification_answers_nothing(acting: Any, ask: Any) -> None:
    with acting("steward.hr") as ctx:
        data.revoke(ctx, "orders", "Wrong numbers")
    for person, environment in (("viewer.emea", "production"), ("maker.sales", "sandbox")):
        with pytest.raises(NotReady, match="revoked"):
            ask(person, "SELECT region FROM orders", environment=environment)


def test_limits_end_an_answer_with_a_reason(instance: Instance, ask: Any) -> None:
    limits = instance.settings.data
    object.__setattr__(limits, "max_rows", 3)
    with pytest.raises(LimitReached, match="3 rows"):
        ask("viewer.emea", "SELECT region FROM orders")
    with instance.context(instance.system()) as ctx:
        ctx.audit.settle()
        assert [e.facts["ended"] for e in recent(ctx.db, verb="query.answered")] == ["limit_reached"]
    object.__setattr__(limits, "max_rows", 1000)
    object.__setattr__(limits, "max_mb", 0)
    with pytest.raises(LimitReached, match="megabytes"):
        ask("viewer.emea", "SELECT region FROM orders")
    object.__setattr__(limits, "max_mb", 100)
    object.__setattr__(limits, "seconds", 1)
    with pytest.raises(LimitReached, match="longer than 1 seconds"):
        ask(
            "viewer.emea",
            "SELECT count(*) FROM orders, range(10000000) a, range(10000000) b WHERE a.range > b.range",
        )


@pytest.mark.usefixtures("ask")
def test_a_broken_model_is_named_and_does_not_hide_the_others(acting: Any) -> None:
    with acting("steward.sales") as ctx:
        definitions.write(ctx, "model/broken.yaml", b"version: 1\nsemantic_modell: []\n", "Try")
        assert [metric.name for metric in data.metrics(ctx)] == ["buyers", "sales"]
        assert "line 2: unknown key “semantic_modell”" in data.broken_models(ctx)["model/broken.yaml"]
    with acting("steward.sales") as ctx, pytest.raises(Invalid, match="semantic_modell"):
        data.metric(ctx, "not-there-because-broken")
