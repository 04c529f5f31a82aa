"""What the names of columns and tables say about keys: which is one, and which points at which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from handrail.data.words import singular, words

KEY_WORDS = frozenset({"id", "key", "code", "number", "no", "nr", "num", "uuid", "guid", "sk", "sku", "isbn"})
COUNTERS = frozenset(
    {
        "no",
        "nr",
        "num",
        "number",
        "seq",
        "sequence",
        "line",
        "row",
        "pos",
        "position",
        "index",
        "idx",
        "ordinal",
    }
)
DATES = frozenset({"date", "day", "month", "year", "week", "quarter", "period"})
# Words that name no thing of their own: "no" here and "no" there are two counters, not one key.
_NAMELESS = (KEY_WORDS | COUNTERS) - {"sku", "isbn"}
_GLUED = ("key", "number", "code", "id", "no", "nr", "sk")  # orderkey, custid, lineno
_STEM = 3
# Whom a row of the same table may be to this one.
_KIN = frozenset(
    (
        *("parent", "manager", "mgr", "supervisor", "boss", "superior", "leader", "ancestor", "predecessor"),
        *("successor", "previous", "prev", "next", "original", "replaces", "replaced", "root", "reports"),
    )
)


@lru_cache(65_536)
def name_parts(name: str) -> tuple[str, ...]:
    """The words of a name, a key word glued to the last one taken off: `l_orderkey`: l, order, key."""
    found = words(name)
    for ending in _GLUED if found else ():
        if found[-1].endswith(ending) and len(found[-1]) >= _STEM + len(ending):
            return (*found[:-1], found[-1].removesuffix(ending), ending)
    return found


def prefix_of(names: Sequence[str]) -> str:
    """The letters before the first "_" that most columns of a table share, in lower case, or ""."""
    heads = [head.lower() for head, mark, _ in (name.partition("_") for name in names) if mark]
    common = max(sorted(set(heads)), key=heads.count, default="")
    return common if common and len(names) > 1 and 2 * heads.count(common) > len(names) else ""


def bare(name: str, prefix: str) -> tuple[str, ...]:
    """The parts of a column's name without its table's own prefix."""
    head, _, rest = name.partition("_")
    return name_parts(rest if prefix and head.lower() == prefix and rest else name)


def entity_of(table: str) -> str:
    """What one row of a table is, in one word: order_lines hold lines."""
    found = words(table)
    return singular(found[-1]) if found else ""


def names_of_key(table: str, key: str, prefix: str, numbers: bool) -> frozenset[tuple[str, ...]]:
    """What a column may be called that points at this key: as the key, or as the table and a key word.

    Of `numbers`, names that any counter might have are left out; codes in text differ by what they are.
    """
    found = words(table)
    whole = (*found[:-1], singular(found[-1])) if found else ()
    named = {(*told, word) for told in (whole, whole[-1:]) if told for word in KEY_WORDS}
    said = {name for name in (*named, name_parts(key)) if numbers is False or not is_nameless(name)}
    without = bare(key, prefix)
    if is_key_like(without) and not is_nameless(without):
        said.add(without)
    return frozenset(name for name in said if name and name != ("id",))


def is_nameless(name: Iterable[str]) -> bool:
    """Whether a name has no words but those that any key, counter or date may have."""
    return set(name) <= _NAMELESS | DATES


def is_key_like(name: Sequence[str]) -> bool:
    """Whether the last of a name's parts is a key word or a counter, or one of them is a key word."""
    return bool(name) and (name[-1] in COUNTERS or bool(KEY_WORDS & set(name)))


def is_counter(name: Sequence[str]) -> bool:
    """Whether a name is that of a number within something: line_no, seq, l_linenumber."""
    return bool(name) and name[-1] in COUNTERS


def is_after(name: Sequence[str], entity: str) -> bool:
    """Whether a key's name is that of an entity, maybe shortened: cust, key of customers."""
    return any(part == entity or (len(part) >= _STEM and entity.startswith(part)) for part in name)


def is_kin(name: Sequence[str], key: Sequence[str]) -> bool:
    """Whether a column says that it points into its own table: manager_id, parent_category_id, reports_to."""
    if not name or not _KIN & set(name[:-1]):
        return False
    rest = tuple(part for part in name if part not in _KIN)
    return rest in (tuple(key), ("to",)) or (len(rest) == 1 and rest[0] in KEY_WORDS)
