"""Propose: a steward completes a contract and asks for its certification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from open_data_contract_standard.model import OpenDataContractStandard

from handrail.data import odcs, store
from handrail.data.catalog import contract_of, dataset, declared_purposes, found
from handrail.data.changes import Changes, apply, not_among, read_changes
from handrail.data.custom_sql import runnable
from handrail.data.events import CertificationEnded
from handrail.data.load import load
from handrail.data.models import Contract, Dataset
from handrail.data.promise_changes import apply_promises, read_promises
from handrail.data.rule_sight import may_write
from handrail.data.write_rules import write_rules
from handrail.kernel import Context, Invalid, Resource, access, definitions
from handrail.kernel.strict_yaml import File, validate


def propose(ctx: Context, name: str, changes: Changes | Mapping[str, Any]) -> Dataset:
    """Write `changes` into the contract file, commit it, and record that the caller proposes this content.

    Ends a certification, because it names the content before. The proposal may be incomplete; what is
    missing stands in the answer and stops the certification. Refuses anybody but stewards, unknown columns
    and purposes, a row filter or a rule that cannot work, a rule that counts what the caller may not see, and
    an expiry in the past.
    """
    access.require(ctx, "propose", Resource("Dataset", name))
    before = found(ctx, name)
    wanted = changed(ctx, before.contract, changes)
    if before.certified and wanted == before.contract:
        raise Invalid(
            f"{name} is certified as it is.", next_step="Change something, such as its expiry date."
        )
    after = write(ctx, before.contract, wanted, f"Propose the contract of {name}.")
    store.add_proposal(ctx, name, after.digest)
    facts: dict[str, Any] = {"digest": after.digest, "before": before.hash}
    if sql := queries(after):
        facts["sql"] = sql
    ctx.audit.note("dataset.proposed", f"dataset:{name}", **facts)
    if before.certified and after.digest != before.hash:
        ctx.events.publish(CertificationEnded(name, "its contract was changed"))
    return dataset(ctx, name)


def changed(ctx: Context, contract: Contract, changes: Changes | Mapping[str, Any]) -> Contract:
    """The contract as these changes would make it; nothing is written. Refuses as `propose` does."""
    if not isinstance(changes, Changes):
        given = {key: value for key, value in changes.items() if value is not None}
        changes = read_changes(read_promises(given))
    wanted = apply(contract, changes, declared_purposes(ctx), ctx.clock.now().date())
    wanted = apply_promises(wanted, changes)
    others = {other: contract_of(ctx, other) for other in wanted.looks_up}
    for rule in wanted.quality:
        if rule.query and rule not in contract.quality:
            runnable(rule.query, wanted, others)
    targets = [target for target in changes.references.values() if target]
    targets += [(link.dataset, target) for link in changes.combined or () for target in link.targets]
    for other, target in targets:
        columns = [column.name for column in contract_of(ctx, other).columns]
        if target not in columns:
            raise not_among(f"column of {other}", target, columns)
    may_write(ctx, contract, wanted)
    return wanted


def queries(contract: Contract) -> list[str]:
    """The SQL of a contract's own rules, for the trail."""
    return [rule.query for rule in contract.quality if rule.query]


def write(ctx: Context, before: Contract, wanted: Contract, message: str) -> Contract:
    """Write a changed contract into its file, keeping all else that stands there; nothing if equal."""
    if wanted == before:
        return before
    path = odcs.path_of(before.name)
    content = definitions.read(ctx, path) or b""
    node, document = validate(content, path, OpenDataContractStandard)
    document = odcs.update(write_rules(document, File(path, node), before, wanted), wanted)
    written = odcs.render(document, odcs.header_of(content))
    load(written, path)  # what we write, we can read: otherwise nothing is written
    definitions.write(ctx, path, written, message)
    return contract_of(ctx, before.name)
