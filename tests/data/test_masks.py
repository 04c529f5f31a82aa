"""Masks that keep a part: ranges of numbers, months and years of dates."""

import datetime as dt
import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from handrail import data
from handrail.data import masks
from handrail.data.load import load
from handrail.data.masks import misfit
from handrail.data.models import Column, Mask
from handrail.kernel import Invalid
from tests.conftest import Acting
from tests.data import asking
from tests.data.governing import SECRET, House, contract
from tests.data.test_contract_file import FILE, GOOD
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]


def _moment(day: int) -> dt.datetime:
    return dt.datetime.combine(dt.date(2024, 5, day), dt.time())


TEXTS = ["A***", "***", "\n***", "é***", "\U0001f600***", None]


@pytest.mark.parametrize(
    ("kind", "mask", "values", "seen"),
    [
        ("BIGINT", Mask("bucket", width=10), [0, 9, 10, -1, None], [0, 0, 10, -10, None]),
        ("TINYINT", Mask("bucket", width=100), [127, -128], [100, None]),  # -200 is no TINYINT: nothing
        ("DOUBLE", Mask("bucket", width=0.5), [1.2, 1.7], [1.0, 1.5]),
        ("DATE", Mask("truncate", to="month"), [dt.date(2024, 2, 29), None], [dt.date(2024, 2, 1), None]),
        ("DATE", Mask("truncate", to="year"), [dt.date(1850, 12, 31)], [dt.date(1850, 1, 1)]),
        ("TIMESTAMP", Mask("truncate", to="month"), [_moment(6)], [_moment(1)]),
        ("DATE", Mask("partial"), [dt.date(1850, 12, 31)], [dt.date(1850, 1, 1)]),
        ("TIME", Mask("partial"), [dt.time(17, 30), None], ["1***", None]),
        ("VARCHAR", Mask("partial"), ["Ann", "", "\nx", "émile", "\U0001f600y", None], TEXTS),
        ("DATE[]", Mask("partial"), [[dt.date(1850, 12, 31)]], ["[***"]),
    ],
)
def test_a_part_of_the_value_is_left(
    tmp_path: Path, kind: str, mask: Mask, values: list[object], seen: list[object]
) -> None:
    types = {"BIGINT": pa.int64(), "TINYINT": pa.int8(), "DOUBLE": pa.float64(), "DATE": pa.date32()}
    types |= {"TIME": pa.time64("us"), "VARCHAR": pa.string(), "DATE[]": pa.list_(pa.date32())}
    house = House(tmp_path, {"t": contract("t", [Column("v", kind, mask=mask)])})
    house.put("t", pa.table({"v": pa.array(values, types.get(kind, pa.timestamp("us")))}))
    assert house.ask("SELECT v FROM t")["v"].to_pylist() == seen
    assert house.ask("SELECT count(*) AS n FROM t WHERE v IN (SELECT v FROM t)")["n"].to_pylist() == [
        sum(value is not None for value in seen)
    ]


def test_a_pseudonym_is_a_cut_hash_of_the_key_and_the_value(tmp_path: Path) -> None:
    """Cut, as a whole one would let anybody go on to the pseudonym of a longer value."""
    house = House(tmp_path, {"t": contract("t", [Column("v", "VARCHAR", mask=Mask("hash"))])})
    house.put("t", pa.table({"v": ["Ann", "", None]}))
    seen = house.ask("SELECT v FROM t")["v"].to_pylist()
    whole = [hashlib.sha256(f"{masks.key(SECRET)}{value}".encode()).hexdigest() for value in ("Ann", "")]
    assert seen == [whole[0][:20], whole[1][:20], None]
    assert len(masks.key(SECRET)) == 32 and masks.key(SECRET) != masks.key(b"another")


def test_no_condition_sees_behind_a_bucket(tmp_path: Path) -> None:
    house = House(tmp_path, {"t": contract("t", [Column("v", "BIGINT", mask=Mask("bucket", width=10))])})
    house.put("t", pa.table({"v": [41, 42, 43]}))
    assert house.ask("SELECT v FROM t WHERE v = 42").num_rows == 0
    assert house.ask("SELECT DISTINCT v FROM t WHERE v % 10 = 0")["v"].to_pylist() == [40]


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        (Mask("bucket"), "BIGINT"),
        (Mask("bucket", width=0), "BIGINT"),
        (Mask("bucket", width=-5), "BIGINT"),
        (Mask("bucket", width=0.5), "BIGINT"),
        (Mask("bucket", width=10), "VARCHAR"),
        (Mask("bucket", width=float("nan")), "DOUBLE"),
        (Mask("truncate"), "DATE"),
        (Mask("truncate", to="month"), "VARCHAR"),
        (Mask("truncate", to="month"), "TIME"),
        (Mask("bucket", width=10), "BIGINT[]"),
        (Mask("truncate", to="year"), "DATE[]"),
        (Mask("partial"), "BOOLEAN"),
    ],
)
def test_a_mask_that_cannot_hide_the_column_does_not_fit(mask: Mask, kind: str) -> None:
    assert misfit(mask, kind)


@pytest.mark.parametrize(
    "mask", ["kind: bucket", "kind: bucket\n        width: ten", "kind: truncate\n        to: week"]
)
def test_such_a_mask_in_a_file_is_refused_with_its_line(mask: str) -> None:
    with pytest.raises(Invalid, match=r"line 2\d"):
        load(GOOD.replace("kind: hash", mask).encode(), FILE)


def test_a_steward_writes_them_by_words_and_by_form(
    acting: Acting, tmp_path: Path, signed_in: SignedIn
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(asking.ORDERS)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(file))
    with acting("steward.sales") as ctx:
        masks = {"amount": {"kind": "bucket(50)", "unless_groups": ["finance"]}, "ordered": "truncate(month)"}
        data.propose(ctx, "orders", {"masks": masks})
        stated = data.contract(ctx, "orders")
    assert [stated.columns[3].mask, stated.columns[4].mask] == [
        Mask("bucket", ("finance",), 50),
        Mask("truncate", (), None, "month"),
    ]
    for wrong in ("bucket", "bucket(wide)", "truncate(week)", "hash(3)", "truncate(month)"):
        with pytest.raises(Invalid), acting("steward.sales") as ctx:
            data.propose(ctx, "orders", {"masks": {"amount": wrong}})
    client = signed_in("steward.sales")
    form = client.get("/datasets/orders/certify").text
    assert 'name="width:amount" value="50"' in form
    assert '<option value="truncate(month)" selected>' in form
    sent = {"mask:amount": "bucket", "width:amount": "20", "mask:ordered": "truncate(year)"}
    assert client.post("/datasets/orders/propose", data=sent).status_code == 200
    with acting("steward.sales") as ctx:
        stated = data.contract(ctx, "orders")
    assert [stated.columns[3].mask, stated.columns[4].mask] == [
        Mask("bucket", (), 20),
        Mask("truncate", (), None, "year"),
    ]
    assert "the lower end of a range of 20" in client.get("/datasets/orders").text


def test_a_mask_that_no_longer_fits_a_new_type_leaves_nothing(acting: Acting, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(asking.ORDERS)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(file))
    with acting("steward.sales") as ctx:
        data.propose(ctx, "orders", {"masks": {"amount": "bucket(50)"}})
    file.write_text(asking.ORDERS.replace(",0,", ",none,"))
    file.write_text(file.read_text().replace("EMEA,40", "EMEA,forty"))
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(file))
    with acting("steward.sales") as ctx:
        column = data.contract(ctx, "orders").column("amount")
    assert column and (column.type, column.mask) == ("VARCHAR", Mask("null"))
