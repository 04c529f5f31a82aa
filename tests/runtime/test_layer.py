"""The Python layer that apps run on."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from handrail.adapters.isolation import Bubblewrap
from handrail.kernel import NotFound, NotReady, Upstream
from handrail.kernel.manifest import LAYERS
from handrail.kernel.sandbox import Limits, Sandbox
from handrail.runtime import interpreter, layer
from handrail.settings import RuntimeSettings, Settings


def settings(folder: Path) -> Settings:
    return Settings(home=folder, runtime=RuntimeSettings(layers=str(folder)))


def lock_of(package: str) -> str:
    """The lock of one package, cut from the real one."""
    found = re.search(rf"^{package}==.*(?:\n +--hash.*)*\n", layer.lock_of("report"), re.MULTILINE)
    assert found
    return found[0]


@pytest.fixture
def cache() -> Iterator[Path]:
    """A directory that everybody may enter."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        for path in Path(folder).rglob("*"):
            if path.is_dir():
                path.chmod(0o755)


@pytest.mark.parametrize(
    ("name", "promised"),
    [
        ("report", {"pandas", "pyarrow", "matplotlib", "openpyxl"}),
        ("data", {"duckdb", "pandas", "polars", "pyarrow", "openpyxl", "scikit-learn", "statsmodels"}),
        ("dashboard", {"streamlit", "gradio", "dash", "fastapi", "uvicorn", "flask", "plotly", "a2wsgi"}),
    ],
)
def test_a_lock_names_every_package_with_its_hashes_and_no_place(name: str, promised: set[str]) -> None:
    text = resources.files("handrail.runtime").joinpath("layers", f"{name}.lock").read_text()
    assert promised <= layer.packages(name).keys()
    assert "://" not in text
    assert "index" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in block
        assert "--hash=sha256:" in block


def test_every_layer_that_a_manifest_may_name_has_its_lock_what_it_was_made_from_and_what_waits_loaded() -> (
    None
):
    there = {file.name for file in resources.files("handrail.runtime").joinpath("layers").iterdir()}
    assert there == {f"{name}.{kind}" for name in LAYERS for kind in ("in", "lock", "parked")}


def test_a_layer_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound) as refusal:
        layer.packages("../dashbord")
    assert "'dashboard'" in refusal.value.next_step


def test_packages_are_known_by_what_they_are_imported_as() -> None:
    assert {"PIL", "dateutil", "mpl_toolkits", "et_xmlfile"} <= layer.importable()
    assert {"sklearn", "polars"} <= layer.importable("data")
    assert {"google", "yaml", "typing_extensions"} <= layer.importable("dashboard")
    assert not {"pillow", "python_dateutil"} & layer.importable()


def test_layers_differ_in_their_digest(tmp_path: Path) -> None:
    assert len({layer.layer_digest(settings(tmp_path), name) for name in LAYERS}) == len(LAYERS)


def test_a_layer_that_was_not_built_is_named_with_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(NotReady) as refusal:
        layer.built(settings(tmp_path))
    assert "handrail layers build" in refusal.value.next_step


def test_the_digest_is_known_before_anything_is_built_and_moves_with_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = layer.layer_digest(settings(tmp_path))
    assert first.startswith("sha256:")
    assert first == layer.layer_digest(settings(tmp_path))
    monkeypatch.setattr(layer, "lock_of", lambda _name: "pandas==9 --hash=sha256:0\n")
    assert layer.layer_digest(settings(tmp_path)) != first


def test_a_built_layer_belongs_to_nobody_who_could_change_it() -> None:
    made = layer.build(Settings(home=Path("/nowhere")))
    packages = made.binds["/layer"]
    for path in (packages, packages / "pandas", packages / "pandas" / "__init__.py", made.binds["/sdk"]):
        assert not path.stat().st_mode & 0o222
    assert list((packages / "pandas").glob("__pycache__/__init__.*.pyc"))
    assert list((made.binds["/sdk"] / "handrail_sdk").glob("__pycache__/*.pyc"))


def test_a_cache_that_the_sandbox_cannot_reach_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a plain user's sandbox reaches that user's own files")
    tmp_path.chmod(0o700)
    with pytest.raises(NotReady, match="cannot reach"):
        layer.build(settings(tmp_path))


def test_a_user_without_a_place_for_layers_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotReady, match="cannot be made: Not a directory") as refused:
        layer.build(settings(tmp_path / "file" / "layers"))
    assert "runtime.layers" in refused.value.next_step

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(layer.os, "geteuid", lambda: 1001)
    monkeypatch.setattr(layer.Path, "home", homeless)
    with pytest.raises(NotReady, match="no home"):
        layer.root_of(Settings(home=tmp_path))


def test_without_a_python_of_the_system_apps_run_on_a_copy_of_ours(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_DEBIAN", Path("/nowhere"))
    small = lock_of("tabulate")
    monkeypatch.setattr(layer, "lock_of", lambda _name: small)
    made = layer.build(settings(cache))
    printed = bytearray()
    code = "import sys, ssl, sqlite3, tabulate, handrail_sdk; print(sys.version)"
    outcome = Bubblewrap(RuntimeSettings().uid).run(
        Sandbox((made.python, "-c", code), {}, made, Limits()), printed.extend, threading.Event()
    )
    assert (outcome.code, printed.decode().strip()) == (0, sys.version)


def test_several_that_build_at_once_build_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = lock_of("tabulate")
    monkeypatch.setattr(layer, "lock_of", lambda _name: small)
    told: list[str] = []
    threads = [
        threading.Thread(
            target=layer.build,
            args=(settings(cache),),
            kwargs={"progress": lambda *step: told.append(step[0])},
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [step for step in told if step.endswith("ready")] == ["layer report: ready"]
    assert len(list(cache.glob("report-*"))) == 1
    assert not list(cache.glob(".report-*"))


def test_a_package_whose_hash_differs_is_refused_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", lock_of("tabulate"))
    monkeypatch.setattr(layer, "lock_of", lambda _name: wrong)
    with pytest.raises(Upstream) as refusal:
        layer.build(settings(cache))
    assert refusal.value.next_step
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_what_a_killed_build_left_is_swept_up_by_the_next(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = lock_of("tabulate")
    monkeypatch.setattr(layer, "lock_of", lambda _name: small)
    made = layer.build(settings(cache)).binds["/layer"]
    left = cache / f".{made.name}-dead"
    made.rename(left)
    assert layer.build(settings(cache)).binds["/layer"] == made
    assert not left.exists()
