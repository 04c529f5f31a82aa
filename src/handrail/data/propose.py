"""Propose: a steward completes a contract and asks for its certification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handrail.data import odcs, store
from handrail.data.catalog import contract_of, dataset, declared_purposes, found
from handrail.data.changes import Changes, apply, read_changes
from handrail.data.events import CertificationEnded
from handrail.data.load import load, parse
from handrail.data.models import Contract, Dataset
from handrail.kernel import Context, Invalid, Resource, access, definitions


def propose(ctx: Context, name: str, changes: Changes | Mapping[str, Any]) -> Dataset:
    """Write `changes` into the contract file, commit it, and record that the caller proposes this content.

    Ends a certification, because it names the content before. The proposal may be incomplete; what is
    missing stands in the answer and stops the certification. Refuses anybody but stewards, unknown columns
    and purposes, a row filter that cannot work, and an expiry in the past.
    """
    access.require(ctx, "propose", Resource("Dataset", name))
    changes = changes if isinstance(changes, Changes) else read_changes(changes)
    before = found(ctx, name)
    wanted = apply(before.contract, changes, declared_purposes(ctx), ctx.clock.now().date())
    if before.certified and wanted == before.contract:
        raise Invalid(
            f"{name} is certified as it is.", next_step="Change something, such as its expiry date."
        )
    after = write(ctx, before.contract, wanted, f"Propose the contract of {name}.")
    store.add_proposal(ctx, name, after.digest)
    ctx.audit.note("dataset.proposed", f"dataset:{name}", digest=after.digest, before=before.hash)
    if before.certified and after.digest != before.hash:
        ctx.events.publish(CertificationEnded(name, "its contract was changed"))
    return dataset(ctx, name)


def write(ctx: Context, before: Contract, wanted: Contract, message: str) -> Contract:
    """Write a changed contract into its file, keeping all else that stands there; nothing if equal."""
    if wanted == before:
        return before
    path = odcs.path_of(before.name)
    content = definitions.read(ctx, path) or b""
    document = odcs.update(parse(content, path), wanted)
    written = odcs.render(document, odcs.header_of(content))
    load(written, path)  # what we write, we can read: otherwise nothing is written
    definitions.write(ctx, path, written, message)
    return contract_of(ctx, before.name)
