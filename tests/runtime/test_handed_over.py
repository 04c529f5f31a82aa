"""What a run hands over, all of it chosen by the app."""

from pathlib import PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel import Instance, Invalid, LimitReached
from handrail.runtime.handed_over import HandedOver, safe_name
from handrail.runtime.tables import table_of
from tests.cases import cases
from tests.runtime.conftest import Start


@settings(max_examples=cases(300), deadline=None)
@given(st.text(max_size=300))
def test_whatever_an_app_calls_a_file_becomes_a_plain_name(name: str) -> None:
    safe = safe_name(name)
    assert safe == PurePath(safe).name
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert 0 < len(safe) <= 120
    assert not set(safe) & set('/\\:*?"<>|;%')


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.csv", "report.csv"),
        ("../../etc/passwd", "etc-passwd"),
        (".bashrc", "bashrc"),
        ('a"; filename="b.exe', "a- filename=-b.exe"),
        ("a\r\nSet-Cookie: x", "a  Set-Cookie- x"),
        ("", "output"),
        ("x" * 300 + ".csv", "x" * 107 + ".csv"),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"columns": ["a"], "rows": [[1, 2]], "total": 1}', b'{"columns": [1], "rows": [], "total": 0}',
     b'{"columns": ["a"], "rows": [1], "total": 1}', b"[" * 100_000, b'{"columns": null, "rows": [], "total": 0}', b"\xff"],
)  # fmt: skip
def test_what_is_not_a_table_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        table_of(content)


def test_content_that_is_not_of_its_kind_is_refused(instance: Instance, start: Start) -> None:
    kept = HandedOver(instance, start("pass"))
    for kind, content in (
        ("image", b"<b/>"),
        ("table", b"x"),
        ("text", b"\xff"),
        ("html", b"\xff"),
        ("pdf", b"<b>"),
        ("exe", b""),
    ):
        with pytest.raises(Invalid):
            kept.deliver(kind, "x", "", content)
    assert kept.count == 0


def test_a_run_hands_over_so_many_pieces_and_bytes_and_no_more(instance: Instance, start: Start) -> None:
    kept = HandedOver(instance, start("pass"))
    with pytest.raises(LimitReached, match="bytes"):
        kept.admit("file", "x", "", (64 << 20) + 1)
    kept.deliver("file", "x", "", bytes(40 << 20))
    with pytest.raises(LimitReached, match="bytes"):
        kept.deliver("file", "x", "", bytes(40 << 20))
    for _ in range(99):
        kept.deliver("file", "x", "", b"1")
    with pytest.raises(LimitReached, match="100 outputs"):
        kept.deliver("file", "x", "", b"1")
