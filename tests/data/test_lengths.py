"""How long the texts of a question become is known before it is asked, however it is nested."""

import duckdb
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from sqlglot import exp

from handrail.data import lengths
from handrail.data.parse import read
from handrail.kernel import NotAllowed, Refusal
from tests.cases import cases

EIGHT = " || ".join(["r"] * 8)
BOMBS = {
    "common tables": "WITH a AS (SELECT name r FROM customers), "
    + ", ".join(f"{two} AS (SELECT {EIGHT} r FROM {one})" for one, two in zip("abcdef", "bcdefg", strict=True))
    + " SELECT length(r) FROM g",
    "subqueries": f"SELECT length(r) FROM {f'(SELECT {EIGHT} r FROM ' * 6}(SELECT name r FROM customers){')' * 6}",
    "joins in parentheses": f"SELECT r FROM ((SELECT 1) q JOIN {f'(SELECT {EIGHT} r FROM ' * 6}"
    f"(SELECT name r FROM customers){')' * 6} ON TRUE)",
    "names of columns in one SELECT": "SELECT name || name AS a, "
    + ", ".join(f"{one}||{one}||{one}||{one}||{one}||{one} AS {two}" for one, two in zip("abcdef", "bcdefg", strict=True))
    + " FROM customers",
    "a subquery for a value": "SELECT replace(name, 'a', (SELECT repeat('a', 10000))) FROM customers",
    "what is searched for": "SELECT replace(name, repeat(name, 10000), 'y') FROM customers",
    "a set": "SELECT r FROM (SELECT 'a' r UNION ALL SELECT repeat(name, 5000) || repeat(name, 5000) FROM customers)",
    "a lateral": "SELECT l.x FROM customers, LATERAL (SELECT repeat(name, 1000) y) k, LATERAL (SELECT repeat(y, 100) x) l",
    "concat": "SELECT concat(r, r, r, r) FROM (SELECT repeat(name, 5000) r FROM customers)",
    "between": "SELECT concat_ws(r, 1, 2, 3, 4) FROM (SELECT repeat(name, 5000) r FROM customers)",
    "a format": "SELECT format('{0}{0}{0}{0}{0}{0}{0}{0}{0}', repeat(name, 1000)) FROM customers",
    "printf": "SELECT printf('%s%s%s', r, r, r) FROM (SELECT repeat(name, 3000) r FROM customers)",
    "a joined list": "SELECT array_to_string([1, 2, 3], repeat(name, 5000)) FROM customers",
    "a joined range": "SELECT array_to_string(range(100000), repeat('x', 5000)) FROM customers",
    "a gathered text": "SELECT string_agg(repeat(name, 1000), ',') FROM customers",
    "many of them": f"SELECT {', '.join(f'lpad(name, 9000) AS c{n}' for n in range(30))} FROM customers",
    "a condition": "SELECT name FROM customers WHERE repeat(repeat(name, 100), 100) LIKE 'a%'",
}  # fmt: skip
HONEST = [
    "SELECT string_agg(name || ' ' || email, ', '), array_to_string(list(DISTINCT name), '; ') FROM customers",
    "SELECT concat_ws(' ', name, email, phone) AS a, upper(a) || lower(a) AS b FROM customers",
    "SELECT replace(replace(replace(name, '&', '&amp;'), '<', '&lt;'), '\"', '&quot;') FROM customers",
    "SELECT repeat('█', 40) || lpad(name, 30) || rpad(name, 30, '.') || format('{:>12} {}', name, id) FROM customers",
    "WITH RECURSIVE p(id, path) AS (SELECT id, name FROM customers UNION ALL "
    "SELECT c.id, p.path || ' / ' || c.name FROM p JOIN customers c ON c.id = p.id + 1) SELECT path FROM p",
    "WITH a AS (SELECT name || ' ' || email AS x FROM customers), b AS (SELECT x || phone AS y FROM a) "
    "SELECT y || ', ' || y FROM b",
]


@pytest.mark.parametrize("name", BOMBS)
def test_texts_that_would_take_gigabytes_are_not_begun(name: str) -> None:
    with pytest.raises(NotAllowed, match="letters in one row"):
        read(BOMBS[name])


@pytest.mark.parametrize("sql", HONEST)
def test_texts_that_people_read_are_built(sql: str) -> None:
    assert read(sql).selects


@st.composite
def texts(draw: st.DrawFn, columns: tuple[str, ...], depth: int = 3) -> str:
    """An expression that builds a text of these columns."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from([*columns, "'ab'", "'a'", "7::VARCHAR"]))
    made = draw(
        st.sampled_from(
            [
                "{} || {} || {}",
                "concat({}, {}, {})",
                "concat_ws({}, {}, {}, 'x')",
                "repeat({}, 7)",
                "lpad({}, 50, 'xy')",
                "replace({}, 'a', {})",
                "replace({}, {}, {})",
                "regexp_replace({}, 'a|b', {}, 'g')",
                "format('{{0}}-{{1}}-{{0}}', {}, {})",
                "format('{{1}}{{1}}', {}, {})",
                "printf('%s+%s', {}, {})",
                "array_to_string([{}, {}], 'abcd')",
                "upper({})",
                "coalesce(nullif({}, {}), {})",
                "CASE WHEN {} LIKE 'a%' THEN {} ELSE {} END",
                "substring({}, 2)",
                "greatest({}, {})",
                "(SELECT {})",
                "(SELECT {} WHERE 1 = 1)",
            ]
        )
    )
    holes = made.replace("{{", "").count("{}")
    return made.format(*(draw(texts(columns, depth - 1)) for _ in range(holes)))


@st.composite
def questions(draw: st.DrawFn) -> str:
    """A few tables one after the other, each of texts built of the one before."""
    sql, columns, source = [], ("name",), "customers"
    for n in range(draw(st.integers(1, 4))):
        items = [draw(texts(columns))]
        if draw(st.booleans()):
            items.append(draw(texts(("a0",) if "(SELECT" not in items[0] else columns, 1)))
        body = f"SELECT {', '.join(f'{item} AS a{at}' for at, item in enumerate(items))} FROM {source}"
        if draw(st.booleans()):
            body = f"SELECT * FROM ({body}) UNION ALL SELECT * FROM ({body})"
        if draw(st.booleans()):
            sql.append(f"t{n} AS ({body})")
            source = draw(st.sampled_from([f"t{n}", f"((SELECT 1) q JOIN t{n} ON TRUE)"]))
        else:
            source = f"({body}) AS s{n}"
        columns = tuple(f"a{at}" for at in range(len(items)))
    with_ = f"WITH {', '.join(sql)} " if sql else ""
    return f"{with_}SELECT {', '.join(columns)} FROM {source}"


@settings(max_examples=cases(300), deadline=None, database=None)
@given(sql=questions(), most=st.sampled_from([100, 1_000, 10_000]))
def test_no_accepted_text_is_longer_than_was_estimated(sql: str, most: int) -> None:
    was, lengths.MAX_LETTERS = lengths.MAX_LETTERS, most
    try:
        read(sql)
    except Refusal as refusal:
        assert "letters in one row" in refusal.message, refusal
        return
    finally:
        lengths.MAX_LETTERS = was
    note(sql)
    with duckdb.connect(":memory:") as database:
        database.execute("CREATE TABLE customers AS SELECT repeat('ab', 16) AS name")
        try:
            made = database.execute(sql).fetchall()
        except duckdb.Error:
            return
    assert max(len(text) for row in made for text in row if isinstance(text, str)) <= max(most, 32)


def test_a_list_of_days_for_each_of_many_rows_is_refused() -> None:
    for sql in (
        "SELECT len(generate_series(DATE '0001-01-01', make_date(2000 + a, 1, 1), INTERVAL 1 DAY)) FROM t",
        "SELECT unnest(generate_series(a, b, INTERVAL 1 DAY)) FROM (SELECT a, max(b) AS b FROM t GROUP BY a) s",
        "SELECT unnest(generate_series(a, b, INTERVAL 1 DAY)) FROM (SELECT min(a) AS a, max(b) AS b FROM t) s, u",
        "SELECT unnest(generate_series(a, b, INTERVAL 1 DAY)) FROM (SELECT DISTINCT unnest(x) AS a, 1 AS b) s",
    ):
        with pytest.raises(NotAllowed, match="list of more than"):
            read(sql)


def test_one_list_of_days_is_made() -> None:
    for sql in (
        "SELECT unnest(generate_series(a, b, INTERVAL 1 MONTH)) FROM (SELECT min(a) AS a, max(b) AS b FROM t) s",
        "SELECT unnest(generate_series(DATE '2020-01-01', DATE '2020-12-01', INTERVAL 1 MONTH)) FROM t",
    ):
        assert read(sql).find(exp.Unnest, exp.Explode)
