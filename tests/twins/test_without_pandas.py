"""A command that makes a twin does without pandas, which is installed here, and leaves it as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BUILD = """
import sys
from handrail.server import command
command()(["twin", "build", "--from", sys.argv[1], "--out", sys.argv[2], "--variant", "plain", "--json"],
          standalone_mode=False)
assert "pandas" not in sys.modules
import pandas as pd, pyarrow as pa
frame = pd.DataFrame({"a": [1, 2], "on": pd.to_datetime(["2026-01-01", None])})
assert pa.table(frame).to_pandas().equals(frame)
assert pa.array(frame["a"]).to_pylist() == [1, 2]
"""


def test_a_twin_is_built_without_pandas_which_can_be_used_afterwards(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    table = pa.table(
        {"n": list(range(300)), "city": ["Graz", "Lyon", None] * 100, "on": ["2026-01-01"] * 300}
    )
    pq.write_table(table, tmp_path / "real" / "visits.parquet")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, tmp_path / "real", tmp_path / "twin"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "twin" / "visits.parquet").num_rows == 300


@pytest.mark.parametrize("loaded", [False, True])
def test_within_the_block_pandas_is_as_it_is_where_it_is_not_installed_unless_it_is_loaded(
    loaded: bool,
) -> None:
    asked = (
        f"{'import pandas' if loaded else ''}\n"
        "import sys\n"
        "from handrail.twins.without_pandas import without_pandas\n"
        "before = list(sys.meta_path)\n"
        "found = None\n"
        "with without_pandas():\n"
        "    try:\n"
        "        import pandas\n"
        "    except ImportError as error:\n"
        "        found = error.name\n"
        "assert sys.meta_path == before\n"
        "import pandas\n"
        "print(found)\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert done.stdout.strip() == ("None" if loaded else "pandas"), done.stderr
