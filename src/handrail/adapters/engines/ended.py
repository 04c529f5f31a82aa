"""Why an engine does not answer, in the same words for every kind of engine."""

from __future__ import annotations

from handrail.kernel import LimitReached, NotReady, Upstream
from handrail.kernel.ports import Remote

WAIT_SECONDS = 10  # that a question waits until the engine is free


def too_late(seconds: float) -> LimitReached:
    """It ran as long as it may."""
    return LimitReached(
        f"The query took longer than {seconds:g} seconds and was stopped.",
        next_step="Filter or aggregate more, or ask for fewer columns.",
    )


def has_left() -> Upstream:
    """Nobody waits for it any more."""
    return Upstream("Whoever asked this has left, so it was stopped.", next_step="Ask it again.")


def busy(engine: str) -> LimitReached:
    """All that it may answer at once is being answered."""
    return LimitReached(
        f"{engine} answers as many questions as it may, and none ended within {WAIT_SECONDS} s.",
        next_step="Try it again in a moment; an admin may raise the engine's connections.",
    )


def changed(dataset: str, what: str) -> NotReady:
    """The table is another than the one that was certified."""
    return NotReady(
        f"The data of {dataset} is not what its contract says: {what}.",
        next_step="Its steward imports the source again, which mends the contract, and has it certified.",
        subject=f"dataset:{dataset}",
    )


def same_server(engine: str, where: str, dataset: str, place: Remote) -> None:
    """Refuse NotReady when the contract says that its data is at another server than the engine is."""
    if place.server and place.server != where:
        raise NotReady(
            f"The contract of {dataset} says that its data is at {place.server}, and {engine} is at "
            f"{where or 'this server itself'}.",
            next_step="An admin corrects the engine's address, or a steward the contract, which is then "
            "certified again.",
            subject=f"dataset:{dataset}",
        )
