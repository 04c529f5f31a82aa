"""What OpenLineage calls things: events, datasets and their facets, by its specification 2-0-2.

Facets are those of https://openlineage.io/spec/facets, each in the version that `_SCHEMAS` names. Nothing
here knows a row: names, types, promises and counts are all that is told.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from handrail import data
from handrail.openlineage.models import Facets, Told

VERSION = version("handrail")
PRODUCER = f"urn:handrail:server:{VERSION}"
_SPEC = "https://openlineage.io/spec"
_SCHEMAS = {
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "dataQualityAssertions": "1-1-0/DataQualityAssertionsDatasetFacet",
    "documentation": "1-1-0/DocumentationDatasetFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "ownership": "1-0-1/OwnershipDatasetFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
}
_OF_JOBS = {"documentation": "1-1-0/DocumentationJobFacet", "ownership": "1-0-1/OwnershipJobFacet"}
_RUNS = uuid.UUID("7f0e3bb4-9d1c-5a0e-8f3e-2b6d6c1a9a51")  # the name space of our runs' UUIDs
# How a use of a column is called there: whether its values go in, and by what.
USES = {
    "copied": ("DIRECT", "IDENTITY"),
    "measured": ("DIRECT", "AGGREGATION"),
    "filtered": ("INDIRECT", "FILTER"),
    "cut": ("INDIRECT", "GROUP_BY"),
    "read": ("DIRECT", "TRANSFORMATION"),
    "twinned": ("DIRECT", "TRANSFORMATION"),
}


def event(told: Told, namespace: str) -> dict[str, Any]:
    """One RunEvent. The same run always has the same UUID, so that an event sent twice is known again."""
    return {
        "eventTime": told.moment.isoformat(),
        "producer": PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "eventType": told.type,
        "run": {
            "runId": str(uuid.uuid5(_RUNS, f"{namespace} {told.run}")),
            "facets": {
                "processing_engine": _facet("processing_engine", version=VERSION, name="Handrail"),
                **told.run_facets,
            },
        },
        "job": {"namespace": namespace, "name": told.job, "facets": dict(told.job_facets)},
        "inputs": list(told.inputs),
        "outputs": list(told.outputs),
    }


def job(kind: str, says: str = "", owners: Iterable[str] = ()) -> dict[str, Any]:
    """The facets of a job: its kind, what it is for, and who answers for it."""
    found = {
        "jobType": _facet("jobType", processingType="BATCH", integration="HANDRAIL", jobType=kind),
    }
    if says:
        found["documentation"] = _facet("documentation", _OF_JOBS, description=says)
    if people := sorted(owners):
        found["ownership"] = _facet("ownership", _OF_JOBS, owners=_owners(people))
    return found


def failed(because: str) -> dict[str, Any]:
    """The facet of what failed: in one word of ours, since others can hold rows and passwords."""
    message = f"The run ended: {because}."
    return {"errorMessage": _facet("errorMessage", message=message, programmingLanguage="Python")}


def named(namespace: str, name: str, facets: Facets | None = None) -> dict[str, Any]:
    """A dataset by its name alone."""
    return {"namespace": namespace, "name": name, "facets": dict(facets or {})}


def dataset(namespace: str, name: str, of: data.Stated | None, kind: str = "dataset") -> dict[str, Any]:
    """A dataset, or its twin, as its contract states it: columns, owner, meaning and version."""
    if of is None:
        return named(namespace, f"{kind}.{name}")
    contract = of.contract
    facets = {
        "schema": _facet("schema", fields=[_field(column) for column in contract.columns]),
        "version": _facet("version", datasetVersion=contract.digest),
    }
    if contract.description:
        facets["documentation"] = _facet("documentation", description=contract.description)
    if contract.owner:
        facets["ownership"] = _facet("ownership", owners=_owners([contract.owner]))
    return named(namespace, f"{kind}.{name}", facets)


def source_table(namespace: str, of: data.Stated, engines: Mapping[str, str]) -> dict[str, Any]:
    """The table that a dataset is copied from or read at, by OpenLineage's naming, so that lineages join.

    `engines` are the kinds of the servers in the settings, by name.
    """
    contract, source = of.contract, of.source
    location = source.location if source and source.kind == "postgres" else ""
    if contract.engine and engines.get(contract.engine) == "postgres":
        location = contract.server
    if location:
        address, _, database = location.removeprefix("postgresql://").partition("/")
        host = address.rpartition("@")[2]
        port = "" if ":" in host else ":5432"
        schema = "" if "." in contract.physical_name else "public."
        return named(f"postgres://{host}{port}", f"{database}.{schema}{contract.physical_name}")
    if source and source.location.startswith("/"):
        return named("file", f"{source.location}#{contract.physical_name}")
    return named(namespace, f"source.{contract.source}.{contract.physical_name}")


def lineage(
    fields: Mapping[str, Iterable[tuple[Mapping[str, Any], str, str]]],
    whole: Iterable[tuple[Mapping[str, Any], str, str]] = (),
) -> dict[str, Any]:
    """Column lineage: by output field, and for all of it together, (dataset, column, use) of what goes in."""
    return _facet(
        "columnLineage",
        fields={name: {"inputFields": _inputs(these)} for name, these in fields.items()},
        dataset=_inputs(whole),
    )


def metric_schema(name: str, says: str, digest: str) -> dict[str, Any]:
    """The facets of a metric, which is told as a dataset of one column."""
    return {
        "schema": _facet("schema", fields=[{"name": name, "type": "metric"}]),
        "documentation": _facet("documentation", description=says),
        "version": _facet("version", datasetVersion=digest),
    }


def assertions(checked: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    """What was promised of a dataset, and whether it holds."""
    return {
        "dataQualityAssertions": _facet(
            "dataQualityAssertions",
            assertions=[{"assertion": promise, "success": holds} for promise, holds in checked],
        )
    }


def rows(count: int) -> dict[str, Any]:
    """How many rows an output has."""
    return {"outputStatistics": _facet("outputStatistics", rowCount=count)}


def _inputs(used: Iterable[tuple[Mapping[str, Any], str, str]]) -> list[dict[str, Any]]:
    return [
        {
            "namespace": of["namespace"],
            "name": of["name"],
            "field": column,
            "transformations": [_transformation(use)],
        }
        for of, column, use in used
    ]


def _transformation(use: str) -> dict[str, Any]:
    kind, subtype = USES[use]
    masked = {"masking": True} if use == "twinned" else {}
    return {"type": kind, "subtype": subtype, **masked}


def _field(column: data.Column) -> dict[str, Any]:
    said = {"description": column.description} if column.description else {}
    return {"name": column.name, "type": column.type, **said}


def _owners(people: Iterable[str]) -> list[dict[str, str]]:
    return [{"name": f"user:{person}", "type": "OWNER"} for person in people]


def _facet(name: str, schemas: Mapping[str, str] = _SCHEMAS, /, **values: Any) -> dict[str, Any]:
    number, _, kind = schemas[name].partition("/")
    address = f"{_SPEC}/facets/{number}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": address, **values}
