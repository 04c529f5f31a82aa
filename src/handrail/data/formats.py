"""An answer as bytes, while it is being made: an Arrow stream, JSON or CSV."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Literal

import orjson
import pyarrow as pa
from pyarrow import csv

from handrail import kit
from handrail.data.answer import Answer
from handrail.kernel import Invalid

Format = Literal["arrow", "json", "csv"]
MEDIA: dict[str, Format] = {
    "application/vnd.apache.arrow.stream": "arrow",
    "application/json": "json",
    "text/csv": "csv",
}


def encoded(answer: Answer, form: Format) -> Iterator[bytes]:
    """The answer in pieces. What is refused before the first row is refused here, not in the middle.

    A refusal in the middle ends the pieces without the end of the document. Refuses Invalid to write lists
    and records as CSV.
    """
    if form == "csv":
        _refuse_nested(answer)
    batches = answer.batches()
    first = next(batches, None)
    rest: Iterator[pa.RecordBatch] = chain([first], batches) if first is not None else batches
    return _ENCODERS[form](answer, rest)


def described(answer: Answer) -> dict[str, Any]:
    """What is known about an answer besides its rows."""
    columns = [{"name": column.name, "type": str(column.type)} for column in answer.schema]
    badge = {} if answer.certified is None else {"certified": answer.certified, "ties_to": answer.ties_to}
    return {
        "query": answer.id,
        "environment": answer.environment,
        "as_of": kit.jsonable(answer.as_of),
        "columns": columns,
        "masked": kit.jsonable(answer.masked),
        **badge,
    }


def rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """A batch as plain rows: whole numbers as such, other decimals exact, as texts."""
    whole = {
        column.name for column in batch.schema if pa.types.is_decimal(column.type) and column.type.scale == 0
    }
    return [
        {name: int(v) if name in whole and v is not None else kit.jsonable(v) for name, v in row.items()}
        for row in batch.to_pylist()
    ]


def _arrow(answer: Answer, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, answer.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def _json(answer: Answer, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    yield orjson.dumps(described(answer))[:-1] + b',"rows":['
    begun = False
    for batch in batches:
        if batch.num_rows:
            yield (b"," if begun else b"") + orjson.dumps(rows(batch))[1:-1]
            begun = True
    yield b"]}\n"


def _csv(answer: Answer, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    sink = io.BytesIO()
    with csv.CSVWriter(sink, answer.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content


def _refuse_nested(answer: Answer) -> None:
    for column in answer.schema:
        if pa.types.is_nested(column.type) or pa.types.is_interval(column.type):
            answer.close()
            raise Invalid(
                f"The column {column.name} holds {column.type}, which CSV cannot.",
                next_step="Ask for JSON or Arrow, or make it a text in the query.",
            )


_ENCODERS: dict[Format, Callable[[Answer, Iterator[pa.RecordBatch]], Iterator[bytes]]] = {
    "arrow": _arrow,
    "json": _json,
    "csv": _csv,
}
