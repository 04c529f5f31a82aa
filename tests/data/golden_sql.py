"""Writes tests/data/golden/*.sql: governed questions in the dialects that no server is at hand for.

`python -m tests.data.golden_sql` writes the files anew; a test holds what is written today against them.
"""

from pathlib import Path

from sqlglot import exp

from handrail.adapters.engines.to_others import BIGQUERY, DATABRICKS, SNOWFLAKE, TRINO
from handrail.adapters.engines.translate import Dialect, Physical, translate
from handrail.data.govern import SCHEMA, govern
from handrail.data.parse import read
from handrail.data.resolve import resolve
from tests.data.governing import CONTRACTS, EMEA, SECRET

FOLDER = Path(__file__).parent / "golden"
DIALECTS: tuple[Dialect, ...] = (TRINO, SNOWFLAKE, BIGQUERY, DATABRICKS)
QUESTIONS = {
    "every column of a filtered dataset": "SELECT * FROM orders",
    "every mask": "SELECT * FROM customers",
    "a total by region": "SELECT region, sum(amount) AS total, avg(amount), count(*) FROM orders GROUP BY region",
    "a join over a pseudonym": (
        "SELECT o.id, c.phone FROM orders o LEFT JOIN customers c ON c.id = o.customer_id ORDER BY o.id DESC"
    ),
    "a common table, a window and a limit": (
        "WITH best AS (SELECT id, amount / 3 AS third FROM orders) SELECT id, row_number() OVER (ORDER BY third DESC) "
        "AS place FROM best ORDER BY place LIMIT 5"
    ),
    "months, cases and missing values": (
        "SELECT date_trunc('month', ordered) AS month, sum(CASE WHEN amount > 5 THEN 1 ELSE 0 END) AS big, "
        "coalesce(max(\"Ship Name\"), 'it''s \\ none') AS name FROM orders GROUP BY 1"
    ),
    "subqueries": (
        "SELECT id FROM orders o WHERE amount > (SELECT avg(amount) FROM orders) AND EXISTS "
        "(SELECT 1 FROM customers c WHERE c.id = o.customer_id AND c.name LIKE 'B%')"
    ),
    "a set operation and parameters": (
        "SELECT id FROM orders WHERE ordered >= $since UNION ALL SELECT id FROM customers WHERE id IN ($one, $two)"
    ),
}


def written(dialect: Dialect) -> str:
    """All questions in one dialect, each under its title."""
    parts = []
    for title, sql in QUESTIONS.items():
        query = resolve(read(sql), sql, CONTRACTS)
        values = dict.fromkeys(query.parameters, 1)
        statement = govern(query, CONTRACTS, EMEA, "production", SECRET, values)
        tables = tuple((name, _table(name, dialect)) for name in sorted(statement.datasets))
        parts.append(f"-- {title}\n{translate(statement.sql, SCHEMA, tables, dialect).sql};\n")
    return "\n".join(parts)


def _table(name: str, dialect: Dialect) -> Physical:
    """A table of the shop as a warehouse would have it; each column is read as it is."""
    columns = [column.name for column in CONTRACTS[name].columns]
    read_as = [exp.column(column, quoted=True).sql(dialect=dialect.name) for column in columns]
    return Physical(("warehouse", "shop", name), tuple(zip(columns, read_as, strict=True)))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for one in DIALECTS:
        (FOLDER / f"{one.name}.sql").write_text(written(one), encoding="utf-8")
