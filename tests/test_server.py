"""A server from its first breath to its last."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.kernel import Instance
from tests.journeys.served import HANDRAIL

LOADS = """
import sys
from pathlib import Path
from handrail.server import application, open_instance
application(open_instance(Path(sys.argv[1])))
print(*sys.modules)
"""


@pytest.fixture
def home(instance: Instance) -> Iterator[Path]:
    """The directory of an instance that nobody has open."""
    instance.close()
    return instance.settings.home


def test_a_server_that_begins_to_listen_has_loaded_no_verb_of_a_room_and_no_engine(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(home)], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "handrail.faces.web.sign_in" in loaded
    assert {"handrail.addresses", "handrail.data.query", "duckdb", "pyarrow", "sqlglot"}.isdisjoint(loaded)


@pytest.mark.parametrize("setting", ["data.check_at", "twins.refresh"])
def test_a_server_whose_rooms_cannot_begin_ends_and_says_why(home: Path, setting: str) -> None:
    (home / "handrail.toml").write_text(f'{setting} = "every blue moon"\n')
    ended = subprocess.run(
        [*HANDRAIL, "serve", "--home", str(home), "--port", "0"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "every blue moon" in ended.stderr
    assert "Traceback" not in ended.stderr
