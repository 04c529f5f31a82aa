"""The same room with its state, git objects included, in a real PostgreSQL server."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from handrail import apps, runtime
from handrail.kernel import SYSTEM, Caller, Conflict, Schedule, git, identity
from handrail.server import open_instance
from tests.apps.conftest import hello
from tests.apps.scheduling import Clock, put_into_production, settle
from tests.postgres import PASSWORD, Server, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.postgres


@pytest.fixture
def instance(postgres: Server, tmp_path, monkeypatch):
    """A fresh instance whose state lies in PostgreSQL."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    home = tmp_path / "home"
    address = postgres.inhabited(home, "apps").replace(f":{PASSWORD}@", "@")
    (home / "handrail.toml").write_text(f'[storage]\nurl = "{address}"\n')
    opened = open_instance(home)
    yield opened
    opened.close()


@pytest.fixture
def acting(instance):
    """As on SQLite."""

    def act(person):
        with instance.context(SYSTEM) as ctx:
            somebody = identity.found(ctx, person)
        return instance.context(Caller(somebody, "cli"))

    return act


def test_an_app_is_pushed_run_promoted_shared_and_cloned(instance, acting, push, url, token, tmp_path):
    push(prompts="say hello")
    second = push(code="print('two')\n", why="Two")
    with acting("maker.sales") as ctx:
        started = apps.run(ctx, "hello")
    assert runtime.execute(instance, started.id).state == "succeeded"
    with acting("maker.sales") as ctx:
        assert apps.promote(ctx, "hello").commit == second.commit
        assert apps.share(ctx, "hello", groups=["sales"]).promoted == 2
        assert apps.prompts(ctx, "hello", apps.version(ctx, "hello", n=1).commit)[0].text == "say hello"
        assert [change.path for change in apps.diff(ctx, "hello", 1, 2)] == ["app.py"]
        assert not (tmp_path / "home" / "handrail.db").exists()
    signed = url.replace("http://", f"http://x:{token('maker.sales')}@")
    subprocess.run(["git", "clone", "-q", f"{signed}/git/hello.git", tmp_path / "clone"], check=True)
    assert (tmp_path / "clone/app.py").read_text() == "print('two')\n"


def test_of_two_pushes_at_the_same_moment_one_is_kept_and_one_is_told(instance, acting, push):
    push()
    with acting("maker.sales") as slow:
        repository = git.Repository(slow.db, "hello")
        before = repository.ref(git.MAIN)
        push(code="print('quick')\n", why="Quick")
        with pytest.raises(Conflict, match="same moment"):
            repository.move(git.MAIN, before, before)
    with acting("maker.sales") as ctx:
        assert [version.n for version in apps.versions(ctx, "hello")] == [2, 1]
        assert apps.files(ctx, "hello") == hello(code="print('quick')\n")


def test_of_two_servers_with_one_database_one_runs_each_moment_and_all_get_theirs(instance, acting, tmp_path):
    instance.clock = Clock()
    put_into_production(instance, policy='overlap = "queue"\n')
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    with acting("maker.ops") as ctx:
        apps.subscribe(ctx, "hello")
    other = open_instance(tmp_path / "home")
    other.clock = instance.clock
    try:
        claimed = []
        for moment in Schedule.parse("0 6 * * *", "Europe/Berlin").after(instance.clock.now(), 3):
            instance.clock.put(moment)
            with ThreadPoolExecutor(2) as servers:
                claimed += servers.map(apps.claim_what_is_due, (instance, other))
        assert sorted(len(found) for found in claimed) == [0, 0, 0, 1, 1, 1]
        with ThreadPoolExecutor(2) as servers:
            list(servers.map(apps.go_on, (instance, other)))
        with acting("maker.sales") as ctx:
            assert len(runtime.runs(ctx, app="hello")) == 1
        assert settle(instance) == 6
    finally:
        other.close()
    with acting("maker.sales") as ctx:
        past = apps.schedule(ctx, "hello").moments
        mine = apps.pause(ctx, "hello")
    assert [(one.state, one.delivered) for one in past] == [("succeeded", {"succeeded": 1})] * 3
    assert mine.state == "paused"
    with acting("maker.ops") as ctx:
        assert apps.resume(ctx, "hello").owner == "maker.ops"
