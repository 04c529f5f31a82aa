"""The attack on a twin: who remembers its rows is found out, and shares alone give nobody away."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from handrail.twins.attack import attack as attack_on
from handrail.twins.generate import Twin, generate
from handrail.twins.make import make
from handrail.twins.models import Attack, Sketch, Table, TwinRefused
from handrail.twins.plane import Plane, open_plane, plane_over
from handrail.twins.reading import _attack as report_attack

ROWS = 3000


def attack(table: Table, k: int, seed: int) -> Attack | None:
    """The attack on a table that stands alone."""
    plane = open_plane([table], k)
    with plane.con:
        return attack_on(plane, table.name, seed)


@pytest.fixture
def visits(make_table: Any) -> Table:
    """Visits whose columns are drawn apart: no two rows need be alike."""
    rng = np.random.default_rng(6)
    numbers = {f"n{i}": rng.integers(0, 1000, ROWS) for i in range(6)}
    made: Table = make_table("visits", {**numbers, "city": rng.choice(["Bergen", "Lyon", "Graz"], ROWS)})
    return made


def remembering(
    monkeypatch: pytest.MonkeyPatch, *, canaries: bool = False, columns: tuple[str, ...] | None = None
) -> None:
    """Let the generator inside the attack hand out the very rows that it was made from, or some of their columns."""
    opened: list[Table] = []
    halves: list[pa.Table] = []

    def opening(con: duckdb.DuckDBPyConnection, tables: list[Table], *given: Any) -> Plane:
        opened[:], halves[:] = tables, [con.sql("FROM src_0").to_arrow_table()]
        return plane_over(con, tables, *given)

    def leaking(sketch: Sketch, *given: Any) -> dict[str, Twin]:
        (rows,) = halves
        rows = rows if canaries else rows.slice(0, rows.num_rows - 10)  # the canaries are the last ones
        plain = generate(sketch, *given)[opened[0].name].table.slice(0, rows.num_rows)
        for name in columns or ():
            plain = plain.set_column(plain.column_names.index(name), name, rows[name])
        return {opened[0].name: Twin(rows if columns is None else plain, ())}

    monkeypatch.setattr("handrail.twins.attack.plane_over", opening)
    monkeypatch.setattr("handrail.twins.attack.generate", leaking)


def test_a_twin_of_shares_gives_nobody_away(visits: Table) -> None:
    found = attack(visits, 10, seed=1)
    assert found is not None and found.held and found.canaries == 0
    assert 0.4 < found.closer_to_train < 0.6 and 0.4 < found.membership_auc < 0.6


def test_a_twin_that_remembers_its_rows_is_found_out(visits: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)
    found = attack(visits, 10, seed=1)
    assert found is not None and not found.held
    assert found.closer_to_train > 0.8 and found.membership_auc > 0.6


def test_planted_values_that_come_back_are_found_with_their_column(
    visits: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembering(monkeypatch, canaries=True)
    found = attack(visits, 10, seed=1)
    assert found is not None and found.canaries == 3 and found.column == "city"
    remembering(monkeypatch, canaries=True, columns=("n4",))
    found = attack(visits, 10, seed=1)
    assert found is not None and found.canaries == 1 and found.column == "n4" and not found.held


def test_the_column_that_remembers_is_named(make_table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    plain = {f"n{i}": rng.integers(0, 3, ROWS) for i in range(4)}
    table = make_table("visits", {**plain, "badge": rng.permutation(np.repeat(np.arange(ROWS // 10), 10))})
    remembering(monkeypatch, columns=("n0", "n1", "n2", "n3", "badge"))
    found = attack(table, 10, seed=1)
    assert found is not None and not found.held and found.column == "badge"


@pytest.mark.parametrize("words", ["Zzyzx-Canary", "Qyxwhj-Canary", "Vvorrx-Canary"])
def test_every_kind_of_text_is_planted_where_it_is_like_its_column(
    make_table: Any, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    seen: list[Any] = []

    def looking(con: duckdb.DuckDBPyConnection, *given: Any) -> Plane:
        seen.append(con.sql("FROM src_0").to_arrow_table())
        return plane_over(con, *given)

    monkeypatch.setattr("handrail.twins.attack.plane_over", looking)
    rng = np.random.default_rng(6)
    days = pa.array(rng.integers(10_000, 12_000, ROWS).astype("int32")).cast(pa.date32())
    notes = [f"called about number {i} and left a message" for i in range(ROWS)]
    columns = {
        "n": rng.integers(0, 1000, ROWS),
        "city": ["Lyon", "Graz"] * (ROWS // 2),
        "on": days,
        "note": notes,
    }
    found = attack(make_table("visits", columns), 10, seed=1)
    assert found is not None and found.held and found.planted == 5 and found.canaries == 0
    (rows,) = seen
    held = [text for name in ("city", "note") for text in rows[name].to_pylist() if text.startswith(words)]
    assert len(held) == (18 if words.startswith("V") else 1)
    assert max(rows["n"].to_pylist()) > 900_000 and max(rows["on"].to_pylist()).year > 2040


def test_a_sketch_that_keeps_single_values_is_refused(visits: Table) -> None:
    with pytest.raises(TwinRefused, match="planted value") as refused:
        make([visits], k=1)
    assert refused.value.facts["column"] in ("city", *(f"n{i}" for i in range(6)))


def test_a_sketch_that_counts_one_too_few_gives_a_rare_category_away(visits: Table) -> None:
    found = attack(visits, 9, seed=1)
    assert found is not None and found.canaries == 0, "eight rows are planted when nine are asked for"
    plain = attacked(visits, sketched_with=9, planted_for=10)
    assert plain.canaries == 1 and plain.column == "city"


def attacked(table: Table, *, sketched_with: int, planted_for: int) -> Any:
    """The attack on a sketch that is taken with another k than it promises."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "handrail.twins.attack.plane_over",
            lambda con, tables, _, own: plane_over(con, tables, sketched_with, own),
        )
        return attack(table, planted_for, seed=1)


def test_the_report_can_draw_how_near_the_halves_are(visits: Table) -> None:
    found = attack(visits, 10, seed=1)
    assert found is not None and found.compared >= 900
    assert sum(train for _, train, _ in found.distances) == pytest.approx(1, abs=0.01)
    assert sum(hold for _, _, hold in found.distances) == pytest.approx(1, abs=0.01)
    assert all((train + hold) * found.compared >= 9 for _, train, hold in found.distances)
    told = {"distances": [list(one) for one in found.distances]}
    assert report_attack({**asdict(found), **told}) == found


def test_a_twin_that_gives_people_away_is_not_published(
    visits: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembering(monkeypatch)
    with pytest.raises(TwinRefused, match="which rows it was made from"):
        make([visits], k=10)


def test_with_few_rows_nothing_is_claimed(make_table: Any) -> None:
    assert attack(make_table("few", {"a": list(range(50)), "b": list(range(50))}), 10, seed=1) is None


def test_columns_that_are_called_as_ours_are_do_no_harm(make_table: Any) -> None:
    rng = np.random.default_rng(6)
    names = ("#row", "#Half", "rowid", "a", "b")
    found = attack(make_table("odd", {name: rng.integers(0, 9, ROWS) for name in names}), 10, seed=1)
    assert found is not None and found.held


def test_the_plane_is_as_it_was_afterwards(visits: Table) -> None:
    plane = open_plane([visits], 10)
    with plane.con:
        everything = "SELECT database_name, table_name FROM duckdb_tables() ORDER BY ALL"
        before = plane.con.sql(everything).fetchall()
        assert attack_on(plane, "visits", seed=1) == attack_on(plane, "visits", seed=1)
        assert plane.con.sql(everything).fetchall() == before
        assert plane.con.sql("SELECT count(*) FROM duckdb_databases() WHERE NOT internal").fetchall() == [
            (1,)
        ]
