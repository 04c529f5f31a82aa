"""What tests stand on: a real instance with the demo company's people, and real input where it is present."""

import gc
import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from playwright.sync_api import Browser, expect, sync_playwright

from handrail.kernel import SYSTEM, Caller, Context, Instance, Refusal, RunRef, Via, identity
from handrail.runtime import diagnosis
from handrail.runtime.sound import examined
from handrail.server import FIRST_DEFINITIONS, open_instance
from handrail_demo.company import PEOPLE
from tests import prepared
from tests.cases import FUZZING, cases
from tests.prepared import copied

NORTHWIND = Path(__file__).parents[2] / "shared" / "data" / "northwind" / "northwind.sqlite"

# Debian has Chromium twice: without windows and menus a page takes less than half of the processor's time.
CHROMIUMS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = os.environ.get("HANDRAIL_CHROMIUM") or next(filter(os.path.exists, CHROMIUMS), CHROMIUMS[0])
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The gate judges a change, not its luck: the same cases each time. `make fuzz` draws others (HANDRAIL_SEED is set).
settings.register_profile("gate", settings.get_profile("ci"), max_examples=cases(100))
settings.load_profile("default" if FUZZING else "gate")

Acting = Callable[..., AbstractContextManager[Context]]

MEMORY = Path("/dev/shm")  # where Linux keeps a file system in memory
ROOM = 6 << 30  # bytes, of which a run of the tests takes the smaller part at any one time


def in_memory() -> Path | None:
    """Where the tests may keep their files in memory, as every durable write waits for a disk; None when there is
    too little room, or no program may be started from there.
    """
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return None
    found = os.statvfs(MEMORY)
    wide = found.f_bavail * found.f_frsize >= ROOM
    return MEMORY if wide and not found.f_flag & os.ST_NOEXEC else None


if "TMPDIR" not in os.environ and (memory := in_memory()):  # who says a place has it
    os.environ["TMPDIR"] = tempfile.tempdir = str(memory)


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, as tests wait: for servers, sandboxes, browsers and leases."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then those of most tests: two cores then end together, and none waits for one file."""
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.get_closest_marker("long") is None, -count[item.path]))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Call long bytes by how many they are: a zip tells the time it was made, so each worker would name it anew."""
    return f"{len(val)}-bytes" if isinstance(val, bytes) and len(val) > 40 else None


def pytest_collection() -> None:
    """Loading five thousand tests leaves no garbage, so nobody looks for any."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is loaded by now stays: nobody looks for garbage in it during the tests either."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def prepare(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Say where `prepared` keeps what the tests of a run begin with: all its processes have one such place."""
    own = tmp_path_factory.getbasetemp()
    prepared.KEPT[:] = [(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "prepared"]


@pytest.fixture(scope="session", autouse=True)
def passwords_cost_little() -> None:
    """Hash passwords in no time: what they really cost is seen in a process of its own (kernel/test_identity)."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    for name in ("manage", "sign_in"):
        import_module(f"handrail.kernel.identity.{name}").HASHER = cheap  # type: ignore[attr-defined]


def populate(instance: Instance) -> None:
    """Add the people of the demo company."""
    with instance.context(SYSTEM) as ctx:
        identity.first_admin(ctx, PEOPLE[0])
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        for person in PEOPLE[1:]:
            identity.add_person(ctx, person)


def inhabit(home: Path) -> None:
    """Make an instance with the people of the demo company and nothing else, closed; the sandboxes of this
    machine have been examined, so that no test waits for that.
    """
    Instance.create(home, files=FIRST_DEFINITIONS)
    opened = open_instance(home)
    populate(opened)
    known = diagnosis.known(opened.settings, opened.ports.isolation)
    opened.close()
    if known is None:
        examine(home.with_name(f"{home.name}-examined"))


def examine(home: Path) -> None:
    """Have the sandboxes of this machine examined, in an instance of its own: it stands on the trail."""
    shutil.rmtree(home, ignore_errors=True)  # of one that was stopped in the middle
    Instance.create(home, files=FIRST_DEFINITIONS)
    opened = open_instance(home)
    with suppress(Refusal):  # a machine without sandboxes: the tests of those say so
        examined(opened, threading.Event())
    opened.close()


def inhabited(home: Path) -> Instance:
    """Open a fresh instance with the people of the demo company and nothing else."""
    copied(inhabit, home)
    return open_instance(home)


@contextmanager
def begun(folder: Path, make: Callable[[Path], None] | None) -> Iterator[Instance]:
    """An instance in `home` below the folder, closed at the end: a copy of what was prepared, or a fresh one."""
    if make:
        copied(make, folder)
        instance = open_instance(folder / "home")
    else:
        instance = inhabited(folder / "home")
    yield instance
    instance.close()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance in a directory of its own, with people and nothing else."""
    opened = inhabited(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def acting(instance: Instance) -> Acting:
    """Opens a context as one of the people: `with acting("maker.sales") as ctx`."""

    def act(person: str, via: Via = "cli", run: RunRef | None = None) -> AbstractContextManager[Context]:
        with instance.context(SYSTEM) as ctx:
            somebody = identity.found(ctx, person)
        return instance.context(Caller(somebody, via, run=run))

    return act


@pytest.fixture(scope="session")
def northwind() -> Path:
    """Microsoft's sample order book, where it lies beside the project."""
    if not NORTHWIND.exists():
        pytest.skip("the Northwind sample database is not beside this project")
    return NORTHWIND


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, one for the whole session: a second driver in one thread does not start."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}")
    expect.set_options(timeout=60_000)  # whether a page says it is asked, not how soon beside other work
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()
