"""Hand semantic models out as Apache Ossie files, and take such files in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from handrail.data import plain_model
from handrail.data.catalog import CATALOG, contract_of
from handrail.data.metrics import FOLDER, definitions_of, read_model
from handrail.data.models import Contract
from handrail.data.ossie import Definition
from handrail.data.parse import nearest
from handrail.data.store import all_extracts
from handrail.data.words import slug
from handrail.kernel import (
    Conflict,
    Context,
    Invalid,
    NotFound,
    Resource,
    access,
    definitions,
    strict_yaml,
)


@dataclass(frozen=True)
class Handed:
    """A model as a file; `left_out` are the metrics that plain Ossie has no words for, each with why."""

    name: str
    content: str
    left_out: Mapping[str, str] = field(default_factory=dict)


def export_model(ctx: Context, name: str, plain: bool = False) -> Handed:
    """A model by its name, as an Ossie file.

    As it is here, with what Handrail adds in `custom_extensions`; or `plain`, for tools that know nothing of
    Handrail: every metric means the same by its expression alone, and those that cannot are left out, named.
    """
    access.require(ctx, "see-metrics", CATALOG)
    every = definitions_of(ctx).values()
    mine: list[Definition] = [one for one in every if one.model.name == name]
    if not mine:
        known = {one.model.name for one in every}
        raise NotFound(f"There is no model {name}.", next_step=nearest(name, known), subject=f"model:{name}")
    if not plain:
        return Handed(name, plain_model.document(mine[0].model))
    return Handed(name, *plain_model.plain(mine[0].model, mine))


def import_model(ctx: Context, content: bytes, name: str) -> tuple[str, ...]:
    """Take an Ossie file in as `model/NAME.yaml`; answers with its metrics, all of them drafts.

    A dataset's `source` is found by its last part among the datasets here (`sales.public.orders` is
    `orders`). A relationship to columns that the contract calls unique needs no key in the file. Refuses
    anybody but stewards; a file that is there already, what is no model as `ossie.load` says it, sources
    that are no datasets here, and metrics that another model has or that cannot be asked.
    """
    file = f"{FOLDER}{slug(name)}.yaml"
    access.require(ctx, "import-model", Resource("Metric", slug(name)))
    if definitions.read(ctx, file) is not None:
        raise Conflict(
            f"{file} is there already.", next_step="Import it under another name.", subject="model"
        )
    fitted = _fitted(ctx, content, file)
    found = read_model(fitted, file)
    others = definitions_of(ctx)
    for one in found:
        if one.metric.name in others:
            where = others[one.metric.name].file
            raise Conflict(
                f"The metric {one.metric.name} is in {where} already.",
                next_step="Rename it in one of the two files.",
                subject=f"metric:{one.metric.name}",
            )
    definitions.write(ctx, file, fitted, f"Import the model {name}")
    metrics = tuple(one.metric.name for one in found)
    ctx.audit.note("model.imported", f"model:{slug(name)}", file=file, metrics=list(metrics))
    return metrics


def _fitted(ctx: Context, content: bytes, file: str) -> bytes:
    """The file with our names for its sources, and with the keys that our contracts know of."""
    _, said = strict_yaml.read(content, file)
    known = all_extracts(ctx).keys()
    models = said.get("semantic_model") if isinstance(said, dict) else None
    for model in models if isinstance(models, list) else ():
        datasets = [one for one in model.get("datasets", ()) if isinstance(one, dict)]
        contracts: dict[str, Contract] = {}
        for one in datasets:
            source = str(one.get("source", ""))
            ours = next((each for each in (source, slug(source.rpartition(".")[2])) if each in known), None)
            if ours is None:
                raise Invalid(
                    f"{file}: the dataset {one.get('name')} is of {source[:100]}, which is no dataset here.",
                    next_step=f"Import that table first. {nearest(slug(source.rpartition('.')[2]), known)}",
                    subject="model",
                )
            one["source"] = ours
            contracts[str(one.get("name"))] = contract_of(ctx, ours)
        for step in model.get("relationships", ()):
            _keyed(step, datasets, contracts)
    text: str = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=110)
    return text.encode()


def _keyed(step: Any, datasets: list[dict[str, Any]], contracts: Mapping[str, Contract]) -> None:
    """Add the key that a relationship points at, where the contract says that it is one."""
    to = next((one for one in datasets if isinstance(step, dict) and one.get("name") == step.get("to")), None)
    columns = step.get("to_columns") if to else None
    if to is None or not isinstance(columns, list):
        return
    keys = [to.get("primary_key", []), *to.get("unique_keys", [])]
    if any(set(key) == set(columns) for key in keys):
        return
    contract = contracts[str(to["name"])]
    unique = [contract.column(str(name)) for name in columns]
    whole = {column.name for column in contract.columns if column.primary_key}
    if any(column and column.unique for column in unique) or (whole and whole == set(map(str, columns))):
        to["unique_keys"] = [*to.get("unique_keys", []), list(columns)]
