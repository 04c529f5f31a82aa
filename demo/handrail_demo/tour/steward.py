"""The steward's part: data comes in, is completed, certified by two, and gets a twin and a metric."""

import json

from handrail import data
from handrail.kernel import definitions
from handrail_demo import seed
from handrail_demo.contracts import COMPLETIONS
from handrail_demo.tour.acts import ask, rows
from handrail_demo.tour.stage import Stage
from handrail_demo.tour.steps import Chapter, Missed, must

chapter: Chapter[Stage] = Chapter("steward")
ORDERS = next(one for one in COMPLETIONS if one.dataset == "sales_orders")
COUNT = {"sql": "SELECT count(*) FROM sales_orders"}
BY_QUARTER = {"metric": {"name": "revenue", "grain": "quarter"}}
RETURNS = " - COALESCE(sales_orders.returned_amount, 0)"
ORPHANS = (
    (
        "order_lines",
        "sales_orders",
        "SELECT count(*) FROM read_parquet($child) ANTI JOIN read_parquet($parent) USING (order_id)",
    ),
    (
        "sales_orders",
        "customers",
        "SELECT count(*) FROM read_parquet($child) ANTI JOIN read_parquet($parent) USING (customer_id)",
    ),
)
COPIES = (  # whole rows that are equal, but for the keys, which are numbered anew
    "SELECT COLUMNS(lambda c: NOT ends_with(c, '_id')) FROM read_parquet($twin) INTERSECT "
    "SELECT COLUMNS(lambda c: NOT ends_with(c, '_id')) FROM read_parquet($real)"
)


@chapter.step("imports the company's database", expected="a contract is drafted for each of the 7 tables")
def _(stage: Stage) -> str:
    done = stage.cli("import", str(stage.source), "--name", "meridian", "--as", "steward.sales", "--json")
    if done.returncode:
        raise Missed(done.stderr.strip())
    report = json.loads(done.stdout)
    with stage.acting("steward.sales") as ctx:
        lines = data.contract(ctx, "order_lines")
        customers = data.contract(ctx, "customers")
    links = {column.references for column in lines.columns if column.references}
    personal = [column.name for column in customers.columns if column.classification]
    drafts, targets = len(report["drafted"]), sorted(name for name, _ in links)
    got = (
        f"{drafts} drafts over {sum(report['rows'].values()):,} rows; order_lines points at "
        f"{' and '.join(targets)}; {len(personal)} columns of customers look personal"
    )
    return must(drafts == 7 and targets == ["products", "sales_orders"] and "email" in personal, got)


@chapter.step("somebody queries the draft", expected="refused: a draft answers nothing", refuses=True)
def _(stage: Stage) -> str:
    return ask(stage, "viewer.emea", COUNT).refusal("not_ready")


@chapter.step(
    "completes sales_orders and certifies it alone",
    expected="refused: it takes a second steward",
    refuses=True,
)
def _(stage: Stage) -> str:
    with stage.acting(ORDERS.proposer) as ctx:
        state = seed.propose(ctx, ORDERS).state
    must(state == "proposed", f"the proposal is {state}")
    return stage.rest(ORDERS.proposer, "POST", "/api/v1/datasets/sales_orders/certify").refusal("not_allowed")


@chapter.step("a second steward certifies it", expected="certified until a year from now, and it answers")
def _(stage: Stage) -> str:
    reply = stage.rest(ORDERS.certifier, "POST", "/api/v1/datasets/sales_orders/certify").done()
    [(count,)] = rows(ask(stage, "lead", COUNT))
    return must(count > 0, f"{reply['state']} until {reply['certified_until']}; {count:,} orders answer")


@chapter.step(
    "the contract's file is edited afterwards", expected="its certification has ended", refuses=True
)
def _(stage: Stage) -> str:
    file = stage.home / "definitions" / "contracts" / "sales_orders.odcs.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "# an innocent remark\n", encoding="utf-8")
    with stage.acting("steward.sales") as ctx:
        state = data.dataset(ctx, "sales_orders").state
    must(state == "edited", f"it is still {state}")
    return ask(stage, "lead", COUNT).refusal("not_ready")


@chapter.step(
    "both stewards look at every contract again", expected="6 certified; the doctor's stays a draft"
)
def _(stage: Stage) -> str:
    seed.certify(stage.instance)
    with stage.acting("steward.sales") as ctx:
        states = {one.name: one.state for one in data.datasets(ctx)}
        edits = len(definitions.history(ctx, "contracts/sales_orders.odcs.yaml"))
    certified = [name for name, state in states.items() if state == "certified"]
    whole = len(certified) == 6 and states["clinic_visits"] == "draft"
    return must(
        whole,
        f"{len(certified)} certified, clinic_visits {states['clinic_visits']}; {edits} edits kept in git",
    )


@chapter.step("publishes the twins", expected="every key resolves, and no row is an exact copy of a real one")
def _(stage: Stage) -> str:
    report = seed.build_twins(stage.instance)
    if report is None:
        raise Missed("nothing was built")
    with stage.acting("steward.sales") as ctx:
        built = {table.dataset: data.rendition(ctx, table.dataset) for table in report.tables}
        real = {table.dataset: str(data.extract_path(ctx, table.dataset)) for table in report.tables}
    twin = {name: str(found.path) for name, found in built.items() if found}
    orphans = sum(
        stage.direct(sql, child=twin[child], parent=twin[parent])[0][0] for child, parent, sql in ORPHANS
    )
    copies = sum(
        len(stage.direct(COPIES, twin=twin[name], real=real[name]))
        for name in ("customers", "sales_orders", "hr_employees")
    )
    within = all(table.privacy.copies <= table.privacy.limit for table in report.tables)
    got = f"{len(twin)} twins, likeness {report.overall:.3f}, {orphans} orphans, {copies} copies"
    return must(orphans == 0 and copies == 0 and within, got)


@chapter.step(
    "has a revenue certified that forgets returns",
    expected="refused: it misses the board's totals by 0.8 %",
    refuses=True,
)
def _(stage: Stage) -> str:
    file = stage.home / "definitions" / "model" / "sales.yaml"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace(RETURNS, ""), encoding="utf-8")
    found = stage.rest("steward.sales", "POST", "/api/v1/metrics/revenue/reconcile").done()
    refusal = stage.rest("steward.hr", "POST", "/api/v1/metrics/revenue/certify").refusal("not_ready")
    file.write_text(right, encoding="utf-8")
    return must(0.0075 < found["worst"] < 0.0085 and not found["within"], refusal)


@chapter.step(
    "has the right one certified", expected="ties to the board's totals within 0.1 %, and carries the badge"
)
def _(stage: Stage) -> str:
    found = stage.rest("steward.sales", "POST", "/api/v1/metrics/revenue/reconcile").done()
    made = stage.rest("steward.hr", "POST", "/api/v1/metrics/revenue/certify").done()
    answer = ask(stage, "lead", BY_QUARTER).done()
    quarters, worst = len(found["rows"]), found["worst"]
    whole = quarters == 11 and worst < 0.001 and made["certified"] and answer["certified"]
    return must(whole, f"{made['state']}: {quarters} closed quarters, the worst off by {worst:.4%}")


@chapter.step(
    "lets apps call the service desk", expected="2 calls, one writes; the credential is shown to nobody"
)
def _(stage: Stage) -> str:
    made = seed.connect_desk(stage.instance, stage.desk.port)
    calls = ", ".join(f"{one.pattern}{' (writes)' if one.writes else ''}" for one in made.calls)
    shown = stage.rest("steward.sales", "GET", f"/api/v1/connectors/{seed.DESK}").done()
    whole = len(made.calls) == 2 and not shown["lacks"] and stage.desk.secret not in json.dumps(shown)
    return must(whole, f"{calls}; kept at {made.credential.kept if made.credential else 'no place'}")
