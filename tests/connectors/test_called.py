"""What a run called is remembered with the class of the answers: its outputs may hold them."""

from handrail import apps, connectors, runtime
from handrail.connectors.load import load
from handrail.connectors.models import Called
from handrail.kernel import Instance, Manifest, NotAllowed
from handrail.kernel.audit import recent
from tests.conftest import Acting
from tests.connectors.conftest import CALLS, Runs, define, got
from tests.connectors.upstream import Upstream

READERS = "readers: [sales]\n"
PERSONAL = (READERS, f"{READERS}classification: personal\n")
ONE = "  - call: GET /customers/{id}\n"
SENSITIVE = (ONE, f"{ONE}    classification: sensitive\n")
SHOWS = b"import handrail_sdk as h\nh.text(h.connector('crm').get('/customers/7').json()['ok'])\n"


def called(acting: Acting) -> list[tuple[str, str]]:
    with acting("viewer.emea") as ctx:
        return [(one.call, one.classification) for one in connectors.called(ctx, "run_1")]


def test_a_call_has_the_class_that_its_own_line_says_or_else_that_of_all() -> None:
    text = f"""\
says: Customers.
owner: ann
deputy: ben
host: crm.example.com
purposes: []
{READERS}classification: personal
calls:
  - call: GET /customers
{SENSITIVE[1]}  - call: GET /products
    classification: none
"""
    classes = {str(one.pattern): one.classification for one in load(text.encode(), "crm").calls}
    assert classes == {
        "GET /customers": "personal",
        "GET /customers/{id}": "sensitive",
        "GET /products": "none",
    }


def test_a_run_remembers_what_it_called_by_the_class_then_or_now_whichever_is_higher(
    acting: Acting, upstream: Upstream, running: Runs
) -> None:
    with running() as ctx:
        got(ctx, "/customers")
    assert called(acting) == [("GET /customers", "")]
    define(acting, upstream.host, PERSONAL, SENSITIVE)
    assert called(acting) == [("GET /customers", "personal")]
    with running() as ctx:
        got(ctx, "/customers")
        got(ctx, "/customers/7")
    define(acting, upstream.host, (READERS, f"{READERS}classification: none\n"))
    assert called(acting) == [("GET /customers", "personal"), ("GET /customers/{}", "sensitive")]


def test_what_was_refused_was_not_answered_and_is_not_remembered(acting: Acting, running: Runs) -> None:
    try:
        with running("viewer.apac", purpose="workforce-planning") as ctx:
            got(ctx, "/customers")
    except NotAllowed:
        pass
    assert called(acting) == []


def test_a_connector_that_is_gone_leaves_the_class_that_its_answers_had(
    instance: Instance, acting: Acting, upstream: Upstream, running: Runs
) -> None:
    define(acting, upstream.host, PERSONAL)
    with running() as ctx:
        got(ctx, "/customers")
    (instance.settings.home / "definitions" / "connectors" / "crm.yaml").write_text("says: broken\n")
    assert called(acting) == [("GET /customers", "personal")]


def test_what_runs_called_can_be_forgotten(acting: Acting, running: Runs) -> None:
    with running() as ctx:
        got(ctx, "/customers")
        connectors.forget_calls(ctx, ["run_1"])
        assert connectors.called(ctx, "run_1") == ()


def test_outputs_inherit_the_class_of_the_calls_and_a_download_says_it(
    instance: Instance, acting: Acting, upstream: Upstream
) -> None:
    define(acting, upstream.host, PERSONAL, SENSITIVE)
    manifest = Manifest.parse(Manifest.render("desk") + CALLS)
    with acting("viewer.emea") as ctx:
        run = runtime.start(ctx, "desk", "c0ffee", {"app.py": SHOWS}, manifest, "production")
        assert runtime.carries(ctx, run.id).classification == ""
    assert runtime.execute(instance, run.id).state == "succeeded"
    with acting("viewer.emea") as ctx:
        assert runtime.carries(ctx, run.id) == runtime.Carries("sensitive", ("crm GET /customers/{}",))
        runtime.download(ctx, run.id, 1)
    with acting("compliance") as ctx:
        [entry] = recent(ctx.db, verb="output.downloaded")
    assert entry.facts["classification"] == "sensitive"


def test_a_call_that_nobody_classified_is_never_said_to_be_nothing_personal(
    acting: Acting, upstream: Upstream, running: Runs
) -> None:
    with running() as ctx:
        got(ctx, "/customers")
        assert runtime.carries(ctx, "run_1") == runtime.Carries("unsaid", ("crm GET /customers",))
    define(acting, upstream.host, (READERS, f"{READERS}classification: none\n"))
    with acting("viewer.emea") as ctx:
        assert runtime.carries(ctx, "run_1") == runtime.Carries("none")


def test_an_app_that_is_answered_personal_data_is_handoff(
    acting: Acting, upstream: Upstream, app: str
) -> None:
    reads = CALLS.partition("writes")[0]
    define(acting, upstream.host, PERSONAL)
    files = {"handrail.toml": (Manifest.render("reads") + reads).encode(), "app.py": b"print(1)\n"}
    with acting("maker.sales") as ctx:
        apps.push(ctx, files, "Reads customers", "")
        tier = apps.tier(ctx, "reads")
    assert tier.name == "handoff"
    assert any("personal data: crm GET /customers" in reason for reason in tier.reasons)


def test_the_same_call_is_remembered_once(acting: Acting, running: Runs) -> None:
    with running() as ctx:
        got(ctx, "/customers/7")
        got(ctx, "/customers/8")
        assert connectors.called(ctx, "run_1") == (Called("crm", "GET /customers/{}", ""),)
