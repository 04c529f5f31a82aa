"""The ways from one dataset of a semantic model to others, many to one at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handrail.data.ossie import Relationship, SemanticModel


@dataclass(frozen=True)
class Paths:
    """By dataset, the relationships that lead to it; and those to which more than one way leads, which are
    not among them: an order's country is its customer's or the one that it is shipped to.
    """

    steps: Mapping[str, tuple[Relationship, ...]]
    ambiguous: Mapping[str, tuple[str, ...]]


def many_to_one(model: SemanticModel, base: str) -> Paths:
    """Every dataset that one row of `base` has at most one row of, where there is one way to it.

    What leads back to a dataset on the way is no way to anything new. What lies behind an ambiguous dataset
    is as ambiguous as that.
    """
    steps: dict[str, tuple[Relationship, ...]] = {base: ()}
    ambiguous: dict[str, tuple[str, ...]] = {}
    queue = [base]
    for name in queue:
        behind = {base, *(step.to for step in steps[name])}
        for step in model.relationships:
            if step.from_ != name or step.to in behind:
                continue
            if step.to in steps:
                ambiguous[step.to] = (*ambiguous.get(step.to, (steps[step.to][-1].name,)), step.name)
            else:
                steps[step.to] = (*steps[name], step)
                queue.append(step.to)
    for name in queue:  # nearest first
        first = next((step.to for step in steps[name] if step.to in ambiguous), None)
        if first:
            ambiguous.setdefault(name, ambiguous[first])
    return Paths({name: way for name, way in steps.items() if name not in ambiguous}, ambiguous)
