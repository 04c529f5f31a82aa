"""An answer in a notebook: rows with what is known about them, for pandas, polars or anything of Arrow."""

import html
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handrail_sdk.refused import Refused

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

ABOUT = (
    b"handrail"  # where an Arrow stream says what is known about its rows, and in its last batch, their end
)
_SHOWN = 20


class Answer:
    """Rows, and what of them is known: `as_of`, `masked` columns by dataset, `environment`, and `query`, its
    name on the trail.

    `no_row` says why nothing of a dataset is for you. Of a metric also whether it is `certified`, and what
    it `ties_to`. Libraries that read Arrow take it as it is, as in `polars.DataFrame(answer)`.
    """

    def __init__(self, table: "pa.Table") -> None:
        about: dict[str, Any] = json.loads((table.schema.metadata or {}).get(ABOUT, b"{}"))
        self._table = table
        self.query: str = about.get("query", "")
        self.environment: str = about.get("environment", "")
        self.as_of = datetime.fromisoformat(about["as_of"]) if about.get("as_of") else None
        self.masked: Mapping[str, list[str]] = about.get("masked", {})
        self.certified: bool | None = about.get("certified")
        self.ties_to: str | None = about.get("ties_to")
        self.no_row: list[str] = about.get("no_row", [])

    def arrow(self) -> "pa.Table":
        """The rows with their exact types."""
        return self._table

    def to_pandas(self) -> "pd.DataFrame":
        """For pandas to compute with: decimals as floats, dates as timestamps."""
        return frame(self._table)

    def to_polars(self) -> "pl.DataFrame":
        """For polars, with the exact types."""
        try:
            import polars as pl  # noqa: PLC0415 - it need not be installed
        except ImportError:
            raise Refused(
                "polars is not installed here.", "Install it, or use to_pandas().", "not_ready"
            ) from None
        return pl.DataFrame(self._table)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        rows: int = self._table.num_rows
        return rows

    def __repr__(self) -> str:
        names = ", ".join(self._table.column_names)
        return f"<Answer {self.query}: {len(self):,} rows of {names}; {self._said()}>"

    def _said(self) -> str:
        said = ["made-up data of the sandbox"] if self.environment == "sandbox" else []
        if self.certified is not None:
            ties = f", ties to {self.ties_to}" if self.ties_to else ""
            said.append(f"certified{ties}" if self.certified else "not certified")
        said += [f"as of {self.as_of:%Y-%m-%d %H:%M}"] if self.as_of else []
        said += self.no_row
        hidden = [f"{dataset}.{name}" for dataset, names in self.masked.items() for name in names]
        return (
            "; ".join([*said, *([f"masked: {', '.join(hidden)}"] if hidden else [])])
            or "nothing more is known"
        )

    def _repr_html_(self) -> str:
        hidden = {name for names in self.masked.values() for name in names}
        heads = "".join(
            f"<th>{html.escape(column.name)}{' &#128274;' if column.name in hidden else ''}"
            f"<br><small>{html.escape(str(column.type))}</small></th>"
            for column in self._table.schema
        )
        columns = [column.to_pylist() for column in self._table.slice(0, _SHOWN).columns]
        rows = "".join(
            f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>"
            for row in zip(*columns, strict=True)
        )
        count = f"{len(self):,} rows" if len(self) <= _SHOWN else f"The first {_SHOWN} of {len(self):,} rows"
        return (
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
            f"<p><small>{count}; {html.escape(self._said())}; {html.escape(self.query)}</small></p>"
        )


class Listed(list[dict[str, Any]]):
    """Datasets or metrics as dictionaries, with a table of the keys that say most."""

    keys = ("name", "state", "description", "owner", "dimensions", "rows")

    def _repr_html_(self) -> str:
        flat = [{**(one.get("contract") or {}), **one} for one in self]
        keys = [key for key in self.keys if any(one.get(key) not in (None, "", []) for one in flat)]
        heads = "".join(f"<th>{key}</th>" for key in keys)
        rows = "".join(
            f"<tr>{''.join(f'<td>{_cell(one.get(key))}</td>' for key in keys)}</tr>" for one in flat
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def read_table(content: bytes, marked: bool) -> "pa.Table":
    """An Arrow stream as a table. Raises the refusal that its last batch tells.

    `marked`: the stream must say that it is whole; one that breaks off without a word is refused.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - the package also works where it is not installed
    except ImportError:
        raise Refused("Answers come as Arrow tables.", "Install pyarrow.", "not_ready") from None
    batches: list[pa.RecordBatch] = []
    end: dict[str, Any] = {}
    try:
        reader = pa.ipc.open_stream(content)
        while True:
            batch, about = reader.read_next_batch_with_custom_metadata()
            batches.append(batch)
            end = json.loads(about[ABOUT]) if about and ABOUT in about else {}
    except StopIteration:
        pass
    except (pa.ArrowException, OSError):
        end = {}
        marked = True
    if "refusal" in end:
        said = end["refusal"]
        raise Refused(said["message"], said["next_step"], said["code"])
    if marked and not end.get("complete"):
        raise Refused("The answer broke off.", "Ask again; tell support if it stays so.", "upstream")
    return pa.Table.from_batches(batches, reader.schema)


def frame(table: "pa.Table") -> "pd.DataFrame":
    """A table for pandas to compute with; `attrs["handrail"]` keeps what is known about it."""
    import pyarrow as pa  # noqa: PLC0415

    for place, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            table = table.set_column(place, column.name, table.column(place).cast(pa.float64()))
    made: pd.DataFrame = table.to_pandas(date_as_object=False)
    made.attrs["handrail"] = json.loads((table.schema.metadata or {}).get(ABOUT, b"{}"))
    return made


def _cell(value: object) -> str:
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return html.escape(", ".join(value))
    return "" if value is None else html.escape(str(value))
