"""Attack: quality rules count every row, so they must tell nobody of cells that a query refuses them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from handrail import data, server
from handrail.data.custom_sql import runnable
from handrail.kernel import Instance, NotAllowed, Refusal, trail
from tests.conftest import Acting
from tests.data import budgeting
from tests.data.test_pages import SignedIn, signed_in

__all__ = ["signed_in"]

STAFF = "id,name,dept,salary\n" + "\n".join(f"{n},N{n},{'AB'[n % 2]},{1000 + n * n}" for n in range(40))
ABOUT = {"entity_key": "id", "subject": "employee", "owner": "steward.hr", "readers": ["hr"]}
KNOWN = "SELECT count(*) FROM lines l WHERE NOT EXISTS (SELECT 1 FROM staff s WHERE s.id = l.line_id)"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """What steward.sales looks after."""
    opened = budgeting.furnished(tmp_path, 10)
    yield opened
    opened.close()


@pytest.fixture
def shop(instance: Instance) -> Instance:
    """Lines that steward.sales looks after, to which `staff` adds those whom only hr reads."""
    return instance


def staff(instance: Instance, acting: Acting, folder: Path, **more: Any) -> None:
    (folder / "staff.csv").write_text(STAFF)
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(folder / "staff.csv"))
    budgeting.certify(instance, "staff", {**ABOUT, "deputy": "lead", "masks": {"name": "hash"}, **more})


def sql(value: str, allowed: str = "= 0") -> dict[str, Any]:
    return {"quality": [{"rule": "sql", "value": value, "allowed": allowed}]}


def tried(acting: Acting, name: str, changes: Mapping[str, Any], who: str = "steward.sales") -> data.Result:
    with acting(who) as ctx:
        return data.try_promises(ctx, name, changes)[1][-1]


def test_a_dataset_that_the_steward_may_not_read_is_not_looked_up(
    shop: Instance, acting: Acting, tmp_path: Path
) -> None:
    staff(shop, acting, tmp_path)
    wanted = {"looks_up": ["staff"], **sql(KNOWN)}
    for verb in (data.try_promises, data.propose):
        with pytest.raises(NotAllowed, match="may not look up staff"), acting("steward.sales") as ctx:
            verb(ctx, "lines", wanted)
    with pytest.raises(NotAllowed, match="may not look up staff"):
        with acting("steward.sales") as ctx:  # who says so in a proposal is no owner
            data.propose(ctx, "staff", {"owner": "steward.sales", "readers": ["sales"]})
        tried(acting, "lines", wanted)


def test_a_deputy_looks_it_up_and_who_may_not_read_it_cannot_certify_that(
    shop: Instance, acting: Acting, tmp_path: Path
) -> None:
    staff(shop, acting, tmp_path, deputy="steward.sales", owner="lead")
    wanted = {"looks_up": ["staff"], **sql(KNOWN, "= 280")}
    assert tried(acting, "lines", wanted).outcome == "kept"
    with acting("steward.sales") as ctx:
        data.propose(ctx, "lines", wanted)
        budget = {"readers": ["nobody"], "description": "closed"}
        data.propose(ctx, "staff", budget)
    with acting("steward.hr") as ctx, pytest.raises(NotAllowed, match="may not look up staff"):
        data.certify(ctx, "lines")


@pytest.mark.parametrize(
    "value",
    [
        "SELECT count(*) FROM lines l WHERE EXISTS (SELECT 1 FROM staff s WHERE s.id = 7 AND s.salary > 1040)",
        "SELECT count(*) FROM lines l JOIN staff s ON s.salary = l.line_id + 1000 WHERE s.id = 7",
        "SELECT count(*) FROM (SELECT * FROM staff) s WHERE s.id = 7",
        "SELECT count(*) FROM lines NATURAL JOIN (SELECT id AS line_id, salary AS s FROM staff)",
        "SELECT count(DISTINCT s) FROM staff s",
    ],
)
def test_a_masked_column_is_asked_for_null_only(
    shop: Instance, acting: Acting, tmp_path: Path, value: str
) -> None:
    masks = {"salary": data.Mask("aggregate", least=10, by=("dept",)), "name": "hash"}
    staff(shop, acting, tmp_path, deputy="steward.sales", masks=masks)
    with pytest.raises(NotAllowed, match="IS NULL: it is masked for you"):
        tried(acting, "lines", {"looks_up": ["staff"], **sql(value)})
    asked = "SELECT count(*) FROM staff WHERE salary IS NULL"
    assert tried(acting, "lines", {"looks_up": ["staff"], **sql(asked)}).outcome == "kept"
    with pytest.raises(NotAllowed, match="masked for you"):
        tried(acting, "lines", {"references": {"line_id": "staff.salary"}})
    own = sql("SELECT count(*) FROM staff WHERE salary > 1040")
    with pytest.raises(NotAllowed, match="masked for you"):  # a mask is not taken away to look beneath it
        tried(acting, "staff", {"masks": {"salary": None}, **own})


def test_its_own_rows_are_counted_by_no_query_of_somebody_who_may_not_read_them(
    shop: Instance, acting: Acting, tmp_path: Path
) -> None:
    staff(shop, acting, tmp_path)
    rule = sql("SELECT count(*) FROM staff WHERE id = 7 AND dept = 'B'")
    with pytest.raises(NotAllowed, match="counts all rows of staff"):
        tried(acting, "staff", rule)
    assert tried(acting, "staff", rule, "steward.hr").said == "It answered 1."


@pytest.mark.parametrize(
    "value",
    [
        "SELECT count_if(id = 1) * 1 + count_if(id = 2) * 2 FROM staff",
        "SELECT count_if(id = 1) - count(*) FROM staff",
        "SELECT count_if(id = 1) * count(*) FROM staff",
        "SELECT count(*) / count(*) / count(*) FROM staff",
        "SELECT coalesce(count(*), count(*)) FROM staff",
        "SELECT count(*) > 5 AND count_if(id = 1) = 1 FROM staff",
        "SELECT salary > 5 FROM staff",
        "SELECT count(*) > (SELECT max(salary) FROM staff) FROM staff",
        "SELECT count(*) FROM staff WHERE id < (SELECT salary FROM staff WHERE id = 7)",
        "SELECT count(*) FROM staff WHERE (SELECT salary FROM staff WHERE id = 7) IN (1, 2)",
    ],
)
def test_several_counts_and_values_of_subqueries_spell_nothing_out(value: str, shop: Instance) -> None:
    columns = tuple(data.Column(name, "BIGINT") for name in ("id", "salary"))
    with shop.context(shop.system()) as ctx:
        lines = data.contract(ctx, "lines")
    with pytest.raises(NotAllowed):
        runnable(value, type(lines)(**{**vars(lines), "name": "staff", "columns": columns}))


@pytest.mark.parametrize(
    "value",
    [
        "SELECT count(DISTINCT place) FROM lines WHERE place IN (SELECT place FROM lines)",
        "SELECT count(*) FILTER (WHERE price < 0) * 100.0 / count(*) FROM lines",
        "SELECT round(count_if(price < 0) / count(*), 2) FROM lines",
        "SELECT NOT (count_if(price < 0) > count_if(price > 0)) FROM lines",
        "WITH far AS (SELECT * FROM lines WHERE place > 1) SELECT count(*) = 0 FROM far",
    ],
)
def test_what_counts_is_run(shop: Instance, acting: Acting, value: str) -> None:
    assert tried(acting, "lines", sql(value, ">= 0")).outcome == "kept"


def test_who_may_not_read_the_rows_is_told_round_numbers_and_few_never(
    shop: Instance, acting: Acting, tmp_path: Path
) -> None:
    staff(shop, acting, tmp_path)

    def said(value: str, who: str) -> tuple[float | None, str]:
        found = tried(acting, "staff", {"quality": [{"rule": "range", "column": "id", "value": value}]}, who)
        return found.count, found.said

    assert said("17..", "steward.sales") == (None, "About 20 rows are otherwise.")
    assert said("3..", "steward.sales") == (None, "Fewer than 5 rows are otherwise.")
    assert said("0..", "steward.sales") == (None, "")
    assert said("17..", "steward.hr") == (17, "17 of 40 rows are otherwise.")


def test_the_trail_has_the_sql(shop: Instance, acting: Acting) -> None:
    value = "SELECT count(*) FROM lines WHERE price < 0"
    tried(acting, "lines", sql(value))
    with acting("steward.sales") as ctx:
        data.propose(ctx, "lines", sql(value))
    with acting("compliance") as ctx:
        noted = {e.verb: e.facts.get("sql") for e in reversed(trail.entries(ctx, limit=50))}
    assert noted["quality.tried"] == [value]
    assert noted["dataset.proposed"] == [value]


def test_who_may_not_read_it_learns_only_whether_promises_are_kept(
    shop: Instance, acting: Acting, tmp_path: Path, signed_in: SignedIn
) -> None:
    rules = [
        {"rule": "accepted", "column": "dept", "value": "A", "hint": "yes"},
        {"rule": "range", "column": "id", "value": "0.."},
    ]
    staff(shop, acting, tmp_path, quality=rules)
    with acting("steward.hr") as ctx:
        data.check_quality(ctx, "staff")
    for who, told_exactly in (
        ("steward.hr", True),
        ("lead", True),
        ("steward.sales", False),
        ("admin", False),
    ):
        with acting(who) as ctx:
            said = str(data.quality_history(ctx, "staff"))
        assert ("20 of 40 rows" in said, "About 20 rows" in said) == (told_exactly, not told_exactly)
    told = signed_in("viewer.emea").get("/api/v1/datasets/staff/quality").json()[0]["results"]
    where = ("--home", str(shop.settings.home), "--as", "viewer.emea", "--json")
    command = server.command()
    ran = CliRunner().invoke(command, ["quality", "staff", "--history", *where])
    assert json.loads(ran.stdout)[0]["results"] == told
    assert all(one["count"] is None for one in told)
    assert {(one["promise"], one["outcome"]) for one in told} >= {("A promise about valid values", "broken")}
    page = signed_in("viewer.emea").get("/datasets/staff").text
    assert "20 of 40 rows" not in page
    assert "The numbers are told to its readers" in page
    with pytest.raises(Refusal), acting("viewer.emea") as ctx:
        data.check_quality(ctx, "staff")
