"""What the tests of the apps room share: a small app, a push, and the real server on a loopback port."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn

from handrail import apps
from handrail.kernel import Instance, identity
from handrail.kernel.manifest import FILENAME
from handrail.server import application

MANIFEST = """\
[app]
name = "hello"
kind = "job"
entrypoint = "app.py"
purpose = "sales-reporting"
says = "Says hello"
"""
Push = Callable[..., apps.Version]


def hello(code: str = "print('hello')\n", manifest: str = MANIFEST, **more: bytes) -> dict[str, bytes]:
    """The files of a small app."""
    return {FILENAME: manifest.encode(), "app.py": code.encode(), **more}


@pytest.fixture
def push(acting) -> Push:
    """Push the small app, with changes."""

    def do(person="maker.sales", why="The team asked for it", prompts="", **changes) -> apps.Version:
        with acting(person) as ctx:
            return apps.push(ctx, hello(**changes), why, prompts)

    return do


@pytest.fixture
def token(acting) -> Callable[..., str]:
    """A personal token of somebody, for all or some actions."""

    def issue(person: str, scopes: list[str] | None = None) -> str:
        with acting(person) as ctx:
            return identity.issue_token(ctx, "test", scopes)[1]

    return issue


@pytest.fixture
def url(instance: Instance) -> Iterator[str]:
    """The address of the whole application, really served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application(instance), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()
