"""Answers: TPC-H, a short question, many viewers at once; and what deciding and rewriting cost alone."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from handrail import data
from handrail.data.query import decided
from handrail.kernel import Caller, Instance
from handrail_bench.house import PURPOSE, viewer
from handrail_bench.measure import geomean, in_turn, throughput, timed
from handrail_bench.tpch import ATTRIBUTES, questions

SHORT = (
    "SELECT s_nationkey, count(*) AS suppliers, sum(s_acctbal) AS balance FROM supplier "
    "GROUP BY s_nationkey ORDER BY s_nationkey"
)
VIEWERS = 16


def asked(instance: Instance, caller: Caller, sql: str) -> Callable[[], object]:
    """Asks by the verb: a context, the decision on the trail, all rows as one Arrow table."""
    request = data.Request(sql, purpose=PURPOSE)

    def ask() -> object:
        with instance.context(caller) as ctx:
            return data.query(ctx, request).table()

    return ask


def plain(files: Mapping[str, Path], threads: int) -> duckdb.DuckDBPyConnection:
    """The peer: DuckDB by itself over the same files, as its documentation advises."""
    peer = duckdb.connect(config={"threads": threads})
    for name, file in files.items():
        peer.execute(f"CREATE VIEW {name} AS FROM read_parquet('{file}')")
    return peer


def _direct(peer: duckdb.DuckDBPyConnection, sql: str) -> object:
    return peer.sql(sql).to_arrow_table()


def tpch(instance: Instance, caller: Caller, peer: duckdb.DuckDBPyConnection, turns: int) -> dict[str, Any]:
    """The 22 questions, each in turn with the peer."""
    found = {}
    for name, sql in questions().items():
        pair = in_turn(
            asked(instance, caller, sql),
            partial(_direct, peer, sql),
            turns,
            instance.log.settle,
        )
        found[name] = pair
    return {
        "tpch_geomean_ratio": geomean(pair.ratio for pair in found.values()),
        "tpch_worst_ratio": max(pair.ratio for pair in found.values()),
        "tpch_cpu_geomean_ratio": geomean(pair.cpu_ratio for pair in found.values()),
        "tpch": {name: pair.told for name, pair in found.items()},
    }


def short(instance: Instance, caller: Caller, peer: duckdb.DuckDBPyConnection, turns: int) -> dict[str, Any]:
    """One short question, warm, with its entries on the trail; and the same from many viewers at once."""
    pair = in_turn(asked(instance, caller, SHORT), partial(_direct, peer, SHORT), turns, instance.log.settle)
    several = [viewer(instance, f"viewer.{n}", {**ATTRIBUTES, "desk": str(n)}) for n in range(VIEWERS)]
    ours = [asked(instance, one, SHORT) for one in several]
    theirs: list[Callable[[], object]] = [partial(_direct, peer.cursor(), SHORT) for _ in range(VIEWERS)]
    for ask in (*ours, *theirs):
        ask()
    rounds = [(throughput(ours, 1.0), throughput(theirs, 1.0)) for _ in range(max(1, turns // 20))]
    best = max(one for one, _ in rounds), max(other for _, other in rounds)
    return {
        "short_ratio": pair.ratio,
        "short": pair.told,
        "concurrent_ratio": best[0] / best[1],
        "concurrent_per_second": list(best),
    }


def _somebody(like: Caller, number: int) -> Caller:
    """A viewer whom nothing has met, who sees the same rows by attributes that nobody else has."""
    day = date(1900, 1, 1) + timedelta(days=number)
    attributes: dict[str, str | tuple[str, ...]] = {
        **{name: (*one, str(1000 + number)) for name, one in ATTRIBUTES.items() if isinstance(one, tuple)},
        "cost_from": str(-number),
        "since": day.isoformat(),
    }
    return replace(like, person=replace(like.person, id=f"somebody.{number}", attributes=attributes))


def rewriting(instance: Instance, caller: Caller, turns: int) -> dict[str, Any]:
    """Milliseconds to decide and rewrite a question of TPC-H: new, in a text never seen, and known.

    The middle of the 22, each at its fastest. New means a text and a viewer never seen, so that nothing is
    known but the contracts: it is read, decided by the rules, resolved and rewritten.
    """
    new, known, number = [], [], count()

    def rewrite(sql: str, who: Caller) -> object:
        with instance.context(who) as ctx:
            return decided(ctx, data.Request(sql, purpose=PURPOSE)).statement()

    for sql in questions().values():
        strangers = [(f"{sql} -- {next(number)}", _somebody(caller, next(number))) for _ in range(turns)]
        new.append(min(timed(partial(rewrite, *one)) for one in strangers))
        rewrite(sql, caller)
        known.append(min(timed(partial(rewrite, sql, caller)) for _ in range(turns)))
    return {
        "rewrite_cold_ms": median(new),
        "rewrite_warm_ms": median(known),
        "rewrite_cold_worst_ms": max(new),
        "rewrite_warm_worst_ms": max(known),
    }
