"""Files that somebody gives to a run: what they are by their content, and what must not be opened."""

import hashlib
import io
import zipfile
import zlib
from copy import copy

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel import Invalid, LimitReached, Refusal
from handrail.kernel.inputs import TYPES, DeclaredInput
from handrail.runtime.check_input import Given, check_input, kind_of
from handrail.runtime.table_forms import written
from tests.cases import cases

TABLE = pa.table({"id": [1, 2], "name": ["Ann", "=1+1"]})
PARTS = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def workbook(parts: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as archive:
        for name, part in {**PARTS, **parts}.items():
            archive.writestr(name, part)
    return content.getvalue()


def parquet() -> bytes:
    content = io.BytesIO()
    pq.write_table(TABLE, content)
    return content.getvalue()


IS = {
    "xlsx": written(TABLE, "xlsx"),
    "csv": written(TABLE, "csv"),
    "parquet": parquet(),
    "arrow": written(TABLE, "arrow"),
    "json": b'\xef\xbb\xbf{"a": [1, 2]}',
    "text": "Größe\nzwei, drei".encode(),
    "pdf": b"%PDF-1.7\n",
    "png": PNG,
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(9),
}


def check(content: bytes, *types: str, most: int = 10, max_mb: int = 0) -> tuple[str, str]:
    found = check_input("targets", DeclaredInput(types, max_mb=max_mb), Given("x.csv", content), most)
    return found.type, found.note


@pytest.mark.parametrize("kind", TYPES)
def test_a_file_is_what_its_content_says_whatever_it_is_called(kind: str) -> None:
    assert check(IS[kind], *TYPES)[0] == kind
    assert check(IS[kind], kind)[0] == kind


@pytest.mark.parametrize("kind", ["xlsx", "parquet", "arrow", "pdf", "png", "jpeg"])
def test_a_file_that_is_something_else_is_refused_with_what_it_is(kind: str) -> None:
    with pytest.raises(Invalid, match="by its content") as refused:
        check(IS[kind], "csv")
    assert "'x.csv'" in refused.value.message and "a table as CSV" in refused.value.next_step


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"), (b" \n", "is empty"), (b"MZ\x90\0", "no known kind"), (b"\x7fELF", "no known kind"),
        (b"<!DOCTYPE html><script>1</script>", "a web page"), (b"<svg onload=x>,\n,", "a web page"), (workbook({})[:60], "an archive"),
        (b"\xd0\xcf\x11\xe0" + bytes(9), "an old or an encrypted Office file"), (b"a,b\n1,2\0", "no known kind"), (b"\xff\xfea\0,\0", "no known kind"),
    ],
)  # fmt: skip
def test_no_file_of_another_kind_is_a_table(content: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        check(content, "csv", "xlsx")


def test_a_file_is_as_large_as_the_manifest_and_the_instance_say() -> None:
    big = b"a,b\n" + b"1,2\n" * 300_000
    for limits in ({"most": 1}, {"max_mb": 1}, {"max_mb": 100, "most": 1}):
        with pytest.raises(LimitReached, match="may have 1 MB"):
            check(big, "csv", **limits)
    assert check(big, "csv")[0] == "csv"


def test_readers_are_told_of_formulas() -> None:
    assert "2 cells begin like a formula" in check(b"a;b\n=1+1;-1\n@x;+49 30\n", "csv")[1]
    formulas = workbook({"xl/worksheets/sheet1.xml": b"<c><f>A1</f></c><c><x:f t='a'/></c><font/>"})
    assert "2 cells are formulas" in check(formulas, "xlsx")[1]
    assert check(IS["xlsx"], "xlsx")[1] == ""


NOISE = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(10_000))  # packs to nothing smaller


def lying(claimed: int) -> bytes:
    """A workbook whose sheet says that it has another size than it has."""
    content = bytearray(workbook({"xl/worksheets/sheet1.xml": NOISE}))
    for place in range(len(content) - 4):
        if content[place : place + 4] == len(NOISE).to_bytes(4, "little"):
            content[place : place + 4] = claimed.to_bytes(4, "little")
    return bytes(content)


def overlapping() -> bytes:
    """Parts that are the same packed bytes, as in the bomb that fits every ratio."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**PARTS, "xl/a.xml": NOISE}.items():
            archive.writestr(name, part)
        for n in range(5):
            again = copy(archive.getinfo("xl/a.xml"))
            again.filename = f"xl/a{n}.xml"
            archive.filelist.append(again)
    return content.getvalue()


BOMBS = {
    "a bomb": workbook({"xl/worksheets/sheet1.xml": bytes(64 << 20)}),
    "one that has more": lying(1000),
    "one that has less": lying(500_000),
    "many parts": workbook({f"xl/{n}.xml": b"" for n in range(2100)}),
    "macros": workbook({"xl/vbaProject.bin": b"x"}),
    "an embedded file": workbook({"xl/embeddings/oleObject1.bin": b"x"}),
    "links to other files": workbook({"xl/externalLinks/externalLink1.xml": b"x"}),
    "a way out": workbook({"../../etc/passwd": b"x"}),
    "no workbook": workbook({})[:-30],
    "overlapping": overlapping(),
    "another packing": workbook({"xl/worksheets/sheet1.xml": b"x" * 100}, zipfile.ZIP_BZIP2),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_workbook_that_must_not_be_opened_is_refused(bomb: str) -> None:
    with pytest.raises((Invalid, LimitReached)):
        check(BOMBS[bomb], "xlsx")


def test_a_large_workbook_of_honest_numbers_is_no_bomb() -> None:
    table = pa.table({f"c{n}": pa.array([n * 1.5] * 20_000) for n in range(8)})
    assert check(written(table, "xlsx"), "xlsx")[0] == "xlsx"


@settings(max_examples=cases(300), deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_whatever_is_given_is_checked_or_refused(noise: bytes, place: int) -> None:
    book = IS["xlsx"]
    for content in (
        noise,
        book[:place] + noise + book[place + len(noise) :],
        book[: len(book) - place] + noise,
    ):
        try:
            check(content, *TYPES)
        except Refusal:
            continue


def test_a_packed_text_is_no_workbook() -> None:
    assert kind_of(zlib.compress(b"xl/workbook.xml")) == "binary"
