"""Doubts about a contract: what certification allows and yet is seldom meant."""

from __future__ import annotations

from collections.abc import Iterator

from handrail.data import spoken
from handrail.data.catalog import contract_of
from handrail.data.models import Contract
from handrail.data.no_row import VIEWER
from handrail.kernel import Context, Refusal, Resource, access, identity


def doubts(ctx: Context, contract: Contract) -> tuple[str, ...]:
    """What stewards should look at before they propose or certify; refuses anybody else.

    Groups that nobody is in, readers whom no filter is for or who lack the attribute that theirs needs,
    personal data without a mask, and links of several columns to what is no key. People are counted, not
    named.
    """
    access.require(ctx, "propose", Resource("Dataset", contract.name))
    return tuple(_doubts(ctx, contract))


def _loose_links(ctx: Context, contract: Contract) -> Iterator[str]:
    """Links of several columns that may mean more than one row."""
    for link in contract.combined:
        try:
            columns = [one for one in contract_of(ctx, link.dataset).columns if one.name in link.targets]
            key = {one.name for one in contract_of(ctx, link.dataset).columns if one.primary_key}
        except Refusal:
            continue
        if key != set(link.targets) and not any(one.unique for one in columns):
            said = spoken.target(link)
            yield f"{', '.join(link.columns)} may point at several rows: {said} is no key there."


def _doubts(ctx: Context, contract: Contract) -> Iterator[str]:
    named = {group for rule in contract.row_filters for group in rule.groups}
    named |= {group for column in contract.columns if column.mask for group in column.mask.unless_groups}
    people = identity.members(ctx, (*contract.readers, *named))
    there = {group for person in people for group in person.groups}
    for group in contract.readers:
        if group not in there:
            yield f"Nobody is in the group {group}, which may read it."
    for group in sorted(named - set(contract.readers)):
        if group not in there:
            yield f"Nobody is in the group {group}, which a filter or a mask names."
    readers = [person for person in people if set(person.groups) & set(contract.readers)]
    none, without = 0, dict[str, int]()
    for person in readers:
        rule = next((r for r in contract.row_filters if not r.groups or set(r.groups) & person.groups), None)
        none += bool(contract.row_filters) and rule is None
        for attribute in sorted(set(VIEWER.findall(rule.sql)) if rule else ()):
            without[attribute] = without.get(attribute, 0) + (attribute not in person.attributes)
    if none:
        yield f"No row filter is for {none} of its {len(readers)} readers, who see no row."
    for attribute, count in without.items():
        if count:
            yield f"{count} of its {len(readers)} readers have no {attribute}, so they see no row."
    yield from _loose_links(ctx, contract)
    listed = {name for rule in contract.quality if rule.values for name in rule.columns}
    hidden = {column.name for column in contract.columns if column.mask or column.classification}
    if both := sorted(listed & hidden):
        yield f"The contract, which all may see, lists values that it hides: {', '.join(both)}."
    if plain := [column.name for column in contract.columns if column.classification and not column.mask]:
        yield f"Every reader would see these as they are: {', '.join(plain)}."
