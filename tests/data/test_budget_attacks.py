"""Ways round an extraction budget, none of which may show more customers than are counted."""

from collections.abc import Iterator

import pytest

from handrail.data.plans import Plan, named
from handrail.kernel import Instance, LimitReached, Refusal
from tests.data import budgeting
from tests.data.asking import asking, opened
from tests.data.governing import CONTRACTS

# What a query shows, in customers of the 40; each would show more than the budget of 10.
ATTACKS = {
    "the plain list": ("SELECT * FROM customers", 40),
    "the key alone": ("SELECT id FROM customers", 40),
    "everything but the key": ("SELECT name, city FROM customers", 40),
    "nothing of it": ("SELECT 1 FROM customers", 40),
    "distinct": ("SELECT DISTINCT customer_id FROM orders", 40),
    "distinct names": ("SELECT DISTINCT name, score FROM customers", 40),
    "distinct in a common table": (
        "WITH c AS (SELECT DISTINCT customer_id i FROM orders) SELECT i FROM c",
        40,
    ),
    "a star of a star": ("SELECT * FROM (SELECT * FROM (SELECT * FROM customers) a) b", 40),
    "common tables in a row": ("WITH a AS (FROM customers), b AS (SELECT * FROM a) SELECT name FROM b", 40),
    "one used twice": ("WITH a AS (FROM customers) SELECT x.id, y.id FROM a x JOIN a y ON x.id = y.id", 40),
    "grouped by key": ("SELECT customer_id, sum(amount) FROM orders GROUP BY customer_id", 40),
    "grouped by a text of it": ("SELECT 'c' || customer_id, count(*) FROM orders GROUP BY ALL", 40),
    "grouped by small groups": ("SELECT id // 4, count(*) FROM customers GROUP BY 1", 40),
    "grouped, then added up": (
        "SELECT string_agg(i, ',') FROM (SELECT customer_id::text i FROM orders GROUP BY customer_id)",
        40,
    ),
    "string_agg": ("SELECT string_agg(name, ',') FROM customers", 40),
    "list": ("SELECT city, list(id) FROM customers GROUP BY city", 40),
    "array_agg in order": ("SELECT array_agg(name ORDER BY id) FROM customers", 40),
    "min and max of a name": ("SELECT city, min(name), max(name) FROM customers GROUP BY city", 40),
    "min of the key": ("SELECT city, min(id) FROM customers GROUP BY city", 40),
    "arg_max": ("SELECT arg_max(name, score) FROM customers", 40),
    "any_value": ("SELECT city, any_value(name) FROM customers GROUP BY city", 40),
    "first": ("SELECT first(id) FROM customers", 40),
    "mode": ("SELECT mode(name) FROM customers", 40),
    "a histogram": ("SELECT histogram(id) FROM customers", 40),
    "a sum as a code": ("SELECT sum(pow(2, id)) FROM customers", 40),
    "a sum of keys": ("SELECT sum(id) FROM customers", 40),
    "a sum that picks one": ("SELECT sum(CASE WHEN id = 7 THEN score END) FROM customers", 40),
    "a filtered count": ("SELECT count(*) FILTER (WHERE id = 7) FROM customers", 40),
    "a sum of made-up weights": (
        "SELECT sum(r.v) FROM customers c JOIN (SELECT i, 2 ^ i v FROM range(60) t(i)) r ON r.i = c.id",
        40,
    ),
    "counting multiplied rows": (
        "SELECT count(*) FROM customers c JOIN range(100) r(i) ON r.i < c.id % 7",
        34,
    ),
    "multiplied by other data": (
        "SELECT count(*) FROM customers c JOIN lines l ON l.line_id <= c.id",
        40,
    ),
    "multiplied in WHERE": (
        "SELECT count(*) FROM orders o JOIN lines l ON o.id = l.order_id WHERE l.line_id <= 2 * o.customer_id",
        40,
    ),
    "a self join hides the small group": (
        "SELECT c.id, count(*) FROM customers c JOIN customers d ON c.city = d.city GROUP BY c.id",
        40,
    ),
    "joined with orders by city": (
        "SELECT o.customer_id, count(DISTINCT c.id) FROM customers c, orders o GROUP BY 1",
        40,
    ),
    "a window": ("SELECT id, lag(name) OVER (ORDER BY id) FROM customers", 40),
    "a window that lists": ("SELECT list(name) OVER () FROM customers LIMIT 1", 40),
    "a window over one group": ("SELECT city, first(id) OVER w FROM customers WINDOW w AS (ORDER BY id)", 40),
    "qualify": (
        "SELECT id FROM customers QUALIFY row_number() OVER (PARTITION BY city ORDER BY id) < 99",
        40,
    ),
    "a union of halves": ("SELECT id FROM customers WHERE id < 20 UNION ALL SELECT id FROM customers", 40),
    "all but": ("SELECT i FROM range(99) r(i) EXCEPT SELECT id FROM customers", 40),
    "intersect": ("SELECT i FROM range(99) r(i) INTERSECT SELECT id FROM customers", 40),
    "a list of guesses": ("SELECT i FROM range(99) r(i) WHERE i IN (SELECT id FROM customers)", 40),
    "all guesses but": ("SELECT i FROM range(99) r(i) WHERE i NOT IN (SELECT id FROM customers)", 40),
    "exists for each guess": (
        "SELECT i FROM range(99) r(i) WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = r.i)",
        40,
    ),
    "not exists for each guess": (
        "SELECT i FROM range(99) r(i) WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = i)",
        40,
    ),
    "a scalar for each guess": (
        "SELECT i, (SELECT name FROM customers WHERE id = i) FROM range(99) r(i)",
        40,
    ),
    "a count for each guess": (
        "SELECT i, (SELECT count(*) FROM customers WHERE id = i) n FROM range(99) r(i)",
        40,
    ),
    "an aggregate of the outside": (
        "SELECT city, (SELECT string_agg(c.name)) FROM customers c GROUP BY city",
        40,
    ),
    "a list as a scalar": ("SELECT (SELECT list(name) FROM customers)", 40),
    "the absent by left join": (
        "SELECT i FROM range(99) r(i) LEFT JOIN customers c ON c.id = i WHERE c.id IS NULL",
        40,
    ),
    "the absent by right join": (
        "SELECT i FROM customers c RIGHT JOIN range(99) r(i) ON c.id = i WHERE c.id IS NULL",
        40,
    ),
    "the absent by full join": (
        "SELECT i FROM customers c FULL JOIN range(99) r(i) ON c.id = i WHERE c.id IS NULL",
        40,
    ),
    "a semi join": ("SELECT i FROM range(99) r(i) SEMI JOIN customers c ON c.id = i", 40),
    "an anti join": ("SELECT i FROM range(99) r(i) ANTI JOIN customers c ON c.id = i", 40),
    "an asof join": ("SELECT i, c.name FROM range(99) r(i) ASOF JOIN customers c ON i >= c.id", 40),
    "a lateral count": (
        "SELECT i FROM range(99) r(i), LATERAL (SELECT count(*) n FROM customers WHERE id = i) WHERE n = 0",
        40,
    ),
    "a lateral count without the word": (
        "SELECT i FROM range(99) r(i), (SELECT count(*) n FROM customers WHERE id = r.i) s WHERE n = 0",
        40,
    ),
    "a lateral rollup": (
        "SELECT i FROM range(99) r(i), "
        "(SELECT count(*) n FROM customers WHERE id = r.i GROUP BY ROLLUP (city)) s WHERE n = 0",
        40,
    ),
    "a lateral common table": (
        "SELECT i FROM range(99) r(i), "
        "(WITH x AS (SELECT count(*) n FROM customers WHERE id = r.i) SELECT n FROM x) s WHERE n = 0",
        40,
    ),
    "a natural join": ("SELECT name FROM customers NATURAL JOIN (SELECT i AS id FROM range(99) r(i))", 40),
    "a whole row": ("SELECT c FROM customers c", 40),
    "a whole row as text": ("SELECT c::text FROM customers c", 40),
    "a recursive common table": (
        "WITH RECURSIVE w(i) AS (SELECT min(id) FROM customers UNION ALL "
        "SELECT (SELECT min(id) FROM customers WHERE id > w.i) FROM w WHERE i IS NOT NULL) SELECT i FROM w",
        40,
    ),
    "pages": ("SELECT id FROM customers ORDER BY id LIMIT 30 OFFSET 5", 30),
    "unnested": ("SELECT unnest(l) FROM (SELECT list(name) l FROM customers)", 40),
    "unnested as a table": ("SELECT x FROM unnest((SELECT list(name) FROM customers)) t(x)", 40),
    "from parentheses": ("SELECT name FROM (customers JOIN orders ON customers.id = orders.customer_id)", 40),
    "a renamed common table": ("WITH x(a, b) AS (SELECT id, name FROM customers) SELECT a FROM x", 40),
    "a set in parentheses": ("(SELECT id FROM customers) ORDER BY 1", 40),
    "grouping sets": ("SELECT id, city, count(*) FROM customers GROUP BY GROUPING SETS ((id), (city))", 40),
    "having one by one": ("SELECT id FROM customers GROUP BY id HAVING count(*) = 1", 40),
    "ordered by an aggregate": ("SELECT city FROM customers GROUP BY city ORDER BY max(name)", 40),
    "a chance": ("SELECT i FROM range(99) r(i) WHERE i IN (SELECT id FROM customers WHERE random() < 2)", 40),
    "a limit that wanders": (
        "SELECT i FROM range(99) r(i) WHERE i IN (SELECT id FROM (SELECT id FROM customers LIMIT 39))",
        39,
    ),
    "everybody but one": ("SELECT count(*), sum(score) FROM customers WHERE id <> 7", 39),
    "everybody but one, by name": ("SELECT count(*) FROM customers WHERE name <> 'Person 7'", 39),
    "everybody but one and a bit of a date": (
        "SELECT (SELECT count(*) FROM customers WHERE NOT (id = 6)) n, "
        "(SELECT count(*) FROM customers WHERE NOT (id = 7 AND (year(born) - 1900) >> 1 & 1 = 1)) m",
        40,
    ),
    "everybody but one's orders, by what they are joined with": (
        "SELECT count(*) FROM lines l JOIN orders o ON o.id = l.order_id WHERE l.order_id % 40 <> 7",
        39,
    ),
    "the large side of a guess": ("SELECT count(*) FROM customers GROUP BY id = 7 HAVING count(*) > 5", 39),
    "the large side of a guess, from around it": (
        "SELECT n FROM (SELECT score = 10.5, count(*) n FROM customers GROUP BY 1) WHERE n > 5",
        39,
    ),
    "the large side of a guess, from a common table": (
        "WITH c AS (SELECT score = 10.5, count(*) n FROM customers GROUP BY 1) SELECT n FROM c WHERE n > 5",
        39,
    ),
    "the greatest of all": ("SELECT max(score, 99) FROM customers", 40),
    "the least of each": ("SELECT city, min(born, 99) FROM customers GROUP BY city", 40),
    "sets of guesses": (
        "SELECT count(*), sum(score) FROM customers GROUP BY GROUPING SETS ((), (id = 6), (id = 7)) "
        "HAVING count(*) > 5",
        40,
    ),
    "sets of guesses at a measure": (
        "SELECT count(*) FROM customers GROUP BY GROUPING SETS ((), (score = 9), (score = 10.5)) "
        "HAVING count(*) > 5",
        40,
    ),
    "sets of guesses at a reference": (
        "SELECT sum(amount) FROM orders GROUP BY GROUPING SETS ((), (customer_id = 6), (customer_id = 7)) "
        "HAVING count(*) > 5",
        40,
    ),
    "a cube of guesses": ("SELECT count(*) FROM customers GROUP BY CUBE ((score = 9), (score = 10.5))", 40),
    "a rollup of guesses": (
        "SELECT count(*) FROM customers GROUP BY ROLLUP ((score = 9), (score = 10.5))",
        40,
    ),
    "unnested guesses": (
        "SELECT unnest([score = 9, score = 10.5]) u, count(*) FROM customers GROUP BY u HAVING count(*) > 5",
        40,
    ),
    "many totals of nearly everybody": (
        "SELECT "
        + ", ".join(f"(SELECT count(*) FROM customers WHERE score <> {n * 1.5}) n{n}" for n in range(6)),
        39,
    ),
    "moments": ("SELECT sum(score), sum(score * score), sum(score * score * score) FROM customers", 40),
    "moments of squares": ("SELECT variance(score * score) FROM customers", 40),
    "poles": ("SELECT sum(1 / (score - 7)), sum(1 / (score - 8)) FROM customers", 40),
    "many statistics": (
        "SELECT " + ", ".join(f"sum(score + {n})" for n in range(40)) + " FROM customers",
        40,
    ),
}
REFUSED_ANYWAY: frozenset[str] = frozenset()


@pytest.fixture(scope="module", params=[10, 1000], ids=["tight", "wide"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    instance = opened(tmp_path_factory.mktemp("shop"))
    budgeting.furnish(instance, tmp_path_factory.mktemp("files"), budget=request.param)
    yield instance
    instance.close()


@pytest.fixture(autouse=True)
def fresh_day(shop: Instance) -> None:
    budgeting.forget(shop)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_way_round_is_stopped_by_a_tight_budget_and_counted_by_a_wide_one(
    shop: Instance, request: pytest.FixtureRequest, name: str
) -> None:
    sql, shows = ATTACKS[name]
    tight = request.node.callspec.params["shop"] == 10
    try:
        asking(shop)("viewer.emea", sql)
    except LimitReached:
        assert tight
    except Refusal as refusal:  # the engine or the allow-list has its own reason
        assert name in REFUSED_ANYWAY, refusal
    else:
        assert not tight
        assert len(budgeting.seen(shop)) >= shows


def test_probes_one_by_one_add_up(shop: Instance) -> None:
    ask, stopped = asking(shop), 0
    for guess in range(40):
        try:
            ask("viewer.emea", "SELECT 1 FROM customers WHERE id = $id", params={"id": guess})
            ask("viewer.emea", "SELECT count(*) FROM orders WHERE customer_id = $id", params={"id": guess})
        except LimitReached:
            stopped += 1
    assert len(budgeting.seen(shop)) == 40 - stopped
    assert stopped in (0, 30)


def doubled(levels: int, items: str = "a.id") -> str:
    """A question whose common tables name each other twice, so many levels deep."""
    common = ["c0 AS (SELECT a.id FROM orders a)"]
    common += [f"c{n} AS (SELECT {items} FROM c{n - 1} a, c{n - 1} b)" for n in range(1, levels + 1)]
    return f"WITH {', '.join(common)} SELECT * FROM c{levels}"


@pytest.mark.parametrize(("levels", "carriers"), [(0, 1), (5, 32), (6, 64), (7, 0), (9, 0)])
def test_what_is_carried_along_does_not_double_without_end(levels: int, carriers: int) -> None:
    shown = Plan.of(named(doubled(levels)), CONTRACTS).revealed({"orders": "customer"}, 5)
    assert len(shown.carriers) == carriers
    assert shown.clear == bool(carriers)
    assert carriers or [aside.dataset for aside in shown.asides] == ["orders"]  # everybody counts


def test_nor_do_the_stars_that_leave_it_out() -> None:
    stars = f"SELECT {', '.join('*' * 20)} FROM ({doubled(6)})"
    assert not Plan.of(named(stars), CONTRACTS).revealed({"orders": "customer"}, 5).clear


@pytest.mark.parametrize("budgeted", ["clear", "unclear"])
def test_what_doubles_is_counted_all_the_same(shop: Instance, budgeted: str) -> None:
    sql = doubled(3 if budgeted == "clear" else 7).replace("FROM orders a", "FROM orders a WHERE id = 1007")
    try:
        asking(shop)("viewer.emea", sql)
    except LimitReached:
        assert budgeted == "unclear"  # of everybody, more than the tight budget
    assert len(budgeting.seen(shop)) in ((1,) if budgeted == "clear" else (0, 35, 40))


def test_a_refusal_is_no_count(shop: Instance, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["shop"] != 10:
        pytest.skip("nobody is refused")
    said = set()
    for year in (1952, 1960, 1975):
        with pytest.raises(LimitReached) as refused:
            asking(shop)("viewer.emea", f"SELECT 1 FROM customers WHERE year(born) >= {year}")
        facts = {key: value for key, value in refused.value.facts.items() if key != "subject"}
        said.add((refused.value.message, refused.value.next_step, str(facts)))
    assert len(said) == 1 and "more" not in str(said)
