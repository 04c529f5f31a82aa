"""Makes twins from extracts without touching our own database: sketch, generate, judge, score."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from handrail import data
from handrail.twins.abreast import abreast
from handrail.twins.agreement import agree
from handrail.twins.attack import attack
from handrail.twins.generate import Twin, generate
from handrail.twins.models import (
    Attack,
    Progress,
    Sketch,
    Table,
    TableReport,
    TableSketch,
    TwinRefused,
    Variant,
)
from handrail.twins.plane import Plane, open_plane
from handrail.twins.privacy import judge
from handrail.twins.rows import MOST_ROWS
from handrail.twins.rule_scores import score_rules
from handrail.twins.scores import score_columns, score_links
from handrail.twins.sketch import Taken, take
from handrail.twins.tiles import Agreement
from handrail.twins.values import Outside
from handrail.twins.verbatim import real_tables


@dataclass(frozen=True)
class Made:
    """Twins that passed the gate, with their sketch and reports, not yet published."""

    sketch: Sketch
    twins: Mapping[str, Twin]
    reports: tuple[TableReport, ...]
    seconds: float
    agreements: tuple[Agreement, ...] = ()


def make(
    tables: Sequence[Table],
    k: int,
    seed: int = 0,
    variant: Variant = "hostile",
    outside: Outside | None = None,
    progress: Progress | None = None,
    questions: Sequence[data.TileQuestion] = (),
) -> Made:
    """Sketch the tables in the production plane, generate from the sketch alone, then hold both together.

    `questions` of certified metrics are asked of both. Refuses TwinRefused, naming the column, when a twin
    has more copies of real rows than is usual, Invalid where a table that is kept verbatim points at one that
    is not, and Conflict when contract and extract disagree.
    """
    began = time.perf_counter()
    total = 3 * len(tables)

    def from_step(offset: int) -> Progress:
        return lambda step, done, _: progress(step, offset + done, total) if progress else None

    plane = open_plane(tables, k)

    def attacked(name: str) -> Attack | None:
        return None if plane.tables[name].verbatim else attack(plane, name, seed)

    with plane.con:
        real = real_tables(plane, outside or {})
        taken = take(plane, from_step(0))
        # Attacks take what drawing leaves idle, one column after the other; sketching leaves nothing.
        with abreast(attacked, plane.layout.order) as attacks:
            twins = generate(taken.sketch, seed, variant, outside, from_step(len(tables)), real)
            reports = _judged(plane, taken, twins, seed, attacks, from_step(2 * len(tables)))
        agreements = agree(plane, {name: twin.table for name, twin in twins.items()}, questions)
    return Made(taken.sketch, twins, reports, round(time.perf_counter() - began, 2), agreements)


def _judged(
    plane: Plane,
    taken: Taken,
    twins: Mapping[str, Twin],
    seed: int,
    attacks: Iterator[Attack | None],
    progress: Progress,
) -> tuple[TableReport, ...]:
    """Every table's report; raises for the first that fails the gate. `attacks` are in the sketch's order."""
    tables, found = taken.sketch.tables, []
    with abreast(lambda table: _report(plane, taken, table, twins, seed), tables) as reports:
        for position, table in enumerate(tables):
            progress(f"checking {table.name}", position, len(tables))
            report = next(reports)
            found.append(replace(report, attack=_withstood(table.name, next(attacks))))
    return tuple(found)


def _report(
    whole: Plane, taken: Taken, table: TableSketch, twins: Mapping[str, Twin], seed: int
) -> TableReport:
    """What is known of one twin but whether it withstands an attack."""
    twin, written = twins[table.name], {name: one.table for name, one in twins.items()}
    with whole.beside() as plane:
        privacy = judge(plane, table, twin.table, twin.hostile, seed)
        if not privacy.passed:
            raise TwinRefused(
                f"The twin of {table.name} is not published: {privacy.reason}",
                next_step=f"Classify {privacy.column} as personal in its contract, then build again.",
                subject=f"dataset:{table.name}",
                column=privacy.column,
            )
        columns, pairs = score_columns(plane, table, taken.coded[table.name], twin.table)
        links = score_links(plane, table, written)
        rules = score_rules(plane, table, written, {one.name: one for one in taken.sketch.tables})
    shapes = _mean([column.score for column in columns if column.score is not None])
    dependence = _mean([pair.score for pair in pairs])
    cardinality = _mean([link.score for link in links])
    return TableReport(
        dataset=table.name,
        rows=twin.table.num_rows,
        real_rows=table.rows,
        columns=columns,
        pairs=pairs,
        links=links,
        privacy=privacy,
        hostile=tuple(sorted(Counter(cell.case for cell in twin.hostile).items())),
        simplifications=(*table.simplifications, *_not_made(table, twin.table.num_rows)),
        shapes=shapes,
        dependence=dependence,
        cardinality=cardinality,
        overall=_mean([one for one in (shapes, dependence, cardinality) if one is not None]),
        rules=rules,
        k=table.k or None,
        verbatim=table.verbatim,
    )


def _not_made(table: TableSketch, rows: int) -> tuple[str, ...]:
    """Why a twin has fewer rows than there are, in words for its report."""
    missing = table.rows - rows
    if missing <= 0:
        return ()
    if rows == MOST_ROWS:
        return (f"It has {rows:,} rows, which is the most, and not {table.rows:,}.",)
    return (f"{missing:,} of its rows are missing: no key of their own, or no row to point at, was left.",)


def _withstood(table: str, found: Attack | None) -> Attack | None:
    """What an attack found out; raises when that is more than chance."""
    if found is None or found.held:
        return found
    told = "a planted value was found in it" if found.canaries else "one can tell which rows it was made from"
    raise TwinRefused(
        f"The twin of {table} is not published: {told} (nearer to them {found.closer_to_train:.2f}, "
        f"membership {found.membership_auc:.2f}; up to {found.limit:.2f} is chance); "
        f"{found.column} gives most away.",
        next_step=f"Classify {found.column} as personal in its contract, then build again.",
        subject=f"dataset:{table}",
        column=found.column,
    )


def mean_of(reports: Sequence[TableReport]) -> float | None:
    """The score of a whole build."""
    return _mean([report.overall for report in reports if report.overall is not None])


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
