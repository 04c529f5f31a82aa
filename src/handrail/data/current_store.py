"""What is recorded about the datasets of one question, read at once: asking often must stay cheap."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from handrail.data.models import Certification, Extract, Proposal
from handrail.data.store import certifications, extracts, proposals
from handrail.kernel import Context
from handrail.kernel.ready import Ready


@dataclass(frozen=True)
class Recorded:
    """Of one dataset: its extract, its newest proposal and its newest certification."""

    extract: Extract
    proposal: Proposal | None
    certification: Certification | None


def _newest(table: sa.Table, moment: sa.Column[Any]) -> sa.ScalarSelect[Any]:
    """The id of a dataset's newest row."""
    again = table.alias()
    query = sa.select(again.c.id).where(again.c.dataset == extracts.c.dataset).correlate(extracts)
    return query.order_by(again.c[moment.name].desc(), again.c.id.desc()).limit(1).scalar_subquery()


_QUERY = (
    sa.select(
        *(
            extracts.c[n].label(f"e_{n}")
            for n in ("dataset", "source", "physical_name", "path", "rows", "as_of")
        ),
        *(proposals.c[n].label(f"p_{n}") for n in ("id", "digest", "proposed_by", "proposed_at", "until")),
        *(column.label(f"c_{column.name}") for column in certifications.c),
    )
    .select_from(extracts)
    .outerjoin(proposals, proposals.c.id == _newest(proposals, proposals.c.proposed_at))
    .outerjoin(certifications, certifications.c.id == _newest(certifications, certifications.c.certified_at))
)


_NAMES = [str(column.key) for column in _QUERY.selected_columns]


@lru_cache(maxsize=64)
def _about(many: int) -> Ready:
    """The query about so many datasets."""
    places = [sa.bindparam(f"name_{place}", type_=sa.Text) for place in range(many)]
    return Ready(_QUERY.where(extracts.c.dataset.in_(places)), writes=False)


def recorded(ctx: Context, names: Collection[str]) -> dict[str, Recorded]:
    """What is recorded of these datasets; names that are none are left out."""
    if not names:
        return {}
    wanted = {f"name_{place}": name for place, name in enumerate(sorted(names))}
    rows = _about(len(names)).rows(ctx.db, wanted)
    found = [_recorded(ctx.settings.home, ctx.db.dialect, row) for row in rows]
    return {one.extract.dataset: one for one in found}


@lru_cache(maxsize=16_384)
def _recorded(home: Path, dialect: sa.Dialect, values: tuple[Any, ...]) -> Recorded:
    """What a row says, in the driver's own types; of the same row it is the same."""
    kinds = (column.type.dialect_impl(dialect) for column in _QUERY.selected_columns)
    readers = (kind.result_processor(dialect, None) for kind in kinds)
    read = (reader(value) if reader else value for reader, value in zip(readers, values, strict=True))
    row = SimpleNamespace(**dict(zip(_NAMES, read, strict=True)))
    name, path = row.e_dataset, home / row.e_path
    extract = Extract(name, row.e_source, row.e_physical_name, path, row.e_rows, row.e_as_of)
    proposal = certification = None
    if row.p_id is not None:
        proposal = Proposal(row.p_id, name, row.p_digest, row.p_proposed_by, row.p_proposed_at, row.p_until)
    if row.c_id is not None:
        certification = Certification(
            id=row.c_id,
            dataset=name,
            digest=row.c_digest,
            proposed_by=row.c_proposed_by,
            by=row.c_certified_by,
            at=row.c_certified_at,
            until=row.c_until,
            revoked_at=row.c_revoked_at,
            revoked_by=row.c_revoked_by,
            reason=row.c_reason,
        )
    return Recorded(extract, proposal, certification)
