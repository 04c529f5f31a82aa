"""The pages of apps: what each person finds there, what is offered, and what an app's own text cannot do."""

import io

import pytest

from handrail import apps
from tests.apps.conftest import MANIFEST, hello
from tests.apps.test_api import packed

HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_each_person_finds_the_apps_that_concern_them_and_an_empty_list_that_teaches(push, client, acting):
    maker, viewer = client("maker.sales"), client("viewer.emea")
    assert "handrail new my-report" in maker.get("/apps").text
    assert "Nothing is shared with you yet" in viewer.get("/apps").text
    push()
    assert "Yours" in maker.get("/apps").text
    assert "Everybody else" in client("reviewer.platform").get("/apps").text
    assert "hello" not in viewer.get("/apps").text
    with acting("maker.sales") as ctx:
        apps.share(ctx, "hello", groups=["sales"])
    assert "Shared with you" in viewer.get("/apps").text


def test_a_viewer_sees_neither_code_nor_gates_nor_prompts_and_prompts_have_no_address(push, client, acting):
    push(why="Secret plan", prompts="make it so")
    with acting("maker.sales") as ctx:
        apps.share(ctx, "hello", people=["viewer.emea"])
    viewer = client("viewer.emea")
    page = viewer.get("/apps/hello")
    assert page.status_code == 200 and "not in production yet" in page.text
    for hidden in ("Secret plan", "git clone", "make it so", "Promote", "Run in the sandbox"):
        assert hidden not in page.text
    assert viewer.get("/apps/hello/versions/1").status_code == 403
    for n in (1, 2, 99):
        assert viewer.get(f"/apps/hello/versions/{n}/prompts").status_code == 404
    assert client("maker.ops").get("/apps/hello").status_code == 404
    assert "make it so" in client("maker.sales").get("/apps/hello/versions/1/prompts").text


@pytest.mark.parametrize("way", ["zip", "folder", "paste"])
def test_an_app_comes_as_a_zip_a_folder_or_pasted_text(client, acting, way):
    maker = client("maker.sales")
    story = {"why": "By the browser", "prompts": "say hello"}
    content = hello()
    if way == "zip":
        files = {"file": ("a.zip", packed(content), "application/zip")}
        answer = maker.post("/apps/new/zip", data=story, files=files)
    elif way == "folder":
        sent = [("files", (f"My App/{path}", io.BytesIO(text))) for path, text in content.items()]
        sent.append(("files", ("My App/.git/config", io.BytesIO(b"x"))))
        answer = maker.post("/apps/new/folder", data=story, files=sent)
    else:
        texts = {"manifest": MANIFEST.replace("\n", "\r\n"), "code": "print('hello')\r\n"}
        answer = maker.post("/apps/new/paste", data={**story, **texts})
    assert answer.status_code == 303 and answer.headers["location"] == "/apps/hello"
    with acting("maker.sales") as ctx:
        assert apps.files(ctx, "hello") == content
        assert apps.version(ctx, "hello").prompts == 1
    assert maker.get("/apps/new").status_code == 200


def test_a_refused_upload_says_what_is_wrong_and_keeps_nothing(client, acting):
    maker = client("maker.sales")
    files = {"file": ("a.zip", packed({**hello(), "../x": b""}), "application/zip")}
    answer = maker.post("/apps/new/zip", data={"why": "x"}, files=files)
    assert answer.status_code == 422 and "climbs out" in answer.text
    answer = maker.post("/apps/new/zip", data={"why": ""}, files={"file": ("a.zip", packed(hello()))})
    assert answer.status_code == 422 and "Nobody will know why" in answer.text
    with acting("maker.sales") as ctx:
        assert apps.apps(ctx) == ()


def test_what_a_maker_writes_is_shown_as_text_and_never_as_markup(push, client):
    manifest = MANIFEST.replace("Says hello", HOSTILE.replace('"', "'"))
    push(why=HOSTILE, prompts=HOSTILE, manifest=manifest, code=f"# {HOSTILE}\nprint(1)\n", **{"<b>.py": b"1"})
    maker = client("maker.sales")
    for path in ("/apps", "/apps/hello", "/apps/hello/versions/1", "/apps/hello/versions/1/prompts", "/"):
        page = maker.get(path)
        assert page.status_code == 200
        assert (
            "<script>alert" not in page.text and "<img src=x" not in page.text and "<b>.py" not in page.text
        )


def test_sharing_says_the_cost_first_and_shares_only_when_agreed(push, client, acting):
    push()
    maker = client("maker.sales")
    answer = maker.post("/apps/hello/share", data={"groups": ["sales"]})
    assert answer.status_code == 200 and "It becomes a handoff" in answer.text
    assert "A reviewer who is not one of its makers" in answer.text
    with acting("maker.sales") as ctx:
        assert apps.app(ctx, "hello").groups == ()
    answer = maker.post("/apps/hello/share", data={"groups": ["sales"], "people": [], "agreed": "yes"})
    assert answer.status_code == 303
    with acting("maker.sales") as ctx:
        assert apps.app(ctx, "hello").groups == ("sales",)
    assert maker.post("/apps/hello/unshare", data={"groups": ["sales"]}).status_code == 303
    assert maker.post("/apps/hello/coowners", data={"person": "maker.ops"}).status_code == 303
    with acting("maker.ops") as ctx:
        assert apps.app(ctx, "hello").coowners == ("maker.ops",)


def test_buttons_that_would_be_refused_are_not_offered_and_forms_refuse_all_the_same(push, client):
    push()
    reviewer = client("reviewer.platform")
    page = reviewer.get("/apps/hello").text
    assert "Run in the sandbox" in page and "Promote version" not in page and "See what it costs" not in page
    for form in ("promote", "ask", "rollback", "share", "unshare", "coowners"):
        assert reviewer.post(f"/apps/hello/{form}", data={"groups": ["sales"]}).status_code == 403
    assert client("maker.sales").post("/apps/hello/promote").status_code == 409
    assert client("viewer.emea").post("/apps/hello/run").status_code == 404


def test_the_viewers_page_says_whom_to_ask_and_how_old_the_data_is(orders, push, client, acting):
    from handrail import runtime
    from tests.apps.conftest import BY_REGION, ORDERS

    push(code=BY_REGION, manifest=ORDERS)
    maker = client("maker.sales")
    assert maker.get("/open/orders").status_code == 409
    with acting("maker.sales") as ctx:
        started = apps.run(ctx, "orders")
    runtime.execute(ctx.instance, started.id)
    assert maker.post("/apps/orders/promote").status_code == 303
    page = maker.get("/open/orders").text
    assert "You have not opened it yet" in page and "Mara Sales" in page and "Data as of" in page
    assert maker.post("/open/orders").headers["location"] == "/open/orders"
    assert "/runs/run_" in maker.get("/open/orders").text
    assert client("viewer.apac").get("/open/orders").status_code == 404
    steward = client("steward.sales").get("/datasets/sales_orders")
    assert steward.status_code == 404 or "Apps that read this" in steward.text
