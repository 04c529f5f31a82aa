"""Go back to an earlier twin, with everything that was built together with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from handrail import data
from handrail.kernel import Conflict, Context, NotReady
from handrail.twins import files, store
from handrail.twins.build import may_build
from handrail.twins.freeze import there
from handrail.twins.models import Sketch
from handrail.twins.tables import table_of


def roll_back(ctx: Context, dataset: str, build: str) -> tuple[str, ...]:
    """Let the twins of an earlier build answer again, until the next one; gives the datasets they are of.

    All datasets that were built together go back together, so that their keys fit each other. Refuses
    NotFound a build that is not kept, Conflict the one that answers already, and NotReady one that the
    contracts of today no longer describe: it lacks columns, or holds them in other types; it breaks a promise
    about keys and empty values that was made since; or it shows what is kept from sight by now, as a column
    that was classified since, real rows, or what fewer stand for than the contract asks for now.
    """
    together = store.datasets_of(ctx, build) or (dataset,)
    may_build(ctx, together)
    there(ctx, dataset, build)
    now = data.rendition(ctx, dataset)
    if now is not None and now.facts["build"] == build:
        raise Conflict(
            "This twin answers already.", next_step="Choose an earlier one.", subject=f"dataset:{dataset}"
        )
    sketch = files.sketch_of(ctx.settings.home, build)
    for name in together:
        earlier = data.rendition(ctx, name, build)
        if earlier is None:
            continue
        path = files.parquet(ctx.settings.home, build, name)
        contract = data.contract(ctx, name)
        has = pq.read_schema(path).names
        missing = [one.name for one in contract.columns if one.name not in has]
        differs = [f"has no {', '.join(missing)}"] if missing else list(_differs(sketch, contract))
        if differs:
            raise NotReady(
                f"The earlier twin of {name} {differs[0]}, and its contract says otherwise now.",
                next_step="Build the twin again instead.",
                subject=f"dataset:{name}",
            )
        data.set_rendition(ctx, name, path, earlier.facts, earlier.contract_digest)
        ctx.audit.note("twin.rolled_back", f"dataset:{name}", build=build)
    return together


def _differs(sketch: Sketch, contract: data.Contract) -> Iterator[str]:
    """What a twin is that its contract of today does not say of it, by what it was made from."""
    made, asked = sketch.table(contract.name), table_of(contract, Path())
    if made.verbatim and not asked.verbatim:
        yield "holds the real rows"
    stands = made.k or sketch.k
    if asked.k is not None and asked.k > stands and not made.verbatim:
        yield f"tells what {stands} stand for"
    if asked.entity and made.entity is not None and made.entity != asked.entity:
        yield f"does not count {asked.entity}"
    links = {
        (own, link.to, to)
        for link in made.links
        for own, to in zip(link.columns, link.to_columns, strict=True)
    }
    for field in asked.fields:
        column = made.column(field.name)
        if column.type != field.type:
            yield f"holds {field.name} as {column.type}"
        if field.personal and not column.personal and not asked.verbatim:
            yield f"does not treat {field.name} as personal"
        if field.sensitive and column.kept:
            yield f"tells {field.name} row by row"
        if field.required and not column.required:
            yield f"may have no {field.name}"
        if (field.unique and not column.unique) or (field.primary_key and not column.primary_key):
            yield f"may repeat {field.name}"
        if field.references and (field.name, *field.references) not in links:
            yield f"does not point {field.name} at {'.'.join(field.references)}"
