"""`handrail explain-run`."""

from __future__ import annotations

import time

import click

from handrail import kit
from handrail.apps.causes import Explained, text
from handrail.apps.explain_run import explain_run, explained
from handrail.apps.find_cause import TRIES, explain_here
from handrail.apps.remote import LOOK_AGAIN
from handrail.kernel import Caller, Instance, NotFound


def failed_on(instance: Instance, caller: Caller, run: str) -> str:
    """What a run failed on, found out here where that is done by itself; "" where there is nothing to say."""
    with instance.context(caller) as ctx:
        asked = explained(ctx, run)
    if asked is None:
        return ""
    with kit.cli.progress() as note:
        return text(explain_here(instance, run, note))


def failed_on_far(remote: kit.Remote, run: str) -> str:
    """The same of a run on a server, which finds it out by itself or says nothing."""
    try:
        return text(_waited_for(remote, remote.read("GET /runs/{run}/cause", {"run": run}, Explained)))
    except NotFound:
        return ""


def explain_far(remote: kit.Remote, run: str) -> Explained:
    """Ask a server, and wait here."""
    return _waited_for(remote, remote.follow("POST /runs/{run}/cause", {"run": run}, Explained))


def _waited_for(remote: kit.Remote, found: Explained) -> Explained:
    run = found.run
    with kit.cli.progress() as note:
        while not found.over:
            note("finding the rows", found.tries, TRIES)
            time.sleep(LOOK_AGAIN)
            found = remote.read("GET /runs/{run}/cause", {"run": run}, Explained)
    return found


@click.command("explain-run")
@click.argument("run")
@kit.cli.supervisor(human=text, far=explain_far)
def explain_run_command(instance: Instance, caller: Caller, run: str) -> Explained:
    """Say which awkward rows of its twins a failed sandbox run failed on, by trying it with fewer of them."""
    with instance.context(caller) as ctx:
        explain_run(ctx, run)
    with kit.cli.progress() as note:
        return explain_here(instance, run, note)


commands: list[click.Command] = [explain_run_command]
