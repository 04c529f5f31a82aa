"""What a question comes to, kept: what it reads, whom it shows, and its SQL for an entitlement.

Each of the three is a function of values, and the key is all of these values; so nothing kept can answer
somebody else, by an older contract, or elsewhere. What decides whether there is an answer at all (the state
of a certification, the rules, the viewer's account) is in none of them and is looked at each time; so are
the values of parameters and the masks' key, which are bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from handrail.data.extent import refuse_many
from handrail.data.govern import Entitlement, Rewritten, rewritten
from handrail.data.models import Contract
from handrail.data.narrowed import mark_narrowed
from handrail.data.parse import read
from handrail.data.resolve import DATASET, Resolved, named_tables, resolve
from handrail.data.reveal import Revealed, revealed
from handrail.kernel import Environment
from handrail.kernel.kept import Kept
from handrail.kernel.ports import Keys

# In characters of SQL, of which a tree takes some hundred bytes each, and rewritten text four at most.
_TREES, _TEXTS = 400_000, 8_000_000

_Key = tuple[object, ...]


@dataclass(frozen=True)
class Named:
    """A question that may be asked: the names of its tables, in lower case, and its tree if it is fresh."""

    sql: str
    tables: frozenset[str]
    tree: exp.Query | None = field(default=None, compare=False)


_named: Kept[str, Named] = Kept(_TEXTS)
_resolved: Kept[_Key, Resolved] = Kept(_TREES)
_revealed: Kept[_Key, Revealed] = Kept(_TREES)
_keys: Kept[_Key, Keys] = Kept(_TEXTS)
_rewritten: Kept[_Key, tuple[exp.Query, Rewritten]] = Kept(_TEXTS)


def named(sql: str) -> Named:
    """Read a question; refuses as `parse.read` does, and what names too many tables or columns."""
    if (known := _named.get(sql)) is not None:
        return known
    tree = read(sql)
    refuse_many(tree)
    tables = named_tables(tree)
    _named.put(sql, Named(sql, tables), len(sql))
    return Named(sql, tables, tree)


@dataclass(frozen=True)
class Plan:
    """A question by the contracts of this moment; `key` names both."""

    sql: str
    resolved: Resolved
    contracts: Mapping[str, Contract]
    key: _Key

    @classmethod
    def of(cls, question: Named, contracts: Mapping[str, Contract], others: Iterable[str] = ()) -> Plan:
        """Decide what `question` reads; refuses as `resolve` does, which suggests names from `others`."""
        sql = question.sql
        key = (sql, *sorted((name, contract.digest) for name, contract in contracts.items()))

        def make() -> Resolved:
            found = resolve(question.tree or read(sql), sql, contracts, others)
            mark_narrowed(found.tree, contracts)
            for node in found.tree.walk():  # places in the text have been told; copying them costs most
                if DATASET not in node.meta:
                    node._meta = None  # as parsed trees begin; an empty one is copied too
            return found

        return cls(sql, _resolved.made(key, make, lambda _: len(sql)), contracts, key)

    @property
    def keys(self) -> Keys:
        """The keys of its datasets, as their contracts declare them."""
        return _keys.made(self.key, lambda: _declared(self.contracts), lambda _: len(self.sql))

    def revealed(self, subjects: Mapping[str, str], least: int) -> Revealed:
        """Whom the question shows, where these datasets count as these kinds of entity."""
        key = (*self.key, least, *sorted(subjects.items()))
        return _revealed.made(
            key,
            lambda: revealed(self.resolved.tree, self.contracts, subjects, least),
            lambda _: len(self.sql),
        )

    def rewritten(self, question: Resolved, viewer: Entitlement, environment: Environment) -> Rewritten:
        """The SQL of `question`, which is this one or counts whom this one shows, for an entitlement."""
        key = (*self.key, environment, viewer, id(question.tree))
        found = _rewritten.get(key)
        if found is not None and found[0] is question.tree:  # held by the value, so that no other has its id
            return found[1]
        made = rewritten(question, self.contracts, viewer, environment)
        return _rewritten.put(key, (question.tree, made), len(self.sql) + len(made.sql))[1]


def _declared(contracts: Mapping[str, Contract]) -> Keys:
    keys = []
    for name, contract in contracts.items():
        alone = sum(column.primary_key for column in contract.columns) == 1
        for column in contract.columns:
            if column.unique or (column.primary_key and alone):
                keys.append((name, column.name, name))
            elif column.references and column.references[0] in contracts:
                keys.append((name, column.name, column.references[0]))
    return tuple(sorted(keys))
