"""From a laptop as on the machine: with HANDRAIL_URL and HANDRAIL_TOKEN a command says the same, word for word."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pytest
import uvicorn
from click.testing import CliRunner, Result

from handrail import apps, kit, runtime, twins
from handrail.faces.later import Later
from handrail.kernel import Instance, identity
from handrail.server import application, command
from tests.journeys import company
from tests.journeys.served import HANDRAIL

MAKER = "maker.sales"
SQL = "SELECT region, line, sum(net_amount) AS net, count(*) AS orders FROM sales_orders GROUP BY ALL ORDER BY region, line"
SALES = ("--purpose", company.PURPOSE)
# What stays on the machine of the instance, and why.
HERE_ONLY = {
    **dict.fromkeys(("bench", "bench query", "bench twins", "demo", "doctor", "hosts invite", "hosts issue", "hosts join", "hosts list", "hosts revoke", "init", "layers build", "layers sweep", "serve", "worker"),
                    "works on files and processes of the machine itself"),
    **dict.fromkeys(("new", "review"), "works on a folder, and needs no instance"),
    "audit verifier": "the script comes with Handrail, which is installed where the command is",
    **dict.fromkeys(("people link", "people password"),
                    "signs in as somebody: a token that was stolen must not turn into anybody's session"),
}  # fmt: skip
ASKED: list[tuple[str, Sequence[str]]] = [
    ("viewer.emea", ("datasets",)),
    ("viewer.emea", ("metrics",)),
    ("viewer.emea", ("query", SQL, *SALES)),
    ("viewer.emea", ("query", SQL, *SALES, "--format", "csv")),
    ("viewer.emea", ("query", "SELECT * FROM sales_orders", *SALES)),
    ("viewer.emea", ("query", "SELECT net_amount AS n FROM sales_orders WHERE region = $r AND net_amount > $n ORDER BY n", "--param", "r=EMEA", "--param", "n=900", *SALES)),
    ("viewer.emea", ("query", "SELECT email, full_name FROM customers ORDER BY customer_id LIMIT 3", *SALES)),
    ("viewer.emea", ("metric", "revenue", "--by", "region", "--grain", "month", "--start", "2026-02-01", *SALES)),
    ("steward.sales", ("query", SQL, *SALES)),  # who sees no row, and why
    ("viewer.emea", ("budgets",)),
    ("viewer.emea", ("metrics", "revenue")),
    ("viewer.emea", ("datasets", "sales_orders")),
    ("viewer.emea", ("notices",)),
    ("viewer.emea", ("catalog", "order")),
    ("viewer.emea", ("catalog", "--state", "draft")),
    ("viewer.emea", ("purposes",)),
    ("viewer.emea", ("policies",)),
    ("reviewer.platform", ("reads", "board")),
    ("viewer.emea", ("rules", "list", "sales_orders")),
    ("viewer.emea", ("lineage", "metric:revenue")),
    ("viewer.emea", ("lineage", "sales_orders", "--column", "region")),
    ("viewer.emea", ("layers", "list")),
    ("viewer.emea", ("apps",)),
    (MAKER, ("query", SQL, *SALES, "--env", "sandbox")),
    (MAKER, ("query", SQL, "--app", "board")),
    (MAKER, ("layers", "approved")),
    (MAKER, ("layers", "requests")),
    (MAKER, ("runs", "list")),
    (MAKER, ("gates", "board")),
    (MAKER, ("twin", "report", "sales_orders")),
    (MAKER, ("twin", "history", "sales_orders")),
    (MAKER, ("twin", "refresh", "sales_orders")),
    (MAKER, ("twin", "rollback", "sales_orders", "twin_none")),
    ("steward.sales", ("twin", "freeze", "sales_orders", "twin_none", "--reason", "why")),
    ("steward.sales", ("changes", "sales_orders")),
    ("steward.sales", ("see-as", "sales_orders", "viewer.emea")),
    ("steward.sales", ("quality", "sales_orders", "--history")),
    ("reviewer.platform", ("reviews",)),
    ("admin", ("people", "list")),
    ("admin", ("workers",)),
    ("admin", ("audit", "list", "--verb", "dataset.", "--limit", "5")),
    ("admin", ("audit", "key")),
    ("compliance", ("audit", "who-saw", "customer", "1")),
    ("compliance", ("budgets", "--everybody")),
    ("steward.sales", ("rules", "add", "sales_orders", "not null", "--column", "region", "--try")),
    ("steward.sales", ("rules", "add", "sales_orders", "range", "--column", "region", "--value", "high")),
    ("steward.sales", ("rules", "remove", "sales_orders", "99")),
    ("viewer.emea", ("export-model", "sales")),
    ("viewer.emea", ("export-model", "sales", "--plain")),
    ("viewer.emea", ("export-model", "nothing")),
    ("admin", ("openlineage", "status")),
    ("admin", ("openlineage", "retry")),
    (MAKER, ("connectors", "list")),
    # What is refused.
    ("viewer.emea", ("connectors", "list")),
    (MAKER, ("connectors", "show", "crm")),
    (MAKER, ("connectors", "calls", "crm")),
    (MAKER, ("connectors", "approvals", "crm")),
    (MAKER, ("connectors", "preview", "crm", "write_none")),
    (MAKER, ("connectors", "record", "crm", "/customers/7", "--param", "page=1")),
    (MAKER, ("connectors", "define", "crm", __file__)),
    ("steward.sales", ("connectors", "define", "crm", __file__)),
    ("steward.sales", ("connectors", "approve", "crm", "write_none")),
    ("steward.sales", ("connectors", "refuse", "crm", "write_none", "--reason", "No.")),
    ("viewer.emea", ("layers", "request", "seaborn", "--why", "Plots")),
    ("viewer.emea", ("layers", "resolve", str(Path(__file__).parents[1]))),
    (MAKER, ("layers", "request", "pandas", "--why", "Tables")),
    (MAKER, ("layers", "grant", "seaborn")),
    ("admin", ("layers", "grant", "seaborn")),
    ("admin", ("layers", "refuse", "seaborn", "--reason", "Use matplotlib.")),
    ("viewer.emea", ("openlineage", "status")),
    ("viewer.emea", ("approve", "board")),
    (MAKER, ("approve", "board")),
    ("reviewer.platform", ("approve", "board", "--version", "99")),
    ("reviewer.platform", ("refuse", "nothing", "--reason", "It is not there.")),
    ("reviewer.platform", ("withdraw", "board")),
    ("viewer.emea", ("people", "add", "x", "--name", "X", "--email", "x@x.example")),
    ("admin", ("people", "add", "admin", "--name", "X", "--email", "x@x.example")),
    ("admin", ("people", "change", "viewer.emea")),
    ("admin", ("people", "change", "nobody", "--name", "X")),
    ("viewer.emea", ("people", "deactivate", "admin")),
    ("viewer.emea", ("twin", "build", "sales_orders")),
    ("steward.sales", ("twin", "build", "nothing")),
    ("viewer.emea", ("audit", "list")),
    ("viewer.emea", ("audit", "verify")),
    ("viewer.emea", ("budgets", "--everybody")),
    ("viewer.emea", ("lineage", "nothing")),
    ("viewer.emea", ("datasets", "sales_order")),
    ("viewer.emea", ("query", "SELECT regoin FROM sales_orders", *SALES)),
    ("viewer.emea", ("query", SQL, "--purpose", "people")),
    ("viewer.emea", ("query", SQL)),
    ("viewer.emea", ("query", "SELECT list(line) FROM sales_orders", *SALES, "--format", "csv")),
    ("viewer.emea", ("metric", "revenue", "--start", "yesterday", *SALES)),
    ("viewer.emea", ("metric", "revenew", *SALES)),
    ("viewer.emea", ("see-as", "sales_orders", "admin")),
    ("viewer.emea", ("runs", "log", "run_none")),
    ("viewer.emea", ("certify", "sales_orders")),
    ("viewer.emea", ("propose", "sales_orders", "--owner", "viewer.emea")),
    ("viewer.emea", ("revoke", "sales_orders", "--reason", "I do not like it.")),
    ("steward.sales", ("quality", "nothing")),
]  # fmt: skip


class House:
    """An instance, and a server in front of it."""

    def __init__(self, instance: Instance, url: str) -> None:
        self.instance, self.url = instance, url

    def near(self, person: str) -> dict[str, str]:
        return {"HANDRAIL_HOME": str(self.instance.settings.home), "HANDRAIL_PERSON": person}

    def far(self, person: str) -> dict[str, str]:
        with company.actors(self.instance)(person) as ctx:
            return {"HANDRAIL_URL": self.url, "HANDRAIL_TOKEN": identity.issue_token(ctx, "laptop")[1]}

    def run(self, where: dict[str, str], words: Sequence[str]) -> Result:
        return CliRunner().invoke(
            command(), list(words), env={**where, "COLUMNS": "200"}, catch_exceptions=False
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    instance = company.furnished(folder)
    acting = company.actors(instance)
    with acting(MAKER) as ctx:
        apps.push(ctx, company.files("board"), "Sales by line", "")
    with acting(MAKER) as ctx:
        run = apps.run(ctx, "board")
    assert runtime.execute(instance, run.id).state == "succeeded"
    with acting(MAKER) as ctx:
        apps.share(ctx, "board", ["sales"], [])
    with acting(MAKER) as ctx:
        apps.ask(ctx, "board")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(instance), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield House(instance, f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join()
    instance.close()


def steady(text: str) -> str:
    """What is said, without the names that every answer has of its own."""
    return re.sub(r"query_\w+", "query_…", text)


@pytest.mark.parametrize(("person", "words"), ASKED, ids=[" ".join(words)[:70] for _, words in ASKED])
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "words"])
def test_a_command_says_the_same_from_a_laptop(
    house: House, person: str, words: Sequence[str], as_json: bool
) -> None:
    line = [*words, *(["--json"] if as_json else [])]
    near, far = house.run(house.near(person), line), house.run(house.far(person), line)
    assert steady(far.stderr) == steady(near.stderr)
    assert steady(far.stdout).splitlines() == steady(near.stdout).splitlines()
    assert far.exit_code == near.exit_code
    assert near.stdout or near.stderr


def test_the_answers_compared_are_answers(house: House) -> None:
    """So that the test above cannot pass by two empty tables or two usage errors."""
    said = json.loads(house.run(house.far("viewer.emea"), ["query", SQL, *SALES, "--json"]).stdout)
    assert {row["region"] for row in said["rows"]} == {"EMEA"}
    assert (said["count"], said["complete"]) == (4, True)
    codes = {words: house.run(house.far(person), words).exit_code for person, words in ASKED}
    assert set(codes.values()) == {0, 1}, [words for words, code in codes.items() if code == 2]


def test_arrow_is_the_same_table_from_a_laptop(house: House) -> None:
    words = ["query", "SELECT * FROM sales_orders ORDER BY order_id", *SALES, "--format", "arrow"]
    near, far = (
        pa.ipc.open_stream(house.run(where, words).stdout_bytes).read_all()
        for where in (house.near("viewer.emea"), house.far("viewer.emea"))
    )
    assert near.num_rows == 200
    assert near.equals(far)


def test_an_entry_is_proved_alike_from_a_laptop(house: House) -> None:
    near, far = (
        json.loads(house.run(where, ["audit", "proof", "3", "--json"]).stdout)
        for where in (house.near("admin"), house.far("admin"))
    )
    assert near.keys() == far.keys()  # the log grows with every question, so its size and path do not compare
    assert (near["entry"], near["leaf"]) == (far["entry"], far["leaf"])


def test_the_exported_trail_is_written_to_a_file_on_the_laptop(house: House, tmp_path: Path) -> None:
    chosen = ("--verb", "dataset.certified")
    for name, where in (("near", house.near("admin")), ("far", house.far("admin"))):
        assert house.run(where, ["audit", "export", str(tmp_path / name), *chosen]).exit_code == 0
    near, far = ((tmp_path / name).read_text().splitlines() for name in ("near", "far"))
    assert len(near) == len(far) > 2
    assert [json.loads(line)["body"] for line in near if "body" in line] == [
        json.loads(line)["body"] for line in far if "body" in line
    ]


def test_what_a_run_printed_and_handed_over_comes_to_a_laptop(house: House, tmp_path: Path) -> None:
    run = json.loads(house.run(house.far(MAKER), ["runs", "list", "--json"]).stdout)[0]["id"]
    assert (
        house.run(house.far(MAKER), ["runs", "log", run]).stdout
        == house.run(house.near(MAKER), ["runs", "log", run]).stdout
    )
    saved = {}
    for where in (house.near(MAKER), house.far(MAKER)):
        folder = tmp_path / str(len(saved))
        assert house.run(where, ["runs", "save", run, str(folder)]).exit_code == 0
        saved[folder] = {file.name: file.read_bytes() for file in folder.iterdir()}
    one, other = saved.values()
    assert one == other
    assert len(one) == 3


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, there in group.commands.items():
        entry = there.load() if isinstance(there, Later) else there
        if isinstance(entry, click.Group) and entry.commands:
            yield from commands(entry, (*path, name))
        else:
            yield " ".join((*path, name)), entry


def test_who_looks_after_accounts_does_it_from_a_laptop_too(house: House) -> None:
    made = []
    for n, where in enumerate((house.near("admin"), house.far("admin"))):
        one = f"new.{n}"
        given = (
            "--email",
            f"{one}@meridian.example",
            "--role",
            "maker",
            "--group",
            "sales",
            "--attribute",
            "region=EMEA",
        )
        lines = [
            ("people", "add", one, "--name", "Nina", *given),
            (
                "people",
                "change",
                one,
                "--no-roles",
                "--group",
                "hr",
                "--attribute",
                "region=",
                "--name",
                "Nora",
            ),
            ("people", "deactivate", one),
            ("people", "change", one, "--active"),
        ]
        answers = [house.run(where, [*line, "--json"]) for line in lines]
        assert [answer.stderr for answer in answers] == [""] * 4
        said = [json.loads(answer.stdout) for answer in answers]
        made.append(json.loads(json.dumps(said).replace(one, "new")))
    assert made[0] == made[1]
    changed = made[1][1]
    assert (changed["name"], changed["roles"], changed["groups"], changed["attributes"]) == (
        "Nora",
        [],
        ["hr"],
        {},
    )
    assert made[1][2]["person"]["active"] is False and made[1][3]["active"] is True


def test_a_reviewer_decides_and_takes_it_back_from_a_laptop(house: House) -> None:
    lines = (
        ("refuse", "board", "--reason", "Say why."),
        ("withdraw", "board"),
        ("approve", "board", "--reason", "Good."),
        ("withdraw", "board"),
    )
    near, far = (
        [house.run(where, line).stdout.partition(":")[0] for line in lines]
        for where in (house.near("reviewer.platform"), house.far("reviewer.platform"))
    )
    assert near == far and len(set(near)) == 3


def test_a_model_goes_out_and_comes_in_from_a_laptop(house: House, tmp_path: Path) -> None:
    out = house.run(house.far("viewer.emea"), ["export-model", "sales"]).stdout
    made = []
    for where in (house.near, house.far):
        file = tmp_path / f"again-{where.__name__}.yaml"
        file.write_text(re.sub(r"\brevenue\b", f"revenue_{where.__name__}", out))
        answers = [
            house.run(where(person), ["import-model", str(file), "--json"])
            for person in ("viewer.emea", "steward.sales")
        ]
        assert [one.exit_code for one in answers] == [1, 0], answers[1].stderr
        made.append((answers[0].stderr, json.loads(answers[1].stdout)))
    assert made[0][0] == made[1][0].replace("far", "near")
    assert [one.replace("far", "near") for one in made[1][1]] == made[0][1] != []


def test_a_rule_is_added_and_removed_and_a_twin_built_from_a_laptop(house: House) -> None:
    where = house.far("steward.sales")
    supervisor = twins.Supervisor(house.instance)
    supervisor.start()
    try:
        built = house.run(where, ["twin", "build", "sales_orders", "--json"])
    finally:
        supervisor.stop()
    assert json.loads(built.stdout)["tables"][0]["dataset"] == "sales_orders", built.stderr
    listed = ["rules", "list", "customers", "--json"]
    before = json.loads(house.run(where, listed).stdout)
    rule = ["rules", "add", "customers", "not null", "--column", "full_name", "--json"]
    assert json.loads(house.run(where, rule).stdout)["state"] == "proposed"
    after = json.loads(house.run(where, listed).stdout)
    (number,) = [n for n, one in enumerate(after, 1) if one not in before]
    assert house.run(where, ["rules", "remove", "customers", str(number)]).exit_code == 0
    assert json.loads(house.run(where, listed).stdout) == before


def test_every_command_works_from_a_laptop_but_those_of_the_machine_itself() -> None:
    near = {name for name, one in commands(command()) if not getattr(one.callback, kit.cli.FAR, None)}
    assert near <= HERE_ONLY.keys()
    assert all(HERE_ONLY.values())


def test_a_command_of_the_machine_itself_says_so_on_a_laptop(house: House) -> None:
    said = house.run(house.far("admin"), ["people", "link", "viewer.emea"])
    assert said.exit_code == 2
    assert "on the machine of the instance" in said.stderr


def test_a_dead_token_and_a_dead_server_are_told_apart(house: House) -> None:
    dead = {"HANDRAIL_URL": house.url, "HANDRAIL_TOKEN": "hr_nobody"}
    assert json.loads(house.run(dead, ["datasets", "--json"]).stderr)["code"] == "not_allowed"
    away = {"HANDRAIL_URL": "http://127.0.0.1:9", "HANDRAIL_TOKEN": "hr_nobody"}
    assert json.loads(house.run(away, ["datasets", "--json"]).stderr)["code"] == "upstream"
    bare = {"HANDRAIL_URL": "http://handrail.example", "HANDRAIL_TOKEN": "hr_nobody"}
    assert "https" in json.loads(house.run(bare, ["datasets", "--json"]).stderr)["message"]


@pytest.mark.parametrize("where", ["near", "far"])
def test_ctrl_c_stops_a_question(house: House, where: str, tmp_path: Path) -> None:
    environment: Callable[[str], dict[str, str]] = getattr(house, where)
    endless = "SELECT count(*) FROM " + ", ".join(f"sales_orders {name}" for name in "abcdef")
    process = subprocess.Popen(
        [*HANDRAIL, "query", endless, *SALES],
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **environment("viewer.emea")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    before = begun(house)
    while begun(house) == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, why = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")
    assert "Stopped." in why


def begun(house: House) -> int:
    """How many questions were let through so far."""
    listed: list[Any] = json.loads(
        house.run(
            house.near("admin"), ["audit", "list", "--verb", "query.allowed", "--limit", "1000", "--json"]
        ).stdout
    )
    return len(listed)
