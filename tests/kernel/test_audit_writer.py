"""Entries that nobody waits for are durable all the same, and read by whoever reads the trail next."""

import threading
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from handrail.kernel import Instance, audit, trail
from handrail.kernel.audit.writer import Writer
from handrail.server import open_instance
from tests.conftest import Acting


def test_what_nobody_waits_for_is_there_when_the_trail_is_read(acting: Acting) -> None:
    with acting("maker.sales") as ctx:
        for number in range(20):
            ctx.audit.later("thing.done", f"thing:{number}")
    with acting("compliance") as ctx:
        found = trail.entries(ctx, verb="thing.done")
        assert [one.subject for one in found] == [f"thing:{number}" for number in reversed(range(20))]
        assert trail.verify(ctx).ok


def test_what_was_said_before_the_end_is_written(instance: Instance, acting: Acting) -> None:
    home: Path = instance.settings.home
    with acting("maker.sales") as ctx:
        ctx.audit.later("thing.done", "thing:last")
    instance.close()
    again = open_instance(home)
    try:
        with again.context(again.system()) as ctx:
            assert audit.recent(ctx.db, limit=1)[0].subject == "thing:last"
            assert audit.verify(ctx.db, again.log.verifier_key, again.witness).ok
            assert int(again.witness.read_text().split("\n")[1]) == audit.recent(ctx.db, limit=1)[0].seq + 1
    finally:
        again.close()


def test_who_waits_learns_what_went_wrong_and_the_next_is_written() -> None:
    groups: list[list[str]] = []

    def commit(notes: Sequence[str]) -> tuple[Sequence[int], str | None]:
        if "bad" in notes:
            raise OSError
        groups.append(list(notes))
        end = sum(map(len, groups))
        return range(end - len(notes), end), None

    writer: Writer[str] = Writer(commit, lambda signed: None)
    assert writer.soon("one").result() == 0
    with pytest.raises(OSError):
        writer.soon("bad").result()
    assert writer.soon("two").result() == 1
    writer.soon("patient", urgent=False)
    assert writer.soon("urgent").result() == 3
    writer.close()
    assert [note for group in groups for note in group] == ["one", "two", "patient", "urgent"]


def test_a_checkpoint_that_cannot_be_published_stops_nobody() -> None:
    def publish(signed: Sequence[str]) -> None:
        raise OSError

    writer: Writer[str] = Writer(lambda notes: ([0], "signed"), publish)
    assert writer.soon("one").result() == 0
    assert writer.soon(None).result() == -1
    writer.close()


def test_the_next_group_is_written_while_a_checkpoint_is_published() -> None:
    publishing, go_on, numbers = threading.Event(), threading.Event(), count()
    published: list[str] = []

    def publish(signed: Sequence[str]) -> None:
        publishing.set()
        assert go_on.wait(60)
        published.extend(signed)

    def commit(notes: Sequence[str]) -> tuple[Sequence[int], str | None]:
        return [next(numbers) for _ in notes], f"signed {notes[-1]}"

    writer: Writer[str] = Writer(commit, publish)
    assert writer.soon("one").result() == 0
    assert publishing.wait(60)
    assert writer.soon("two").result(60) == 1
    settled = writer.soon(None)
    assert not settled.done()
    go_on.set()
    assert settled.result(60) == -1
    assert published == ["signed one", "signed two"]
    writer.close()


def test_the_last_checkpoint_is_published_before_the_writer_is_closed() -> None:
    published: list[str] = []
    writer: Writer[str] = Writer(lambda notes: (range(len(notes)), f"signed {notes[-1]}"), published.extend)
    for name in ("one", "two", "three"):
        writer.soon(name).result()
    writer.close()
    assert published[-1] == "signed three"


@pytest.mark.parametrize("many", [1, 2, 3, 127, 128, 129, 301])
def test_a_group_of_any_size_is_on_the_trail_in_its_order_and_proved(acting: Acting, many: int) -> None:
    with acting("maker.sales") as ctx:
        for number in range(many):
            ctx.audit.note("thing.done", f"thing:{number}", of=many)
    with acting("compliance") as ctx:
        found = audit.recent(ctx.db, verb="thing.done", limit=many)
        assert [one.subject for one in found] == [f"thing:{number}" for number in reversed(range(many))]
        assert trail.verify(ctx).ok
