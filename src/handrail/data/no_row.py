"""Why somebody sees no row of a dataset at all, in words that tell nothing of its rows."""

from __future__ import annotations

import re
from collections.abc import Iterable

from handrail.data import filters
from handrail.data.models import Contract

VIEWER = re.compile(r"\bviewer\.(\w+)", re.IGNORECASE)


def why_no_row(contract: Contract, viewer: filters.Entitled) -> str | None:
    """Why `filters.rows_for` lets this viewer see no row, whatever rows there are; None when it may let some.

    It follows from the contract, which everybody may read, and from the viewer's own groups and attributes.
    """
    if not contract.row_filters:
        return None
    whom = contract.owner or "its steward"
    chosen = filters.chosen(contract.row_filters, viewer.groups)
    if chosen is None:
        return f"No row of {contract.name}, because no row filter is for any of your groups; ask {whom}."
    for name in VIEWER.findall(chosen.sql):
        if name not in viewer.attributes:
            why = f"because your {name} is not set; ask {whom}, or an admin to set it"
            return f"No row of {contract.name}, {why}."
    return None


def why_no_rows(contracts: Iterable[Contract], viewer: filters.Entitled) -> tuple[str, ...]:
    """The reasons for each of these datasets of which the viewer sees no row."""
    return tuple(why for contract in contracts if (why := why_no_row(contract, viewer)))
