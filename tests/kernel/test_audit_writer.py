"""Entries that nobody waits for are durable all the same, and read by whoever reads the trail next."""

from collections.abc import Sequence
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
    def publish(signed: str) -> None:
        raise OSError

    writer: Writer[str] = Writer(lambda notes: ([0], "signed"), publish)
    assert writer.soon("one").result() == 0
    assert writer.soon(None).result() == -1
    writer.close()
