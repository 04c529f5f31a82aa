"""What /openapi.json says is so: answers fit it, refusals fit it, and nothing that fits it breaks the server."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail import apps, data, runtime
from handrail.kernel import Instance, identity
from handrail.server import application
from tests.cases import cases
from tests.journeys import company
from tests.web import Client

# What has no JSON answer, or one whose shape another standard fixes.
ELSEWHERE = {
    "POST /api/v1/apps", "GET /api/v1/apps/{name}/versions", "POST /api/v1/apps/{name}/run",
    "POST /api/v1/apps/{name}/open", "POST /api/v1/apps/{name}/ask", "POST /api/v1/apps/{name}/coowners",
    "GET /api/v1/reviews/{app}/{commit}", "GET /api/v1/reviews/{app}/{commit}/sarif",
    "POST /api/v1/audit/consistency",
}  # fmt: skip
KNOWN = {
    "name": ["sales_orders", "customers", "revenue", "board", "sales"], "dataset": ["sales_orders"], "app": ["board"],
    "person": ["viewer.emea"], "form": ["csv", "json", "arrow"], "seq": ["3"], "kind": ["dataset", "metric", "app"],
    "purpose": [company.PURPOSE], "column": ["region"], "columns": ["region", "line"], "about": ["customer"], "n": ["1"],
}  # fmt: skip


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("house")
    made = company.found(folder)
    company.furnish(made, company.source(folder / "company.duckdb"))
    with company.actors(made)("maker.sales") as ctx:
        apps.push(ctx, company.files("board"), "Sales by line", "")
    with company.actors(made)("maker.sales") as ctx:
        run = apps.run(ctx, "board")
    assert runtime.execute(made, run.id).state == "succeeded"
    with company.actors(made)("steward.sales") as ctx:
        data.propose(ctx, "customers", {"freshness": data.Freshness(timedelta(days=2))})  # a span of time
    with company.actors(made)("steward.hr") as ctx:
        data.certify(ctx, "customers")
    with company.actors(made)("steward.sales") as ctx:
        data.check_quality(ctx, "sales_orders")
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(instance: Instance) -> Client:
    return Client(application(instance), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def schema(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def tokens(instance: Instance) -> dict[str, dict[str, str]]:
    made = {}
    for who in ("maker.sales", "steward.sales", "viewer.emea", "compliance", "admin", "reviewer.platform"):
        with company.actors(instance)(who) as ctx:
            made[who] = {"Authorization": f"Bearer {identity.issue_token(ctx, 'test')[1]}"}
    return made


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def answered(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the JSON that an operation answers with, when it answers with JSON."""
    ok = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
    found: dict[str, Any] | None = ok.get("content", {}).get("application/json", {}).get("schema")
    return found


def fits(value: Any, to: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator({**to, "components": schema["components"]}).validate(value)


def says_something(of: dict[str, Any]) -> bool:
    inner = of.get("items", of) if of.get("type") == "array" else of
    return bool({"$ref", "anyOf", "properties", "prefixItems"} & inner.keys()) or inner.get("type") in (
        "string", "integer", "number", "boolean",
    ) or isinstance(inner.get("additionalProperties"), dict)  # fmt: skip


def test_the_description_is_openapi_and_says_how_each_operation_refuses(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    for method, path, operation in operations(schema):
        assert "application/problem+json" in operation["responses"]["default"]["content"], (method, path)
        assert operation["security"] or path == "/healthz"
        assert operation["description"], (method, path)
    ids = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(ids) == len(set(ids))


def test_every_answer_in_json_is_described(schema: dict[str, Any]) -> None:
    vague = {
        f"{method} {path}"
        for method, path, operation in operations(schema)
        if (of := answered(operation)) is not None and not says_something(of)
    }
    assert vague == ELSEWHERE


def test_real_answers_fit_their_description(
    client: Client, schema: dict[str, Any], tokens: dict[str, dict[str, str]], instance: Instance
) -> None:
    with company.actors(instance)("maker.sales") as ctx:
        run = runtime.runs(ctx, "board")[0]
        commit = apps.versions(ctx, "board")[0].commit
    here = {"run_id": [run.id], "commit": [commit]}
    fitted = 0
    for method, path, operation in operations(schema):
        if method != "GET" or (of := answered(operation)) is None:
            continue
        names = re.findall(r"{(\w+)}", path)
        given = [{**KNOWN, **here, "form": ["json"]}.get(name, ["x"]) for name in names]
        for choice in zip(*given, strict=False) if names else [()]:
            address = path
            for name, value in zip(names, choice, strict=True):
                address = address.replace(f"{{{name}}}", value)
            for who in tokens:
                query = f"?purpose={company.PURPOSE}" if "form" in names else ""
                answer = client.get(address + query, headers=tokens[who])
                if answer.status_code == 200:
                    fits(answer.json(), of, schema)
                    fitted += 1
                else:
                    fits(answer.json(), schema["components"]["schemas"]["Problem"], schema)
    assert fitted > 100


def test_real_questions_fit_their_description(
    client: Client, schema: dict[str, Any], tokens: dict[str, dict[str, str]]
) -> None:
    operation = schema["paths"]["/api/v1/query"]["post"]
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    for sql in (
        "SELECT * FROM sales_orders",
        "SELECT email FROM customers",
        "SELECT [1, NULL] AS l FROM customers",
    ):
        body = {"sql": sql, "purpose": company.PURPOSE}
        fits(body, asked, schema)
        answer = client.post("/api/v1/query", json=body, headers=tokens["viewer.emea"])
        of = answered(operation)
        assert of is not None
        fits(answer.json(), of, schema)
    for example in schema["components"]["schemas"]["Asked"]["examples"]:
        fits(example, asked, schema)


TEXTS = st.one_of(
    st.sampled_from(
        ["", "'", '"', "../..", "%00", "a" * 300, "🦜", "‮", "\x00", "-1", "NaN", "1e999", "null", "$x"]
    ),
    st.text(max_size=20),
    st.sampled_from(
        ["sales_orders", "customers", "revenue", "board", company.PURPOSE, "viewer.emea", "SELECT 1"]
    ),
)


def values(of: dict[str, Any], schema: dict[str, Any], deep: int = 0) -> st.SearchStrategy[Any]:
    """Values that a schema allows, and now and then one that it does not."""
    if "$ref" in of:
        return values(schema["components"]["schemas"][of["$ref"].rsplit("/", 1)[1]], schema, deep + 1)
    if "enum" in of:
        return st.one_of(st.sampled_from(of["enum"]), TEXTS)
    if "anyOf" in of:
        return st.one_of(*(values(one, schema, deep + 1) for one in of["anyOf"]))
    kind = of.get("type")
    if kind == "object" and "properties" in of:
        needed = {
            name: values(one, schema, deep + 1)
            for name, one in of["properties"].items()
            if name in of.get("required", ())
        }
        more = {
            name: values(one, schema, deep + 1)
            for name, one in of["properties"].items()
            if name not in needed
        }
        return st.fixed_dictionaries(needed, optional=more)
    if kind == "object" or (kind is None and deep):
        inner = of.get("additionalProperties")
        item = (
            values(inner, schema, deep + 1)
            if isinstance(inner, dict) and inner and deep < 4
            else st.one_of(TEXTS, st.integers(), st.none(), st.lists(TEXTS, max_size=2))
        )
        return st.dictionaries(TEXTS, item, max_size=3)
    if kind == "array":
        return st.lists(values(of.get("items", {"type": "string"}), schema, deep + 1), max_size=3)
    if kind == "integer":
        return st.one_of(st.integers(), st.sampled_from([0, -1, 1 << 31, 1 << 53, 1 << 63, 1 << 70]))
    if kind == "number":
        return st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
    if kind == "boolean":
        return st.booleans()
    return st.none() if kind == "null" else TEXTS


@settings(max_examples=cases(400), deadline=None, suppress_health_check=list(HealthCheck))
@given(choice=st.data())
def test_nothing_that_is_sent_breaks_the_server(
    client: Client, schema: dict[str, Any], tokens: dict[str, dict[str, str]], choice: st.DataObject
) -> None:
    method, path, operation = choice.draw(st.sampled_from(list(operations(schema))))
    who = choice.draw(st.sampled_from(sorted(tokens)))
    sent: dict[str, Any] = {"headers": dict(tokens[who])}
    params: list[tuple[str, str]] = []
    for one in operation.get("parameters", ()):
        known = st.sampled_from(KNOWN.get(one["name"], ["x"]))
        value = choice.draw(st.one_of(known, values(one.get("schema", {}), schema)))
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", quote(str(value), safe="") or "x")
        elif one["in"] == "header":
            sent["headers"][one["name"]] = re.sub(r"[^\x20-\x7e]", "?", str(value))
        elif value is not None:
            params += [(one["name"], str(each)) for each in (value if isinstance(value, list) else [value])]
    if path == "/api/v1/people/viewer.emea/deactivate":  # whose token the tests below use
        return
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        sent["json"] = choice.draw(values(content["application/json"]["schema"], schema))
    elif content:
        sent["data"] = {"why": "x"}
        sent["files"] = {"app": ("a.zip", choice.draw(st.binary(max_size=40)))}
    answer = client.request(method, path, params=params, **sent)
    assert answer.status_code < 500, (method, path, params, sent, answer.text)
    if answer.status_code >= 400 and method != "HEAD":
        fits(answer.json(), schema["components"]["schemas"]["Problem"], schema)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 5000, b'{"sql": "\\ud800"}']
)
def test_a_body_that_is_no_question_is_refused(
    client: Client, schema: dict[str, Any], tokens: dict[str, dict[str, str]], body: bytes
) -> None:
    headers = {**tokens["viewer.emea"], "Content-Type": "application/json"}
    answer = client.post("/api/v1/query", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    fits(answer.json(), schema["components"]["schemas"]["Problem"], schema)
