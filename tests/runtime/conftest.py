"""Runs of small apps, started as the apps room does it."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from handrail import runtime
from handrail.apps import store as app_store
from handrail.kernel import Environment, Instance, Manifest
from handrail.runtime import Run
from tests.conftest import Acting

Start = Callable[..., Run]


@pytest.fixture
def start(acting: Acting) -> Start:
    """Queue a run: `start("print(1)", person="maker.sales", environment="sandbox")`."""

    def queue(
        code: str,
        person: str = "maker.sales",
        environment: Environment = "sandbox",
        files: Mapping[str, bytes] | None = None,
    ) -> Run:
        manifest = Manifest.parse(Manifest.render("tried"))
        with acting(person) as ctx:
            every = {"app.py": code.encode(), **(files or {})}
            return runtime.start(ctx, "tried", "c0ffee", every, manifest, environment)

    return queue


@pytest.fixture
def ended(instance: Instance, start: Start) -> Start:
    """Queue a run and execute it to its end."""
    return lambda *args, **kwargs: runtime.execute(instance, start(*args, **kwargs).id)


@pytest.fixture
def small(instance: Instance) -> Instance:
    """The instance with limits that a test reaches quickly, but for time, which a busy machine takes."""
    limits = replace(instance.settings.runtime, seconds=60, output_mb=1, memory_mb=200, processes=20)
    instance.settings = replace(instance.settings, runtime=limits)
    return instance


@pytest.fixture
def owned(acting: Acting) -> None:
    """maker.sales owns the app `tried`."""
    with acting("maker.sales") as ctx:
        app_store.add_app(ctx, "tried", "maker.sales", ctx.clock.now())
