"""The package itself: every name is there, and nothing is loaded before it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import handrail_sdk


def test_every_name_is_where_type_checkers_are_told_that_it_is() -> None:
    source = ast.parse(Path(handrail_sdk.__file__).read_text(encoding="utf-8"))
    told = {
        alias.name: f"handrail_sdk.{one.module.rpartition('.')[2]}"
        for checked in source.body
        if isinstance(checked, ast.If)
        for one in checked.body
        if isinstance(one, ast.ImportFrom) and one.module
        for alias in one.names
    }
    assert sorted(told) == sorted(handrail_sdk.__all__) == sorted(handrail_sdk._WHERE)
    for name, module in told.items():
        assert getattr(handrail_sdk, name) is getattr(sys.modules[module], name)
    assert set(told) <= set(dir(handrail_sdk))


def test_a_name_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'querry'"):
        handrail_sdk.querry  # noqa: B018


def test_a_run_that_asks_nothing_loads_no_way_to_ask() -> None:
    code = "import sys, handrail_sdk.run; print([m for m in ('socket', 'json', 'dataclasses', 'html') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(Path(handrail_sdk.__file__).parents[1])}, capture_output=True, text=True)  # fmt: skip
    assert done.stdout == "[]\n", done.stderr
