"""The bank: every program by name, with the database it reads."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MODULES = ("held_out", "shop", "people", "support", "ledger", "meters", "northwind")
Query = Callable[[str], Any]
Body = Callable[[Query], None]


@dataclass(frozen=True)
class Program:
    """One program: what it is called, which database it reads, and whether it was held out."""

    name: str
    database: str
    held_out: bool
    body: Body

    @property
    def task(self) -> str:
        """What was asked for."""
        return (self.body.__doc__ or "").strip().splitlines()[0]


PROGRAMS: dict[str, Program] = {}


def program(database: str, held_out: bool = False) -> Callable[[Body], Body]:
    """Put a function into the bank; all of the module `held_out` are held out, and those drawn by lot."""

    def register(body: Body) -> Body:
        module = body.__module__.rpartition(".")[2]
        name = f"{database}.{body.__name__}"
        if name in PROGRAMS:
            raise ValueError(f"{name} is in the bank twice")
        PROGRAMS[name] = Program(name, database, held_out or module == "held_out", body)
        return body

    return register


def bank() -> tuple[Program, ...]:
    """Every program, with the modules loaded that hold them."""
    for name in MODULES:
        importlib.import_module(f"handrail_bench.fidelity.programs.{name}")
    return tuple(PROGRAMS.values())
