"""Personal data is recognised by what a column is called and by what is in it."""

import pytest

from handrail.data import checksums
from handrail.data.personal import likeness
from handrail.data.profile import ColumnProfile


def _what(name: str, *values: str, type_: str = "VARCHAR") -> str | None:
    found = likeness(ColumnProfile(name, type_, len(values), len(values), values))
    return found.semantic if found else None


@pytest.mark.parametrize(
    ("name", "type_", "semantic"),
    [
        ("E-Mail", "VARCHAR", "email"),
        ("HomePhone", "VARCHAR", "phone"),
        ("BirthDate", "DATE", "birth_date"),
        ("date_of_birth", "DATE", "birth_date"),
        ("FirstName", "VARCHAR", "person_name"),
        ("Contact Name", "VARCHAR", "person_name"),
        ("ship_address", "VARCHAR", "address"),
        ("annual_salary", "DECIMAL(12,2)", "pay"),
        ("diagnosis_code", "VARCHAR", "health"),
        ("TaxID", "BIGINT", "national_id"),
        ("CompanyName", "VARCHAR", None),
        ("product_name", "VARCHAR", None),
        ("email_sent", "BOOLEAN", None),
        ("OrderDate", "DATE", None),
        ("Country", "VARCHAR", None),
    ],
)
def test_a_name_tells(name: str, type_: str, semantic: str | None) -> None:
    assert _what(name, type_=type_) == semantic


@pytest.mark.parametrize(
    ("values", "semantic"),
    [
        (("a@b.example", "c.d@e.example", "none"), "email"),
        (("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR1420041010050500013M02606"), "iban"),
        (("4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009"), "card_number"),
        (("078-05-1120", "219-09-9999", "457-55-5462"), "national_id"),
        (("+49 30 901820", "(503) 555-9831", "030-0074321"), "phone"),
        (("10.0.0.1", "192.168.2.7", "8.8.8.8"), "ip_address"),
        (("Maria Anders", "Thomas Hardy", "Ana Trujillo", "Peter Franken"), "person_name"),
        (("called back", "wrote to x@y.example", "no answer", "paid"), "free_text"),
        (("1996-07-04", "1997-01-31", "1998-05-05"), None),
        (("Sales Manager", "Vice President, Sales", "Sales Representative", "Sales Agent"), None),
        (("Berlin", "New York", "San Francisco", "Paris"), None),
        (("10248", "10249", "10250"), None),
        (("a@b.example",), None),
    ],
)
def test_values_tell(values: tuple[str, ...], semantic: str | None) -> None:
    assert _what("column", *values) == semantic


def test_both_are_said_when_both_tell() -> None:
    found = likeness(ColumnProfile("email", "VARCHAR", 3, 3, ("a@b.example", "b@b.example", "c@b.example")))
    assert found is not None
    assert found.because == "by its name and its values"


@pytest.mark.parametrize("value", ["DE89370400440532013001", "4111111111111112", "000-12-3456", "12345678Z1"])
def test_a_wrong_check_digit_is_no_number_of_anybody(value: str) -> None:
    assert not checksums.is_iban(value)
    assert not checksums.is_card_number(value)
    assert not checksums.is_national_id(value)


@pytest.mark.parametrize("value", ["12345678Z", "X1234567L", "255081416802538", "44051401359", "AB123456C"])
def test_national_numbers_of_several_countries_are_known(value: str) -> None:
    assert checksums.is_national_id(value)
