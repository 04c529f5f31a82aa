"""Who may count what with a quality rule: a rule tells of every row, filtered and masked ones too.

Judged by the contract that was certified last, so that nobody names themselves the owner of a dataset, or
takes a mask away, in the proposal by which they would look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handrail.data import filters, masks, odcs, store
from handrail.data.catalog import contract_of, found
from handrail.data.custom_sql import columns_told
from handrail.data.load import load
from handrail.data.models import Contract
from handrail.data.promises import Rule
from handrail.kernel import Context, NotAllowed, Refusal, Resource, access, definitions


def may_write(ctx: Context, before: Contract, wanted: Contract) -> None:
    """Refuse new queries, reference tables and references by whom they would show what they may not see."""
    new = [rule for rule in wanted.quality if rule.query and rule not in before.quality]
    if new and _certified(ctx, before.name) and not sees_all(ctx, before.name):
        raise NotAllowed(
            f"A query of a rule counts all rows of {before.name}, which you may not see.",
            next_step="Ask its owner or deputy to write the rule, or choose another kind of rule.",
            subject=f"dataset:{before.name}",
        )
    if new or set(wanted.looks_up) - set(before.looks_up):
        _may_look_up(ctx, wanted)
    _may_compare(ctx, wanted, new)
    for column, other, key in _new_links(before, wanted):
        if key in _masked(ctx, [contract_of(ctx, other)]).get(other, ()):
            raise NotAllowed(
                f"{column} cannot point at {other}.{key}, which is masked for you.",
                next_step="Ask somebody who sees it unmasked to write this promise.",
                subject=f"dataset:{other}",
            )


def _new_links(before: Contract, wanted: Contract) -> Iterator[tuple[str, str, str]]:
    """What points where it did not before, alone or with others: a column, the dataset, the column there."""
    for column in wanted.columns:
        old = before.column(column.name)
        if column.references and (old is None or old.references != column.references):
            yield (column.name, *column.references)
    for link in wanted.combined:
        if not any(link.same_as(other) for other in before.combined):
            yield from ((own, link.dataset, target) for own, target in link.pairs)


def may_certify(ctx: Context, contract: Contract) -> None:
    """Refuse to certify rules that look up what the certifying steward may not see."""
    rules = [rule for rule in contract.quality if rule.query]
    if rules:
        _may_look_up(ctx, contract)
        _may_compare(ctx, contract, rules)


def sees_all(ctx: Context, name: str) -> bool:
    """Whether the caller may know of every row: owner, deputy, or a reader whom no row is hidden from."""
    stated, person = trusted(ctx, name), ctx.caller.person
    if stated is None or not _certified(ctx, name):
        return False
    if person.id in (stated.owner, stated.deputy):
        return True
    rule = filters.chosen(stated.row_filters, person.groups)
    if stated.row_filters and (rule is None or rule.sql.strip().lower() != "true"):
        return False
    now = found(ctx, name)
    return access.decide(
        ctx,
        "query",
        Resource("Dataset", name),
        environment="production",
        state=now.state,
        certified=now.certified,
        twin=False,
        owner=stated.owner or "its steward",
        readers=stated.readers,
        purpose=next(iter(stated.purposes), ""),
        purposes=stated.purposes,
        app="",
        declared=True,
        undeclared=(),
    ).allowed


def _may_look_up(ctx: Context, contract: Contract) -> None:
    for other in contract.looks_up:
        if not sees_all(ctx, other):
            raise NotAllowed(
                f"A rule of {contract.name} may not look up {other}, all of whose rows you may not see.",
                next_step=f"Ask its owner: {other} has to be certified, and you its owner, deputy or reader.",
                subject=f"dataset:{other}",
            )


def _may_compare(ctx: Context, contract: Contract, rules: Iterable[Rule]) -> None:
    """Refuse queries that use a column which is masked for the caller, but for asking whether it is there."""
    contracts = [contract, *(contract_of(ctx, other) for other in contract.looks_up)]
    hidden = _masked(ctx, contracts)
    for rule in rules:
        for name, columns in columns_told(rule.query, {one.name: one for one in contracts}).items():
            if taken := sorted(set(columns) & hidden[name]):
                raise NotAllowed(
                    f"A rule's query may ask of {name}.{taken[0]} only IS NULL: it is masked for you.",
                    next_step="Leave it out, name columns instead of *, or ask one who sees it unmasked.",
                    subject=f"dataset:{name}",
                )


def _masked(ctx: Context, contracts: Iterable[Contract]) -> dict[str, set[str]]:
    """The columns of each that are masked for the caller: by it, by its file now, or as certified last."""
    groups, hidden = ctx.caller.person.groups, {}
    for one in contracts:
        every = (one, contract_of(ctx, one.name), trusted(ctx, one.name) or one)
        hidden[one.name] = {
            column.name for each in every for column in each.columns if masks.masked(column, groups)
        }
    return hidden


def _certified(ctx: Context, name: str) -> bool:
    return bool(store.certifications_of(ctx, [name]).get(name, ()))


def trusted(ctx: Context, name: str) -> Contract | None:
    """The contract that a second steward certified last; of what never was, the draft of the import."""
    path = odcs.path_of(name)
    certified = store.certifications_of(ctx, [name]).get(name, ())
    digest = certified[0].digest if certified else None
    content = definitions.earlier(ctx, path, digest)
    try:
        return load(content, path) if content else None
    except Refusal:
        return None
