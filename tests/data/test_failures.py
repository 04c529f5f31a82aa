"""Whatever breaks around a question refuses it with a reason, and once it is mended the answer is there again."""

import datetime as dt
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from handrail import data
from handrail.kernel import Instance, Invalid, NotReady, Refusal, trail
from handrail.kernel.audit import recent
from handrail.server import open_instance
from tests.data.asking import actors, asking, furnish, furnished, opened

SQL = "SELECT region, amount FROM orders ORDER BY amount"
MASKED = "SELECT name FROM customers ORDER BY id"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Instance]:
    instance = furnished(tmp_path)
    yield instance
    instance.close()


def refused(ask: Callable[[], Any]) -> Refusal:
    """The refusal, which must say what to do, and quote no engine and no path."""
    with pytest.raises(Refusal) as caught:
        ask()
    said = f"{caught.value.message} {caught.value.next_step}"
    assert caught.value.next_step
    assert not any(word in said for word in ("Errno", "sqlite3", "OperationalError", "Traceback", ".parquet"))
    return caught.value


@contextmanager
def broken(file: Path, content: bytes | None) -> Iterator[None]:
    """With other bytes in a file's place; None: a folder, which nobody can read as a file."""
    kept = file.with_name(f"{file.name}.kept")
    file.rename(kept)
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    try:
        yield
    finally:
        file.rmdir() if content is None else file.unlink()
        kept.rename(file)


def extract(shop: Instance, dataset: str = "orders") -> Path:
    with actors(shop)("steward.sales") as ctx:
        return data.extract_path(ctx, dataset)


@pytest.mark.parametrize("how", ["cut", "garbage", "empty", "folder"])
def test_an_extract_that_is_not_what_it_was(shop: Instance, how: str) -> None:
    ask, file = asking(shop), extract(shop)
    before, whole = ask("viewer.emea", SQL), file.read_bytes()
    content = {
        "cut": whole[: len(whole) // 2],
        "garbage": b"PAR1" + bytes(500) + b"PAR1",
        "empty": b"",
        "folder": None,
    }[how]
    with broken(file, content):
        refused(lambda: ask("viewer.emea", SQL))
    assert ask("viewer.emea", SQL) == before


def test_an_extract_that_is_gone(shop: Instance) -> None:
    ask, file = asking(shop), extract(shop)
    before = ask("viewer.emea", SQL)
    kept = file.rename(file.with_suffix(".away"))
    assert isinstance(refused(lambda: ask("viewer.emea", SQL)), NotReady)
    kept.rename(file)
    assert ask("viewer.emea", SQL) == before


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"name: orders\n"])
def test_a_contract_file_that_cannot_be_read(shop: Instance, content: bytes | None) -> None:
    ask, file = asking(shop), shop.settings.home / "definitions" / "contracts" / "orders.odcs.yaml"
    before = ask("viewer.emea", SQL)
    with broken(file, content):
        refused(lambda: ask("viewer.emea", SQL))
    assert ask("viewer.emea", SQL) == before


def test_a_contract_that_is_gone(shop: Instance) -> None:
    ask, file = asking(shop), shop.settings.home / "definitions" / "contracts" / "orders.odcs.yaml"
    before = ask("viewer.emea", SQL)
    kept = file.rename(file.with_suffix(".away"))
    refused(lambda: ask("viewer.emea", SQL))
    kept.rename(file)
    assert ask("viewer.emea", SQL) == before


@pytest.mark.parametrize("what", ["objects", "HEAD", "refs/heads", "index"])
def test_a_broken_definition_repository_changes_nothing_and_is_refused(shop: Instance, what: str) -> None:
    place = shop.settings.home / "definitions" / ".git"
    target = place / what
    kept = place.parent.parent / "kept"
    (shutil.copytree if target.is_dir() else shutil.copy)(target, kept)
    if what == "objects":
        for file in target.rglob("*"):
            if file.is_file():
                file.chmod(0o600)
                file.write_bytes(b"not an object")
    elif target.is_dir():
        for file in target.iterdir():
            file.write_text("nonsense\n")
    else:
        target.write_text("nonsense\n")

    def certify() -> None:
        with actors(shop)("steward.sales") as ctx:
            data.propose(ctx, "customers", {"description": "Who buys."})

    contract = shop.settings.home / "definitions" / "contracts" / "customers.odcs.yaml"
    before = contract.read_bytes()
    refused(certify)
    assert contract.read_bytes() == before
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    kept.rename(target)
    certify()


@pytest.mark.parametrize("lock", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
def test_a_lock_that_git_left_behind(shop: Instance, lock: str) -> None:
    def propose() -> None:
        with actors(shop)("steward.sales") as ctx:
            data.propose(ctx, "customers", {"description": "Who buys."})

    contract = shop.settings.home / "definitions" / "contracts" / "customers.odcs.yaml"
    before, left = contract.read_bytes(), shop.settings.home / "definitions" / ".git" / lock
    left.touch()
    assert ".lock" in refused(propose).next_step
    assert contract.read_bytes() == before
    left.unlink()
    propose()
    assert contract.read_bytes() != before


def test_a_history_whose_newest_commit_is_gone(shop: Instance) -> None:
    def propose() -> None:
        with actors(shop)("steward.sales") as ctx:
            data.propose(ctx, "customers", {"description": "Who buys."})

    head = shop.settings.home / "definitions" / ".git" / "HEAD"
    with broken(head, b"0" * 40 + b"\n"):
        refused(propose)
    propose()


def test_a_contract_that_is_a_link_to_itself(shop: Instance) -> None:
    ask, file = asking(shop), shop.settings.home / "definitions" / "contracts" / "orders.odcs.yaml"
    before = ask("viewer.emea", SQL)
    kept = file.rename(file.with_suffix(".away"))
    file.symlink_to(file.name)
    refused(lambda: ask("viewer.emea", SQL))
    file.unlink()
    kept.rename(file)
    assert ask("viewer.emea", SQL) == before


@pytest.mark.parametrize("content", [b"// caf\xe9\n", None])
def test_a_rule_that_is_no_text(shop: Instance, content: bytes | None) -> None:
    home = shop.settings.home
    rule = home / "definitions" / "policies" / "own.cedar"
    rule.parent.mkdir(exist_ok=True)
    rule.mkdir() if content is None else rule.write_bytes(content)
    with pytest.raises(Invalid, match=r"policies/own\.cedar"):
        open_instance(home)
    rule.rmdir() if content is None else rule.unlink()
    open_instance(home).close()


@pytest.mark.parametrize("content", [None, b"", b"short"])
def test_a_key_that_is_broken(shop: Instance, content: bytes | None) -> None:
    ask, file = asking(shop), shop.settings.home / "keys" / "mask.key"
    with actors(shop)("steward.sales") as ctx:
        data.propose(ctx, "customers", data.Changes(masks={"name": data.Mask("hash")}))
    with actors(shop)("steward.hr") as ctx:
        data.certify(ctx, "customers")
    before = ask("viewer.emea", MASKED)
    with broken(file, content):
        refused(lambda: ask("viewer.emea", MASKED))
        assert ask("viewer.emea", SQL)  # shows no pseudonym
    assert ask("viewer.emea", MASKED) == before


def test_a_database_that_somebody_else_locks(shop: Instance) -> None:
    ask = asking(shop)
    before = ask("viewer.emea", SQL)
    sa.event.listen(shop.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=100"))
    shop.engine.dispose()  # so that nobody here waits for half a minute
    other = sqlite3.connect(shop.settings.home / "handrail.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused(lambda: ask("viewer.emea", SQL))
    other.execute("ROLLBACK")
    other.close()
    assert ask("viewer.emea", SQL) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB, to be filled."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def filled(place: Path) -> Path:
    file = place / "filling"
    with file.open("wb", buffering=0) as out:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                pass
    return file


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    shop = opened(small_disk)
    furnish(shop, tmp_path)
    ask = asking(shop)
    before = ask("viewer.emea", SQL)
    with shop.context(shop.system()) as ctx:
        entries = len(list(recent(ctx.db, verb="query.allowed")))
    filling = filled(small_disk)
    many = tmp_path / "many.csv"
    many.write_text("id,text\n" + "".join(f"{n},{n * 7919:060d}\n" for n in range(40_000)))

    def import_many() -> None:
        with actors(shop)("steward.sales") as ctx:
            data.import_source(ctx, str(many))

    for _ in range(40):  # until what the database had room for is used up
        try:
            ask("viewer.emea", SQL)
        except Refusal:
            break
    refused(lambda: ask("viewer.emea", SQL))
    refused(import_many)
    filling.unlink()
    assert ask("viewer.emea", SQL) == before
    import_many()
    with actors(shop)("compliance") as ctx:
        assert trail.verify(ctx).ok
        assert len(list(recent(ctx.db, verb="query.allowed"))) > entries
    shop.close()


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self.shift = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.shift


def test_a_clock_that_jumps(shop: Instance) -> None:
    ask, hands = asking(shop), Hands()
    shop.clock = hands
    before = ask("viewer.emea", SQL)
    hands.shift = dt.timedelta(days=400)  # beyond the certification
    assert isinstance(refused(lambda: ask("viewer.emea", SQL)), NotReady)
    hands.shift = dt.timedelta(days=-2)  # back to before it was given, which takes nothing from it
    assert ask("viewer.emea", SQL) == before
    hands.shift = dt.timedelta()
    assert ask("viewer.emea", SQL) == before
    with actors(shop)("compliance") as ctx:
        written = [entry.seq for entry in recent(ctx.db)]
    assert written == sorted(
        written, reverse=True
    )  # the trail's order is its numbers, whatever the clock said
