"""The tree: what may stand in no file, and how code is laid out."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("src", "sdk/src", "demo/handrail_demo")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def sources() -> Iterator[Path]:
    for source in SOURCES:
        for file in sorted((ROOT / source).rglob("*.py")):
            if "apps" not in file.relative_to(ROOT / source).parts[:1] or source == "src":
                yield file


@pytest.fixture(scope="module")
def modules() -> list[tuple[Path, ast.Module]]:
    """Each file with what is in it: it takes seconds to parse them all."""
    return [(file, ast.parse(file.read_text(encoding="utf-8"))) for file in sources()]


# Written in pieces, so that this file may stand in the tree itself.
FORBIDDEN = tuple(
    "".join(parts)
    for parts in (
        ("pypi.", "org"),
        ("pythonhosted", ".org"),
        ("registry.npm", "js.org"),
        ("deb.deb", "ian.org"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
    )
)


@pytest.mark.parametrize("text", FORBIDDEN)
def test_no_file_names_a_package_index_or_a_path_of_somebodys_machine(text: str) -> None:
    guilty = [str(f.relative_to(ROOT)) for f in tracked() if text.encode() in f.read_bytes()]
    assert not guilty


def test_the_locks_pin_every_package_by_hash() -> None:
    for lock in (ROOT / "requirements.lock", *(ROOT / "src").rglob("*.lock")):
        blocks = [b for b in lock.read_text().split("\n") if b and not b.startswith((" ", "#"))]
        assert blocks, lock
        assert all("==" in line and line.rstrip().endswith("\\") for line in blocks), lock


def test_every_module_says_what_it_is_for(modules: list[tuple[Path, ast.Module]]) -> None:
    silent = [str(f.relative_to(ROOT)) for f, tree in modules if tree.body and not ast.get_docstring(tree)]
    assert not silent


def test_every_public_function_and_class_says_its_effect(modules: list[tuple[Path, ast.Module]]) -> None:
    silent = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file, tree in modules
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and "overload" not in map(ast.unparse, node.decorator_list)
        and not ast.get_docstring(node)
    ]
    assert not silent


def test_no_room_has_a_drawer_for_odds_and_ends() -> None:
    drawers = {
        "service.py",
        "services.py",
        "utils.py",
        "util.py",
        "manager.py",
        "helpers.py",
        "common.py",
        "misc.py",
    }
    assert not [str(f) for f in sources() if f.name in drawers]


def test_routers_are_made_by_the_kit_alone() -> None:
    """So that pages are in no description for programs, and a server starts without looking into each address."""
    own = [str(f.relative_to(ROOT)) for f in sources() if "APIRouter(" in f.read_text("utf-8")]
    assert own == ["src/handrail/kit/routers.py"]


def test_nothing_is_left_as_a_stub(modules: list[tuple[Path, ast.Module]]) -> None:
    stubs = [
        f"{f}:{n.lineno}"
        for f, tree in modules
        for n in ast.walk(tree)
        if isinstance(n, ast.Raise) and "NotImplementedError" in ast.unparse(n)
    ]
    assert not stubs
