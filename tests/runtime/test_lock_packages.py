"""What a maker asks for beside a layer is approved, locked by hash, built apart, and cannot stand before anything."""

import marshal
import os
import re
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from handrail import apps, runtime
from handrail.kernel import (
    Instance,
    Invalid,
    LimitReached,
    NotAllowed,
    NotReady,
    Upstream,
    definitions,
    trail,
)
from handrail.runtime import Run, diagnosis, layer, layer_build, layer_tool, package_store
from handrail.settings import PackagesSettings, Settings
from tests.apps.conftest import MANIFEST
from tests.conftest import Acting
from tests.runtime.index import Index, serving

pytestmark = pytest.mark.long

APPROVED = """\
[packages]
tidy = ">=1,<2"
helper = ""
odd = ""
"""


@pytest.fixture
def index() -> Iterator[Index]:
    with serving() as served:
        yield served


@pytest.fixture
def here(
    instance: Instance, index: Index, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Instance]:
    """The instance with this index and a list of approved packages, its layers beside the real ones. What is known
    of this machine's sandboxes is known here: another place for layers changes nothing that holds them.
    """
    known = diagnosis.folder(instance.settings)
    monkeypatch.setattr(diagnosis, "folder", lambda _settings: known)
    real = layer.build(Settings(home=Path("/nowhere"))).binds["/layer"]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / real.name).symlink_to(real)
        instance.settings = replace(
            instance.settings,
            runtime=replace(instance.settings.runtime, layers=folder),
            packages=PackagesSettings(index=index.url, seconds=600),  # however busy this machine is
        )
        with acting("admin") as ctx:
            definitions.write(ctx, "packages.toml", APPROVED.encode(), "Approve.")
        yield instance
        for path in Path(folder).rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


Push = Callable[..., apps.Version]


@pytest.fixture
def push(here: Instance, acting: Acting) -> Push:
    """Push an app that asks for these packages."""

    def do(asks: str, code: str = "print('hello')", **more: bytes) -> apps.Version:
        files = {
            "handrail.toml": MANIFEST.encode(),
            "app.py": code.encode(),
            "requirements.txt": asks.encode(),
        }
        with acting("maker.sales") as ctx:
            return apps.push(
                ctx, {**files, **{name.replace("_", "."): data for name, data in more.items()}}, "Why"
            )

    return do


@pytest.fixture
def ran(here: Instance, acting: Acting) -> Callable[[], Run]:
    """Run the pushed app in the sandbox, to its end."""

    def do() -> Run:
        with acting("maker.sales") as ctx:
            started = apps.run(ctx, "hello")
        return runtime.execute(here, started.id)

    return do


def log_of(acting: Acting, run: Run) -> str:
    with acting("maker.sales") as ctx:
        return runtime.log(ctx, run.id)


def lock_of(acting: Acting) -> str:
    with acting("maker.sales") as ctx:
        return apps.files(ctx, "hello").get("handrail.lock", b"").decode()


def built(here: Instance) -> list[Path]:
    return sorted(Path(here.settings.runtime.layers).glob("packages-*"))


def test_what_an_app_asks_for_is_locked_with_the_version_and_imported_by_its_runs(
    push: Push, ran: Callable[[], Run], index: Index, acting: Acting, here: Instance
) -> None:
    index.wheel("tidy", requires=["helper>=1", "numpy"])
    index.wheel("numpy", layer.packages("report", layer.python_of(here.settings).version)["numpy"])
    index.wheel("tidy", "2.0")
    index.wheel("helper", "3.1")
    push(
        "# to be tidy\ntidy  # nicely\nhandrail-sdk\npandas>=2\n",
        "import tidy, helper; print(tidy.version, helper.version)",
    )
    lock = lock_of(acting)
    assert re.findall(r"^(\S+)==(\S+)", lock, re.MULTILINE) == [("helper", "3.1"), ("tidy", "1.0")]
    assert lock.count("--hash=sha256:") == 2
    assert "127.0.0.1" not in lock
    run = ran()
    assert (run.state, log_of(acting, run)) == ("succeeded", "1.0 3.1\n")
    with acting("admin") as ctx:
        entry = trail.entries(ctx, verb="packages.locked")[0]
    assert entry.facts["packages"] == {"helper": "3.1", "tidy": "1.0"}
    (place,) = built(here)
    assert all(
        not path.stat().st_mode & 0o222 and path.stat().st_uid == os.geteuid() for path in place.rglob("*")
    )
    assert list(place.glob("__pycache__/tidy.*.pyc"))
    assert not [path for path in place.parent.iterdir() if path.name.startswith((".packages", ".resolve"))]


def test_the_same_packages_are_resolved_once_and_built_once(
    push: Push, index: Index, here: Instance, acting: Acting
) -> None:
    index.wheel("tidy")
    push("tidy")
    asked, lock = len(index.asked), lock_of(acting)
    index.wheel("tidy", "1.5")
    push("tidy\n", "print('another version')")
    assert (len(index.asked), lock_of(acting)) == (asked, lock)
    assert len(built(here)) == 1


def test_a_lock_is_part_of_what_is_approved(push: Push, index: Index, acting: Acting, here: Instance) -> None:
    index.wheel("tidy")
    index.wheel("helper")
    plain = runtime.layer_digest(here.settings)
    push("tidy")
    one = runtime.layer_digest(here.settings, lock=lock_of(acting))
    push("helper")
    other = runtime.layer_digest(here.settings, lock=lock_of(acting))
    assert len({plain, one, other}) == 3
    with acting("maker.sales") as ctx:
        assert apps.run(ctx, "hello").layer == other


def test_a_package_that_nobody_approved_is_refused_with_the_nearest_that_somebody_did(
    push: Push, index: Index
) -> None:
    for asked, near in {
        "panda": "pandas",
        "tidi": "tidy",
        "sklearn": "scikit-learn",
        "PIL": "pillow",
    }.items():
        with pytest.raises(NotAllowed, match="is not approved") as refusal:
            push(asked)
        assert refusal.value.next_step.startswith(f"Did you mean '{near}'?")
    with pytest.raises(NotAllowed) as refusal:
        push("wholly-unknown-thing")
    assert "handrail layers request wholly-unknown-thing" in refusal.value.next_step
    with pytest.raises(NotAllowed) as refusal:
        push("sqlite3")
    assert "comes with Python" in refusal.value.next_step
    assert index.asked == []


def test_a_package_that_is_approved_but_needs_one_that_is_not_is_refused(push: Push, index: Index) -> None:
    index.wheel("tidy", requires=["smuggled"])
    index.wheel("smuggled")
    with pytest.raises(NotAllowed, match="smuggled is not approved for apps, and tidy needs it"):
        push("tidy")


def test_a_version_that_is_not_approved_is_not_taken(push: Push, index: Index) -> None:
    index.wheel("tidy", "2.0")
    with pytest.raises(Invalid, match="no set of packages that fits tidy"):
        push("tidy")
    with pytest.raises(Invalid, match="no set of packages"):
        push("tidy==2.0")


def test_another_version_of_what_the_layer_has_is_refused_with_the_one_it_has(push: Push) -> None:
    with pytest.raises(Invalid, match=r"has pandas 3\..*asks for <2"):
        push("pandas<2")


def test_code_of_a_source_distribution_never_runs(push: Push, index: Index, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    ran = tmp_path / "ran"
    index.sdist("tidy", f"open({str(ran)!r}, 'w')".encode())
    with pytest.raises(Invalid, match="no set of packages"):
        push("tidy")
    assert not ran.exists()


def test_a_wheel_that_changed_since_it_was_locked_is_not_installed(
    push: Push, ran: Callable[[], Run], index: Index, here: Instance, acting: Acting
) -> None:
    index.wheel("tidy")
    push("tidy", "import tidy; print(tidy.version)")
    (place,) = built(here)
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)
    place.rename(place.with_name("gone"))  # as on another machine, which builds the lock anew
    index.wheel("tidy", files={"tidy.py": b"version = 'another'\n"})
    run = ran()
    assert run.state == "failed"
    assert "Hash mismatch" in run.reason
    assert built(here) == []


def test_an_index_that_tells_a_wrong_hash_is_believed_in_nothing(
    push: Push, index: Index, here: Instance
) -> None:
    index.wheel("tidy")
    index.told["tidy-1.0-py3-none-any.whl"] = "0" * 64
    with pytest.raises(Upstream, match=r"[Hh]ash"):
        push("tidy")
    assert built(here) == []


@pytest.mark.parametrize(
    "inside",
    [
        "sitecustomize.py", "usercustomize.py", "sitecustomize.cpython-311-x86_64-linux-gnu.so", "json.py",
        "asyncio/__init__.py", "handrail_sdk/__init__.py", "pandas/__init__.py", "pylab.py", "odd-1.0.data/data/ssl.py",
        "odd-1.0.data/purelib/sitecustomize.py",
    ],
)  # fmt: skip
def test_a_package_that_would_stand_in_the_place_of_another_is_refused(
    push: Push, index: Index, here: Instance, inside: str
) -> None:
    index.wheel("odd", files={inside: b"print('mine')"})
    with pytest.raises(Invalid, match=r"would stand (in the place|beside)"):
        push("odd")
    assert built(here) == []


def test_what_begins_code_by_itself_or_is_not_its_source_is_taken_away(
    push: Push, ran: Callable[[], Run], index: Index, here: Instance, acting: Acting
) -> None:
    other = compile("print('bytecode')", "odd.py", "exec")
    unchecked = (
        MAGIC_NUMBER + struct.pack("<I", 1) + bytes(8) + marshal.dumps(other)
    )  # used whatever its source
    index.wheel(
        "odd",
        files={
            "odd.py": b"print('source')",
            "__pycache__/odd.cpython-311.pyc": unchecked,
            "bare.pyc": unchecked,
            "odd.pth": b"import sys; print('pth')\n",
        },
    )
    push("odd", "import odd")
    (place,) = built(here)
    assert not [path for path in place.rglob("*") if path.suffix == ".pth" or path.name == "bare.pyc"]
    assert log_of(acting, ran()) == "source\n"


def test_a_wheel_that_reaches_out_of_its_folder_writes_nothing_there(
    push: Push, index: Index, here: Instance
) -> None:
    index.wheel("odd", files={"../../../handrail-was-here": b"1", "odd.py": b""})
    push("odd")  # uv leaves such a file out; and who unpacks may write nowhere else
    folder = Path(here.settings.runtime.layers)
    assert not [path for path in (folder, *folder.parents) if (path / "handrail-was-here").exists()]
    assert not list(folder.rglob("handrail-was-here"))


def test_a_wheel_with_a_link_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    draft = tmp_path / "made"
    draft.mkdir()
    (draft / "odd").symlink_to(outside)
    with pytest.raises(Invalid, match="is a link"):
        layer_build.look_through(draft, tmp_path / "base", 1)


def test_packages_that_take_too_much_room_are_refused(push: Push, index: Index, here: Instance) -> None:
    here.settings = replace(here.settings, packages=replace(here.settings.packages, largest_mb=1))
    index.wheel("odd", files={"odd.py": b"", "odd.bin": b"0" * (2 << 20)})
    with pytest.raises(LimitReached, match="1 are the most"):
        push("odd")
    assert built(here) == []


def test_a_lock_that_a_maker_wrote_is_replaced_and_one_that_is_not_known_never_runs(
    push: Push, index: Index, here: Instance, acting: Acting
) -> None:
    index.wheel("smuggled")
    forged = f"smuggled==1.0 \\\n    --hash=sha256:{'0' * 64}\n"
    push("pandas", handrail_lock=forged.encode())
    assert lock_of(acting) == ""
    with acting("maker.sales") as ctx, pytest.raises(NotReady, match="was not made by Handrail"):
        runtime.of_lock(ctx, forged)
    for told in (
        f"--index-url http://127.0.0.1/\n{forged}",
        "./odd.whl\n",
        forged.replace("==1.0", " @ file:///x"),
    ):
        with pytest.raises(NotReady, match="not one of Handrail's"):
            layer.built(here.settings, lock=told)


def test_without_the_index_what_is_new_is_refused_and_the_layer_serves_on(
    push: Push, ran: Callable[[], Run], here: Instance, acting: Acting
) -> None:
    here.settings = replace(here.settings, packages=PackagesSettings(index="http://127.0.0.1:9/simple"))
    with pytest.raises(Upstream) as refusal:
        push("tidy")
    assert "requirements.txt" in refusal.value.next_step
    push("pandas", "import pandas; print('here')")
    assert log_of(acting, ran()) == "here\n"


def test_the_index_is_told_who_asks_and_neither_the_lock_nor_a_refusal_tells_it(
    push: Push, index: Index, here: Instance, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKAGES", index.url.replace("://", "://robot:s3cret@"))
    here.settings = replace(here.settings, packages=PackagesSettings(index_env="PACKAGES"))
    index.wheel("tidy", requires=["helper"])
    with pytest.raises(Invalid) as refusal:
        push("tidy")
    assert "s3cret" not in refusal.value.message
    index.wheel("helper")
    push("tidy")
    assert any(one.startswith("Basic ") for one in index.credentials)
    assert "s3cret" not in lock_of(acting)
    monkeypatch.delenv("PACKAGES")
    with pytest.raises(NotReady, match="has no PACKAGES"):
        push("tidy\nhelper")


def test_nothing_of_the_servers_environment_reaches_the_builder(
    push: Push, index: Index, here: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_SECRET", "s3cret")
    with layer_tool.workshop(here.settings, Path(here.settings.runtime.layers) / ".bench") as bench:
        shown = bench.run(here.settings, "/usr/bin/env", ()).printed
        assert "s3cret" not in shown
        assert f"UV_CACHE_DIR={bench.root}" in shown
        uid = bench.run(here.settings, "/usr/bin/id", ("-u",)).printed.strip()
        bench.run(here.settings, "/usr/bin/touch", (str(bench.root.parent / "outside"),))
        assert os.geteuid() != 0 or not (bench.root.parent / "outside").exists()
        assert uid == str(here.settings.runtime.uid if os.geteuid() == 0 else os.geteuid())
    assert not bench.root.exists()


def test_nobody_else_waits_for_the_index_while_it_is_asked(
    push: Push, index: Index, here: Instance, acting: Acting
) -> None:
    index.wheel("tidy")
    answer = index.answer
    seen: list[str] = []

    def meanwhile(path: str) -> bytes | None:
        if not seen:
            with acting("maker.ops") as ctx:
                ctx.audit.note("test.meanwhile", "test")
                seen.append("wrote")
        return answer(path)

    index.answer = meanwhile  # type: ignore[method-assign]
    push("tidy")
    assert seen == ["wrote"]


def test_a_package_that_is_off_the_list_again_is_named(push: Push, index: Index, acting: Acting) -> None:
    index.wheel("tidy")
    push("tidy")
    with acting("admin") as ctx:
        assert runtime.no_longer_approved(ctx, lock_of(acting)) == ()
        definitions.write(ctx, "packages.toml", b"[packages]\n", "Take back.")
        assert runtime.no_longer_approved(ctx, lock_of(acting)) == ("tidy 1.0",)
    with acting("maker.sales") as ctx:
        assert "packages" in {gate.key for gate in apps.gates(ctx, "hello") if not gate.open}
    with acting("admin") as ctx:
        assert package_store.find_lock(ctx, digest="sha256:0") is None


def test_a_bundle_for_browsers_adds_no_python_packages(here: Instance, acting: Acting, index: Index) -> None:
    static = MANIFEST.replace('"job"', '"static"').replace("app.py", "index.html").encode()
    files = {"handrail.toml": static, "index.html": b"<p>hello", "requirements.txt": b"-e ."}
    with acting("maker.sales") as ctx:
        apps.push(ctx, files, "A page")
    assert lock_of(acting) == ""
    assert index.asked == []
