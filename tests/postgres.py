"""A real PostgreSQL server for tests: started once a session on a free loopback port, and stopped after it.

Use it with `from tests.postgres import postgres` in a test file; `postgres.database("name")` gives an address, and
`postgres.inhabited(home, "name")` an instance's home, too.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import pytest

from handrail.kernel import Instance
from handrail.server import FIRST_DEFINITIONS, open_instance
from tests.conftest import populate
from tests.prepared import KEPT

USER, PASSWORD = "handrail", "a-password-of-the-tests"
_ORIGINAL = "people_of_the_tests"
_ACCOUNT = "postgres"  # the server refuses to run as root
_PATIENCE = 600  # seconds, on a busy machine


@dataclass(frozen=True)
class Server:
    """A running server; the superuser needs its password, as in real life."""

    port: int
    control: tuple[str | Path, ...] = ()  # pg_ctl with everything but what to do

    def address(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """The address of a database, with a password in it."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def database(self, name: str, *statements: str) -> str:
        """Make a new database, run statements in it, and return its address."""
        with psycopg.connect(self.address(), autocommit=True) as db:
            db.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
            db.execute(f'CREATE DATABASE "{name}"'.encode())
        with psycopg.connect(self.address(name), autocommit=True) as db:
            for statement in statements:
                db.execute(statement.encode())
        return self.address(name)

    def inhabited(self, home: Path, name: str) -> str:
        """Make the home of an instance with the people of the demo company, and its new database; its address.

        Both are copies of what is made once for each server; the test says in `handrail.toml` where the database is.
        """
        original = _people(self)
        shutil.copytree(original, home, symlinks=True)
        (home / "handrail.toml").unlink()  # nobody opens this one on the original's database
        with psycopg.connect(self.address(), autocommit=True) as db:
            db.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
            db.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_ORIGINAL}"'.encode())
        return self.address(name)

    def stop(self) -> None:
        """Stop the server as an outage does; a test that does so starts it again."""
        _run([*self.control, "-m", "immediate", "stop"])

    def start(self) -> None:
        """Start it again, with its data."""
        _run([*self.control, "start"])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server; skips with the reason where PostgreSQL or an account to run it is missing."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (Debian: postgresql)")
    if os.geteuid() == 0 and not _has_account():
        pytest.skip(f"PostgreSQL does not run as root, and there is no account {_ACCOUNT}")
    with _SHARED.used(binaries) as server:
        yield server


class _Shared:
    """One server in this process. A fixture that is imported is a fixture of its own in every file, and all of them
    end with the session: the first begins the server, and the last stops it.
    """

    def __init__(self) -> None:
        self._users, self._kept = 0, ExitStack()
        self._server: Server | None = None

    @contextmanager
    def used(self, binaries: Path) -> Iterator[Server]:
        if self._server is None:
            self._server = self._kept.enter_context(_running(binaries))
        self._users += 1
        try:
            yield self._server
        finally:
            self._users -= 1
            if not self._users:
                self._server = None
                self._kept.close()


_SHARED = _Shared()


@cache
def _people(server: Server) -> Path:
    """The home of an instance with the people of the demo company, closed; its database is `_ORIGINAL`."""
    home = KEPT[0] / f"postgres-{server.port}"
    Instance.create(home, files=FIRST_DEFINITIONS)
    (home / "handrail.toml").write_text(f'[storage]\nurl_env = "{_ORIGINAL.upper()}"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(_ORIGINAL.upper(), server.database(_ORIGINAL))
        opened = open_instance(home)
        populate(opened)
        opened.close()
    return home


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
        Path(shutil.which("initdb") or "/none")
    ]
    return found[-1].parent if found[-1].exists() else None


def _has_account() -> bool:
    return any(entry.pw_name == _ACCOUNT for entry in pwd.getpwall())


@contextmanager
def _running(binaries: Path) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="handrail-postgres-") as folder:
        root, data = Path(folder), Path(folder) / "data"
        secret = root / "password"
        secret.write_text(PASSWORD)
        account: list[str] = []
        if os.geteuid() == 0:
            account = ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--clear-groups"]
            for path in (root, secret):
                shutil.chown(path, _ACCOUNT)
        initdb = [binaries / "initdb", "-D", data, "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}"]
        _run([*account, *initdb, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
        server = _started([*account, binaries / "pg_ctl", "-D", data, "-w", "-t", str(_PATIENCE)], root)
        try:
            yield server
        finally:
            server.stop()


def _started(control: list[str | Path], root: Path) -> Server:
    """The server, started on a port that was free a moment ago; on another where somebody was faster."""
    for left in reversed(range(5)):
        port = _free_port()
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='{root}' -c fsync=off"
        )
        server = Server(port, (*control, "-l", root / "log", "-o", options))
        try:
            server.start()
        except subprocess.CalledProcessError:
            if not left:
                raise
        else:
            return server
    raise AssertionError("it was started, or it was said why not")


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=_PATIENCE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
