"""Say a contract in words: who sees which rows, what is hidden from whom, and who has to act next."""

from __future__ import annotations

import re
from collections.abc import Mapping

from handrail.data.models import CombinedLink, Contract, Dataset, Mask, RowFilter
from handrail.data.promises import NONE, Freshness, Rule

_MASKS = {"null": "left empty", "hash": "a pseudonym", "partial": "shown in part"}
_LISTED = 12
_COUNTED: Mapping[str, str] = {
    "nulls": "{0} always has a value",
    "missing": "{0} is never missing",
    "duplicates": "{0} is never repeated",
    "dangling": "{0} points at a row of {target}",
    "rows": "The number of rows",
    "outlived": "No row is kept longer than {age}, by {0}",
    "sql": "The contract's own query",
}
KINDS_OF: Mapping[str, str] = {  # what a promise is about, without columns and values
    "nulls": "values that are there",
    "missing": "values that are there",
    "invalid": "valid values",
    "duplicates": "values that are never repeated",
    "dangling": "references to other data",
    "rows": "the number of rows",
    "outlived": "how long rows are kept",
    "sql": "a query of its own",
    "age": "how old the data is",
}
_OF: Mapping[str, str] = {
    "nulls": "rows without",
    "missing": "rows without",
    "invalid": "rows otherwise",
    "duplicates": "rows repeat it",
    "dangling": "rows point nowhere",
}
_VIEWER = re.compile(r"\bviewer\.(\w+)", re.IGNORECASE)
_STATES: Mapping[str, str] = {
    "draft": "Nobody has proposed this contract yet, so production does not answer from it.",
    "proposed": "{proposed_by} proposed this contract. Another steward looks at it and certifies it.",
    "certified": "Certified by {certified_by}; production answers from it until {until}.",
    "expiring": "Certified by {certified_by}, but only until {until}: a steward should renew it.",
    "expired": "The certification has expired, so production answers from it no longer: renew it.",
    "edited": "The contract was edited after it was certified, so production no longer answers from it.",
    "revoked": "The certification was revoked, so production no longer answers from it.",
}


def state(dataset: Dataset) -> str:
    """What the dataset's state means and who has to act."""
    said = _STATES[dataset.state].format(
        proposed_by=dataset.proposed_by,
        certified_by=dataset.certified_by,
        until=dataset.certified_until,
    )
    if dataset.renewal is None:
        return said
    return f"{said} {dataset.renewal.by} asked to renew it until {dataset.renewal.until}: another certifies."


def mask(hidden: Mask | None) -> str:
    """What a mask does, and for whom it does not."""
    if hidden is None:
        return ""
    groups = f", except for {_and(hidden.unless_groups)}" if hidden.unless_groups else ""
    if hidden.kind == "bucket":
        return f"the lower end of a range of {hidden.width:,g}{groups}"
    if hidden.kind == "truncate":
        return f"the first day of its {hidden.to}{groups}"
    if hidden.kind == "aggregate":
        by = f", grouped by {_and(hidden.by)} only" if hidden.by else ""
        return f"totals over at least {hidden.least}{by}{groups}"
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


def promise(rule: Rule, contract: Contract) -> str:
    """What a rule promises. Accepted values of a column that is hidden from somebody are only numbered."""
    names = _and(rule.columns)
    if rule.name and rule.counted == "sql":
        said = rule.name
    elif rule.counted == "invalid":
        said = f"{names} {_valid(rule, contract)}"
    else:
        age = _span(rule.age.total_seconds()) if rule.age else ""
        target = _target(*rule.references) if rule.references else ""
        said = _COUNTED[rule.counted].format(names, target=target, age=age)
    if rule.bound == NONE or (rule.counted == "sql" and rule.bound.values == (1,)):
        return said
    of = _OF.get(rule.counted, "")
    share = " of the" if of and rule.bound.unit == "percent" else ""
    return f"{said}: {rule.bound}{share} {of}".rstrip()


def target(link: CombinedLink) -> str:
    """What a link of several columns points at, with the columns there."""
    return _target(link.dataset, link.targets)


def _target(dataset: str, columns: tuple[str, ...]) -> str:
    return f"{dataset}.{columns[0]}" if len(columns) == 1 else f"{dataset} ({', '.join(columns)})"


def counted(rule: Rule, found: float, rows: int) -> str:
    """What was counted where a promise is broken."""
    if rule.counted == "rows":
        return f"There are {found:,.0f} rows."
    if rule.counted == "sql":
        return f"It answered {found:,.10g}."
    return f"{found:,.0f} of {rows:,} rows are otherwise."


def roughly(count: float, least: int) -> str:
    """A count for whom the exact one is not told: one digit of it, and nothing of fewer than `least`."""
    return f"fewer than {least}" if abs(count) < least else f"about {float(f'{count:.1g}'):,.0f}"


def fresh(freshness: Freshness) -> str:
    """What a contract promises about the age of its data."""
    what = f"The newest {freshness.column}" if freshness.column else "The extract"
    return f"{what} is at most {_span(freshness.age.total_seconds())} old"


def kept(retention: Freshness) -> str:
    """How long a contract says that rows are kept."""
    by = f", by {retention.column}" if retention.column else ""
    return f"{_span(retention.age.total_seconds())}{by}"


def age(seconds: float) -> str:
    """How old data is that should be newer."""
    return f"It is {_span(seconds)} old."


def _span(seconds: float) -> str:
    for size, unit in ((31_536_000, "year"), (86_400, "day"), (3_600, "hour")):
        if seconds >= size:
            number = f"{seconds / size:,.1f}".removesuffix(".0")
            return f"{number} {unit}" if number == "1" else f"{number} {unit}s"
    return f"{seconds / 60:,.0f} minutes"


def _valid(rule: Rule, contract: Contract) -> str:
    if rule.pattern is not None:
        return f"matches {rule.pattern}"
    if rule.values:
        column = contract.column(rule.columns[0])
        hidden = column is not None and (column.mask or column.classification)
        if hidden or len(rule.values) > _LISTED:
            return f"is one of {len(rule.values)} accepted values"
        return f"is one of {', '.join(map(str, rule.values))}"
    limits = (("at least", rule.least), ("above", rule.above), ("at most", rule.most), ("below", rule.below))
    return "is " + " and ".join(f"{word} {value}" for word, value in limits if value is not None)
