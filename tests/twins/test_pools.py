"""What invented people are made of is drawn when it is asked for, and is the same however it is asked."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from mimesis import Person

from handrail.twins.locales import LANDS, land_by_code
from handrail.twins.pools import Pools

PARTS = ("first", "last", "titles", "jobs", "forms", "streets", "towns", "states", "codes", "phones")


def held(pools: Pools, part: str) -> Any:
    """A part as plain lists."""
    found = getattr(pools, part)
    return [list(map(str, np.ravel(one))) for one in found] if isinstance(found, tuple) else found.tolist()


@pytest.mark.parametrize("code", ["DE", "US", "JP"])
def test_a_part_holds_the_same_whichever_is_asked_first_and_by_whichever_thread(code: str) -> None:
    land = land_by_code(code)
    alone = {part: held(Pools(land), part) for part in PARTS}
    together = Pools(land)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda part: held(together, part), reversed(PARTS)))
    assert dict(zip(reversed(PARTS), found, strict=True)) == alone


def test_names_of_companies_draw_no_given_names_and_no_towns(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("a given name was drawn")

    monkeypatch.setattr(Person, "first_name", refuse)
    pools = Pools(land_by_code("DE"))
    assert len(pools.last[1]) and len(pools.forms)
    with pytest.raises(AssertionError, match="given name"):
        _ = pools.first


def test_family_names_are_of_a_sex_where_the_language_has_them_so() -> None:
    german, russian = (Pools(land_by_code(code)).last for code in ("DE", "RU"))
    assert german[0] is german[1]
    assert not set(russian[0]) & set(russian[1])


def test_every_country_has_every_part() -> None:
    for land in LANDS:
        pools = Pools(land)
        assert all(len(getattr(pools, part)) for part in PARTS), land.code
        assert pools.country in land.names
