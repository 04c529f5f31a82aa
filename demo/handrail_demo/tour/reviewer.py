"""The reviewer's part: a second person's yes, bound to exactly one version."""

from handrail import apps
from handrail_demo import seed
from handrail_demo.tour.acts import finished, run_on_files
from handrail_demo.tour.stage import Stage
from handrail_demo.tour.steps import Chapter, Missed, must

chapter: Chapter[Stage] = Chapter("reviewer")
APP = "/api/v1/apps/regional-velocity"
REASON = "Let line 31 fail instead of assuming a margin of 50 %, and say so on the page."


@chapter.step("the maker asks what sharing with sales would cost", expected="told before the click: handoff")
def _(stage: Stage) -> str:
    preview = stage.rest(seed.VELOCITY.maker, "POST", f"{APP}/share/preview", {"groups": ["sales"]}).done()
    tiers = (preview["before"]["name"], preview["after"]["name"])
    return must(tiers == ("self-service", "handoff"), f"{' → '.join(tiers)}: {preview['costs'][0]}")


@chapter.step(
    "the maker shares it and promotes it", expected="refused until a reviewer said yes", refuses=True
)
def _(stage: Stage) -> str:
    stage.rest(seed.VELOCITY.maker, "POST", f"{APP}/share", {"groups": ["sales"]}).done()
    return stage.rest(seed.VELOCITY.maker, "POST", f"{APP}/promote", {}).refusal("not_ready")


@chapter.step(
    "a reviewer who co-owns it approves it", expected="refused by every face: it is their own", refuses=True
)
def _(stage: Stage) -> str:
    stage.rest(seed.VELOCITY.maker, "POST", f"{APP}/coowners", {"person": "reviewer.privacy"}).done()
    stage.rest(seed.VELOCITY.maker, "POST", f"{APP}/ask", {}).done()
    commit = _commit(stage)
    over_rest = stage.rest(
        "reviewer.privacy", "POST", f"/api/v1/reviews/regional-velocity/{commit}/approve", {}
    )
    with_cli = stage.cli("approve", "regional-velocity", "--as", "reviewer.privacy", "--json")
    got = over_rest.refusal("not_allowed")
    return must(with_cli.returncode == 1, f"{got} The command line says no too.")


@chapter.step(
    "another reviewer finds it in the queue and approves it", expected="approved: commit, manifest, layer"
)
def _(stage: Stage) -> str:
    queue = stage.rest("reviewer.platform", "GET", "/api/v1/reviews").done()
    mine = next((one for one in queue if one["app"] == "regional-velocity"), None)
    if mine is None:
        raise Missed(f"it is not among the {len(queue)} that wait")
    address = f"/api/v1/reviews/regional-velocity/{mine['commit']}/approve"
    verdict = stage.rest("reviewer.platform", "POST", address, {"reason": "Reads what it declares."}).done()
    return must(
        verdict["state"] == "approved",
        f"{verdict['state']} by {', '.join(verdict['by'])}, version {mine['n']}",
    )


@chapter.step("the maker promotes it", expected="version 1 is in production")
def _(stage: Stage) -> str:
    promotion = stage.rest(seed.VELOCITY.maker, "POST", f"{APP}/promote", {}).done()
    return must(
        promotion["n"] == 1, f"version {promotion['n']} as {promotion['tier']}, tree {promotion['tree'][:10]}"
    )


@chapter.step(
    "the maker changes one line and promotes again",
    expected="refused: version 1's yes is not version 2's",
    refuses=True,
)
def _(stage: Stage) -> str:
    code = seed.VELOCITY.files()
    code["app.py"] = code["app.py"].replace(b"WEEKS = 13", b"WEEKS = 26")
    with stage.acting(seed.VELOCITY.maker) as ctx:
        version = apps.push(ctx, code, "Half a year shows the season better.")
        tried = apps.run(ctx, "regional-velocity")
    finished(stage, seed.VELOCITY.maker, tried.id)
    must(version.n == 2, f"this is version {version.n}")
    return stage.rest(seed.VELOCITY.maker, "POST", f"{APP}/promote", {}).refusal("not_ready")


@chapter.step(
    "refuses the app that swallows its errors with one word",
    expected="refused: a maker must be able to act on it",
    refuses=True,
)
def _(stage: Stage) -> str:
    with stage.acting(seed.MARGIN.maker) as ctx:
        commit = apps.versions(ctx, seed.MARGIN.name)[0].commit
    address = f"/api/v1/reviews/{seed.MARGIN.name}/{commit}/refuse"
    got = stage.rest("reviewer.platform", "POST", address, {"reason": "No."}).refusal("invalid")
    stage.rest("reviewer.platform", "POST", address, {"reason": REASON}).done()
    return f"{got} With a sentence it counts."


@chapter.step(
    "an approved app writes to the service desk for the first time",
    expected="stopped until the desk's owner saw what it would send and said yes",
    refuses=True,
)
def _(stage: Stage) -> str:
    app, desk = seed.CLAIMS, stage.desk
    stage.rest(app.maker, "POST", f"/api/v1/apps/{app.name}/ask", {}).done()
    with stage.acting(app.maker) as ctx:
        commit = apps.versions(ctx, app.name)[0].commit
    stage.rest("reviewer.platform", "POST", f"/api/v1/reviews/{app.name}/{commit}/approve", {}).done()
    stage.rest(app.maker, "POST", f"/api/v1/apps/{app.name}/promote", {}).done()
    stopped = run_on_files(stage, app, "open")
    must(stopped["state"] == "failed" and not desk.tickets, f"the desk has {len(desk.tickets)} tickets")
    address = f"/api/v1/connectors/{seed.DESK}/approvals"
    [waiting] = stage.rest("steward.sales", "GET", address).done()
    stage.rest("steward.sales", "POST", f"{address}/{waiting['id']}/approve", {}).done()
    went_on = run_on_files(stage, app, "open")
    got = f"{stopped['reason']} After the yes: run {went_on['state']}, {len(desk.tickets)} tickets."
    return must(desk.secret not in waiting["preview"] and len(desk.tickets) == 3, got)


def _commit(stage: Stage) -> str:
    versions = stage.rest(seed.VELOCITY.maker, "GET", f"{APP}/versions").done()
    commit: str = versions[0]["commit"]
    return commit
