"""Tables that runs hand over: exact, in every form, without a formula, and never more than was sent."""

import csv
import datetime as dt
import io
import re
import zipfile
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel import Invalid, LimitReached
from handrail.runtime.table_forms import written
from handrail.runtime.tables import MAGIC, arrow, beginning
from handrail_sdk.tables import in_file, packed
from tests.cases import cases

NASTY = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    '=HYPERLINK("http://x")',
    "\uff1d1",
    "plain",
    "",
    None,
]
WHOLE = pa.table(
    {
        "n": pa.array([1, None, -(2**63)], pa.int64()),
        "f": pa.array([0.1, float("inf"), None], pa.float64()),
        "t": pa.array(['a"b,\r\nc', "", None], pa.string()),
        "d": pa.array([dt.date(2026, 1, 31), None, dt.date(1, 1, 1)], pa.date32()),
        "at": pa.array([dt.datetime(2026, 1, 1, 3, 4, 5, 6, dt.UTC), None, None], pa.timestamp("us")),
        "utc": pa.array([dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None, None], pa.timestamp("us", "UTC")),
        "m": pa.array([Decimal("1.10"), None, Decimal("-0.01")], pa.decimal128(12, 2)),
        "b": pa.array([True, False, None], pa.bool_()),
    }
)


def test_a_table_arrives_as_it_was_handed_over() -> None:
    assert arrow(packed(WHOLE)).equals(WHOLE)
    assert beginning(packed(WHOLE), 1)["total"] == 3
    assert beginning(packed(WHOLE), 1)["rows"] == [list(WHOLE.slice(0, 1).to_pylist()[0].values())]


@settings(max_examples=cases(200), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",)))),
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            st.one_of(st.none(), st.floats(allow_nan=False)),
        )
    )
)
def test_whatever_stands_in_the_cells_arrives(
    rows: list[tuple[str | None, int | None, float | None]],
) -> None:
    types = {"": pa.string(), "a,b": pa.int64(), "c\n": pa.float64()}
    columns = [pa.array([row[n] for row in rows], kind) for n, kind in enumerate(types.values())]
    table = pa.table(columns, names=list(types))
    assert arrow(packed(table)).equals(table)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_parquet_and_arrow_keep_the_types(form: str) -> None:
    content = io.BytesIO(written(WHOLE, form))  # type: ignore[arg-type]
    read = pq.read_table(content) if form == "parquet" else pa.ipc.open_file(content).read_all()
    assert read.equals(WHOLE)


def test_no_form_for_a_spreadsheet_has_a_formula() -> None:
    """The attack: a customer calls themselves =HYPERLINK(…), and whoever opens the list sends it away."""
    table = pa.table({"=name": pa.array(NASTY, pa.string())})
    for row in csv.reader(io.StringIO(written(table, "csv").decode("utf-8-sig"), newline="")):
        assert not row or not row[0].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    with zipfile.ZipFile(io.BytesIO(written(table, "xlsx"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        assert not [name for name in book.namelist() if "rels" in name and "sheet1" in name]  # no link
    assert not re.search("<f[ >]", sheet)
    assert sheet.count(' t="s"') == sum(one is not None for one in NASTY) + 1


def test_a_sheet_keeps_numbers_dates_and_what_it_cannot_hold_as_text() -> None:
    big = pa.table(
        {"card": pa.array([4_111_111_111_111_111, 12]), "d": [dt.date(2026, 1, 31), dt.date(1800, 1, 1)]}
    )
    with zipfile.ZipFile(io.BytesIO(written(big, "xlsx", "A/B*"))) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
        assert 'name="A B"' in book.read("xl/workbook.xml").decode()
    assert "<t>4111111111111111</t>" in texts and "<v>12</v>" in sheet
    assert "<v>46053</v>" in sheet and "<t>1800-01-01</t>" in texts


def test_what_a_sheet_cannot_hold_is_refused_and_not_cut() -> None:
    long = pa.table({"n": pa.nulls(1_048_576, pa.int64())})
    with pytest.raises(LimitReached, match="1,048,575 rows"):
        written(long, "xlsx")


@pytest.mark.parametrize(
    "head",
    [
        b"", b"{}", b'{"columns":[["a","int64"]],"rows":3}', b'{"columns":[["a","int64"]],"rows":-1}',
        b'{"columns":[["a","list<item: int64>"]],"rows":2}', b'{"columns":[["a","decimal128(99, 2)"]],"rows":2}',
        b'{"columns":[["a","int64",1]],"rows":2}', b'{"columns":[["a","bool"]],"rows":2}', b"[" * 90_000, b'{"columns":[],"rows":2}',
        b'{"columns":[["a","int64"],["b","int64"]],"rows":2}', b'{"columns":"ab","rows":2}', b'{"columns":[["a","int64"]],"rows":"2"}',
        b'{"columns":[["a","int64"]],"rows":true}',
    ],
)  # fmt: skip
def test_what_only_says_that_it_is_a_table_is_refused(head: bytes) -> None:
    with pytest.raises(Invalid):
        arrow(MAGIC + head + b"\n1\n2\n")


def test_a_small_output_cannot_say_that_it_is_a_large_table() -> None:
    """The attack: a few bytes that become gigabytes in the server, as compressed Arrow or Parquet can."""
    columns = ",".join('["c","int64"]' for _ in range(2000))
    with pytest.raises(Invalid, match="cells"):
        arrow(MAGIC + f'{{"columns":[{columns}],"rows":1000000}}\n'.encode())
    parquet = io.BytesIO()
    pq.write_table(pa.table({"x": pa.array(["A" * 1000] * 10_000)}), parquet)
    with pytest.raises(Invalid):
        arrow(parquet.getvalue())


def test_a_csv_that_an_app_wrote_keeps_its_leading_zeros() -> None:
    [(name, content)] = in_file("out/codes.csv", b"code;n;share;odd\n007;1;0.5;1\n010;2;1.25;x\n")
    table = arrow(content)
    assert name == "out/codes.csv"
    assert table.to_pylist() == [
        {"code": "007", "n": 1, "share": 0.5, "odd": "1"},
        {"code": "010", "n": 2, "share": 1.25, "odd": "x"},
    ]


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_a_table_that_was_written_in_one_form_is_read_from_each(form: str) -> None:
    table = pa.table({"id": [1, 2], "name": ["Ann", None]})
    [(_, content)] = in_file(f"x.{form}", written(table, form))  # type: ignore[arg-type]
    assert arrow(content).equals(table)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"PAR1 and nothing"])
@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.arrow", "x.xlsx", "x.txt"])
def test_what_is_no_table_stays_a_file(name: str, content: bytes) -> None:
    found = list(in_file(name, content))
    assert name == "x.csv" or not found
