"""What a question comes to, kept: what it reads, whom it shows, and its SQL for an entitlement.

Each of the three is a function of values, and the key is all of these values; so nothing kept can answer
somebody else, by an older contract, or elsewhere. What decides whether there is an answer at all (the state
of a certification, the rules, the viewer's account) is in none of them and is looked at each time; so are
the values of parameters and the masks' key, which are bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from handrail.data.govern import Entitlement, Rewritten, rewritten
from handrail.data.models import Contract
from handrail.data.parse import read
from handrail.data.resolve import Resolved, named_tables, resolve
from handrail.data.reveal import Revealed, revealed
from handrail.kernel import Environment
from handrail.kernel.kept import Kept

# In characters of SQL, of which a tree takes some hundred bytes each, and rewritten text four at most.
_TREES, _TEXTS = 400_000, 8_000_000

_Key = tuple[object, ...]


@dataclass(frozen=True)
class Named:
    """A question that was read, and the tables that it names, in lower case; the tree must not be changed."""

    tree: exp.Query
    tables: frozenset[str]


_read: Kept[str, Named] = Kept(_TREES)
_resolved: Kept[_Key, Resolved] = Kept(_TREES)
_revealed: Kept[_Key, Revealed] = Kept(_TREES)
_rewritten: Kept[_Key, tuple[exp.Query, Rewritten]] = Kept(_TEXTS)


def named(sql: str) -> Named:
    """Read a question; refuses as `parse.read` does."""

    def make() -> Named:
        tree = read(sql)
        return Named(tree, named_tables(tree))

    return _read.made(sql, make, lambda _: len(sql))


@dataclass(frozen=True)
class Plan:
    """A question by the contracts of this moment; `key` names both."""

    sql: str
    resolved: Resolved
    contracts: Mapping[str, Contract]
    key: _Key

    @classmethod
    def of(cls, sql: str, contracts: Mapping[str, Contract], others: Iterable[str] = ()) -> Plan:
        """Decide what `sql` reads; refuses as `resolve` does, which suggests names from `others`."""
        key = (sql, *sorted((name, contract.digest) for name, contract in contracts.items()))
        made = _resolved.made(
            key, lambda: resolve(named(sql).tree.copy(), sql, contracts, others), lambda _: len(sql)
        )
        return cls(sql, made, contracts, key)

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
