"""kill -9 in the middle of a push: afterwards it was pushed or it was not, and the trail verifies."""

from handrail import apps
from handrail.kernel import git, trail
from handrail.server import open_instance
from tests import forked
from tests.apps.conftest import hello

# A push whose process is killed by its own event, after every row was written and before the commit.
DYING = """
import os, signal, sys
from pathlib import Path
from handrail import apps, server
from handrail.kernel import SYSTEM, Caller, identity
from handrail.kernel.events import Subscriptions
from tests.apps.conftest import hello

instance = server.open_instance(Path(sys.argv[1]))
instance.subscriptions = Subscriptions([(apps.AppPushed, lambda ctx, event: os.kill(os.getpid(), signal.SIGKILL))])
with instance.context(SYSTEM) as ctx:
    maker = identity.found(ctx, "maker.sales")
with instance.context(Caller(maker, "cli")) as ctx:
    apps.push(ctx, hello(code="print('never')\\n"), "Dies", "say it")
"""


def test_a_push_that_is_killed_before_its_commit_leaves_nothing_and_can_be_done_again(instance, acting, push):
    first = push()
    with instance.engine.connect() as db:
        before = set(git.Repository(db, "hello").object_store)
    done = forked.run(DYING, str(instance.settings.home))
    assert done.returncode == -9, done.stderr
    again = open_instance(instance.settings.home)
    try:
        with again.engine.connect() as db:
            repository = git.Repository(db, "hello")
            assert repository.ref(git.MAIN) == first.commit
            assert set(repository.object_store) == before
            assert repository.files(first.commit) == hello()
    finally:
        again.close()
    with acting("maker.sales") as ctx:
        assert apps.versions(ctx, "hello") == (first,)
    assert push(code="print('never')\n", why="Lives").n == 2
    with acting("compliance") as ctx:
        assert trail.verify(ctx).ok
