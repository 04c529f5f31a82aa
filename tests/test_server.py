"""A server from its first breath to its last."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail import adapters
from handrail.kernel import Caller, Instance, NotReady, identity
from handrail.server import open_instance
from tests.conftest import PEOPLE
from tests.journeys.served import HANDRAIL, Served

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


def test_the_first_page_has_the_whole_menu_however_soon_it_is_asked_for(home: Path) -> None:
    opened = open_instance(home)
    with opened.context(Caller(PEOPLE[0], "cli")) as ctx:
        token = identity.issue_token(ctx, "test")[1]
    opened.close()
    served = Served(home).start()
    try:
        page = served.ask(
            "GET", "/", headers={"Authorization": f"Bearer {token}", "Accept": "text/html"}
        ).body
        assert {
            room for room in (b"/apps", b"/datasets", b"/metrics") if b'href="%s"' % room not in page
        } == set()
    finally:
        served.stop()


@pytest.mark.parametrize("setting", ["data.check_at", "twins.refresh"])
def test_a_server_whose_rooms_cannot_begin_ends_and_says_why(home: Path, setting: str) -> None:
    (home / "handrail.toml").write_text(f'{setting} = "every blue moon"\n')
    ended = subprocess.run(
        [*HANDRAIL, "serve", "--home", str(home), "--port", "0"], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "every blue moon" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_settings_choose_what_keeps_runs_in(home: Path) -> None:
    opened = open_instance(home)
    assert type(opened.ports.isolation).__name__ == "Bubblewrap"
    opened.close()
    (home / "handrail.toml").write_text('[runtime]\nisolation = "kubernetes"\n')
    opened = open_instance(home)
    assert type(opened.ports.isolation).__name__ == "Kubernetes"
    with pytest.raises(
        NotReady, match=r"before these are set: kubernetes.claim, kubernetes.image, runtime.layers"
    ):
        opened.ports.isolation.check()
    opened.close()


def test_a_cluster_that_is_chosen_without_its_client_is_refused_with_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "handrail.toml").write_text('[runtime]\nisolation = "kubernetes"\n')
    for loaded in [name for name in sys.modules if name.startswith("handrail.adapters.isolation.kubernetes")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "lightkube", None)
    monkeypatch.delitem(adapters.__dict__, "Kubernetes", raising=False)
    opened = open_instance(home)
    with pytest.raises(NotReady) as refused:
        _ = opened.ports.isolation
    assert "handrail[kubernetes]" in refused.value.next_step
    opened.close()
