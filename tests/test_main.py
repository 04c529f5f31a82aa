"""What a command loads before it does anything."""

import subprocess
import sys

SAYS = """
import atexit, gc, sys
from handrail import __main__
atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 100_000, *sys.modules))
sys.argv = ["handrail", "--help"]
__main__.main()
"""


def test_a_command_loads_no_page_and_looks_for_garbage_only_once_all_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    collects, spared, *loaded = done.stdout.splitlines()[-1].split()
    assert (collects, spared) == ("True", "True")
    assert "handrail.server" in loaded
    ours = [name for name in loaded if name.startswith("handrail.")]
    assert [name for name in ours if name.endswith(("pages", "api", "addresses", "faces.web"))] == []
    assert "uvicorn" not in loaded
