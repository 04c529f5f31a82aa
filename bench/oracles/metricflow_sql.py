"""Compile metric requests with metricflow, in an environment that holds it (`make oracles`).

Reads one JSON object from stdin: `manifest` (metricflow's own form), `requests` (each `metrics`, `group_by`,
`where`, `start`, `end`, `order_by`, `limit`), and `repeat`, how often each is compiled; writes a list with an
object for each request: its `sql` and `ms`, the fastest time that compiling it took; or the `refusal`.
Only what metricflow refuses is a refusal; anything else that it raises ends the script.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from typing import Any

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import PydanticSemanticManifest
from metricflow_semantic_interfaces.transformations.semantic_manifest_transformer import (
    PydanticSemanticManifestTransformer,
)
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import SemanticManifestValidator
from metricflow_semantics.errors.error_classes import InvalidQueryException
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class OnlySql:
    """Metricflow's idea of a database, as far as it is asked to write SQL for one: DuckDB."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


def engine(manifest: dict[str, Any]) -> MetricFlowEngine:
    """Metricflow over this manifest; raises what its own validation finds wrong with it."""
    parsed = PydanticSemanticManifestTransformer.transform(PydanticSemanticManifest.parse_obj(manifest))
    SemanticManifestValidator[PydanticSemanticManifest]().checked_validations(parsed)
    return MetricFlowEngine(SemanticManifestLookup(parsed), OnlySql())


def compiled(flow: MetricFlowEngine, request: dict[str, Any], repeat: int) -> dict[str, Any]:
    """The SQL of a request, or why metricflow refuses it."""
    asked = MetricFlowQueryRequest.create(
        metric_names=request["metrics"],
        group_by_names=request.get("group_by") or None,
        where_constraints=request.get("where") or None,
        time_constraint_start=_moment(request.get("start")),
        time_constraint_end=_moment(request.get("end")),
        order_by_names=request.get("order_by") or None,
        limit=request.get("limit"),
    )
    best, sql = float("inf"), ""
    for _ in range(repeat):
        began = time.perf_counter()
        try:
            sql = flow.explain(asked).sql_statement.sql
        except InvalidQueryException as refused:
            return {"refusal": str(refused)}
        best = min(best, (time.perf_counter() - began) * 1000)
    return {"sql": sql, "ms": best}


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


if __name__ == "__main__":
    task = json.load(sys.stdin)
    flow = engine(task["manifest"])
    json.dump([compiled(flow, one, task.get("repeat", 1)) for one in task["requests"]], sys.stdout)
