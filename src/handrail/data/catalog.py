"""Look up datasets, contracts and purposes: what there is, and in what state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import yaml

from handrail.data import odcs, store
from handrail.data.load import load
from handrail.data.models import CERTIFIED_STATES, Certification, Contract, Dataset, Extract, Proposal
from handrail.data.parse import nearest
from handrail.data.state import lacks, standing
from handrail.kernel import Context, Invalid, NotFound, Refusal, Resource, access, definitions, identity
from handrail.kernel.strict_yaml import invalid, line_of, read

CATALOG = Resource("Catalog", "datasets")
PURPOSES_FILE = "purposes.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,200}")  # what a file can be called
_loaded = lru_cache(maxsize=1024)(load)  # by content: an edited file is another key


def datasets(ctx: Context) -> tuple[Dataset, ...]:
    """Every dataset with its state, by name; `browse.unreadable` has the contracts that cannot be read."""
    access.require(ctx, "see-datasets", CATALOG)
    proposals, certifications = store.proposals_of(ctx), store.certifications_of(ctx)
    declared = declared_purposes(ctx)
    found = []
    for name, extract in store.all_extracts(ctx).items():
        try:
            stated = contract_of(ctx, name)
        except Refusal:
            continue
        records = proposals.get(name, ()), certifications.get(name, ())
        found.append(
            assemble(ctx, stated, extract, *records, lacks(stated, declared, ctx.clock.now().date()))
        )
    return tuple(found)


def dataset(ctx: Context, name: str) -> Dataset:
    """One dataset with its state and what it lacks; refuses an unknown name and a contract that is broken."""
    access.require(ctx, "see-datasets", CATALOG)
    stated, today = contract_of(ctx, name), ctx.clock.now().date()

    def is_active(person: str) -> bool:
        return active(ctx, person)

    return _found(ctx, stated, lacks(stated, declared_purposes(ctx), today, is_active))


def contract(ctx: Context, name: str) -> Contract:
    """The contract of a dataset as its file states it now."""
    access.require(ctx, "see-datasets", CATALOG)
    return contract_of(ctx, name)


def purposes(ctx: Context) -> Mapping[str, str]:
    """Every purpose that data may be used for, with its meaning, from definitions `purposes.yaml`."""
    access.require(ctx, "see-datasets", CATALOG)
    return declared_purposes(ctx)


def found(ctx: Context, name: str) -> Dataset:
    """One dataset, for verbs of this room that ask their own rule; says nothing about what it lacks."""
    return _found(ctx, contract_of(ctx, name), ())


def contract_of(ctx: Context, name: str) -> Contract:
    """The contract, for verbs of this room that ask their own rule; refuses NotFound and Invalid."""
    content = definitions.read(ctx, odcs.path_of(name)) if _NAME.fullmatch(name) else None
    if content is None:
        files = definitions.names(ctx, "contracts/")
        known = [Path(file).name.removesuffix(odcs.SUFFIX) for file in files if file.endswith(odcs.SUFFIX)]
        raise NotFound(f"There is no dataset {name}.", next_step=nearest(name, known))
    return _loaded(content, odcs.path_of(name))


def declared_purposes(ctx: Context) -> Mapping[str, str]:
    """The purposes of `purposes.yaml`, for verbs of this room; refuses a file that is not names and texts."""
    content = definitions.read(ctx, PURPOSES_FILE)
    return _purposes(content) if content else MappingProxyType({})


def active(ctx: Context, person: str) -> bool:
    """Whether there is an active account of that name."""
    try:
        return identity.found(ctx, person).active
    except NotFound:
        return False


@lru_cache(maxsize=8)
def _purposes(content: bytes) -> Mapping[str, str]:
    node, values = read(content, PURPOSES_FILE)
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise invalid(PURPOSES_FILE, line_of(node), "it must be lines of “name: meaning”")
    for key, value in node.value:
        if not isinstance(values.get(key.value), str):
            raise invalid(PURPOSES_FILE, line_of(value), f"the meaning of “{key.value}” must be a text")
    return MappingProxyType(values)


def _found(ctx: Context, stated: Contract, missing: Sequence[str]) -> Dataset:
    extract = store.get_extract(ctx, stated.name)
    if extract is None:
        raise Invalid(
            f"{stated.name} has a contract but no data yet.",
            next_step=f"Import its source ({stated.source}) with handrail import.",
        )
    names = [stated.name]
    proposals = store.proposals_of(ctx, names).get(stated.name, ())
    certifications = store.certifications_of(ctx, names).get(stated.name, ())
    return assemble(ctx, stated, extract, proposals, certifications, missing)


def assemble(
    ctx: Context,
    stated: Contract,
    extract: Extract,
    proposals: Sequence[Proposal],
    certifications: Sequence[Certification],
    missing: Sequence[str],
) -> Dataset:
    """A dataset with its state, from what is recorded of it."""
    where = standing(stated.digest, proposals, certifications, ctx.clock.now().date())
    certified = where.certification if where.state in CERTIFIED_STATES else None
    return Dataset(
        name=stated.name,
        contract=stated,
        state=where.state,
        certified_until=certified.until if certified else None,
        hash=stated.digest,
        rows=extract.rows,
        as_of=extract.as_of,
        source=extract.source,
        missing=tuple(missing),
        proposed_by=where.proposal.by if where.proposal else None,
        certified_by=certified.by if certified else None,
        renewal=where.renewal,
    )
