"""The servers that an operator named in the settings: opened at first need, with credentials from outside."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from handrail.kernel import NotReady
from handrail.kernel.ports import EngineLimits, LiveSource, Remote, Rows

if TYPE_CHECKING:
    from handrail.settings import EngineSettings

# What a kind needs is loaded when the first engine of that kind is asked.
_KINDS = {"postgres": "handrail.adapters.engines.postgres", "spark": "handrail.adapters.engines.spark"}


class Server(Protocol):
    """One engine over tables that stay there; each kind is a module with `open_server`."""

    def run(
        self,
        sql: str,
        values: Mapping[str, Any],
        schema: str,
        tables: Mapping[str, Remote],
        limits: EngineLimits,
    ) -> Rows:
        """As `Engine.run`."""

    def live(self) -> LiveSource:
        """As `Engine.live`."""

    def close(self) -> None:
        """As `Engine.close`."""


class Servers:
    """The engines of one instance by name."""

    def __init__(self, home: Path, named: Mapping[str, EngineSettings]) -> None:
        self._home, self._named = home, named
        self._open: dict[str, tuple[str, Server]] = {}
        self._lock = threading.Lock()

    def engine(self, name: str) -> Server:
        """The engine of that name; a changed address or password opens it anew.

        Refuses NotReady a name that the settings do not have and an address that cannot be found.
        """
        if name not in self._named:
            known = ", ".join(sorted(self._named)) or "none"
            raise NotReady(
                f"The settings name no engine {name}.",
                next_step=f"An admin adds [engines.{name}] to handrail.toml; there is: {known}.",
                subject=f"engine:{name}",
            )
        settings = self._named[name]
        url = _address(self._home, name, settings)
        with self._lock:
            if name not in self._open or self._open[name][0] != url:
                made: Server = import_module(_KINDS[settings.kind]).open_server(name, url, settings)
                if name in self._open:
                    self._open[name][1].close()
                self._open[name] = url, made
            return self._open[name][1]

    def close(self) -> None:
        """Let go of every connection that is kept."""
        with self._lock:
            for _, server in self._open.values():
                server.close()
            self._open.clear()


def _address(home: Path, name: str, settings: EngineSettings) -> str:
    """The whole address, from the first of environment, file and settings that is named there."""
    if settings.url_env:
        found, where = os.environ.get(settings.url_env, ""), f"the environment variable {settings.url_env}"
    elif settings.url_file:
        file = home / settings.url_file
        found = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
        where = f"the file {settings.url_file}"
    else:
        found, where = settings.url, f"engines.{name}.url"
    if not found:
        raise NotReady(
            f"The address of the engine {name} is not there: {where} is empty or missing.",
            next_step="An admin puts it there; handrail.toml says where it is looked for.",
            subject=f"engine:{name}",
        )
    return found
