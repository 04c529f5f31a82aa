"""Say a contract in words: who sees which rows, what is hidden from whom, and who has to act next."""

from __future__ import annotations

import re
from collections.abc import Mapping

from handrail.data.models import Contract, Dataset, Mask, RowFilter

_MASKS = {"null": "left empty", "hash": "a pseudonym", "partial": "shown in part"}
_VIEWER = re.compile(r"\bviewer\.(\w+)", re.IGNORECASE)
_STATES: Mapping[str, str] = {
    "draft": "Nobody has proposed this contract yet, so production does not answer from it.",
    "proposed": "{proposed_by} proposed this contract. Another steward looks at it and certifies it.",
    "certified": "Certified by {certified_by}; production answers from it until {until}.",
    "expiring": "Certified by {certified_by}, but only until {until}: a steward should propose it anew.",
    "expired": "The certification has expired, so production no longer answers from it.",
    "edited": "The contract was edited after it was certified, so production no longer answers from it.",
    "revoked": "The certification was revoked, so production no longer answers from it.",
}


def state(dataset: Dataset) -> str:
    """What the dataset's state means and who has to act."""
    return _STATES[dataset.state].format(
        proposed_by=dataset.proposed_by,
        certified_by=dataset.certified_by,
        until=dataset.certified_until,
    )


def mask(hidden: Mask | None) -> str:
    """What a mask does, and for whom it does not."""
    if hidden is None:
        return ""
    groups = f", except for {_and(hidden.unless_groups)}" if hidden.unless_groups else ""
    return f"{_MASKS[hidden.kind]}{groups}"


def rows(contract: Contract) -> list[tuple[str, str]]:
    """For each row filter: for whom it is, and which rows it lets them see."""
    if not contract.row_filters:
        return [("Every reader", "all rows")]
    spoken = [
        (
            _whom(rule, place),
            f"rows where {_condition(rule.sql)}" if rule.sql.lower() != "true" else "all rows",
        )
        for place, rule in enumerate(contract.row_filters)
    ]
    if all(rule.groups for rule in contract.row_filters):
        spoken.append(("Everybody else", "no row"))
    return spoken


def _whom(rule: RowFilter, place: int) -> str:
    if rule.groups:
        return f"Members of {_and(rule.groups)}"
    return "Everybody else" if place else "Every reader"


def _condition(sql: str) -> str:
    return _VIEWER.sub(lambda found: f"the viewer's {found[1]}", sql).replace(" = ", " is ")


def _and(words: tuple[str, ...]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
