"""The life of a web app on a server: it wakes, sleeps, falls over, gives way to its next version, and drops
nobody.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from handrail import apps, runtime
from tests.journeys import company
from tests.journeys.hosting import MANIFEST, Browser, Hosting

pytestmark = pytest.mark.long

ECHO = """
import os, threading
from fastapi import FastAPI, Request, Response, WebSocket
from handrail_sdk import Refused, me, query

app = FastAPI()

@app.get("/")
def home():
    return {"version": "VERSION", "rows": len(query("SELECT region FROM sales_orders"))}

@app.api_route("/echo", methods=["GET", "POST"])
async def echo(request: Request, response: Response):
    response.set_cookie("mine", "1", domain="localhost")
    response.set_cookie("handrail_visit", "stolen")
    response.headers["access-control-allow-origin"] = "*"
    return {"headers": dict(request.headers), "body": len(await request.body())}

@app.get("/end")
def end():
    os._exit(3)

@app.get("/late")
def late():
    said = []
    def ask():
        try:
            said.append(me().id)
        except Refused as refused:
            said.append(refused.code)
    thread = threading.Thread(target=ask)  # no request of anybody's is answered there
    thread.start()
    thread.join()
    return said

@app.websocket("/ws")
async def ws(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_text((await socket.receive_text()).upper())
"""


def echo(version: str = "1", name: str = "echo") -> dict[str, bytes]:
    manifest = MANIFEST.format(name=name, kind="web", entrypoint="app.py", layer='layer = "dashboard"\n')
    return {"handrail.toml": manifest.encode(), "app.py": ECHO.replace("VERSION", version).encode()}


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    opened = Hosting(company.furnished(tmp_path_factory.mktemp("hosting") / "company"))
    runtime.build_layer(opened.instance.settings, "dashboard")
    opened.push(echo())
    yield opened
    opened.close()
    opened.instance.close()


@pytest.fixture
def maker(hosting: Hosting) -> Browser:
    """The maker, who tries the app in the sandbox."""
    browser = hosting.browser("maker.sales")
    assert browser.visit("/visit/echo?environment=sandbox").status_code == 200
    return browser


HERE = "http://sandbox--echo.localhost:8400"
JSON = {"accept": "application/json"}


def ws(origin: str) -> str:
    return f"ws://{origin.partition('://')[2]}/ws"


def runs(hosting: Hosting, app: str = "echo") -> tuple[runtime.Run, ...]:
    with company.actors(hosting.instance)("maker.sales") as ctx:
        return runtime.runs(ctx, app=app)


def soon(look: Callable[[], Any], seconds: float = 90) -> Any:
    """The first true thing that is seen."""
    until = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < until:
        time.sleep(0.05)
    return seen


def test_it_sleeps_when_nobody_comes_and_wakes_for_the_next(hosting: Hosting, maker: Browser) -> None:
    hosting.hosts._instance.settings = replace(
        hosting.instance.settings, runtime=replace(hosting.instance.settings.runtime, idle_minutes=0)
    )
    assert soon(lambda: not hosting.hosts.awake())
    assert runs(hosting)[0].state == "succeeded" and runs(hosting)[0].ended == "asleep"
    asleep = len(runs(hosting))
    hosting.hosts._instance.settings = replace(
        hosting.instance.settings, runtime=replace(hosting.instance.settings.runtime, idle_minutes=15)
    )
    assert maker.at(HERE).get("/").json()["version"] == "1"
    assert len(runs(hosting)) == asleep + 1


def test_nobody_is_dropped_who_comes_while_it_falls_asleep(hosting: Hosting, maker: Browser) -> None:
    maker.at(HERE).get("/")
    (going,) = [one for one in hosting.hosts.awake() if one.seat.app == "echo"]
    going.hosting.asleep.set()
    seen = []
    while not going.ended.is_set() or len(seen) < 5:
        seen.append(maker.at(HERE).get("/", headers=JSON).status_code)
    assert set(seen) == {200}
    assert soon(lambda: runs(hosting)[1].ended == "asleep") and not runs(hosting)[0].over


def test_one_that_its_maker_stops_has_succeeded_and_is_there_again_at_once(
    hosting: Hosting, maker: Browser
) -> None:
    run = runs(hosting)[0]
    with company.actors(hosting.instance)("maker.sales") as ctx:
        runtime.stop(ctx, run.id)
    assert soon(lambda: runs(hosting)[0].over) and soon(lambda: not hosting.hosts.awake())
    assert (runs(hosting)[0].state, runs(hosting)[0].ended) == ("succeeded", "asleep")
    with company.actors(hosting.instance)("maker.sales") as ctx:
        gates = {gate.key: gate.state for gate in apps.gates(ctx, "echo")}
    assert gates["sandbox"] == "open"
    assert maker.at(HERE).get("/").json()["version"] == "1"


def test_one_that_ends_is_told_as_such_rests_and_wakes_again(
    hosting: Hosting, maker: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handrail.runtime.rest._BACK_OFF", (600,))  # seconds: whatever happens meanwhile
    ended = maker.at(HERE).get("/end", headers=JSON)
    assert ended.status_code == 502 and "did not answer" in ended.json()["detail"]
    assert soon(lambda: runs(hosting)[0].state == "failed") and "exit code 3" in runs(hosting)[0].reason
    assert soon(lambda: not hosting.hosts.awake())
    resting = maker.at(HERE).get("/", headers=JSON)
    assert resting.status_code == 409 and re.search(r"woken again in \d+ second", resting.json()["detail"])
    monkeypatch.setattr("handrail.runtime.rest._BACK_OFF", (1,))
    assert soon(lambda: maker.at(HERE).get("/", headers=JSON).status_code == 200)


def test_a_version_gives_way_to_the_next_and_drops_nobody(hosting: Hosting) -> None:
    first = hosting.push(echo("one", "moving"))
    maker = hosting.browser("maker.sales")
    maker.visit("/visit/moving?environment=sandbox")
    hosting.sleep()
    hosting.promote(first)
    maker.visit("/visit/moving")
    place = maker.at("http://moving.localhost:8400")
    assert place.get("/").json()["version"] == "one"
    second = hosting.push(echo("two", "moving"))
    maker.visit(f"/visit/moving?environment=sandbox&n={second.n}")
    hosting.sleep_of("sandbox")
    seen: Counter[object] = Counter()
    over = threading.Event()

    def come() -> None:
        while not over.is_set():
            answer = place.get("/", headers=JSON)
            seen[answer.json().get("version", answer.text)] += 1

    people = [threading.Thread(target=come) for _ in range(4)]
    for one in people:
        one.start()
    assert soon(lambda: seen["one"] > 0)
    hosting.promote(second)
    assert soon(lambda: seen["two"] > 5)
    over.set()
    for one in people:
        one.join()
    assert set(seen) == {"one", "two"}
    assert soon(
        lambda: (
            [one.seat.commit for one in hosting.hosts.awake() if one.seat.app == "moving"] == [second.commit]
        )
    )


def test_a_place_that_nobody_uses_is_given_away_and_one_in_use_is_not(
    hosting: Hosting, maker: Browser
) -> None:
    hosting.push(echo("1", "other"))
    few = replace(hosting.instance.settings, runtime=replace(hosting.instance.settings.runtime, hosted=1))
    many, hosting.hosts._instance.settings = hosting.instance.settings, few
    try:
        soon(lambda: len(hosting.hosts.awake()) <= 1 or hosting.sleep())
        maker.at(HERE).get("/")
        with maker.at(HERE).websocket_connect(ws(HERE), headers={"origin": HERE}) as talking:
            talking.send_text("a")
            assert talking.receive_text() == "A"
            full = maker.visit("/visit/other?environment=sandbox")
            assert full.status_code == 403 and "Every place for apps on this server" in full.text
        assert maker.visit("/visit/other?environment=sandbox").status_code == 200
        assert soon(lambda: [one.seat.app for one in hosting.hosts.awake()] == ["other"])
    finally:
        hosting.hosts._instance.settings = many


def test_nobody_can_say_for_whom_they_come_and_our_cookies_stay_ours(maker: Browser) -> None:
    forged = {
        "handrail-person": "admin",
        "handrail-viewer": "x",
        "x-forwarded-proto": "https",
        "authorization": "Bearer t",
    }
    answer = maker.at(HERE).post("/echo", content=b"x" * 100_000, headers=forged)
    heard = answer.json()["headers"]
    assert heard["handrail-person"] == "maker.sales" and heard["handrail-viewer"] != "x"
    assert heard["x-forwarded-proto"] == "http" and "authorization" not in heard
    assert "handrail_visit" not in heard.get("cookie", "") and answer.json()["body"] == 100_000
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 1 and cookies[0].startswith("mine=1") and "domain" not in cookies[0].lower()
    assert "access-control-allow-origin" not in answer.headers
    assert "connect-src 'self'" in answer.headers["content-security-policy"]


def test_a_question_that_is_asked_for_nobody_is_refused(maker: Browser) -> None:
    assert maker.at(HERE).get("/late").json() == ["not_allowed"]


def test_the_word_for_a_viewer_is_good_while_they_are_there(hosting: Hosting, maker: Browser) -> None:
    maker.at(HERE).get("/")
    (hosted,) = [one for one in hosting.hosts.awake() if one.seat.app == "echo"]
    words = list(hosted.callers)
    assert words and all(hosted.callers[word].person.id == "maker.sales" for word in words)
    hosted.left = {person: left - 3600 for person, left in hosted.left.items()}
    hosted.forget()
    assert not hosted.callers and not hosted.there


@pytest.mark.parametrize("origin", ["http://other.localhost:8400", "null", "http://127.0.0.1:8400"])
def test_another_page_opens_no_websocket(maker: Browser, origin: str) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        maker.at(HERE).websocket_connect(ws(HERE), headers={"origin": origin}),
    ):
        pass
    assert refused.value.code == 1008


def test_a_websocket_ends_with_the_right_to_it(hosting: Hosting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handrail.faces.origins.lead._AGAIN", 0.2)
    version = hosting.push(echo("1", "watched"))
    maker = hosting.browser("maker.sales")
    maker.visit("/visit/watched?environment=sandbox")
    hosting.sleep_of("sandbox")
    hosting.promote(version, "sales")
    viewer = hosting.browser("viewer.emea")
    viewer.visit("/visit/watched")
    place = "http://watched.localhost:8400"
    with viewer.at(place).websocket_connect(ws(place), headers={"origin": place}) as talking:
        talking.send_text("a")
        assert talking.receive_text() == "A"
        with company.actors(hosting.instance)("maker.sales") as ctx:
            apps.unshare(ctx, "watched", groups=["sales"])
        with pytest.raises(WebSocketDisconnect):
            talking.receive_text()


def test_viewers_of_an_app_that_reads_data_have_a_sandbox_each_and_of_one_that_reads_none_one(
    hosting: Hosting,
) -> None:
    plain = {
        **echo("1", "plain"),
        "app.py": b"from flask import Flask\napp = Flask('x')\napp.add_url_rule('/', view_func=lambda: 'hi')\n",
    }
    plain["handrail.toml"] = plain["handrail.toml"].partition(b"[data.")[0]
    for files in (plain, echo("1", "rows")):
        name = "plain" if files is plain else "rows"
        version = hosting.push(files)
        hosting.browser("maker.sales").visit(f"/visit/{name}?environment=sandbox")
        hosting.sleep_of("sandbox")
        hosting.promote(version, "sales")
        for person in ("viewer.emea", "viewer.apac"):
            assert hosting.browser(person).visit(f"/visit/{name}").status_code == 200
    awake = Counter((one.seat.app, one.seat.whose) for one in hosting.hosts.awake())
    assert awake["plain", ""] == 1
    assert awake["rows", "viewer.emea"] == awake["rows", "viewer.apac"] == 1


def test_what_a_server_leaves_when_it_stops_is_nothing(tmp_path: Path) -> None:
    opened = Hosting(company.furnished(tmp_path / "company"))
    opened.push(echo())
    maker = opened.browser("maker.sales")
    maker.visit("/visit/echo?environment=sandbox")
    folder = Path(opened.hosts._folder)
    assert list(folder.iterdir())
    opened.close()
    assert not folder.exists() and runs(opened)[0].over
    opened.instance.close()
