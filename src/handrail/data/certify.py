"""Certify and revoke: a second steward's yes to exactly one contract, and its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from handrail.data import odcs, store
from handrail.data.catalog import active, dataset, declared_purposes, found
from handrail.data.check_quality import results
from handrail.data.checks import breaches, plain
from handrail.data.events import CertificationEnded, DatasetCertified
from handrail.data.models import Certification, Contract, Dataset, Proposal
from handrail.data.places import copied, there
from handrail.data.propose import write
from handrail.data.rule_sight import may_certify
from handrail.data.state import lacks
from handrail.data.tell_counts import told
from handrail.kernel import Conflict, Context, Invalid, NotReady, Resource, access, definitions
from handrail.kernel.ports import Place


def certify(ctx: Context, name: str) -> Dataset:
    """Certify a proposed contract: from now until its expiry, production answers from the dataset.

    The certification names the file's digest. Refuses anybody but a second steward, a contract that was not
    proposed or was edited since, one that is incomplete, and one whose promises the data does not keep; a
    rule of severity `warning` or `info` is let through.
    """
    now = found(ctx, name)
    proposal = _proposal(ctx, now)
    access.require(
        ctx, "certify", Resource("Dataset", name, {"proposed_by": proposal.by if proposal else ""})
    )
    if proposal is None:
        raise _not_proposed(now)
    stated = replace(now.contract, expires=proposal.until or now.contract.expires)
    expires = stated.expires
    missing = lacks(stated, declared_purposes(ctx), ctx.clock.now().date(), lambda who: active(ctx, who))
    if missing or expires is None:
        raise NotReady(
            f"{name} cannot be certified yet. {' '.join(missing)}",
            next_step=f"Complete the contract and propose it again: handrail propose {name} …",
            subject=f"dataset:{name}",
        )
    may_certify(ctx, stated)
    broken = _broken(ctx, stated)
    if broken:
        raise NotReady(
            f"The data of {name} does not keep what its contract says. {' '.join(broken)}",
            next_step="Correct the data at its source and import again, or propose a contract that it keeps.",
            subject=f"dataset:{name}",
        )
    try:
        # A renewal's last day comes into the file only now, so that nothing ends while it waits.
        after = write(ctx, now.contract, stated, f"Renew the contract of {name} until {expires}.")
        made = store.add_certification(ctx, replace(proposal, digest=after.digest), expires)
    except sa.exc.IntegrityError:
        raise Conflict(f"{name} was certified a moment ago.", next_step="Look at it again.") from None
    ctx.audit.note(
        "dataset.certified",
        f"dataset:{name}",
        digest=made.digest,
        proposed_by=made.proposed_by,
        until=made.until.isoformat(),
    )
    ctx.events.publish(DatasetCertified(name, made.digest, made.until))
    return dataset(ctx, name)


def revoke(ctx: Context, name: str, reason: str) -> Dataset:
    """End a certification now. Refuses anybody but stewards, an empty reason, and what is not certified."""
    access.require(ctx, "revoke", Resource("Dataset", name))
    if not reason.strip():
        raise Invalid("A revocation needs a reason.", next_step="Say why, so that the owner can act on it.")
    now = found(ctx, name)
    certification = _certification(ctx, now)
    if certification is None or not store.revoke_certification(ctx, certification, reason.strip()):
        raise NotReady(
            f"{name} is not certified, so there is nothing to revoke.",
            next_step="Nothing answers from it in production already.",
            subject=f"dataset:{name}",
        )
    ctx.audit.note("dataset.revoked", f"dataset:{name}", digest=certification.digest, reason=reason.strip())
    ctx.events.publish(CertificationEnded(name, reason.strip()))
    return dataset(ctx, name)


def timeline(ctx: Context, name: str) -> tuple[tuple[Proposal, ...], tuple[Certification, ...]]:
    """Every proposal and certification of a dataset, newest first."""
    access.require(ctx, "see-datasets", Resource("Catalog", "datasets"))
    return store.proposals_of(ctx, [name]).get(name, ()), store.certifications_of(ctx, [name]).get(name, ())


def before(ctx: Context, name: str) -> tuple[str, bytes]:
    """The text a second steward compares a proposal with, and which it is: last certified, or drafted."""
    access.require(ctx, "see-datasets", Resource("Catalog", "datasets"))
    path = odcs.path_of(name)
    for certification in store.certifications_of(ctx, [name]).get(name, ()):
        certified = definitions.earlier(ctx, path, certification.digest)
        if certified is not None:
            return "the contract that was last certified", certified
    return "the draft of the import", definitions.earlier(ctx, path) or b""


def extract_path(ctx: Context, name: str) -> Path:
    """The Parquet file of a certified dataset, for the production plane alone. Refuses any other state.

    Of a table that stays at its source it makes a copy; whoever is done with it calls `forget_copies`.
    Asks no rule: it hands out a path inside the instance, to rooms that decide what leaves it.
    """
    place = certified_place(ctx, name)
    return place if isinstance(place, Path) else copied(ctx, place)


def certified_place(ctx: Context, name: str) -> Place:
    """Where the rows of a certified dataset are; refuses any other state. Asks no rule either."""
    now = found(ctx, name)
    if not now.certified:
        raise NotReady(
            f"{name} is {now.state}, so its data answers nothing.",
            next_step="Ask its steward to have it certified.",
            subject=f"dataset:{name}",
        )
    return there(ctx, now.contract)


def extract_of(ctx: Context, name: str) -> Path:
    """The Parquet file of a dataset in any state; refuses when it is not there."""
    path = _path(ctx, name)
    if path is None or not path.is_file():
        raise NotReady(f"The data of {name} is not there.", next_step="Import its source again.")
    return path


def _path(ctx: Context, name: str) -> Path | None:
    extract = store.get_extract(ctx, name)
    return extract.path if extract else None


def _broken(ctx: Context, contract: Contract) -> list[str]:
    """What the data does not keep and may not be let through; of a table that stays, all counted there."""
    seen: tuple[str, ...] = ()
    held = contract
    if contract.engine is None:
        seen = breaches(contract, extract_of(ctx, contract.name), lambda name: _path(ctx, name))
        held = plain(contract)
    found = told(ctx, contract.name, results(ctx, held, store.all_extracts(ctx)))
    return [*seen, *(f"{one.promise}: {one.said}" for one in found if one.blocking and one.outcome != "kept")]


def _proposal(ctx: Context, now: Dataset) -> Proposal | None:
    """The proposal of exactly the content that is there now."""
    newest = store.proposals_of(ctx, [now.name]).get(now.name, ())
    return newest[0] if now.state == "proposed" else now.renewal


def _certification(ctx: Context, now: Dataset) -> Certification | None:
    """The certification that production relies on now."""
    newest = store.certifications_of(ctx, [now.name]).get(now.name, ())
    return newest[0] if now.certified else None


def _not_proposed(now: Dataset) -> NotReady:
    if now.certified:
        said, next_step = "is certified already", "Propose a change first, if there is one."
    else:
        said = "was not proposed as it is now (a proposal counts only for the content it names)"
        next_step = f"A steward proposes it first: handrail propose {now.name} …"
    return NotReady(f"{now.name} {said}.", next_step=next_step, subject=f"dataset:{now.name}")
