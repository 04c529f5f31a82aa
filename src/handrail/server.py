"""The composition root: settings, then ports, then rooms, then faces. Read it second."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from handrail import adapters, apps, data, faces, kernel, openlineage, runtime, twins
from handrail import settings as configuration
from handrail.commands import COMMANDS
from handrail.faces import cli
from handrail.faces.later import Later, listed
from handrail.kernel import Conflict, Invalid, NotReady, logs
from handrail.kernel.events import Subscription
from handrail.kernel.ports import Ports

if TYPE_CHECKING:
    import uvicorn
    from fastapi import APIRouter, FastAPI

    from handrail.faces.origins.arrive import Arrivals
    from handrail.kernel import Instance
    from handrail.kernel.sandbox import Isolation

# The packages whose access rules, tables and event subscriptions make up the house.
ROOMS: tuple[str, ...] = (
    "handrail.data",
    "handrail.connectors",
    "handrail.apps",
    "handrail.review",
    "handrail.runtime",
    "handrail.twins",
    "handrail.openlineage",
)

# What a new instance's definitions hold before anybody has written one.
FIRST_DEFINITIONS = {
    "README.md": (
        b"# Definitions\n\n"
        b"Contracts (`contracts/*.odcs.yaml`), semantic models (`model/*.yaml`), access rules\n"
        b"(`policies/*.cedar`) and the purposes data may be used for (`purposes.yaml`).\n"
        b"Edit them here, by pull request, or in Handrail, which commits.\n"
    ),
    "purposes.yaml": (
        b"# Every purpose that data may be used for: a name, and what it means in a sentence.\n"
        b"sales-reporting: Reports on orders, revenue and returns for steering the business.\n"
        b"operations: Running stock, logistics and day-to-day business.\n"
        b"finance: Closing the books and controlling.\n"
        b"people: Looking after employees.\n"
    ),
}


def open_instance(home: Path) -> Instance:
    """Open the instance in `home` with everything plugged in; brings its database up to date."""
    settings = _settings(home)
    return kernel.Instance(
        settings,
        Ports(
            apps=lambda: apps.Directory(),
            engine=lambda: adapters.Engines(settings.home, settings.engines),
            isolation=lambda: _isolation(settings),
            door=lambda: faces.AppDoor(),
            twins=lambda: twins.Keeper(),
        ),
        rooms=ROOMS,
        subscriptions=_subscriptions(),
    )


def _isolation(settings: configuration.Settings) -> Isolation:
    """The driver that the settings choose; refuses NotReady where what it needs is not installed."""
    realm = str(settings.home.resolve())
    if settings.runtime.isolation == "bubblewrap":
        return adapters.Bubblewrap(settings.runtime.uid, settings.runtime.uids, realm)
    try:
        return adapters.Kubernetes(settings, realm)
    except ModuleNotFoundError as error:
        if error.name not in ("httpx2", "lightkube", "msgspec"):  # what the extra brings
            raise
        raise NotReady(
            "runtime.isolation is kubernetes, and its client is not installed.",
            next_step="Install handrail[kubernetes].",
        ) from error


def _settings(home: Path) -> configuration.Settings:
    try:
        return configuration.load(home)
    except configuration.SettingsError as error:
        raise Invalid(error.message, next_step=error.next_step) from None


def _subscriptions() -> Iterator[Subscription]:
    """Who listens to what happens in the rooms below; asked for when something does."""
    yield from data.subscriptions
    yield from twins.subscriptions
    yield from apps.subscriptions
    yield from openlineage.subscriptions


_TOLD = 0.25  # seconds between two looks of a worker whether it was told to stop


class Composition:
    """What the command line needs of this page: making, opening and serving an instance."""

    def create(self, home: Path) -> None:
        """Make the directory of a new instance."""
        kernel.Instance.create(home, files=FIRST_DEFINITIONS)

    def open(self, home: Path) -> Instance:
        """Open an instance."""
        return open_instance(home)

    def serve(self, home: Path, host: str | None, port: int | None) -> None:
        """Serve an instance until told to stop; port 0 takes a free one. Prints the address it listens on."""
        logs.configure(logging.INFO)
        instance = open_instance(home)
        server = instance.settings.server
        wanted = (host or server.host, server.port if port is None else port)
        try:
            listener = socket.create_server(wanted, reuse_port=False)
        except OSError as error:
            instance.close()
            raise Conflict(
                f"Handrail cannot listen on {wanted[0]}:{wanted[1]}: {error.strerror}.",
                next_step="Stop what listens there, or name another port with --port.",
            ) from None
        click.echo(f"Handrail serves {home} at http://{wanted[0]}:{listener.getsockname()[1]}")
        sys.stdout.flush()
        serve_on(instance, listener)

    def work(self, home: Path, capacity: int | None) -> None:
        """Do runs of an instance until told to stop: then take no more, wait for those that go on, and give
        back to the queue what takes longer than `runtime.drain_seconds`, or all when told once more.
        """
        logs.configure(logging.INFO)
        borrower = _borrower(home)
        instance = open_instance(home)
        prepare: Callable[[], object] = borrower.sync if borrower else lambda: None
        hosts = runtime.Hosts(instance, prepare)
        supervisor = runtime.Supervisor(instance, "worker", capacity, prepare, hosts)
        arrivals, moving = _arrivals(instance, hosts), runtime.Moving(instance, hosts)
        parking, sweeper = runtime.Parking(instance), runtime.Sweeper(instance)
        told: list[int] = []  # the signals that came: who handles one may wait for no lock
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda came, _: told.append(came))
        gc.freeze()  # what is loaded stays, so nobody looks for garbage in it
        try:
            if borrower:
                borrower.start()
            supervisor.start()
            parking.start()
            sweeper.start()
            if arrivals:
                hosts.start()
                arrivals.start()
                moving.start()
            click.echo(f"Handrail does runs of {home}")
            sys.stdout.flush()
            while not told:
                time.sleep(_TOLD)
            supervisor.drain(instance.settings.runtime.drain_seconds, lambda: len(told) > 1)
        finally:
            supervisor.stop()
            if arrivals:
                moving.stop()
                arrivals.stop()
                hosts.stop()
            parking.stop()
            sweeper.stop()
            if borrower:
                borrower.stop()
            instance.close()


def _arrivals(instance: Instance, hosts: runtime.Hosts) -> Arrivals | None:
    """Whoever answers other hosts for the web apps of this one, where it is to have any."""
    if not instance.settings.hosts.apps:
        return None
    from handrail.faces.origins.arrive import Arrivals  # noqa: PLC0415 - a web server

    return Arrivals(instance, hosts)


def _borrower(home: Path) -> runtime.Borrower | None:
    """Whoever keeps a worker's directory as the server's is, where that is another; it has begun."""
    settings = _settings(home)
    if not settings.hosts.source:
        return None
    borrower = runtime.Borrower(settings)
    borrower.sync()
    return borrower


def serve_on(instance: Instance, listener: socket.socket) -> None:
    """Serve an open instance on a listening socket until a signal ends it; closes both. What the rooms do by
    themselves begins once the server answers; when that cannot begin, the server ends and raises why.
    """
    import uvicorn  # noqa: PLC0415 - only who serves needs a server

    hosts = runtime.Hosts(instance)
    app = application(instance, hosts)
    config = uvicorn.Config(
        app,
        log_config=None,  # what uvicorn says goes where everything goes: kernel/logs.py
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    work = _Work(instance, hosts, app, server)
    work.start()
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()
        work.stop()
        instance.close()
    if work.broken:
        raise work.broken


class _Supervisor(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class _Work(threading.Thread):
    """Opens the rooms of a server that listens, and starts what they do by themselves."""

    def __init__(
        self, instance: Instance, hosts: runtime.Hosts, app: FastAPI, server: uvicorn.Server
    ) -> None:
        super().__init__(name="rooms")
        self._instance, self._hosts, self._app, self._server = instance, hosts, app, server
        self._ended = threading.Event()
        self._begun: list[_Supervisor] = []
        self.broken: Exception | None = None

    def run(self) -> None:
        while not self._server.started:
            if self._ended.wait(0.005):
                return
        try:
            self._app.state.rooms.open()
            supervisors = self._supervisors()
            gc.freeze()  # what is loaded stays, so nobody looks for garbage in it
            for supervisor in supervisors:
                if self._ended.is_set():
                    return
                supervisor.start()
                self._begun.append(supervisor)
        except Exception as error:  # noqa: BLE001 - raised where the server was started
            self.broken, self._server.should_exit = error, True

    def _supervisors(self) -> tuple[_Supervisor, ...]:
        from handrail.faces.origins.arrive import Arrivals  # noqa: PLC0415 - with the rooms, once it listens

        return (
            runtime.Supervisor(self._instance, hosts=self._hosts),
            runtime.Lender(self._instance),
            Arrivals(self._instance, self._hosts),
            self._hosts,
            runtime.Moving(self._instance, self._hosts),
            twins.Supervisor(self._instance),
            runtime.Parking(self._instance),
            runtime.Sweeper(self._instance),
            data.Supervisor(self._instance),
            apps.Explainer(self._instance),
            apps.Scheduler(self._instance),
            openlineage.Supervisor(self._instance),
        )

    def stop(self) -> None:
        """Stop what was started, whatever it is at."""
        self._ended.set()
        self.join()
        for supervisor in self._begun:
            supervisor.stop()


def application(instance: Instance, hosts: runtime.Hosts | None = None) -> FastAPI:
    """The web pages and REST of every room, as one ASGI application, and the origins of the apps it hosts."""
    from handrail.faces import web  # noqa: PLC0415 - no command needs it

    return web.build(instance, _routers, hosts)


def _routers() -> Iterable[APIRouter]:
    from handrail import addresses  # noqa: PLC0415 - most of what there is to load

    return addresses.ROUTERS


def command() -> click.Group:
    """The `handrail` command. Installed packages may add to it by the entry point `handrail.commands`."""
    rooms = (
        Later(name, listed(module, name), says)
        for module, commands in COMMANDS.items()
        for name, says in commands.items()
    )
    extra = (Later(point.name, point.load) for point in entry_points(group="handrail.commands"))
    return cli.build(Composition(), (*rooms, *extra))


def main() -> None:
    """Run the `handrail` command."""
    logs.configure()
    command()()
