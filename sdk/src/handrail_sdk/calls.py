"""Questions: rows by SQL, certified metrics, and who is asking."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handrail_sdk.refused import Refused
from handrail_sdk.transport import connected

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Me:
    """The person this app runs for."""

    id: str
    name: str
    email: str


def query(sql: str, /, **params: object) -> "pd.DataFrame":
    """The rows of a SELECT over the datasets that the manifest declares, as this person may see them.

    `$name` in the SQL takes the keyword argument of that name. Decimals arrive as floats and dates as
    timestamps, as pandas computes with them; `query_arrow` keeps the exact types. Raises Refused.
    """
    return _frame(query_arrow(sql, **params))


def query_arrow(sql: str, /, **params: object) -> "pa.Table":
    """Like `query`, as an Arrow table with the exact types."""
    return _table({"sql": sql, "params": {key: _plain(value) for key, value in params.items()}})


def metric(
    name: str,
    by: Sequence[str] | str = (),
    where: Mapping[str, object] | None = None,
    grain: str | None = None,
    start: object = None,
    end: object = None,
    order: Sequence[str] | str = (),
    limit: int | None = None,
    currency: str | None = None,
) -> "pd.DataFrame":
    """A metric, by dimensions and per `grain` (day to year, fiscal_quarter …), in an `order` of its own.

    The frame's `attrs["handrail"]` says whether it is `certified` now and what it `ties_to`. Raises Refused.
    """
    return _frame(metric_arrow(name, by, where, grain, start, end, order, limit, currency))


def metric_arrow(
    name: str,
    by: Sequence[str] | str = (),
    where: Mapping[str, object] | None = None,
    grain: str | None = None,
    start: object = None,
    end: object = None,
    order: Sequence[str] | str = (),
    limit: int | None = None,
    currency: str | None = None,
) -> "pa.Table":
    """Like `metric`, as an Arrow table with the exact types."""
    asked = {
        "name": name,
        "by": _names(by),
        "where": {key: _plain(value) for key, value in (where or {}).items()},
        "grain": grain,
        "start": _plain(start),
        "end": _plain(end),
        "order": _names(order),
        "limit": limit,
        "currency": currency,
    }
    return _table({"metric": {key: value for key, value in asked.items() if value not in (None, [], {})}})


def me() -> Me:
    """The person this app runs for."""
    answer, _ = connected().ask("me", {})
    return Me(answer["id"], answer["name"], answer["email"])


def _table(arguments: dict[str, Any]) -> "pa.Table":
    try:
        import pyarrow as pa  # noqa: PLC0415 - the package also works where it is not installed
    except ImportError:
        raise Refused("Answers come as Arrow tables.", "Install pyarrow.", "not_ready") from None
    _, content = connected().ask("query", arguments)
    return pa.ipc.open_stream(content).read_all()


def _frame(table: "pa.Table") -> "pd.DataFrame":
    import pyarrow as pa  # noqa: PLC0415

    for place, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            table = table.set_column(place, column.name, table.column(place).cast(pa.float64()))
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    frame.attrs["handrail"] = json.loads((table.schema.metadata or {}).get(b"handrail", b"{}"))
    return frame


def _names(names: Sequence[str] | str) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _plain(value: object) -> object:
    """A value as JSON has it: dates and decimals as text, NumPy's numbers as Python's."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return _plain(value.item())
    return str(value)
