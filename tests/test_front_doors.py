"""Packages that load what they offer when it is asked for."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = '''"""A shop."""

from typing import TYPE_CHECKING

from handrail.front_doors import open_when_asked

if TYPE_CHECKING:
    from {shop} import till
    from {shop}.buy import buy
    from {shop}.prices import PRICES as prices

__all__ = ["buy", "prices", "till"]

open_when_asked(__name__)
'''


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "shop_of_the_front_door"
    (tmp_path / name).mkdir()
    for file, text in {
        "__init__": PACKAGE.format(shop=name),
        "buy": "def buy():\n    return 'bought'\n\n\ndef look():\n    return 'seen'\n",
        "prices": "PRICES = {'apple': 3}\n",
        "till": "EMPTY = True\n",
        "wrong": "this is no Python\n",
    }.items():
        (tmp_path / name / f"{file}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for loaded in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[loaded]


def loaded(shop: str) -> list[str]:
    return sorted(name.removeprefix(f"{shop}.") for name in sys.modules if name.startswith(f"{shop}."))


def test_nothing_is_loaded_before_it_is_asked_for_and_then_only_that(shop: str) -> None:
    package = __import__(shop)
    assert loaded(shop) == []
    assert package.prices == {"apple": 3}
    assert loaded(shop) == ["prices"]
    assert package.till.EMPTY
    assert loaded(shop) == ["prices", "till"]


def test_a_verb_is_no_file_of_its_name_whoever_loaded_that_before(shop: str) -> None:
    package = __import__(shop)
    assert __import__(f"{shop}.buy", fromlist=["look"]).look() == "seen"
    assert package.buy() == "bought"
    assert __import__(shop, fromlist=["buy"]).buy() == "bought"


def test_what_is_offered_can_be_listed_and_replaced(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = __import__(shop)
    assert {"buy", "prices", "till"} <= set(dir(package))
    with monkeypatch.context() as other:
        other.setattr(package, "buy", lambda: "another")
        assert package.buy() == "another"
    assert package.buy() == "bought"


def test_what_is_not_offered_is_not_there(shop: str) -> None:
    package = __import__(shop)
    with pytest.raises(AttributeError, match="has no attribute 'sell'"):
        package.sell  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'sell'"):
        exec(f"from {shop} import sell", {})
    assert not hasattr(package, "look")
    assert loaded(shop) == []
