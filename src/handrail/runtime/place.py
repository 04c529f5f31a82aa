"""Where a web app is: on the host that answers in its seat now, or else on the one that it belongs to.

Every host finds the same by the database, and whoever begins takes the seat in the same transaction: one host
at a time answers in it, held by the lease of its run.
"""

from dataclasses import dataclass

from handrail.kernel import Context
from handrail.runtime import lease, lease_store, rendezvous, seats_store
from handrail.runtime.models import Run
from handrail.runtime.seats import Elsewhere, Seat


@dataclass(frozen=True)
class Neighbour:
    """A host that can be asked for the apps that it has: where, and by which name in its certificate."""

    holder: str
    name: str
    address: str
    known_as: str


@dataclass(frozen=True)
class Place:
    """Whose turn it is to answer in a seat: this host's, a neighbour's, or at this moment nobody's.

    `held`: it answers there already, or did and nobody may take its place yet.
    """

    here: bool
    neighbour: Neighbour | None
    held: bool


def place(ctx: Context, seat: Seat) -> Place:
    """Where this seat is. Asks no rule: for the origins of apps, which have asked who may be there."""
    mine = lease.mine()
    sat = seats_store.find(ctx, seat.across_versions)
    if sat and sat.held and not _is_over(sat.held):
        there = lease_store.neighbour(ctx, sat.held.holder)
        known = _neighbour(there) if there and there.address else None
        return Place(sat.held.holder == mine, known, True)
    chosen = first(seat, lease_store.neighbours(ctx))
    return Place(chosen is None or chosen.holder == mine, chosen, False)


def may_answer(ctx: Context, there: Neighbour) -> bool:
    """Whether what this host was given may still be answered: it lives, or holds something by a lease.

    An app that it has let go goes on there until those who are at it have their answers.
    """
    return lease_store.is_heard_of(ctx, there.holder)


def first(seat: Seat, living: tuple[lease_store.Reached, ...], at: str = "") -> Neighbour | None:
    """The host to which a seat belongs: of those that live the first with room for one more, or where none
    has any the first. None where no host lives. `at`: the one where the app is awake, which has room for it.
    """
    fit = [one for one in living if one.room or one.holder == at] or living
    by_address = {one.address: one for one in fit}
    order = rendezvous.order("\n".join(seat.across_versions), by_address.keys())
    return _neighbour(by_address[order[0]]) if order else None


def _neighbour(there: lease_store.Reached) -> Neighbour:
    return Neighbour(there.holder, there.name, there.address, there.known_as)


def take_seat(ctx: Context, seat: Seat, run: Run) -> None:
    """Let this run, which this process has just begun, answer there and nobody else's.

    Raises Elsewhere when another host answers there, or was first: nothing of this transaction is kept then.
    """
    sat = seats_store.find(ctx, seat.across_versions)
    held = sat.held if sat else None
    if held and held.holder != lease.mine():
        # Who is over can renew nothing from now on; whoever was heard of since keeps the seat.
        free = _is_over(held) and lease_store.take_away(ctx, held)
        if not free:
            raise Elsewhere(seat.app)
    if not seats_store.sit(ctx, seat.across_versions, run.id, sat.run if sat else None):
        raise Elsewhere(seat.app)


def _is_over(held: lease_store.Held) -> bool:
    return held.overdue or lease.is_gone(held.holder)
