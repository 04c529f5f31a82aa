"""The viewer's part: everybody sees their own region, the right figure, and nothing else."""

import json
from decimal import Decimal
from typing import Any

from handrail_demo import seed
from handrail_demo.tour.acts import ask, begin, cents, finished, outputs, rows, run, same, table
from handrail_demo.tour.stage import Reply, Stage
from handrail_demo.tour.steps import Chapter, Missed, must

chapter: Chapter[Stage] = Chapter("viewer")
REVENUE = "SUM((net_amount - COALESCE(returned_amount, 0)) * eur_rate)"
DIRECT = f"SELECT region, {REVENUE} FROM sales_orders WHERE region = $region GROUP BY region"  # noqa: S608
BY_REGION = {"metric": {"name": "revenue", "by": ["region"]}}
TITLE = "Revenue by region"


@chapter.step(
    "two viewers open the same app", expected="each their own region, to the cent what the source says"
)
def _(stage: Stage) -> str:
    said = []
    viewers = (("viewer.emea", "EMEA"), ("viewer.apac", "APAC"))
    for person, _ in viewers:  # both at once
        stage.facts[person] = begin(stage, person, "regional-velocity", "open")
    for person, region in viewers:
        ended = finished(stage, person, stage.facts[person])
        seen = [(name, cents(amount)) for name, amount in table(stage, person, ended["id"], TITLE)]
        right = [(name, cents(amount)) for name, amount in stage.direct(DIRECT, region=region)]
        said.append(same(seen, right, f"{region} {seen[0][1]:,} EUR"))
    return " and ".join(said)


@chapter.step("asks for another region", expected="no row of it", refuses=True)
def _(stage: Stage) -> str:
    metric = {"name": "revenue", "by": ["region"], "where": {"region": "APAC"}}
    found = rows(ask(stage, "viewer.emea", {"metric": metric}))
    sql = "SELECT count(*) FROM sales_orders WHERE region = 'APAC' OR 1 = 1 OR region <> 'EMEA'"
    [(count,)] = rows(ask(stage, "viewer.emea", {"sql": sql}))
    [(own,)] = stage.direct("SELECT count(*) FROM sales_orders WHERE region = 'EMEA'")
    return must(
        not found and count == own, f"{len(found)} rows; OR 1 = 1 still counts {count:,}, all of EMEA"
    )


@chapter.step("somebody it is not shared with opens it", expected="refused", refuses=True)
def _(stage: Stage) -> str:
    return stage.rest("maker.ops", "POST", "/api/v1/apps/regional-velocity/open").refusal("not_found")


@chapter.step("looks for the prompts", expected="there is no such address", refuses=True)
def _(stage: Stage) -> str:
    reply = stage.rest("viewer.emea", "GET", "/api/v1/apps/regional-velocity/prompts")
    return must("nothing here" in (got := reply.refusal("not_found")), got)


@chapter.step("one viewer asks for the other's run", expected="no such run for anybody else", refuses=True)
def _(stage: Stage) -> str:
    return _first_output(stage, "viewer.apac").refusal("not_found")


@chapter.step("support looks at that run", expected="how it went, and no real row", refuses=True)
def _(stage: Stage) -> str:
    seen = stage.rest("support.oncall", "GET", f"/api/v1/runs/{stage.facts['viewer.emea']}").done()
    return f"it {seen['state']}; {_first_output(stage, 'support.oncall').refusal('not_allowed')}"


@chapter.step(
    "takes a token made for asking questions, and opens an app with it",
    expected="the question is answered; for this token there is no app",
    refuses=True,
)
def _(stage: Stage) -> str:
    wanted = {"name": "my spreadsheet", "scopes": ["query"], "days": 1}
    secret = stage.rest("viewer.emea", "POST", "/api/v1/tokens", wanted).done()["secret"]
    [(region, _)] = rows(ask(stage, "viewer.emea", BY_REGION, token=secret))
    shut = stage.rest("viewer.emea", "POST", "/api/v1/apps/regional-velocity/open", token=secret)
    return f"answered for {region}; {shut.refusal('not_found')}"


@chapter.step(
    "compares revenue in two apps", expected="one number; the second needed only the automatic checks"
)
def _(stage: Stage) -> str:
    maker = seed.FORMATTER.maker
    seed.push(stage.instance, seed.FORMATTER)
    run(stage, maker, "order-formatter")
    promotion = stage.rest(maker, "POST", "/api/v1/apps/order-formatter/promote", {}).done()
    ended = run(stage, maker, "order-formatter", "open")  # this maker's region is EMEA too
    second = table(stage, maker, ended["id"], f"{TITLE} (certified)")
    first = table(stage, "viewer.emea", stage.facts["viewer.emea"], TITLE)
    tier = promotion["tier"]
    return same(second, first, f"{cents(first[0][1]):,} EUR in both; order-formatter is {tier}")


@chapter.step("asks the same by REST, CLI and app", expected="the same answer by each")
def _(stage: Stage) -> str:
    over_rest = _figure(rows(ask(stage, "viewer.emea", BY_REGION)))
    words = ("metric", "revenue", "--by", "region", "--purpose", "sales-reporting")
    done = stage.cli(*words, "--as", "viewer.emea", "--json")
    if done.returncode:
        raise Missed(done.stderr.strip())
    with_cli = _figure([tuple(row.values()) for row in json.loads(done.stdout)["rows"]])
    in_app = _figure(table(stage, "viewer.emea", stage.facts["viewer.emea"], TITLE))
    return must(over_rest == with_cli == in_app, f"REST {over_rest:,}, CLI {with_cli:,}, app {in_app:,}")


@chapter.step(
    "takes the customer list along",
    expected="refused: more customers than one may see in a day",
    refuses=True,
)
def _(stage: Stage) -> str:
    return ask(stage, "viewer.emea", {"sql": "SELECT DISTINCT customer_id FROM customers"}).refusal(
        "limit_reached"
    )


@chapter.step("asks for salaries by REST and CLI", expected="the same refusal by each", refuses=True)
def _(stage: Stage) -> str:
    sql = "SELECT full_name, salary_eur FROM hr_employees"
    over_rest = ask(stage, "viewer.emea", {"sql": sql})
    done = stage.cli("query", sql, "--purpose", "sales-reporting", "--as", "viewer.emea", "--json")
    got = over_rest.refusal("not_allowed")
    with_cli = json.loads(done.stderr)["message"] if done.returncode == 1 else "an answer"
    return must(with_cli in got, f"{got}; the command line says: {with_cli}" if with_cli not in got else got)


def _first_output(stage: Stage, person: str) -> Reply:
    run_id = stage.facts["viewer.emea"]
    number = outputs(stage, "viewer.emea", run_id)[0]["n"]
    return stage.rest(person, "GET", f"/api/v1/runs/{run_id}/outputs/{number}")


def _figure(found: list[tuple[Any, ...]]) -> Decimal:
    [(_, amount)] = found
    return cents(amount)
