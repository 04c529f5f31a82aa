"""Old layers go once nothing needs them: never one of a living version, never one that a sandbox uses."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handrail import runtime
from handrail.adapters.isolation import Bubblewrap
from handrail.apps import Version, store
from handrail.kernel import Instance, Manifest, NotAllowed, git, trail
from handrail.kernel.sandbox import Limits, Sandbox
from handrail.runtime import layer
from handrail.runtime.layer_use import take_away, use
from handrail.runtime.sweep_layers import OldLayers, sweep_layers
from handrail.settings import RuntimeSettings
from tests.conftest import Acting
from tests.runtime.test_layer import lock_of

OLD = "report-0123456789abcdef"
LOCK = "tidy==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"


@pytest.fixture
def here(instance: Instance) -> Iterator[Instance]:
    """The instance with a layers folder of its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        chosen = replace(instance.settings.runtime, layers=folder)
        instance.settings = replace(instance.settings, runtime=chosen)
        yield instance
        for path in Path(folder).rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


def root(instance: Instance) -> Path:
    return layer.root_of(instance.settings)


def made(instance: Instance, name: str, days: float = 40) -> Path:
    """A folder in the layers folder that nothing has used for so many days."""
    place = root(instance) / name
    (place / "tidy").mkdir(parents=True)
    (place / "tidy" / "__init__.py").write_text("x = 1\n")
    (place / "tidy").chmod(0o555)
    aged(place, days)
    return place


def aged(place: Path, days: float) -> None:
    when = time.time() - days * 24 * 3600
    os.utime(place, (when, when))


def swept(acting: Acting, *, dry_run: bool = False) -> OldLayers:
    with acting("admin") as ctx:
        return sweep_layers(ctx, dry_run=dry_run)


def test_what_nothing_needs_goes_with_an_entry_and_what_is_young_or_no_layer_stays(
    here: Instance, acting: Acting
) -> None:
    old, young = made(here, OLD), made(here, "data-0123456789abcdef", 29)
    others = [
        made(here, "diagnoses"),
        made(here, "report-of-somebody"),
        made(here, ".report-0123456789abcdef-1"),
    ]
    aged(others[-1], 0.5)
    found = swept(acting)
    assert [(one.name, one.kept) for one in found.layers] == [
        ("data-0123456789abcdef", "kept for 30 days after it was used"),
        (OLD, ""),
    ]
    assert found.freed == 6
    assert not old.exists() and young.is_dir() and all(one.is_dir() for one in others)
    with acting("admin") as ctx:
        [entry] = trail.entries(ctx, verb="layers.swept")
    assert entry.facts["layers"] == [OLD] and entry.facts["bytes"] == 6


def test_what_a_build_left_unfinished_goes_after_a_day(here: Instance, acting: Acting) -> None:
    left = made(here, ".packages-0123456789abcdef-0a1b2c3d", 2)
    gone = made(here, ".gone-packages-0123456789abcdef-0a1b2c3d", 2)
    swept(acting)
    assert not left.exists() and not gone.exists()


def test_a_dry_run_says_what_would_go_and_deletes_nothing(here: Instance, acting: Acting) -> None:
    old = made(here, OLD)
    [found] = swept(acting, dry_run=True).layers
    assert (found.name, found.kept) == (OLD, "") and found.days == 40
    assert old.is_dir()


def test_zero_days_keep_every_layer(here: Instance, acting: Acting) -> None:
    here.settings = replace(here.settings, retention=replace(here.settings.retention, layers_days=0))
    old = made(here, OLD, 4000)
    assert swept(acting).layers[0].kept == "kept"
    assert old.is_dir()


def test_only_an_admin_sweeps(here: Instance, acting: Acting) -> None:
    old = made(here, OLD)
    with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
        sweep_layers(ctx)
    assert old.is_dir()


def test_the_layers_of_today_stay_however_long_nothing_ran(here: Instance, acting: Acting) -> None:
    every = layer.current(here.settings)
    places = [made(here, one.name, 4000) for one in every if one.parent == root(here)]
    assert len(places) >= 4  # three layers and the SDK
    assert swept(acting).layers == ()
    assert all(one.is_dir() for one in places)


def test_packages_that_a_living_version_adds_stay_and_those_of_the_version_before_go(
    here: Instance, acting: Acting
) -> None:
    places = []
    for version in ("1.0", "2.0"):
        lock = LOCK.replace("1.0", version)
        place = layer.own_place(here.settings, lock)
        assert place is not None
        places.append(made(here, place.name, 4000))
        kept(acting, lock)
    found = swept(acting)
    assert [one.name for one in found.layers] == [places[0].name]
    assert places[1].is_dir()


def kept(acting: Acting, lock: str) -> None:
    """A version that adds these packages, as a push keeps it."""
    manifest = Manifest.parse(Manifest.render("tried"))
    files = {"handrail.toml": manifest.text.encode(), "app.py": b"print(1)\n", runtime.LOCK: lock.encode()}
    with acting("maker.sales") as ctx:
        if store.find_app(ctx, "tried") is None:
            store.add_app(ctx, "tried", "maker.sales", ctx.clock.now())
        repository, author, now = (
            git.Repository(ctx.db, "tried"),
            git.Author("M", "m@x.example"),
            ctx.clock.now(),
        )
        tree = repository.write_tree(files)
        commit = repository.commit(tree, author, "It is due", now)
        last = store.find_version(ctx, "tried")
        n = last.n + 1 if last else 1
        store.add_version(
            ctx, Version("tried", n, commit, tree, manifest, "It is due", "maker.sales", now, 0, {})
        )


def test_a_layer_that_is_held_stays_until_nobody_holds_it(here: Instance, acting: Acting) -> None:
    old = made(here, OLD)
    held = use(old)
    aged(old, 40)  # what it is used by now is not what keeps it
    assert swept(acting).layers[0].kept == "a sandbox uses it"
    assert old.is_dir()
    del held
    gc.collect()
    assert swept(acting).layers[0].kept == ""
    assert not old.exists()


def test_whoever_is_killed_holds_no_layer(here: Instance, acting: Acting) -> None:
    old = made(here, OLD)
    code = (
        "import sys, time, pathlib\nfrom handrail.runtime.layer_use import use\n"
        "held = use(pathlib.Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(old)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        aged(old, 40)
        assert swept(acting).layers[0].kept == "a sandbox uses it"
        holder.send_signal(signal.SIGKILL)
    assert swept(acting).layers[0].kept == ""


def test_whoever_uses_a_layer_just_as_it_is_taken_away_finds_none(here: Instance) -> None:
    old = made(here, OLD)
    assert take_away(old) is not None
    assert use(old) is None
    held = use(made(here, OLD))
    assert held is not None and take_away(root(here) / OLD) is None


def test_using_a_layer_makes_it_young(here: Instance) -> None:
    old = made(here, OLD)
    assert use(old) is not None
    assert time.time() - old.stat().st_mtime < 60


def test_a_sandbox_that_runs_keeps_its_layer(
    here: Instance, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real one, on a layer that is nobody's any more before it ends."""
    small = lock_of("tabulate")
    with monkeypatch.context() as patched:
        patched.setattr(layer, "lock_of", lambda _name: small)
        python = layer.build(here.settings)
    place = python.binds["/layer"]
    aged(place, 40)
    code = (
        "import time; print('on', flush=True); time.sleep(1.5); import tabulate; print(tabulate.__version__)"
    )
    sandbox = Sandbox((python.python, "-c", code), {}, python, Limits())
    del python
    printed, begun = bytearray(), threading.Event()

    def note(piece: bytes) -> None:
        printed.extend(piece)
        begun.set()

    isolation = Bubblewrap(RuntimeSettings().uid)
    running = threading.Thread(
        target=lambda one: isolation.run(one, note, threading.Event()), args=(sandbox,)
    )
    running.start()
    del sandbox
    assert begun.wait(30)
    assert [one.kept for one in swept(acting).layers if one.name == place.name] == ["a sandbox uses it"]
    running.join()
    assert printed.startswith(b"on\n0.")
    del running
    gc.collect()
    assert [one.kept for one in swept(acting).layers if one.name == place.name] == [""]
