"""Web apps of every framework, as their makers wrote them, in a real browser: behind sign-in, and each as its viewer."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from handrail import runtime
from handrail.kernel import identity
from tests.journeys import company
from tests.journeys.hosting import MANIFEST, Hosting

pytestmark = [pytest.mark.browser, pytest.mark.long]
PATIENCE = (
    180_000  # milliseconds: a framework takes long to load where others work too, and speed is not asked here
)

QUERY = (
    "SELECT region, count(*) AS n FROM sales_orders WHERE region IN ('EMEA', 'APAC') GROUP BY 1 ORDER BY 1"
)
STREAMLIT = f'''
import streamlit as st
from handrail_sdk import me, query

st.title("Regions of " + me().name)
if st.button("Show"):
    rows = query("""{QUERY}""")
    st.write(", ".join(f"{{row.region}}: {{row.n}}" for row in rows.itertuples()))
given = st.file_uploader("A file")
if given:
    st.write(f"{{given.name}} has {{len(given.getvalue())}} bytes")
'''
GRADIO = f'''
import gradio as gr
from handrail_sdk import query

def shown(greeting):
    rows = query("""{QUERY}""")
    return greeting + " " + ", ".join(f"{{row.region}}: {{row.n}}" for row in rows.itertuples())

demo = gr.Interface(fn=shown, inputs="text", outputs="text", title="Regions")
demo.launch(server_name="0.0.0.0", share=True)
'''
DASH = f'''
from dash import Dash, Input, Output, callback, dcc, html
from handrail_sdk import query

app = Dash()
app.layout = html.Div([html.H1("Regions"), html.Button("Show", id="show"), html.P(id="rows")])

@callback(Output("rows", "children"), Input("show", "n_clicks"), prevent_initial_call=True)
def shown(_clicks):
    rows = query("""{QUERY}""")
    return ", ".join(f"{{row.region}}: {{row.n}}" for row in rows.itertuples())

if __name__ == "__main__":
    app.run(debug=True, port=8050)
'''
FLASK = f'''
from flask import Flask, request
from handrail_sdk import me, query

app = Flask(__name__)

@app.route("/")
def home():
    return f"<h1>Regions of {{me().name}}</h1><form method=post><button>Show</button></form>"

@app.route("/", methods=["POST"])
def rows():
    found = query("""{QUERY}""")
    return "<p>" + ", ".join(f"{{row.region}}: {{row.n}}" for row in found.itertuples()) + "</p>"

if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
'''
FASTAPI = f'''
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from handrail_sdk import me, query

app = FastAPI()

@app.get("/", response_class=HTMLResponse)
async def home():
    return f"<h1>Regions of {{me().name}}</h1><form method=post action=/rows><button>Show</button></form>"

@app.post("/rows", response_class=HTMLResponse)
def rows():
    found = query("""{QUERY}""")
    return "<p>" + ", ".join(f"{{row.region}}: {{row.n}}" for row in found.itertuples()) + "</p>"

uvicorn.run(app, host="0.0.0.0", port=8000)
'''
APPS = {"streamlit": STREAMLIT, "gradio": GRADIO, "dash": DASH, "flask": FLASK, "fastapi": FASTAPI}
# Of each kind one at every change: by websockets, by WSGI, by ASGI. The others are as these, and take longest to load.
BEFORE_RELEASES = ("gradio", "dash")


def web(name: str, code: str, data: bool = True, **more: bytes) -> dict[str, bytes]:
    """A web app as an assistant writes it."""
    manifest = MANIFEST.format(name=name, kind="web", entrypoint="app.py", layer='layer = "dashboard"\n')
    if not data:
        manifest = manifest.partition("[data.")[0]
    return {"handrail.toml": manifest.encode(), "app.py": code.encode(), **more}


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    opened = Hosting(company.furnished(tmp_path_factory.mktemp("hosting") / "company"))
    runtime.build_layer(opened.instance.settings, "dashboard")
    yield opened
    opened.close()
    opened.instance.close()


@pytest.fixture(scope="module")
def address(hosting: Hosting) -> Iterator[str]:
    """Where it is served, as people come to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(hosting.app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


SignedIn = Callable[[str], Page]


@pytest.fixture
def signed_in(hosting: Hosting, address: str, chromium: Browser) -> Iterator[SignedIn]:
    """A browser in which somebody is signed in; what its console calls an error fails the test."""
    contexts, wrong = [], []

    def open_page(person: str) -> Page:
        with company.actors(hosting.instance)("admin") as ctx:
            token = identity.issue_link(ctx, person)
        contexts.append(chromium.new_context())
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{address}/sign-in/link?token={token}")
        return page

    yield open_page
    for one in contexts:
        one.close()
    assert not wrong


def _ask(page: Page, kind: str) -> None:
    if kind == "gradio":
        page.get_by_label("greeting").fill("These are")
        page.get_by_role("button", name="Submit").click()
    else:
        page.get_by_role("button", name="Show").click()


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.release) if one in BEFORE_RELEASES else one for one in APPS]
)
def test_an_app_of_this_framework_runs_as_it_was_written(
    kind: str, hosting: Hosting, address: str, signed_in: SignedIn
) -> None:
    hosting.push(web(f"with-{kind}", APPS[kind]))
    page = signed_in("maker.sales")
    page.goto(f"{address}/apps/with-{kind}")
    page.get_by_role("link", name="Try it in the sandbox").first.click()
    expect(page).to_have_url(
        f"http://sandbox--with-{kind}.localhost:{address.rpartition(':')[2]}/", timeout=PATIENCE
    )
    expect(page.get_by_role("heading", name="Regions").first).to_be_visible(timeout=PATIENCE)
    _ask(page, kind)
    shown = page.get_by_label("output") if kind == "gradio" else page.get_by_text("APAC: ")
    if kind == "gradio":
        expect(shown).to_have_value(_regions("These are APAC: ", "EMEA: "), timeout=PATIENCE)
    else:
        expect(shown).to_be_visible(timeout=PATIENCE)


def _regions(*parts: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, parts)) + ".*")


def test_two_viewers_of_one_app_see_their_own_rows(
    hosting: Hosting, address: str, signed_in: SignedIn
) -> None:
    version = hosting.push(web("regions-live", STREAMLIT))
    maker = signed_in("maker.sales")
    maker.goto(f"{address}/visit/regions-live?environment=sandbox")
    _ask_streamlit(maker)
    maker.close()
    hosting.sleep()
    hosting.promote(version, "sales")
    for person, region, other in (("viewer.emea", "EMEA", "APAC"), ("viewer.apac", "APAC", "EMEA")):
        page = signed_in(person)
        page.goto(f"{address}/open/regions-live")
        page.get_by_role("link", name="Open").click()
        _ask_streamlit(page)
        expect(page.get_by_text(f"{region}: ")).to_be_visible()
        expect(page.get_by_text(f"{other}: ")).to_have_count(0)


def _ask_streamlit(page: Page) -> None:
    expect(page.get_by_role("heading", name="Regions of")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text(re.compile(r"(APAC|EMEA): \d"))).to_be_visible(timeout=PATIENCE)


def test_a_file_is_taken_in(hosting: Hosting, address: str, signed_in: SignedIn) -> None:
    hosting.push(web("with-upload", STREAMLIT))
    page = signed_in("maker.sales")
    page.goto(f"{address}/visit/with-upload?environment=sandbox")
    expect(page.get_by_role("heading", name="Regions of")).to_be_visible(timeout=PATIENCE)
    page.locator("input[type=file]").set_input_files(
        {"name": "orders.csv", "mimeType": "text/csv", "buffer": b"x" * 3_000_000}
    )
    expect(page.get_by_text("orders.csv has 3000000 bytes")).to_be_visible(timeout=PATIENCE)


@pytest.mark.release
def test_streamlits_own_hello_runs_unchanged(hosting: Hosting, address: str, signed_in: SignedIn) -> None:
    place = (
        runtime.build_layer(hosting.instance.settings, "dashboard").binds["/layer"] / "streamlit" / "hello"
    )
    files = {path.name: path.read_bytes() for path in Path(place).glob("*.py")}
    manifest = web("hello-streamlit", "", data=False)["handrail.toml"]
    hosting.push({**files, "handrail.toml": manifest.replace(b'"app.py"', b'"streamlit_app.py"')})
    page = signed_in("maker.sales")
    page.goto(f"{address}/visit/hello-streamlit?environment=sandbox")
    expect(page.get_by_text("Welcome to Streamlit!")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Plotting demo").click()
    expect(page.get_by_role("heading", name="Plotting demo")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("canvas, svg.marks").first).to_be_visible(timeout=PATIENCE)


def test_a_page_reaches_no_other_host(hosting: Hosting, address: str, signed_in: SignedIn) -> None:
    hosting.push(web("leaky", FLASK.replace("<form", "<img src=http://127.0.0.1:9/x?rows=1><form")))
    page = signed_in("maker.sales")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    blocked: list[str] = []
    page.on(
        "console", lambda said: blocked.append(said.text) if "Content Security Policy" in said.text else None
    )
    page.goto(f"{address}/visit/leaky?environment=sandbox")
    expect(page.get_by_role("button", name="Show")).to_be_visible(timeout=PATIENCE)
    assert blocked
    fetched = page.evaluate("fetch('http://127.0.0.1:9/x').then(() => 'left', () => 'held')")
    assert fetched == "held"
