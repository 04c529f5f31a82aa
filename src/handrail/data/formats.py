"""An answer as bytes, while it is being made: an Arrow stream, JSON or CSV, each with a mark of wholeness.

Arrow and JSON say at their end that all rows came and how many they were, or why not; CSV cannot, so a face
must break off what carries it. Nothing is rounded on the way (`cells`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from typing import Any, Literal, get_args

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from handrail import kit
from handrail.data import cells
from handrail.data.answer import Answer
from handrail.kernel import Invalid, Refusal

Format = Literal["arrow", "json", "csv"]
Codec = Literal["zstd", "lz4"]
Dialect = Literal["plain", "excel"]
MEDIA: dict[str, Format] = {
    "application/vnd.apache.arrow.stream": "arrow",
    "application/json": "json",
    "text/csv": "csv",
}
CODECS: tuple[Codec, ...] = get_args(Codec)
# Under this key an Arrow schema says what `described` says, and the last batch what `_closed` says.
ABOUT = b"handrail"
# What a spreadsheet takes for a formula when a text begins with it (OWASP, “CSV Injection”).
_FORMULA = "^([=+\\-@\t\r\n＝＋－＠])"
_MARK = "\ufeff".encode()  # without it Excel does not read CSV as UTF-8


def encoded(
    answer: Answer, form: Format, codec: Codec | None = None, dialect: Dialect = "plain"
) -> Iterator[bytes]:
    """The answer in pieces. What is refused before the first row is refused here, not in the middle.

    A refusal in the middle is told in the last piece, where the format can say it, and raised after that.
    `codec` compresses the bodies of Arrow batches. The dialect `excel` of CSV begins with the mark by which
    Excel reads UTF-8, and puts an apostrophe before texts that it would take for a formula. Refuses Invalid
    to write lists and records as CSV.
    """
    if form == "csv":
        _refuse_nested(answer)
    batches = answer.batches()
    first = next(batches, None)
    rest: Iterator[pa.RecordBatch] = chain([first], batches) if first is not None else batches
    if form == "arrow":
        return _arrow(answer, rest, codec)
    return _json(answer, rest) if form == "json" else _csv(answer.schema, rest, dialect)


def described(answer: Answer) -> dict[str, Any]:
    """What is known about an answer besides its rows."""
    columns = [{"name": column.name, "type": str(column.type)} for column in answer.schema]
    badge: dict[str, Any] = {}
    if answer.certified is not None:
        badge = {"certified": answer.certified, "ties_to": answer.ties_to}
    if answer.currency:
        badge |= {"currency": answer.currency, "rates": answer.rates}
    if answer.no_row:
        badge |= {"no_row": list(answer.no_row)}
    if answer.no_row:
        badge["no_row"] = list(answer.no_row)
    return {
        "query": answer.id,
        "environment": answer.environment,
        "as_of": kit.jsonable(answer.as_of),
        "columns": columns,
        "masked": kit.jsonable(answer.masked),
        **badge,
    }


def rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """A batch as plain rows, by `cells`."""
    names = batch.schema.names
    columns = [cells.plain(column) for column in batch.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _closed(count: int, refusal: Refusal | None) -> dict[str, Any]:
    whole: dict[str, Any] = {"complete": refusal is None, "count": count}
    return whole if refusal is None else {**whole, "refusal": refusal.answer()}


def _arrow(answer: Answer, batches: Iterator[pa.RecordBatch], codec: Codec | None) -> Iterator[bytes]:
    """A stream whose last batch, without rows, carries the mark; a broken one has no end of stream either."""
    sink = io.BytesIO()
    schema = answer.schema.with_metadata({ABOUT: orjson.dumps(described(answer))})
    writer = pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression=codec))
    count, refused = 0, None
    try:
        for batch in batches:
            writer.write_batch(batch)
            count += batch.num_rows
            yield _taken(sink)
    except Refusal as refusal:
        refused = refusal
    last = pa.RecordBatch.from_pylist([], schema=schema)
    writer.write_batch(last, custom_metadata={ABOUT: orjson.dumps(_closed(count, refused))})
    if refused:
        yield _taken(sink)
        raise refused
    writer.close()
    yield _taken(sink)


def _json(answer: Answer, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """One document; `complete` and `count` come after the rows, and `refusal` where there is one."""
    yield orjson.dumps(described(answer))[:-1] + b',"rows":['
    count, refused = 0, None
    try:
        for batch in batches:
            if batch.num_rows:
                yield (b"," if count else b"") + orjson.dumps(rows(batch))[1:-1]
                count += batch.num_rows
    except Refusal as refusal:
        refused = refusal
    yield b"]," + orjson.dumps(_closed(count, refused))[1:] + b"\n"
    if refused:
        raise refused


def _csv(schema: pa.Schema, batches: Iterator[pa.RecordBatch], dialect: Dialect) -> Iterator[bytes]:
    sink = io.BytesIO()
    csv.write_csv(_speakable(pa.RecordBatch.from_pylist([], schema=schema), dialect), sink)
    yield (_MARK if dialect == "excel" else b"") + _taken(sink)
    bare = csv.WriteOptions(include_header=False)
    for batch in batches:
        csv.write_csv(_speakable(batch, dialect), sink, bare)
        yield _taken(sink)


def _speakable(batch: pa.RecordBatch, dialect: Dialect) -> pa.RecordBatch:
    """A batch as CSV can carry it: what has no text of its own there as text, maybe without formulas."""
    columns = [cells.speakable(column) for column in batch.columns]
    names = batch.schema.names
    if dialect == "excel":
        columns = [_harmless(column) if pa.types.is_string(column.type) else column for column in columns]
        names = _harmless(pa.array(names, pa.string())).to_pylist()
    return pa.RecordBatch.from_arrays(columns, names)


def _harmless(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, _FORMULA, "'\\1")


def _taken(sink: io.BytesIO) -> bytes:
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content


def _refuse_nested(answer: Answer) -> None:
    for column in answer.schema:
        if pa.types.is_nested(column.type):
            answer.close()
            raise Invalid(
                f"The column {column.name} holds {column.type}, which CSV cannot.",
                next_step="Ask for JSON or Arrow, or make it a text in the query.",
            )
