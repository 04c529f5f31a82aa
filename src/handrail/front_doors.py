"""Front doors that open when somebody comes: a package offers names, and loads what is behind one when asked.

A command needs few of the product's files, and loading all of them would be most of its time.
"""

import ast
import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Door(ModuleType):
    """A package whose names are in its files, and stay there until they are asked for."""

    _offers: dict[str, tuple[str, str]]  # name to the module that has it, and what it is called there

    def __getattr__(self, name: str) -> Any:
        try:
            where, called = self._offers[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name) from None
        found = import_module(f"{where}.{called}") if where == self.__name__ else _of(where, called)
        self.__dict__[name] = found
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        """Whoever loads a file tells its package; yet a verb's name stays the verb's, not its file's."""
        if not isinstance(value, ModuleType) or self._offers.get(name, ("",))[0] in ("", self.__name__):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._offers})


def open_when_asked(package: str) -> None:
    """Make a package offer what it imports for type checkers alone (`if TYPE_CHECKING:`).

    The names are read from its source, so that what a checker is told is what there is.
    """
    module = sys.modules[package]
    offers = _offered(module)
    module.__class__ = _Door
    module.__dict__["_offers"] = offers


def _offered(module: ModuleType) -> dict[str, tuple[str, str]]:
    loader: Any = module.__loader__
    statements = ast.parse(loader.get_source(module.__name__)).body
    return {
        name.asname or name.name: (one.module, name.name)
        for checked in statements
        if isinstance(checked, ast.If) and ast.unparse(checked.test) == "TYPE_CHECKING"
        for one in checked.body
        if isinstance(one, ast.ImportFrom) and one.module
        for name in one.names
    }


def _of(where: str, called: str) -> Any:
    return getattr(import_module(where), called)
