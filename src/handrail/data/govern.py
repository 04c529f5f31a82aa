"""Rewrites a query so that it can see only what its viewer may see.

Each dataset becomes a subquery over the engine's own copy of it: only the columns that are read, masked for
this viewer, and only this viewer's rows. What the query says above that cannot reach below it. Values are
bound; none is ever written into the SQL.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from handrail.data import aggregate_only, filters, masks, shield
from handrail.data.models import Column, Contract
from handrail.data.narrowed import MARK
from handrail.data.parse import DUCKDB, nearest
from handrail.data.resolve import DATASET, Resolved
from handrail.data.reveal import CARRY
from handrail.kernel import Environment, Invalid, Person
from handrail.kernel.kept import Kept
from handrail.kernel.ports import NARROWED

SCHEMA = "governed"  # where the engine finds the datasets; no query can name it
_ROW = "_row"
_CELL = "_cell_"
_PARAMETER = "p_"
_SIGHTS = 8_000_000  # characters of SQL that are kept
_COMMON = re.compile(r"_with\d+")  # the common tables that `resolve` has decided
_SCALARS = (str, int, float, bool, decimal.Decimal, datetime.date, datetime.datetime, type(None))


@dataclass(frozen=True)
class Statement:
    """What the engine runs: SQL over `SCHEMA`.dataset, and the values of its parameters.

    `datasets` are the tables it may touch, `masked` the columns the viewer sees only masked.
    """

    sql: str
    values: Mapping[str, Any]
    datasets: frozenset[str]
    masked: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Entitlement:
    """All that a rewriting may know of its viewer, and so all of a viewer that a kept one depends on."""

    groups: frozenset[str] = frozenset()
    facts: tuple[tuple[str, str | tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, viewer: Person, environment: Environment) -> Entitlement:
        """The viewer's groups and attributes; in the sandbox nobody has any."""
        if environment != "production":
            return cls()
        facts = ((k, v if isinstance(v, str) else tuple(v)) for k, v in viewer.attributes.items())
        return cls(viewer.groups, tuple(sorted(facts)))

    @property
    def attributes(self) -> Mapping[str, str | tuple[str, ...]]:
        """The attributes by name."""
        return dict(self.facts)


@dataclass(frozen=True)
class Rewritten:
    """A query rewritten for one entitlement, before the values of its parameters and the key are bound.

    `viewer` are the values that come from the entitlement, `keyed` says whether a mask needs the key.
    """

    sql: str
    viewer: Mapping[str, Any]
    parameters: frozenset[str]
    keyed: bool
    datasets: frozenset[str]
    masked: Mapping[str, tuple[str, ...]]

    def bound(self, secret: bytes, parameters: Mapping[str, Any]) -> Statement:
        """The statement with all values. Refuses parameters that are missing, unused, or not plain values."""
        values = {**_parameters(self.parameters, parameters), **self.viewer}
        if self.keyed:
            values[masks.KEY] = masks.key(secret)
        return Statement(self.sql, values, self.datasets, self.masked)


def govern(
    query: Resolved,
    contracts: Mapping[str, Contract],
    viewer: Person,
    environment: Environment,
    secret: bytes,
    parameters: Mapping[str, Any],
) -> Statement:
    """Rewrite `query` for this viewer. In the sandbox no row is filtered, and no group lifts a mask.

    Refuses parameters that are missing, unused, or neither plain values nor lists of them.
    """
    made = rewritten(query, contracts, Entitlement.of(viewer, environment), environment)
    return made.bound(secret, parameters)


def rewritten(
    query: Resolved, contracts: Mapping[str, Contract], viewer: Entitlement, environment: Environment
) -> Rewritten:
    """Rewrite `query` for everybody of this entitlement: a function of what is handed over, nothing else."""
    _refuse_undecided(query.tree)
    aggregate_only.refuse_values(query, contracts, viewer.groups)
    values: dict[str, Any] = {}
    tree, tables = query.tree.copy(), list[exp.Table]()
    for node in tree.find_all(exp.Placeholder, exp.Table):
        if isinstance(node, exp.Placeholder):
            node.set("this", f"{_PARAMETER}{node.name}")
        elif isinstance(node, exp.Table) and DATASET in node.meta:
            tables.append(node)
    masked: dict[str, tuple[str, ...]] = {}
    keyed, copies = False, 0
    harmless = shield.is_harmless(query.tree)
    filtered = environment == "production"
    given = {name: filters.given(contracts[name], viewer) for name in query.reads} if filtered else {}
    for number, table in enumerate(tables):
        contract = contracts[table.meta[DATASET]]
        columns = tuple(c for c in contract.columns if c.name in query.reads[contract.name])
        mine, prefix = given.get(contract.name), f"viewer_{number}_"
        about = prefix, not harmless, table.meta.get(CARRY), MARK in table.meta
        sight = _sight(contract, columns, viewer.groups, mine, *about)
        values.update(mine.named(prefix) if mine else {})
        keyed, copies = keyed or sight.keyed, copies + sight.copies
        if hidden := tuple(c.name for c in columns if masks.masked(c, viewer.groups)):
            masked[contract.name] = hidden
        alias = table.args.get("alias") or exp.TableAlias(this=table.this.copy())
        table.replace(
            exp.Subquery(this=exp.Var(this=sight.sql), alias=alias.copy(), joins=table.args.get("joins"))
        )
    sql = _written(tree, _names_of_copies(tree) + copies)
    return Rewritten(sql, values, query.parameters, keyed, frozenset(query.reads), masked)


@dataclass(frozen=True)
class _Sight:
    """What people of an entitlement see of some columns of a dataset, written down.

    `keyed` says whether a mask needs the key, `copies` how often it names the engine's own copies.
    """

    contract: Contract
    sql: str
    keyed: bool
    copies: int


_sights: Kept[tuple[object, ...], _Sight] = Kept(_SIGHTS)


def _sight(
    contract: Contract,
    columns: tuple[Column, ...],
    groups: frozenset[str],
    given: filters.Given | None,
    prefix: str,
    fence: bool,
    carry: str | None,
    narrowed: bool,
) -> _Sight:
    """The subquery for one table of a question; of every row where nothing is `given` to a filter.

    It is kept by all that it depends on. Of the viewer these are the groups, and the shape of what is given:
    the values are bound, so that viewers who differ in nothing else share it.
    """
    shape = given.shape if given else "every row"
    read = tuple(column.name for column in columns)
    key = (id(contract), read, groups, shape, prefix, fence, carry, narrowed)
    found = _sights.get(key)
    if found is not None and found.contract is contract:  # held by the value, so that no other has its id
        return found
    rows = filters.condition(contract, groups, given.shape, _ROW, prefix) if given else exp.true()
    fence = fence and not isinstance(rows, exp.Boolean)
    name = contract.name + NARROWED if narrowed else contract.name
    select = _source(contract, name, columns, groups, rows, fence, carry)
    keyed = any(masks.needs_key(column, groups) for column in columns)
    copies = _names_of_copies(select)
    made = _Sight(contract, _written(select, copies), keyed, copies)
    return _sights.put(key, made, len(made.sql))


def _names_of_copies(tree: exp.Expr) -> int:
    """How often a tree names the engine's own copies, but for what is written down in it already."""
    return sum(1 for node in tree.find_all(exp.Identifier) if node.name.lower() == SCHEMA)


def _written(tree: exp.Expr, copies: int) -> str:
    """The SQL of a tree, which is used up; refuses a text that names the engine's own copies more or less
    often than the tree does, and what is written down in it already.
    """
    sql = tree.sql(dialect="duckdb", comments=False, copy=False)
    if sql.lower().count(SCHEMA) != copies:  # it may also stand in a text, or be part of a name
        words = [token for token in DUCKDB.tokenize(sql) if token.token_type != TokenType.STRING]
        if sum(token.text.lower() == SCHEMA for token in words) != copies:
            raise Invalid("The SQL cannot be written down safely.", next_step="Use plain names in it.")
    return sql


def _refuse_undecided(tree: exp.Expr) -> None:
    """Refuse a table that is neither a dataset, and so behind its rules, nor a common table, nor made up."""
    for table in tree.find_all(exp.Table):
        decided = DATASET in table.meta or isinstance(table.this, exp.Func | exp.Values)
        common = not table.db and not table.catalog and _COMMON.fullmatch(table.name)
        if not decided and not common:
            raise Invalid(
                f"It cannot be told what {table.name} is, which is joined to a subquery within parentheses.",
                next_step="Leave these parentheses out, or write (SELECT … FROM … JOIN …) AS name.",
            )


def _source(
    contract: Contract,
    name: str,
    columns: tuple[Column, ...],
    groups: frozenset[str],
    rows: exp.Expr,
    fence: bool,
    carry: str | None,
) -> exp.Select:
    select, totals = exp.Select(), aggregate_only.hidden(contract, groups)
    for column in columns:
        value: exp.Expr = exp.column(column.name, table=_ROW, quoted=True)
        if column in totals:
            value = aggregate_only.counted_value(column, value, f"{_CELL}{column.name}")
        elif masks.masked(column, groups):
            value = masks.expression(column, value)
        if fence:
            value = shield.made_anew(value, masks.shown_type(column, groups))
        select.append("expressions", exp.alias_(value, column.name, quoted=True, copy=False))
    if carry:
        key = exp.column(contract.entity_key or "", table=_ROW, quoted=True)
        select.append(
            "expressions", exp.alias_(exp.cast(key, "VARCHAR", copy=False), carry, quoted=True, copy=False)
        )
    if not select.expressions:  # a bare count(*): rows without any column
        select.append("expressions", exp.alias_(exp.true(), "_present", quoted=True))
    source = exp.table_(name, db=SCHEMA, alias=_ROW, quoted=True)
    select = select.from_(source, copy=False).where(rows, copy=False)
    for column in totals:
        if column in columns:
            cell = f"{_CELL}{column.name}"
            counts, same = aggregate_only.cell_counts(contract, column, source.copy(), rows.copy(), cell)
            there = counts.subquery(exp.to_identifier(cell, quoted=True))
            select = select.join(there, on=same, join_type="left", copy=False)
    return shield.fenced(select) if fence else select


def _parameters(wanted: frozenset[str], given: Mapping[str, Any]) -> dict[str, Any]:
    if missing := sorted(wanted - set(given)):
        raise Invalid(
            f"The query needs a value for ${missing[0]}, and none was given.",
            next_step=f"Pass it as a parameter named {missing[0]}.",
        )
    if unused := sorted(set(given) - wanted):
        raise Invalid(
            f"A value was given for {unused[0]}, but the query has no ${unused[0]}.",
            next_step=nearest(unused[0], wanted) if wanted else "Leave it out.",
        )
    for name, value in given.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(one, _SCALARS):
                raise Invalid(
                    f"The value of ${name} is a {type(one).__name__}.",
                    next_step="Pass a text, number, date, truth value, or a list of these.",
                )
    return {f"{_PARAMETER}{name}": given[name] for name in wanted}
