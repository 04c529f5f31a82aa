"""Bad input as it comes from outside: each is refused with what to do next, and nothing of it stays."""

import csv
import io
import json
import sqlite3
import stat
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from dulwich import porcelain

from handrail.kernel import Caller, identity, storage
from handrail.server import command
from tests.conftest import PEOPLE
from tests.journeys import company, whole
from tests.journeys.served import Answer, Served, run_cli

# What a refusal writes, whoever is refused: entries of the trail.
TRAIL = {"audit_entries", "audit_nodes", "audit_head", "audit_checkpoints"}
LIMITS = "\n[runtime]\nseconds = 3\noutput_mb = 1\nprocesses = 24\nmemory_mb = 300\n"
LARGE = 10 << 20
BEGINS = ("hosts", "catalog_folder", "run_sweeps")  # tables in which a server that begins has a row


class Place:
    """A served instance of the company, asked by REST and by the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        instance = company.furnished(folder)
        self.home = instance.settings.home
        self.tokens = {}
        for person in PEOPLE:
            with instance.context(Caller(person, "cli")) as ctx:
                self.tokens[person.id] = identity.issue_token(ctx, "journey")[1]
        instance.close()
        settings = self.home / "handrail.toml"
        settings.write_text(settings.read_text().replace("[runtime]", "") + LIMITS)
        self.server = Served(self.home).start()
        self.wait_for_what_a_server_begins_with()

    def wait_for_what_a_server_begins_with(self) -> None:
        """Its threads write that it is there once it answers already: that is no trace of the first test."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            rows, files, *_ = self.state()
            if all(rows[table] for table in BEGINS) and Path("twins/.building") in files:
                return
            time.sleep(0.05)
        raise AssertionError(f"{rows} {sorted(files)}")

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return self.server.ask(method, f"/api/v1{path}", self.tokens[who], body, headers)

    def push(self, who: str, packed: bytes) -> Answer:
        """Send a zip as a form does."""
        parts = ((b'name="why"', b"It is needed"), (b'name="app"; filename="a.zip"', packed))
        body = b"".join(
            b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"
            for head, content in parts
        )
        return self.server.ask(
            "POST", "/api/v1/apps", self.tokens[who], body + b"--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"},
        )  # fmt: skip

    def type(self, person: str, *words: str | Path) -> Result:
        where = {"HANDRAIL_HOME": str(self.home), "HANDRAIL_PERSON": person}
        return CliRunner().invoke(command(), [*map(str, words), "--json"], env=where)

    def in_a_terminal(self, person: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """The same in a process of its own, which takes seconds to begin."""
        return run_cli(*words, "--json", home=self.home, person=person)

    def state(self) -> tuple[Any, ...]:
        """All that must be as it was: rows, files, the definitions' commit, and nothing in them uncommitted."""
        engine = sa.create_engine(storage.sqlite_url(self.home / "handrail.db"))
        with engine.connect() as db:
            tables = set(sa.inspect(db).get_table_names()) - TRAIL
            rows = {table: db.scalar(sa.text(f"SELECT count(*) FROM {table}")) for table in tables}
        engine.dispose()
        root = self.home / "definitions"
        status = porcelain.status(str(root))
        clean = not (any(status.staged.values()) or status.unstaged or status.untracked)
        # The database's own, a checkpoint while it is being written, and the places of questions, are no trace.
        passing = ("handrail.db-", ".audit.checkpoint.", "questions.places")
        files = {
            path.relative_to(self.home)
            for path in self.home.rglob("*")
            if ".git" not in path.parts and not path.name.startswith(passing)
        }
        return rows, files, (root / ".git/refs/heads/main").read_text(), clean


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("bad"))
    yield made
    made.server.stop()
    log = (made.home / "server.log").read_text()
    assert "Traceback" not in log
    assert '"level": "error"' not in log


@pytest.fixture
def untouched(place: Place) -> Iterator[None]:
    """Whatever the test did, nothing stays of it."""
    before = place.state()
    yield
    assert place.state() == before
    assert place.ask("compliance", "GET", "/audit/verify").json["ok"] is True


def refused(
    answer: Answer | Result | subprocess.CompletedProcess[str], *words: str, code: str = "invalid"
) -> None:
    """A refusal in the shape of its face, which names the trouble and a next step."""
    if isinstance(answer, Answer):
        assert 400 <= answer.status < 500, answer
        assert answer.headers["content-type"] == "application/problem+json"
        said = answer.json
        message = said["detail"]
        assert said["status"] == answer.status
    else:
        ended = answer.exit_code if isinstance(answer, Result) else answer.returncode
        assert (ended, answer.stdout) == (1, ""), answer
        said = json.loads(answer.stderr)
        message = said["message"]
    assert said["code"] == code, said
    assert said["next_step"] and message
    for word in words:
        assert word in f"{message} {said['next_step']}", said
    assert "Traceback" not in message and "Error" not in message


def truncated_sqlite(folder: Path) -> Path:
    whole_one, file = folder / "whole.sqlite", folder / "cut.sqlite"
    with sqlite3.connect(whole_one) as db:
        db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        db.executemany("INSERT INTO t (b) VALUES (?)", [("x" * 500,) for _ in range(500)])
    file.write_bytes(whole_one.read_bytes()[:100_000])
    whole_one.unlink()
    return file


def broken_row(folder: Path) -> Path:
    file = folder / "broken.csv"
    file.write_text(
        "order_id,region\n" + "".join(f"{n},EMEA\n" for n in range(50)) + "51,EMEA,too,many\n52,APAC\n"
    )
    return file


def other_encoding(folder: Path) -> Path:
    file = folder / "umlauts.csv"
    with file.open("w", encoding="latin-1", newline="") as out:
        csv.writer(out).writerows([["city", "n"], ["Köln", 1], ["Århus", 2]])
    return file


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (truncated_sqlite, ["cut.sqlite"]),
        (broken_row, ["Line 52", "broken.csv", "nothing was imported"]),
        (other_encoding, ["umlauts.csv", "line 2", "--encoding"]),
    ],
)
@pytest.mark.usefixtures("untouched")
def test_a_source_that_cannot_be_read_whole_is_not_read_at_all(
    place: Place, tmp_path: Path, make: Callable[[Path], Path], words: list[str]
) -> None:
    refused(place.type("steward.sales", "import", make(tmp_path)), *words)


CONTRACT = "definitions/contracts/customers.odcs.yaml"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("physicalType:", "physicalTpye:", ["physicalTpye", "physicalType", "customers.odcs.yaml"]),
        ("property: purposes", "property: purpose", ["purposes", "customers.odcs.yaml"]),
        ("kind: DataContract", "kind: [DataContract", ["customers.odcs.yaml"]),
    ],
)
def test_a_contract_with_a_typo_answers_nothing_and_disturbs_no_other(
    place: Place, before: str, after: str, words: list[str]
) -> None:
    file = place.home / CONTRACT
    kept = file.read_text()
    assert before in kept
    file.write_text(kept.replace(before, after, 1))
    try:
        refused(place.ask("steward.sales", "GET", "/datasets/customers"), *words)
        refused(place.type("steward.sales", "propose", "customers", "--description", "x"), *words)
        asked = {"sql": "SELECT count(*) FROM customers", "purpose": company.PURPOSE}
        answer = place.ask("viewer.emea", "POST", "/query", asked)
        assert 400 <= answer.status < 500 and answer.json["next_step"], answer
        others = [one["name"] for one in place.ask("steward.sales", "GET", "/datasets").json]
        assert others == ["sales_orders"]
        assert file.read_text() == kept.replace(before, after, 1)
    finally:
        file.write_text(kept)
    assert place.ask("steward.sales", "GET", "/datasets/customers").json["state"] == "certified"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (("data.sales_orders", "data.sales_order"), ["sales_order", "Did you mean 'sales_orders'?"]),
        (('"line"', '"lime"'), ["lime", "Did you mean 'line'?"]),
        (('purpose = "', 'porpoise = "'), ["porpoise", "purpose"]),
        (('entrypoint = "app.py"', 'entrypoint = "../app.py"'), ["../app.py"]),
    ],
)
def test_a_manifest_that_names_what_is_not_there_is_told_so(
    place: Place, tmp_path: Path, changed: tuple[str, str], words: list[str]
) -> None:
    for name, content in company.files("wrong", manifest=company.MANIFEST.replace(*changed)).items():
        (tmp_path / name).write_bytes(content)
    refused(place.type("maker.sales", "push", tmp_path, "--why", "It is needed"), *words)


def packed(files: Mapping[str, bytes], **odd: int) -> bytes:
    """A zip; `odd` entries are given a file mode, such as that of a link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = odd.get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    return out.getvalue()


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "name", ["../climbs.py", "/absolute.py", "a/../../climbs.py", "C:\\climbs.py", ".git/config"]
)
def test_a_zip_that_climbs_out_of_its_folder_is_refused(place: Place, name: str) -> None:
    refused(place.push("maker.sales", packed({**company.files("climbs"), name: b"x"})), name[:3])


@pytest.mark.usefixtures("untouched")
def test_a_link_is_refused_in_a_zip_and_in_a_folder(place: Place, tmp_path: Path) -> None:
    linked = packed({**company.files("links"), "secrets": b"/etc/passwd"}, secrets=stat.S_IFLNK | 0o777)
    refused(place.push("maker.sales", linked), "secrets", "link")
    for name, content in company.files("links").items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "secrets").symlink_to("/etc/passwd")
    refused(place.type("maker.sales", "push", tmp_path, "--why", "It is needed"), "secrets", "link")


@pytest.mark.usefixtures("untouched")
def test_too_many_files_are_refused_in_a_zip_and_in_a_folder(place: Place, tmp_path: Path) -> None:
    many = packed(company.files("many") | {f"f/{n}": b"" for n in range(100_000)})
    refused(place.push("maker.sales", many), "2,000", code="limit_reached")
    for n in range(2_001):
        (tmp_path / str(n)).touch()
    answer = place.type("maker.sales", "push", tmp_path, "--why", "It is needed")
    refused(answer, "2,000", code="limit_reached")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\0" * 5000])
def test_what_is_no_zip_is_told_so(place: Place, content: bytes) -> None:
    refused(place.push("maker.sales", content), "zip")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DELETE FROM sales_orders", "not_allowed"),
        ("DROP TABLE sales_orders", "not_allowed"),
        ("COPY sales_orders TO '/tmp/orders.csv'", "not_allowed"),
        ("ATTACH 'handrail.db' AS h", "not_allowed"),
        ("PRAGMA database_list", "not_allowed"),
        ("SET enable_external_access = true", "not_allowed"),
        ("EXPLAIN SELECT * FROM sales_orders", "not_allowed"),
        ("SELECT * FROM read_csv('/etc/passwd')", "not_allowed"),
        ("SELECT 1; SELECT 2", "invalid"),
        ("SELECT FROM WHERE", "invalid"),
        ("", "invalid"),
    ],
)
def test_sql_that_is_not_one_select_is_refused(place: Place, sql: str, code: str) -> None:
    asked = {"sql": sql, "purpose": company.PURPOSE}
    refused(
        place.ask("viewer.emea", "POST", "/query", asked), "read_csv()" if "read" in sql else "", code=code
    )


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "sql", ["SELECT " + "1+" * (LARGE // 2) + "1", f"SELECT '{'x' * LARGE}'", "(" * LARGE, " " * LARGE]
)
def test_sql_of_10_mb_is_refused_unread(place: Place, sql: str) -> None:
    refused(place.ask("viewer.emea", "POST", "/query", {"sql": sql, "purpose": company.PURPOSE}), "100,000")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "sql", ["(" * 40_000 + "SELECT 1" + ")" * 40_000, "SELECT " + "-" * 0 + "NOT " * 20_000 + "true"]
)
def test_sql_that_nests_without_end_is_refused(place: Place, sql: str) -> None:
    refused(place.ask("viewer.emea", "POST", "/query", {"sql": sql, "purpose": company.PURPOSE}))


@pytest.mark.usefixtures("untouched")
def test_a_bad_question_on_the_command_line_is_one_json_document_on_stderr(place: Place) -> None:
    refused(
        place.in_a_terminal("viewer.emea", "query", "DROP TABLE sales_orders", "--purpose", company.PURPOSE),
        "SELECT",
        code="not_allowed",
    )
    refused(
        place.in_a_terminal("viewer.emea", "query", "SELECT 1 FROM salaries", "--purpose", company.PURPOSE),
        "salaries", code="not_found",
    )  # fmt: skip


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid"),
        (b"[]", "invalid"),
        (b'{"sql": 5}', "invalid"),
        (b'{"sql": "SELECT 1", "sqll": 1}', "invalid"),
        (b"\xff\xfe", "invalid"),
        (b"[" * 100_000, "bad_request"),
    ],
)
def test_a_request_that_is_no_json_of_that_shape_is_refused(place: Place, body: bytes, code: str) -> None:
    headers = {"Content-Type": "application/json"}
    refused(place.ask("viewer.emea", "POST", "/query", body, **headers), code=code)


# Each app under an entrypoint of its own name, by which its processes are found.
ENDS = {
    "loops": ("while True: pass\n", "longer than 3 seconds"),
    "forks": ("import os\nwhile True:\n    os.fork()\n", ""),
    "prints": ("while True: print('x' * 1_000_000)\n", "printed more than 1 MB"),
    "fills": ("kept = []\nwhile True: kept.append(bytearray(10_000_000))\n", "300 MB"),
    "dies": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "signal 11 (SIGSEGV)"),
    "raises": ("raise SystemExit('no')\n", "exit code 1: no"),
}


def test_apps_that_misbehave_are_ended_with_the_reason_and_leave_nothing_running(place: Place) -> None:
    runs = {}
    for name, (code, _) in ENDS.items():
        files = {
            "handrail.toml": company.MANIFEST.format(name=name)
            .replace("app.py", f"journey-{name}.py")
            .encode(),
            f"journey-{name}.py": code.encode(),
        }
        assert place.push("maker.sales", packed(files)).status == 201
        started = place.ask("maker.sales", "POST", f"/apps/{name}/run", {})
        assert started.status == 202, started
        runs[name] = started.json["id"]
    for name, run in runs.items():
        ended = over(place, run)
        assert ended["state"] == "failed" and ended["next_step"], ended
        assert ENDS[name][1] in ended["reason"], ended
        assert whole.until(lambda name=name: not whole.survivors(f"journey-{name}.py")), name  # type: ignore[misc]
    assert len(place.ask("maker.sales", "GET", f"/runs/{runs['prints']}/log").body) < 4 << 20
    assert place.push("maker.sales", packed(company.files("behaves", code="print('well')\n"))).status == 201
    well = over(place, place.ask("maker.sales", "POST", "/apps/behaves/run", {}).json["id"])
    assert well["state"] == "succeeded", well
    assert place.ask("compliance", "GET", "/audit/verify").json["ok"] is True


def test_a_failed_run_on_the_command_line_says_why(place: Place) -> None:
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    assert place.push("maker.sales", packed(company.files("killed", code=code))).status == 201
    refused(place.type("maker.sales", "run", "killed"), "killed", "signal 9 (SIGKILL)", code="not_ready")


def over(place: Place, run: str) -> dict[str, Any]:
    """The run, once it has ended."""
    for _ in range(600):
        found: dict[str, Any] = place.ask("maker.sales", "GET", f"/runs/{run}").json
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError(found)
