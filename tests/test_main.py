"""What a command loads before it does anything."""

import subprocess
import sys

SAYS = """
import atexit, gc, sys
from handrail import __main__
atexit.register(lambda: print(gc.isenabled(), gc.get_stats()[2]["collections"], *sys.modules))
sys.argv = ["handrail", "--help"]
__main__.main()
"""


def test_help_loads_no_verb_and_never_looks_for_garbage_among_all_that_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    collects, whole, *loaded = done.stdout.splitlines()[-1].split()
    assert (collects, whole) == ("True", "0")
    assert "handrail.server" in loaded
    ours = [name for name in loaded if name.startswith("handrail.")]
    assert [name for name in ours if name.endswith(("pages", "api", "addresses", "faces.web"))] == []
    rooms = ("data", "twins", "runtime", "review", "apps", "openlineage", "adapters")
    assert [name for name in ours if name.split(".")[1] in rooms and name.count(".") > 1] == []
    assert {
        "uvicorn",
        "fastapi",
        "sqlalchemy",
        "pydantic",
        "sqlglot",
        "duckdb",
        "pyarrow",
        "numpy",
        "alembic",
    }.isdisjoint(loaded)
