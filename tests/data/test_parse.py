"""Reading SQL: limits before parsing, one SELECT, the allow-list, and errors that point at the place."""

import pytest
from sqlglot import exp

from handrail.data import parse
from handrail.data.parse import read
from handrail.kernel import Invalid, NotAllowed, Refusal


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '" + "x" * 10_000_000 + "'",
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
        "SELECT " + "(" * 40_000 + "1",
        "SELECT * FROM " + "(SELECT * FROM " * 1_000 + "t" + ")" * 1_000,
        "SELECT " + "NOT " * 5_000 + "true",
        "SELECT " + "- " * 5_000 + "1",
        "SELECT " + "CASE WHEN true THEN " * 2_000 + "1" + " END" * 2_000,
        "SELECT a" + "[1]" * 2_000,
        "SELECT 1" + "::INT" * 3_000,
        "SELECT a" + ".b" * 5_000,
        "SELECT a" + " OR a" * 9_000,
        "SELECT 1" + " UNION SELECT 1" * 4_000,
        "SELECT a" + " IS NOT NULL" * 3_000,
        "FROM " * 5_000 + "t",
        "WITH a AS (" * 2_000,
        "SELECT * FROM a " + "JOIN b " * 900 + "ON true " * 900,
        "SELECT 1::" + "STRUCT(a " * 2_000 + "INT" + ")" * 2_000,
        "SELECT " + ", ".join(["1"] * 15_000),
    ],
    ids=lambda sql: f"{sql[:24]}…{len(sql)}",
)
def test_what_is_too_large_or_too_deep_is_refused_before_it_costs_anything(sql: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(sql)
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT '" + "x" * 200_000 + "'",
        "SELECT " + ", ".join(["1"] * 15_000),
        "SELECT " + "(" * 70 + "1" + ")" * 70,
        "SELECT " + "(1 + " * 70 + "1" + " + 1)" * 70,
        "SELECT " + "CASE WHEN true THEN " * 70 + "1" + " END" * 70,
        "SELECT " + "{'a': " * 70 + "1" + "}" * 70,
        "SELECT a" + "[1]" * 300,
        "SELECT " + "NOT " * 50 + "true",
        "SELECT " + "- " * 50 + "1",
    ],
    ids=lambda sql: f"{sql[:24]}…{len(sql)}",
)
def test_the_parser_never_sees_what_would_make_it_slow_or_overflow(
    sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse, "_numbered", lambda tokens: pytest.fail("the parser was reached"))
    with pytest.raises(Invalid):
        read(sql)


def test_ordinary_long_queries_are_read() -> None:
    several = read("SELECT 1 FROM t WHERE a IN (" + ", ".join(map(str, range(5_000))) + ")").find(exp.In)
    assert several is not None and len(several.expressions) == 5_000
    chained = read("SELECT 1 FROM t WHERE " + " OR ".join(f"a = {n}" for n in range(200)))
    assert len(list(chained.find_all(exp.EQ))) == 200
    assert read("SELECT " + "(" * 20 + "1" + ")" * 20).find(exp.Literal) == exp.Literal.number(1)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT a FRON t x y", "line 1, column 15"),
        ("SELECT a,\n  FROM WHERE", "line 2"),
        ("SELECT (1", "line 1, column 9"),
        ("SELECT a\nFROM t\nWHERE getenv(b) = 1", "line 3, column 7"),
        ("SELECT a, read_text(b) FROM t", "line 1, column 11"),
        ("SELECT * FROM t TABLESAMPLE 10%", "line 1, column 15"),
    ],
)
def test_a_refusal_points_at_the_place(sql: str, place: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(sql)
    assert place in refused.value.message


@pytest.mark.parametrize(
    "sql", ["", ";", "-- nothing", "SELECT 1; SELECT 2", "SELECT 'open", "SELECT /* open"]
)
def test_exactly_one_whole_statement_is_expected(sql: str) -> None:
    with pytest.raises(Invalid):
        read(sql)


def test_replacements_that_multiply_are_refused_and_those_that_clean_are_not() -> None:
    bomb = "name"
    for _ in range(5):
        bomb = f"replace({bomb}, 'a', 'aaaaaaaaaa')"
    with pytest.raises(NotAllowed, match="letters in one row"):
        read(f"SELECT {bomb} FROM customers")
    with pytest.raises(NotAllowed, match="letters in one row"):
        read("SELECT replace(replace(replace(a, 'x', b), 'y', b), 'z', b) FROM customers")
    with pytest.raises(NotAllowed, match="letters in one row"):
        read("SELECT replace(repeat(name, 5000), 'a', 'aaaa') FROM customers")
    with pytest.raises(NotAllowed, match="up to 10,000"):
        read("SELECT repeat(name, id) FROM customers")
    cleaned = "name"
    for sign in ".,;:-_/ ":
        cleaned = f"replace({cleaned}, '{sign}', '')"
    read(f"SELECT {cleaned}, replace(name, 'St.', 'Street'), replace(name, 'x', city) FROM customers")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT lpad(name, 2000000000, 'b') FROM customers",
        "SELECT printf('%2000000000d', 1)",
        "SELECT printf('%*d', 2000000000, 1)",
        "SELECT format('{:>2000000000}', 1)",
        "SELECT format(name, 1) FROM customers",
        "SELECT len(range(500000000))",
        "SELECT unnest(generate_series(1, id)) FROM customers",
        "SELECT generate_series(DATE '2020-01-01', DATE '2026-01-01', INTERVAL 1 MICROSECOND)",
        "SELECT regexp_matches(name, '(a?){200}(a{1,200}){1,4}b') FROM customers",
        "SELECT regexp_replace(name, email, 'x') FROM customers",
    ],
)
def test_what_one_function_would_make_in_one_go_is_bounded(sql: str) -> None:
    with pytest.raises(NotAllowed):
        read(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT lpad(name, 20, '0'), repeat('-', 40), printf('%08.2f', 1.5), format('{:>12}', name) FROM customers",
        "SELECT unnest(generate_series(DATE '2020-01-01', DATE '2026-01-01', INTERVAL 1 MONTH))",
        "SELECT unnest(range(12)), len(range(10, 0, -2))",
        "SELECT i FROM range(1000000000) r(i)",
        "SELECT regexp_matches(name, '^[0-9]{5}(-[0-9]{4})?$'), regexp_matches(name, $p) FROM customers",
    ],
)
def test_and_what_people_write_is_not(sql: str) -> None:
    assert read(sql)


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(NotAllowed, match=r"The function pg_read_file\(\) is not allowed"):
        read("SELECT pg_read_file('x')")


def test_nothing_of_the_query_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotAllowed):
        read("CALL secret_procedure('4711')")
    out, err = capfd.readouterr()
    assert "4711" not in out + err


def test_positional_parameters_are_numbered_as_they_are_written() -> None:
    tree = read("SELECT ? FROM t WHERE a = ? LIMIT ?")
    assert tree.sql("duckdb") == "SELECT $1 FROM t WHERE a = $2 LIMIT $3"
