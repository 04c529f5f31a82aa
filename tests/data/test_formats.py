"""Answers as Arrow, JSON and CSV: exact to the last digit, and never half an answer that looks whole."""

import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import uvicorn
from pyarrow import csv

from handrail.data import cells, formats
from handrail.data.answer import Answer, Budget
from handrail.data.negotiate import Form, form_of
from handrail.kernel import Invalid, LimitReached, identity
from handrail.server import application
from tests.data.asking import actors, furnished

ARROW = "application/vnd.apache.arrow.stream"
# Six rows of the viewer's region, seven times over: too many for one answer, in more than one batch.
ENDLESS = "SELECT a.id, a.region FROM " + ", ".join(f"orders {name}" for name in "abcdefgh")
CELLS = {
    "9007199254740991": ("9007199254740991::BIGINT", 9007199254740991, b"9007199254740991"),
    "beyond 2 to the 53": ("9007199254740993::BIGINT", "9007199254740993", b"9007199254740993"),
    "unsigned": ("18446744073709551615::UBIGINT", "18446744073709551615", b"18446744073709551615"),
    "huge": ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727", b"170141183460469231731687303715884105727"),
    "small decimal": ("0.0000000001::DECIMAL(38,10)", "0.0000000001", b'"0.0000000001"'),
    "no decimal": ("0::DECIMAL(38,10)", "0.0000000000", b'"0.0000000000"'),
    "money": ("1.50::DECIMAL(12,2)", "1.50", b"1.50"),
    "not a number": ("'nan'::DOUBLE", "NaN", b"nan"),
    "infinite": ("'-inf'::FLOAT", "-Infinity", b"-inf"),
    "nothing": ("NULL::DOUBLE", None, b""),
    "no text": ("''", "", b'""'),
    "nothing at all": ("NULL", None, b""),
    "day": ("DATE '2026-02-28'", "2026-02-28", b"2026-02-28"),
    "day without a calendar": ("DATE '294000-01-01'", "294000-01-01", b'"294000-01-01"'),
    "day without end": ("'infinity'::DATE", "infinity", b'"infinity"'),
    "moment": ("TIMESTAMP '2026-01-01 01:02:03.5'", "2026-01-01T01:02:03.500000", b"2026-01-01 01:02:03.500000"),
    "moment in a zone": ("TIMESTAMPTZ '2026-01-01 01:02:03+02'", "2025-12-31T23:02:03+00:00", b"2025-12-31 23:02:03.000000+0000"),
    "nanoseconds": ("TIMESTAMP_NS '2026-01-01 01:02:03.123456789'", "2026-01-01T01:02:03.123456789", b"2026-01-01 01:02:03.123456789"),
    "long ago": ("TIMESTAMP '-290000-01-01'", "-290000-01-01T00:00:00.000000", b'"-290000-01-01T00:00:00.000000"'),
    "time": ("TIME '01:02:03'", "01:02:03", b"01:02:03.000000"),
    "span": ("INTERVAL '3 months -2 days 1.5 seconds'", "P3M-2DT1.5S", b'"P3M-2DT1.5S"'),
    "bytes": ("'\\xFF\\x00'::BLOB", "ff00", b'"ff00"'),
    "one of a few": ("'x'::ENUM('x', 'y')", "x", b'"x"'),
    "truth": ("true", True, b"true"),
    "a record": ("{'n': 9007199254740993, 'd': 1.5::DECIMAL(3,1), 'l': ['nan'::DOUBLE, NULL]}", {"n": "9007199254740993", "d": "1.5", "l": ["NaN", None]}, None),
    "a map": ("MAP {'k': DATE '2026-01-01'}", [["k", "2026-01-01"]], None),
}  # fmt: skip


class Fixed:
    """Rows that are there already, maybe with a refusal after them."""

    def __init__(self, table: pa.Table, refusal: Exception | None = None, at_once: int = 2) -> None:
        self.schema, self._table, self._refusal, self._at_once = table.schema, table, refusal, at_once

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=self._at_once)
        if self._refusal:
            raise self._refusal

    def close(self) -> None:
        pass


def answered(table: pa.Table, refusal: Exception | None = None, at_once: int = 2) -> Answer:
    rows: Any = Fixed(table, refusal, at_once)
    return Answer(
        id="query_1",
        environment="production",
        columns_read={},
        masked={},
        as_of=None,
        certified=None,
        ties_to=None,
        _rows=rows,
        _budget=Budget(100, 10),
        _recorded=lambda: None,
        _closing=lambda *_: None,
    )


def selected(sql: str) -> pa.Table:
    with duckdb.connect() as connection:
        return connection.sql(sql).to_arrow_table()


@pytest.mark.parametrize(("sql", "as_json", "as_csv"), CELLS.values(), ids=CELLS.keys())
def test_a_cell_is_exact_in_every_format(sql: str, as_json: object, as_csv: bytes | None) -> None:
    table = selected(f"SELECT {sql} AS x")
    said = json.loads(b"".join(formats.encoded(answered(table), "json")))
    assert said["rows"] == [{"x": as_json}]
    stream = b"".join(formats.encoded(answered(table), "arrow"))
    found = pa.ipc.open_stream(stream).read_all()
    ours, theirs = str(found.column("x").combine_chunks()), str(table.column("x").combine_chunks())
    assert (found.schema, ours) == (table.schema, theirs)  # as texts: NaN equals nothing
    if as_csv is not None:
        assert b"".join(formats.encoded(answered(table), "csv")) == b'"x"\n' + as_csv + b"\n"


def test_csv_goes_on_where_one_batch_has_days_that_no_calendar_has() -> None:
    table = selected("SELECT unnest([DATE '2026-01-01', DATE '2026-01-02', DATE '294000-01-01']) AS d")
    assert b"".join(formats.encoded(answered(table), "csv")).split() == [
        b'"d"', b"2026-01-01", b"2026-01-02", b'"294000-01-01"',
    ]  # fmt: skip


def test_an_answer_without_rows_still_has_its_columns() -> None:
    table = selected("SELECT 1::BIGINT AS n, 'x' AS t WHERE false")
    assert b"".join(formats.encoded(answered(table), "csv")) == b'"n","t"\n'
    said = json.loads(b"".join(formats.encoded(answered(table), "json")))
    assert (said["rows"], said["count"], said["complete"]) == ([], 0, True)
    assert pa.ipc.open_stream(b"".join(formats.encoded(answered(table), "arrow"))).read_all().equals(table)


def test_no_text_is_a_formula_in_the_csv_for_excel() -> None:
    table = pa.table({"=name": ["=1+1", "+1", "-1", "@x", "\tx", "plain", None], "n": [-1, 2, 3, 4, 5, 6, 7]})
    plain = b"".join(formats.encoded(answered(table), "csv"))
    assert csv.read_csv(io.BytesIO(plain)).column("=name").to_pylist()[:3] == ["=1+1", "+1", "-1"]
    excel = b"".join(formats.encoded(answered(table), "csv", dialect="excel"))
    assert excel.startswith(b"\xef\xbb\xbf")
    assert excel[3:].decode().splitlines() == [
        "\"'=name\",\"n\"", "\"'=1+1\",-1", "\"'+1\",2", "\"'-1\",3", "\"'@x\",4", "\"'\tx\",5", '"plain",6', ",7",
    ]  # fmt: skip


@pytest.mark.parametrize("codec", formats.CODECS)
def test_compressed_arrow_is_the_same_table_and_smaller(codec: formats.Codec) -> None:
    table = selected("SELECT range AS n, 'the same text' AS t FROM range(100)")
    plain, packed = (
        b"".join(formats.encoded(answered(table, at_once=100), "arrow", c)) for c in (None, codec)
    )
    assert pa.ipc.open_stream(packed).read_all().equals(table)
    assert len(packed) < len(plain)


def last_word(stream: bytes) -> dict[str, Any]:
    """What the last batch of an Arrow stream says about the whole."""
    reader = pa.ipc.open_stream(stream)
    said: dict[bytes, bytes] = {}
    try:
        while True:
            said = dict(reader.read_next_batch_with_custom_metadata().custom_metadata or {})
    except StopIteration:
        found: dict[str, Any] = json.loads(said[formats.ABOUT])
        return found


def test_a_whole_answer_says_so_and_a_broken_one_says_why() -> None:
    table = selected("SELECT range AS n FROM range(5)")
    refusal = LimitReached("Too much.", next_step="Ask for less.")
    why = {"code": "limit_reached", "message": "Too much.", "next_step": "Ask for less."}
    assert last_word(b"".join(formats.encoded(answered(table), "arrow"))) == {"complete": True, "count": 5}
    for form in ("arrow", "json", "csv"):
        pieces, sent = formats.encoded(answered(table, refusal), form), b""  # type: ignore[arg-type]
        with pytest.raises(LimitReached):
            for piece in pieces:
                sent += piece
        if form == "arrow":
            assert last_word(sent) == {"complete": False, "count": 5, "refusal": why}
            assert not sent.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")  # the end of a stream
        if form == "json":
            said = json.loads(sent)
            assert (said["complete"], said["count"], said["refusal"]) == (False, 5, why)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", Form("json")),
        ("", None),
        ("text/html, */*;q=0.1", Form("json")),
        ("text/csv;q=0.5, application/json;q=0.4", Form("csv")),
        ("application/json;q=0.4, text/csv;q=0.5", Form("csv")),
        ("text/*", Form("csv")),
        (ARROW, Form("arrow")),
        (f'{ARROW}; codecs="lz4, zstd"; q=0.9, application/json;q=0.8', Form("arrow", "zstd")),
        (f"{ARROW};codecs=lz4", Form("arrow", "lz4")),
        (f"{ARROW};codecs=brotli", Form("arrow")),
        ("text/csv;q=0", None),
        ("text/csv;q=lots", Form("csv")),
        ("image/png", None),
    ],
)
def test_the_form_is_the_best_of_what_is_accepted(accept: str, form: Form | None) -> None:
    if form is None:
        with pytest.raises(Invalid, match="what you accept"):
            form_of(accept)
    else:
        assert form_of(accept) == form


def test_what_is_said_outright_beats_what_is_accepted() -> None:
    assert form_of("application/json", "arrow", "zstd") == Form("arrow", "zstd")
    assert form_of("image/png", "csv", dialect="excel") == Form("csv", None, "excel")


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], http.client.HTTPConnection]]:
    """Connections to a real server, whose orders are too many for one answer when they are multiplied."""
    instance = furnished(tmp_path_factory.mktemp("home"))
    with actors(instance)("viewer.emea") as ctx:
        secret = identity.issue_token(ctx, "test", None)[1]
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(instance), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)

    def connect() -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=60)
        connection.connect()
        connection.token = f"Bearer {secret}"  # type: ignore[attr-defined]
        return connection

    yield connect
    server.should_exit = True
    thread.join()
    instance.close()


@pytest.mark.parametrize("media", [ARROW, "application/json", "text/csv"])
def test_a_client_cannot_take_a_broken_answer_for_a_whole_one(connected: Any, media: str) -> None:
    connection = connected()
    body = json.dumps({"sql": ENDLESS, "purpose": "sales-reporting"})
    headers = {"Authorization": connection.token, "Accept": media, "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/query", body, headers)
    response = connection.getresponse()
    assert response.status == 200
    with pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    sent = broken.value.partial
    if media == ARROW:
        assert last_word(sent)["refusal"]["code"] == "limit_reached"
    if media == "application/json":
        assert json.loads(sent)["refusal"]["code"] == "limit_reached"
    connection.close()


def test_values_of_python_are_plain_too() -> None:
    column = pa.array([{"d": Decimal("1.10"), "t": date(2026, 1, 1)}])
    assert cells.plain(column) == [{"d": "1.10", "t": "2026-01-01"}]


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ([1, None, 1 << 53], pa.int64(), [1, None, str(1 << 53)]),
        ([1, None], pa.uint64(), [1, None]),
        ([None, None], pa.int64(), [None, None]),
        ([1.5, None, float("nan")], pa.float64(), [1.5, None, "NaN"]),
        ([], pa.float64(), []),
        ([None], pa.float32(), [None]),
        ([Decimal("-0.5"), None, Decimal(0)], pa.decimal128(38, 6), ["-0.500000", None, "0.000000"]),
        ([Decimal("-1E20"), None], pa.decimal128(38, 0), [str(-(10**20)), None]),
        ([date(1, 1, 2), None, date(9999, 12, 31)], pa.date32(), ["0001-01-02", None, "9999-12-31"]),
    ],
)
def test_a_column_is_written_alike_however_it_is_read(
    values: list[Any], kind: pa.DataType, said: list[Any]
) -> None:
    column = pa.array(values, kind)
    assert cells.plain(column) == said
    assert [one for value in values for one in cells.plain(pa.array([value], kind))] == said
