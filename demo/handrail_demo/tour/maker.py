"""The maker's part: push with why and prompts, clone, run on synthetic data, and meet the checks."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from handrail import apps, data
from handrail.kernel import Invalid
from handrail_demo import seed
from handrail_demo.tour.acts import begin, content, finished, outputs, rows, run, run_on_files, table, visit
from handrail_demo.tour.stage import Stage
from handrail_demo.tour.steps import Chapter, Missed, must

chapter: Chapter[Stage] = Chapter("maker")
TYPO = (b'"net_amount"]', b'"net_amuont"]')
PLANTED = "mrd_live_7Kq2"
BOARD_SQL = "SELECT DISTINCT region FROM sales_orders WHERE region IS NOT NULL ORDER BY region"
WAY_OUT = seed.DemoApp("way-out", "maker.ops", "Looks for a way out of the sandbox.")


@chapter.step("pushes an app with its why and its prompts", expected="version 1 is kept with 5 prompts")
def _(stage: Stage) -> str:
    version = _push(stage, seed.VELOCITY, seed.VELOCITY.folder)
    return must(
        version["n"] == 1 and version["prompts"] == 5,
        f"version {version['n']} is commit {version['commit'][:10]} with {version['prompts']} prompts",
    )


@chapter.step("misspells a column in the manifest", expected="refused, naming the right one", refuses=True)
def _(stage: Stage) -> str:
    files = seed.VELOCITY.files()
    files["handrail.toml"] = files["handrail.toml"].replace(*TYPO)
    try:
        with stage.acting(seed.VELOCITY.maker) as ctx:
            version = apps.push(ctx, files, "Faster.")
    except Invalid as refusal:
        got = f"{refusal.message} {refusal.next_step}"
        return must("net_amuont" in got and "net_amount" in got, got)
    raise Missed(f"it was kept as version {version.n}")


@chapter.step("clones it with git and a personal token", expected="the pushed files, the why as the message")
def _(stage: Stage) -> str:
    with tempfile.TemporaryDirectory() as folder:
        cloned = _clone(stage, folder, stage.token(seed.VELOCITY.maker))
        if cloned.returncode:
            raise Missed(cloned.stderr.strip())
        whole = all(
            (Path(folder) / name).read_bytes() == body for name, body in seed.VELOCITY.files().items()
        )
        log = subprocess.run(
            ["git", "-C", folder, "log", "--format=%an: %s"], capture_output=True, text=True, check=True
        )
    return must(whole and seed.VELOCITY.why in log.stdout, f"byte for byte; log says {log.stdout.strip()!r}")


@chapter.step("somebody clones it without a token", expected="refused", refuses=True)
def _(stage: Stage) -> str:
    with tempfile.TemporaryDirectory() as folder:
        cloned = _clone(stage, folder, None)
    asked = stage.rest(None, "GET", "/git/regional-velocity.git/info/refs?service=git-upload-pack")
    return must(
        cloned.returncode and asked.status == 401, f"{asked.status}: git asks who is there, and stops"
    )


@chapter.step("runs it in the sandbox", expected="the twin answers: text, two tables and a chart")
def _(stage: Stage) -> str:
    ended = run(stage, seed.VELOCITY.maker, "regional-velocity")
    kinds = sorted(one["kind"] for one in outputs(stage, seed.VELOCITY.maker, ended["id"]))
    chart = content(stage, seed.VELOCITY.maker, ended["id"], "Orders per week")
    regions = table(stage, seed.VELOCITY.maker, ended["id"], "Revenue by region")
    return must(
        kinds == ["image", "table", "table", "text"]
        and chart.body.startswith(b"\x89PNG")
        and len(regions) > 1,
        f"{', '.join(kinds)}; a chart of {len(chart.body) // 1024} KB; {len(regions)} synthetic regions",
    )


@chapter.step(
    "tries a page of HTML and JavaScript", expected="the twin answers it, at an address of the sandbox's own"
)
def _(stage: Stage) -> str:
    seed.push(stage.instance, seed.BOARD)
    there = visit(stage, seed.BOARD.maker, "region-board", "sandbox")
    page = there.ask("/")
    regions = rows(there.ask("/.handrail/query", {"sql": BOARD_SQL}))
    ended = stage.rest(seed.BOARD.maker, "GET", "/api/v1/runs?app=region-board").done()[0]
    stage.rest(seed.BOARD.maker, "POST", f"/api/v1/runs/{ended['id']}/stop").done()
    finished(stage, seed.BOARD.maker, ended["id"])
    return must(
        b"Region board" in page.body and len(regions) > 1 and there.host.startswith("sandbox--"),
        f"{len(regions)} synthetic regions at {there.host.partition(':')[0]}",
    )


@chapter.step(
    "promotes the page and opens it",
    expected="their own region alone; another website asks in vain",
    refuses=True,
)
def _(stage: Stage) -> str:
    stage.rest(seed.BOARD.maker, "POST", "/api/v1/apps/region-board/promote", {}).done()
    there = visit(stage, seed.BOARD.maker, "region-board")
    regions = rows(there.ask("/.handrail/query", {"sql": BOARD_SQL}))
    other = there.ask("/.handrail/query", {"sql": BOARD_SQL}, origin="http://evil.localhost")
    got = f"{', '.join(str(region) for (region,) in regions)}; {other.refusal('not_allowed')}"
    return must([region for (region,) in regions] == ["EMEA"], got)


@chapter.step(
    "gives an app the carrier's list, and has it open tickets",
    expected="the sandbox answers; the service desk hears nothing",
    refuses=True,
)
def _(stage: Stage) -> str:
    seed.push(stage.instance, seed.CLAIMS)
    ended = run_on_files(stage, seed.CLAIMS)
    found = table(stage, seed.CLAIMS.maker, ended["id"], "Open tickets")
    asked = stage.desk.asked
    got = f"run {ended['state']}; tickets made up: {len(found)}; requests that reached the desk: {asked}"
    return must(ended["state"] == "succeeded" and found and not asked, got)


@chapter.step(
    "runs code that looks for a way out",
    expected="no network, no host file, no secret in the environment",
    refuses=True,
)
def _(stage: Stage) -> str:
    aims = {"port": stage.port, "home": str(stage.home.resolve())}
    with stage.acting(WAY_OUT.maker) as ctx:
        apps.push(ctx, {**WAY_OUT.files(), "aims.json": json.dumps(aims).encode()}, WAY_OUT.why)
    ended = run(stage, WAY_OUT.maker, WAY_OUT.name)
    tried = json.loads(content(stage, WAY_OUT.maker, ended["id"], "tried.json").body)
    got_out = {what: found for what, found in tried.items() if found}
    return must(
        not got_out and len(tried) >= 8, f"got {got_out}" if got_out else f"nothing: {', '.join(tried)}"
    )


@chapter.step(
    "pastes a key into the code",
    expected="the sandbox runs it; production is shut, with the line and the fix",
    refuses=True,
)
def _(stage: Stage) -> str:
    for app in (seed.STOCK, seed.CUSTOMER_360, seed.MARGIN):  # three makers do not wait for each other
        _tried(stage, app)
    finished(stage, seed.STOCK.maker, _tried(stage, seed.STOCK))
    line = next(n for n, text in enumerate(_code(seed.STOCK).splitlines(), 1) if PLANTED in text)
    shut = stage.rest(seed.STOCK.maker, "POST", "/api/v1/apps/stock-alert/promote", {})
    got = shut.refusal("not_ready")
    return must(f"line {line}" in got and PLANTED not in got, f"ran; {got}")


@chapter.step("had the key in the conversation too", expected="the prompts are kept without it", refuses=True)
def _(stage: Stage) -> str:
    with stage.acting(seed.STOCK.maker) as ctx:
        kept = " ".join(prompt.text for prompt in apps.prompts(ctx, "stock-alert"))
        taken = apps.versions(ctx, "stock-alert")[0].redacted
    counted = ", ".join(f"{count} {kind}" for kind, count in taken.items())
    return must("[redacted" in kept and PLANTED not in kept and "Wint3r" not in kept, f"taken out: {counted}")


@chapter.step(
    "declares 4 columns of customers and reads 19", expected="found by watching, and shut", refuses=True
)
def _(stage: Stage) -> str:
    finished(stage, seed.CUSTOMER_360.maker, _tried(stage, seed.CUSTOMER_360))
    with stage.acting(seed.CUSTOMER_360.maker) as ctx:
        read = data.observed_reads(ctx, "customer-360", environment="sandbox")["customers"]
    gate = _gate(stage, seed.CUSTOMER_360, "declared")
    return must(
        len(read) == 19 and gate["state"] == "shut",
        f"read {len(read)}: {gate['because']} {gate['next_step']}",
    )


@chapter.step(
    "has the app swallow its errors",
    expected="found, with the line where a failure becomes a number",
    refuses=True,
)
def _(stage: Stage) -> str:
    finished(stage, seed.MARGIN.maker, _tried(stage, seed.MARGIN))
    done = stage.cli("review", str(seed.MARGIN.folder), "--as", seed.MARGIN.maker, "--json")
    if not done.stdout:
        raise Missed(done.stderr.strip())
    found = json.loads(done.stdout)["findings"]
    code = _code(seed.MARGIN).splitlines()
    swallowed = [one for one in found if "except" in " ".join(code[one["line"] - 1 : one["end_line"]])]
    got = "; ".join(f"line {one['line']}: {one['title']}" for one in swallowed)
    return must(len(swallowed) == 2, got or f"not among {len(found)} findings")


def _tried(stage: Stage, app: seed.DemoApp) -> str:
    """The run of an app in the sandbox, pushed and begun when it is first asked for."""
    key = f"tried {app.name}"
    if key not in stage.facts:
        seed.push(stage.instance, app)
        stage.facts[key] = begin(stage, app.maker, app.name)
    begun: str = stage.facts[key]
    return begun


def _push(stage: Stage, app: seed.DemoApp, folder: Path) -> dict[str, Any]:
    prompts = str(app.folder / "prompts.json")
    words = ("push", str(folder), "--why", app.why, "--prompts", prompts, "--as", app.maker, "--json")
    done = stage.cli(*words)
    if done.returncode:
        raise Missed(done.stderr.strip())
    version: dict[str, Any] = json.loads(done.stdout)
    return version


def _clone(stage: Stage, folder: str, token: str | None) -> subprocess.CompletedProcess[str]:
    sign_in = f"maker:{token}@" if token else ""
    address = f"http://{sign_in}127.0.0.1:{stage.port}/git/regional-velocity.git"
    quiet = {"PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0", "HOME": folder}
    return subprocess.run(
        ["git", "clone", "-q", address, folder],
        capture_output=True,
        text=True,
        env=quiet,
        timeout=30,
        check=False,
    )


def _gate(stage: Stage, app: seed.DemoApp, key: str) -> dict[str, Any]:
    gates = stage.rest(app.maker, "GET", f"/api/v1/apps/{app.name}/gates").done()
    found: dict[str, Any] = next(gate for gate in gates if gate["key"] == key)
    return found


def _code(app: seed.DemoApp) -> str:
    return app.files()["app.py"].decode()
