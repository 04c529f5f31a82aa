"""Runs on other variants and on earlier builds: made when first wanted, from what is stored, the same each time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.conftest import begun
from tests.data.asking import actors
from tests.prepared import copied
from tests.twins.conftest import furnished

from handrail import data, twins
from handrail.kernel import Context, Instance, Invalid, Manifest, NotFound, NotReady
from handrail.server import open_instance
from handrail.twins import files
from handrail.twins.generate import generate

Acting = Callable[..., AbstractContextManager[Context]]
ALL = ("customers", "orders", "order_lines")
MANIFEST = Manifest(
    "board", "job", "app.py", "sales-reporting", datasets={"orders": (), "customers": (), "nowhere": ()}
)


def company(folder: Path) -> None:
    """Make an instance with the shop and its twins."""
    copied(furnished, folder)
    made = open_instance(folder / "home")
    with actors(made)("steward.sales") as ctx:
        twins.build(ctx, ALL, seed=4)
    made.close()


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """A fresh instance: with the shop and its twins, where a test names their build."""
    with begun(tmp_path, company if "build" in request.fixturenames else None) as opened:
        yield opened


@pytest.fixture
def build(acting: Acting) -> str:
    """The build of the shop's twins."""
    with acting("maker.sales") as ctx:
        found = data.rendition(ctx, "orders")
    assert found is not None
    return str(found.facts["build"])


def ready(instance: Instance, variant: str, chosen: dict[str, str] | None = None) -> dict[str, str]:
    return dict(twins.Keeper().ready(instance, MANIFEST, variant, chosen or {}))


def test_a_run_reads_the_newest_build_of_every_twin_that_it_declares(build: str, instance: Instance) -> None:
    assert ready(instance, "hostile") == {"orders": build, "customers": build}
    assert [one.name for one in files.folder(instance.settings.home, build).iterdir() if one.is_dir()] == []


def test_the_plain_variant_is_made_from_the_sketch_once_and_keeps_every_promise(
    build: str, instance: Instance, acting: Acting
) -> None:
    home = instance.settings.home
    assert ready(instance, "plain") == {"orders": build, "customers": build}
    file = files.parquet(home, build, "orders", "plain")
    made, inode = file.read_bytes(), file.stat().st_ino
    assert pq.read_table(file).equals(generate(files.sketch_of(home, build), 4, "plain")["orders"].table)
    ready(instance, "plain")
    assert file.stat().st_ino == inode, "it is kept"
    with acting("maker.sales") as ctx:
        of = data.rendition(ctx, "orders", build, "plain")
        usual = data.rendition(ctx, "orders")
    assert of is not None
    assert of.path.read_bytes() == made
    assert usual is not None
    assert usual.path != of.path, "what answers by itself is as before"
    assert files.hostile_cells(home, build, "orders")


def test_the_drill_breaks_the_contract_and_says_how(build: str, instance: Instance, acting: Acting) -> None:
    ready(instance, "drill")
    home = instance.settings.home
    with acting("maker.sales") as ctx:
        broken = {name: twins.breaks(ctx, name, build) for name in ALL}
    assert {one.kind for found in broken.values() for one in found} >= {"dropped", "renamed", "empty"}
    for name, found in broken.items():
        columns = pq.read_schema(files.parquet(home, build, name, "drill")).names
        assert all(one.column not in columns for one in found if one.kind in ("dropped", "renamed"))
        assert all(one.table == name for one in found)


def test_two_that_make_the_same_variant_at_once_both_find_it(build: str, instance: Instance) -> None:
    target = files.folder(instance.settings.home, build, "drill")
    with files.all_or_nothing(target) as slow:
        (slow / "orders.parquet").write_bytes(b"slow")
        with files.all_or_nothing(target) as quick:
            (quick / "orders.parquet").write_bytes(b"quick")
    assert (target / "orders.parquet").read_bytes() == b"quick"
    assert files.drafts(instance.settings.home) == ()


@pytest.mark.parametrize(
    ("words", "variant", "named"),
    [
        ("", "hostile", False),
        ("drill", "drill", False),
        ("BUILD", "hostile", True),
        ("plain@BUILD", "plain", True),
    ],
)
def test_what_a_run_wants_is_said_in_words(
    build: str, acting: Acting, words: str, variant: str, named: bool
) -> None:
    with acting("maker.sales") as ctx:
        assert twins.chosen(ctx, words.replace("BUILD", build)) == (
            variant,
            dict.fromkeys(sorted(ALL), build) if named else {},
        )


@pytest.mark.parametrize("words", ["real", "../../etc", "drill@twin_../x", "twin_none", "plain@drill"])
def test_other_words_and_builds_that_are_not_there_are_refused(
    build: str, acting: Acting, words: str
) -> None:
    with pytest.raises((Invalid, NotFound)), acting("maker.sales") as ctx:
        twins.chosen(ctx, words)


def test_a_build_that_went_is_not_read_silently_in_another_version(
    build: str, instance: Instance, acting: Acting
) -> None:
    with acting("steward.sales") as ctx:
        twins.build(ctx, ALL, seed=9)
    files.discard(instance.settings.home, build)
    with pytest.raises(NotFound, match="no longer"):
        ready(instance, "hostile", {"orders": build})


def test_a_plain_twin_whose_parents_are_gone_is_refused(
    instance: Instance, build: str, acting: Acting
) -> None:
    with acting("steward.sales") as ctx:
        alone = twins.build(ctx, ["orders"], seed=2).id
    with acting("steward.sales") as ctx:
        twins.build(ctx, ["customers"], seed=2)
    files.discard(instance.settings.home, build)
    with pytest.raises(NotReady, match="points at"):
        ready(instance, "plain", {"orders": alone})


def test_a_twin_of_which_no_sketch_is_kept_has_no_other_variant(build: str, instance: Instance) -> None:
    files.discard(instance.settings.home, build)
    with pytest.raises((NotFound, NotReady)):
        ready(instance, "drill")
