"""TPC-H: data from tpchgen-cli, the 22 questions, and what the bench's contracts say about its tables."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from handrail_bench.house import Terms

TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")


def questions() -> dict[str, str]:
    """The 22 questions by name, Q1 to Q22."""
    text = (Path(__file__).parent / "tpch.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- (Q\d+): .*$", text, flags=re.MULTILINE)[1:]
    return {name: sql.strip().rstrip(";") for name, sql in zip(parts[::2], parts[1::2], strict=True)}


def generate(scale: float, cache: Path) -> Path:
    """The folder with a Parquet file for each table at this scale; made once and kept below `cache`."""
    folder = cache / f"tpch-{scale:g}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=cache))
        tool = shutil.which(
            "tpchgen-cli", path=os.pathsep.join((str(Path(sys.executable).parent), os.defpath))
        )
        if tool is None:
            raise FileNotFoundError("tpchgen-cli is not installed; `make setup` installs it")
        subprocess.run(
            [tool, "parquet", "-s", f"{scale:g}", "--output-dir", str(draft), "--quiet"], check=True
        )
        draft.rename(folder)
    return folder


# Every filter depends on the viewer and lets this viewer see every row, so that nothing is won by seeing
# less; a mask stands on whatever names or speaks of somebody.
TERMS = {
    "region": Terms("r_name IN viewer.regions", {"r_comment": "null"}),
    "nation": Terms("n_regionkey IN viewer.region_keys", {"n_comment": "null"}),
    "supplier": Terms("s_nationkey IN viewer.nations", {"s_address": "partial", "s_phone": "hash"}),
    "customer": Terms(
        "c_mktsegment IN viewer.segments", {"c_name": "partial", "c_address": "null", "c_comment": "null"}
    ),
    "part": Terms("p_mfgr IN viewer.makers", {"p_comment": "null"}),
    "partsupp": Terms("ps_supplycost >= viewer.cost_from", {"ps_comment": "null"}),
    "orders": Terms("o_orderdate >= viewer.since", {"o_clerk": "hash"}),
    "lineitem": Terms("l_returnflag IN viewer.flags", {"l_comment": "null"}),
}
ATTRIBUTES: dict[str, str | tuple[str, ...]] = {
    "regions": ("AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"),
    "region_keys": tuple("01234"),
    "nations": tuple(str(number) for number in range(25)),
    "segments": ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY"),
    "makers": tuple(f"Manufacturer#{number}" for number in range(1, 6)),
    "cost_from": "0",
    "since": "1992-01-01",
    "flags": ("A", "N", "R"),
}
