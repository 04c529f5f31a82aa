"""Instances as several hosts share them: on SQLite, and on a real PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from handrail import runtime
from handrail.kernel import SYSTEM, Caller, Context, Instance, Manifest, identity
from handrail.runtime import Run
from handrail.server import open_instance
from tests.conftest import inhabited
from tests.postgres import Server, postgres

__all__ = ["acting", "postgres", "queue", "shared"]

Queue = Callable[..., Run]


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Instance]:
    """An instance whose runs have leases of four seconds, with the people of the demo company."""
    home = tmp_path / "home"
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        monkeypatch.setenv("SHARED_DATABASE", server.inhabited(home, "shared"))
        (home / "handrail.toml").write_text('[storage]\nurl_env = "SHARED_DATABASE"\n')
        opened = open_instance(home)
    else:
        opened = inhabited(home)
    opened.settings = replace(opened.settings, runtime=replace(opened.settings.runtime, lease_seconds=4))
    yield opened
    opened.close()


def acting(instance: Instance, person: str) -> AbstractContextManager[Context]:
    """A context as one of the people."""
    with instance.context(SYSTEM) as ctx:
        somebody = identity.found(ctx, person)
    return instance.context(Caller(somebody, "cli"))


def queue(instance: Instance, code: str = "print(1)", person: str = "maker.sales") -> Run:
    """Queue a run of this code."""
    manifest = Manifest.parse(Manifest.render("tried"))
    with acting(instance, person) as ctx:
        return runtime.start(ctx, "tried", "c0ffee", {"app.py": code.encode()}, manifest, "sandbox")
