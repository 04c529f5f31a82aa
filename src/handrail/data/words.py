"""Take names apart: column names into words, table names into dataset names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MAX_SLUG = 60
# Words that SQL wants to itself: a dataset of that name would have to be quoted in every query.
_RESERVED = frozenset(
    (
        *("all", "analyse", "analyze", "and", "any", "array", "as", "asc", "both", "case", "cast", "check"),
        *("collate", "column", "constraint", "create", "default", "desc", "describe", "distinct", "do"),
        *("else", "end", "except", "false", "fetch", "for", "foreign", "from", "grant", "group", "having"),
        *("in", "initially", "intersect", "into", "lambda", "lateral", "leading", "left", "like", "limit"),
        *("not", "null", "offset", "on", "only", "or", "order", "pivot", "placing", "primary", "qualify"),
        *("references", "returning", "right", "select", "show", "some", "summarize", "symmetric", "table"),
        *("then", "to", "trailing", "true", "union", "unique", "unpivot", "user", "using", "values"),
        *("variadic", "when", "where", "window", "with", "viewer"),
    )
)
_IRREGULAR = {"people": "person", "persons": "person", "children": "child", "staff": "employee"}


def words(name: str) -> tuple[str, ...]:
    """The lower-case words of a name: "ShipPostalCode" and "ship postal_code" give the same three."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return tuple(word.lower() for word in re.split(r"[^A-Za-z0-9]+", _HUMPS.sub(" ", plain)) if word)


def slug(name: str) -> str:
    """A dataset name for a table name: lower case, words joined by "_", never a reserved word."""
    joined = "_".join(words(name))[:_MAX_SLUG].strip("_") or "table_1"
    if joined[0].isdigit():
        joined = f"t_{joined}"
    return f"{joined}_table" if joined in _RESERVED else joined


def unused(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or the first of `wanted_2`, `wanted_3`, … that is free."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def singular(word: str) -> str:
    """The English singular of a table name's last word, near enough to compare names."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
