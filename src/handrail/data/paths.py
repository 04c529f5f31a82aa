"""The ways from one dataset of a semantic model to others, many to one at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handrail.data.ossie import Relationship, SemanticModel


@dataclass(frozen=True)
class Paths:
    """By dataset, the relationships that lead to it; and those that two equally short ways lead to."""

    steps: Mapping[str, tuple[Relationship, ...]]
    ambiguous: Mapping[str, tuple[str, ...]]


def many_to_one(model: SemanticModel, base: str) -> Paths:
    """Every dataset that one row of `base` has at most one row of, by the shortest way (breadth first)."""
    steps: dict[str, tuple[Relationship, ...]] = {base: ()}
    ambiguous: dict[str, tuple[str, ...]] = {}
    level = [base]
    while level:
        reached: dict[str, list[tuple[Relationship, ...]]] = {}
        for name in level:
            for step in model.relationships:
                if step.from_ == name and step.to not in steps and step.to not in ambiguous:
                    reached.setdefault(step.to, []).append((*steps[name], step))
        for name, ways in reached.items():
            if len(ways) > 1:
                ambiguous[name] = tuple(way[-1].name for way in ways)
            else:
                steps[name] = ways[0]
        level = [name for name in reached if name in steps]
    return Paths(steps, ambiguous)
