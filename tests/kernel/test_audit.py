"""The trail: proofs after RFC 6962, signed checkpoints, group commit, and every way of tampering found."""

import hashlib
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel import SYSTEM, Instance, audit, storage
from handrail.kernel.audit import log, merkle
from handrail.kernel.audit.checkpoint import Checkpoint, Signer, opened
from tests.conftest import Acting


def tree(leaves: list[bytes]) -> merkle.Nodes:
    def read(level: int, position: int) -> bytes:
        if level == 0:
            return leaves[position]
        return merkle.node(read(level - 1, 2 * position), read(level - 1, 2 * position + 1))

    return read


def textbook(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 writes it down, on the whole list."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + textbook(leaves[:split]) + textbook(leaves[split:])).digest()


sizes = st.integers(min_value=1, max_value=70)


@given(sizes, st.data())
def test_every_entry_is_provable_and_no_other_is(size: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf(str(i).encode()) for i in range(size)]
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    root = merkle.root(0, size, tree(leaves))
    assert root == textbook(leaves)
    path = merkle.inclusion(index, size, tree(leaves))
    assert merkle.includes(index, size, leaves[index], path, root)
    assert not merkle.includes(index, size, merkle.leaf(b"forged"), path, root)
    assert not merkle.includes(index, size, leaves[index], [*path, root], root)


@given(sizes, st.data())
def test_a_longer_log_proves_that_it_kept_the_older_one(size: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf(str(i).encode()) for i in range(size)]
    old = data.draw(st.integers(min_value=1, max_value=size))
    old_root, new_root = textbook(leaves[:old]), textbook(leaves)
    proof = merkle.consistency(old, size, tree(leaves))
    assert merkle.extends(old, size, old_root, new_root, proof)
    assert not merkle.extends(old, size, merkle.leaf(b"other"), new_root, proof)


@given(sizes)
def test_a_tree_grown_leaf_by_leaf_has_the_textbook_root(size: int) -> None:
    frontier: list[bytes] = []
    leaves = [merkle.leaf(str(i).encode()) for i in range(size)]
    for i, leaf in enumerate(leaves):
        frontier, _ = merkle.extend(frontier, i, leaf)
    assert merkle.fold(frontier) == textbook(leaves)


def test_the_root_is_the_one_that_the_rfc_gives_for_its_test_leaves() -> None:
    # The leaves and roots of the Certificate Transparency reference implementation's test vectors.
    inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    leaves = [merkle.leaf(bytes.fromhex(text)) for text in inputs]
    assert textbook(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert textbook(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_a_checkpoint_opens_with_its_own_key_only() -> None:
    signer, other = Signer("handrail", b"a" * 32), Signer("handrail", b"b" * 32)
    checkpoint = Checkpoint("handrail", 7, merkle.EMPTY)
    note = signer.sign(checkpoint)
    assert opened(note, signer.verifier_key()) == checkpoint
    assert opened(note, other.verifier_key()) is None
    assert opened(note.replace("\n7\n", "\n8\n"), signer.verifier_key()) is None
    assert opened("rubbish", signer.verifier_key()) is None


def fill(acting: Acting, count: int) -> None:
    with acting("admin") as ctx:
        for number in range(count):
            ctx.audit.note("thing.done", f"thing:{number}")


def check(instance: Instance) -> audit.Verification:
    with storage.snapshot(instance.engine) as db:
        return audit.verify(db, instance.log.verifier_key, instance.witness)


def edit(instance: Instance, statement: str) -> None:
    with sqlite3.connect(instance.settings.home / "handrail.db") as db:
        assert db.execute(statement).rowcount


def test_an_untouched_trail_is_proved(instance: Instance, acting: Acting) -> None:
    fill(acting, 600)
    found = check(instance)
    assert found.ok, found.problems
    assert found.size > 600


@pytest.mark.parametrize(
    ("tampering", "sentence"),
    [
        (
            "UPDATE audit_entries SET body = replace(body, 'thing.done', 'thing.deny') WHERE seq = 20",
            "was changed",
        ),
        ("UPDATE audit_entries SET person = 'lead' WHERE seq = 20", "columns differ"),
        ("UPDATE audit_entries SET at = at + 1 WHERE seq = 20", "columns differ"),
        ("DELETE FROM audit_entries WHERE seq = 20", "is missing"),
        ("DELETE FROM audit_entries WHERE seq >= 20", "was signed, but"),
        ("UPDATE audit_checkpoints SET note = replace(note, 'handrail', 'handrial')", "not signed"),
    ],
)
def test_tampering_is_found(instance: Instance, acting: Acting, tampering: str, sentence: str) -> None:
    fill(acting, 40)
    edit(instance, tampering.replace("replace(body,", "replace(CAST(body AS TEXT),"))
    found = check(instance)
    assert any(sentence in problem for problem in found.problems), found.problems


def test_every_flipped_bit_of_an_entry_is_found(instance: Instance, acting: Acting) -> None:
    fill(acting, 3)
    with sqlite3.connect(instance.settings.home / "handrail.db") as db:
        (body,) = db.execute("SELECT body FROM audit_entries WHERE seq = 5").fetchone()
        for position in range(0, len(body) * 8, 37):
            flipped = bytearray(body)
            flipped[position // 8] ^= 1 << position % 8
            db.execute("UPDATE audit_entries SET body = ? WHERE seq = 5", (bytes(flipped),))
            db.commit()
            assert not check(instance).ok, f"bit {position}"


def test_an_entry_rewritten_with_its_hash_is_still_found(instance: Instance, acting: Acting) -> None:
    fill(acting, 40)
    with sqlite3.connect(instance.settings.home / "handrail.db") as db:
        (body,) = db.execute("SELECT body FROM audit_entries WHERE seq = 20").fetchone()
        forged = body.replace(b"thing.done", b"thing.deny")
        db.execute(
            "UPDATE audit_entries SET body=?, leaf=?, verb='thing.deny' WHERE seq=20",
            (forged, merkle.leaf(forged)),
        )
    assert any("do not hash to the root" in problem for problem in check(instance).problems)


def test_a_trail_cut_short_with_its_checkpoints_is_found_by_the_copy_outside(
    instance: Instance, acting: Acting
) -> None:
    fill(acting, 10)
    with instance.engine.connect() as db:
        kept = db.execute(log.checkpoints.select().order_by(log.checkpoints.c.size)).first()
    assert kept is not None
    edit(instance, f"DELETE FROM audit_entries WHERE seq >= {kept.size}")
    edit(instance, f"DELETE FROM audit_checkpoints WHERE size > {kept.size}")
    assert any("cut short" in problem for problem in check(instance).problems)


def test_any_entry_proves_that_it_is_in_the_signed_log(instance: Instance, acting: Acting) -> None:
    import base64

    fill(acting, 600)
    with instance.engine.connect() as db:
        for seq in (0, 1, 255, 256, 511, 599):
            proof = audit.prove(db, seq)
            checkpoint = opened(proof.checkpoint, instance.log.verifier_key)
            assert checkpoint is not None
            path = [base64.b64decode(part) for part in proof.path]
            assert merkle.includes(seq, proof.size, base64.b64decode(proof.leaf), path, checkpoint.root)


def test_writers_in_parallel_share_flushes_and_lose_nothing(instance: Instance) -> None:
    numbers: list[int] = []

    def write(worker: int) -> None:
        for turn in range(20):
            with instance.context(SYSTEM) as ctx:
                numbers.append(ctx.audit.now("thing.done", f"thing:{worker}.{turn}"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 160
    assert check(instance).ok


def test_the_checkpoint_outside_never_goes_back(instance: Instance, acting: Acting, tmp_path: Path) -> None:
    fill(acting, 2)
    before = instance.witness.read_text()
    instance.log.publish(
        Signer("handrail", instance.secret("audit")).sign(Checkpoint("handrail", 1, merkle.EMPTY))
    )
    assert instance.witness.read_text() == before


def test_a_trail_that_grows_while_it_is_proved_is_whole(instance: Instance, acting: Acting) -> None:
    fill(acting, 300)
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            with instance.context(SYSTEM) as ctx:
                ctx.audit.now("thing.done", "thing:more")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        problems = [check(instance).problems for _ in range(30)]
    finally:
        enough.set()
        writer.join()
    assert problems == [()] * 30


@pytest.mark.parametrize("odd", ["\ud800", {"\ud800": ["\udfff"]}, 10**30, float("nan"), {2, 1}, object()])
def test_a_note_of_anything_can_be_written_and_fails_no_other(instance: Instance, odd: object) -> None:
    with instance.context(SYSTEM) as ctx:
        ctx.audit.now("thing.done", f"thing:{odd}", odd=odd)
        ctx.audit.note("thing.done", "thing:later", odd=odd)
    assert check(instance).ok
