"""Questions: rows by SQL, certified metrics, and who is asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handrail_sdk.answer import frame, read_table
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


@dataclass(frozen=True)
class ThisRun:
    """The run that this code is in.

    By a schedule it is for a `moment`, and `key` is the same whenever that moment is tried again (`attempt`
    counts from 1): what is done elsewhere under that key can be told to have been done. Otherwise `moment` is
    None and `key` the run's own.
    """

    id: str
    environment: str
    key: str
    moment: datetime | None
    attempt: int


def query(sql: str, /, **params: object) -> "pd.DataFrame":
    """The rows of a SELECT over the datasets that the manifest declares, as this person may see them.

    `$name` in the SQL takes the keyword argument of that name. Decimals arrive as floats and dates as
    timestamps, as pandas computes with them; `query_arrow` keeps the exact types. Raises Refused.
    """
    return frame(query_arrow(sql, **params))


def query_arrow(sql: str, /, **params: object) -> "pa.Table":
    """Like `query`, as an Arrow table with the exact types."""
    return _table({"sql": sql, "params": {key: plain(value) for key, value in params.items()}})


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
    return frame(metric_arrow(name, by, where, grain, start, end, order, limit, currency))


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
    return _table({"metric": metric_asked(name, by, where, grain, start, end, order, limit, currency)})


def me() -> Me:
    """The person this app runs for."""
    answer, _ = connected().ask("me", {})
    return Me(answer["id"], answer["name"], answer["email"])


def this_run() -> ThisRun:
    """The run that this code is in. Raises Refused outside of one."""
    answer, _ = connected().ask("run", {})
    moment = datetime.fromisoformat(answer["moment"]) if answer["moment"] else None
    return ThisRun(answer["id"], answer["environment"], answer["key"], moment, answer["attempt"])


def metric_asked(
    name: str,
    by: Sequence[str] | str,
    where: Mapping[str, object] | None,
    grain: str | None,
    start: object,
    end: object,
    order: Sequence[str] | str,
    limit: int | None,
    currency: str | None,
) -> dict[str, object]:
    """A question about a metric as it travels; what was not said is left out."""
    asked = {
        "name": name,
        "by": _names(by),
        "where": {key: plain(value) for key, value in (where or {}).items()},
        "grain": grain,
        "start": plain(start),
        "end": plain(end),
        "order": _names(order),
        "limit": limit,
        "currency": currency,
    }
    return {key: value for key, value in asked.items() if value not in (None, [], {})}


def plain(value: object) -> object:
    """A value as JSON has it: dates and decimals as text, NumPy's numbers as Python's."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return plain(value.item())
    return str(value)


def _table(arguments: dict[str, Any]) -> "pa.Table":
    answer, content = connected().ask("query", arguments)
    return read_table(content, marked=bool(answer.get("marked")))


def _names(names: Sequence[str] | str) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
