"""Tables that are kept verbatim: their rows are real, it is said so everywhere, and nobody's are."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from tests.conftest import PEOPLE
from tests.web import Client

from handrail import data
from handrail.data import CombinedLink, odcs
from handrail.data.load import load, parse
from handrail.data.pages import router as datasets
from handrail.data.twin_terms import TwinTerms
from handrail.faces import web
from handrail.kernel import Caller, Instance, Invalid, definitions, identity
from handrail.server import command
from handrail.twins import files
from handrail.twins.build import build
from handrail.twins.make import make
from handrail.twins.models import Field, Table
from handrail.twins.pages import router as pages
from handrail.twins.report import report
from handrail.twins.values import full

WHY = "Its contract says so."
KEY = Field("code", "", required=True, primary_key=True)
COUNTRIES = 300
CODES = [f"{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(COUNTRIES)]


@pytest.fixture
def countries(make_table: Any) -> Table:
    columns = {
        "code": CODES,
        "label": [f"Land {n}" for n in range(COUNTRIES)],
        "zone": pa.array([n % 3 for n in range(COUNTRIES)]),
        "since": pa.array([None if n == 5 else 9000 + n for n in range(COUNTRIES)], pa.int32()).cast(
            pa.date32()
        ),
    }
    return replace(make_table("countries", columns, KEY), verbatim=WHY)  # type: ignore[no-any-return]


def orders(make_table: Any) -> Table:
    rng = np.random.default_rng(1)
    columns = {
        "id": pa.array(range(2000)),
        "country": rng.choice(CODES[:150], 2000),
        "n": rng.integers(1, 9, 2000),
    }
    points = Field("country", "", required=True, references=("countries", "code"))
    return make_table("orders", columns, Field("id", "", True, primary_key=True), points)  # type: ignore[no-any-return]


@pytest.mark.parametrize("variant", ["plain", "hostile"])
def test_its_real_rows_are_its_twin_and_keys_lead_to_them(
    make_table: Any, countries: Table, variant: Any
) -> None:
    made = make([countries, orders(make_table)], 10, variant=variant)
    assert made.twins["countries"].table.equals(pq.read_table(countries.path))
    assert not made.twins["countries"].hostile
    assert set(made.twins["orders"].table["country"].drop_null().to_pylist()) <= set(CODES)
    told = {one.dataset: one for one in made.reports}
    assert told["countries"].verbatim and told["countries"].privacy.real == WHY
    assert told["countries"].privacy.passed and told["countries"].attack is None
    assert not told["orders"].verbatim and not told["orders"].privacy.real


def test_its_rows_are_not_in_the_sketch(make_table: Any, countries: Table) -> None:
    made = make([countries, orders(make_table)], 10)
    assert "Land 17" not in str(made.sketch)


def test_it_may_not_point_at_a_table_whose_keys_are_invented(make_table: Any) -> None:
    zones = make_table("zones", {"code": ["a", "b"], "label": ["north", "south"]}, KEY)
    points = Field("zone", "", references=("zones", "code"))
    towns = make_table("towns", {"code": list("tuv"), "zone": ["a", "b", "a"]}, KEY, points)
    with pytest.raises(Invalid, match="zones, whose keys are invented") as refused:
        make([zones, replace(towns, verbatim=WHY)], 10)
    assert "Keep zones verbatim too" in refused.value.next_step
    both = make([replace(zones, verbatim=WHY), replace(towns, verbatim=WHY)], 10)
    assert both.twins["towns"].table["zone"].to_pylist() == ["a", "b", "a"]


def test_its_children_follow_the_rows_that_its_rows_point_at(make_table: Any) -> None:
    rng = np.random.default_rng(2)
    lands = make_table("lands", {"code": list("abcde")}, KEY)
    of = np.array(list("abcde"))[rng.integers(0, 5, 90)]
    towns = make_table(
        "towns",
        {"code": pa.array(range(90)), "land": of},
        KEY,
        Field("land", "", required=True, references=("lands", "code")),
    )
    town = rng.integers(0, 90, 2000)
    stores = make_table(
        "stores",
        {"id": pa.array(range(2000)), "town": pa.array(town), "land": of[town]},
        Field("id", "", True, primary_key=True),
        Field("town", "", references=("towns", "code")),
        Field("land", "", references=("lands", "code")),
    )
    kept = [replace(one, verbatim=WHY) for one in (lands, towns)]
    twin = make([*kept, stores], 10, variant="plain").twins["stores"].table
    at = dict(enumerate(of.tolist()))
    assert twin["land"].to_pylist() == [at[one] for one in twin["town"].to_pylist()]


def test_keys_of_all_64_bits_and_great_decimals_are_kept(make_table: Any) -> None:
    keys = [2**64 - 1 - 977 * n for n in range(40)]
    hashes = make_table(
        "hashes",
        {"code": pa.array(keys, pa.uint64()), "size": pa.array([Decimal(10**30 + n) for n in range(40)])},
        KEY,
    )
    rng = np.random.default_rng(3)
    files_ = make_table(
        "files",
        {
            "id": pa.array(range(900)),
            "hash": pa.array([keys[n] for n in rng.integers(0, 40, 900)], pa.uint64()),
        },
        Field("id", "", True, primary_key=True),
        Field("hash", "", True, references=("hashes", "code")),
    )
    made = make([replace(hashes, verbatim=WHY), files_], 10, variant="plain")
    assert set(made.twins["files"].table["hash"].to_pylist()) <= set(keys)
    (report,) = (one for one in made.reports if one.dataset == "files")
    assert not any(link.orphans for link in report.links)


def test_it_may_not_point_with_several_columns_at_rows_that_a_twin_does_not_have(make_table: Any) -> None:
    pairs = {"a": ["x", "x", "y"], "b": pa.array([1, 2, 1])}
    prices = replace(
        make_table("prices", {"code": list("tuv"), **pairs}, KEY),
        combined=(CombinedLink(("a", "b"), "offers", ("a", "b")),),
        verbatim=WHY,
    )
    texts, numbers = full(np.array(list("xxy"), dtype=object)), np.array([1, 2, 1])
    for known, fits in ((numbers, True), (numbers + 1, False)):
        lent = {("offers", "a"): texts, ("offers", "b"): full(known)}
        if fits:
            assert make([prices], 10, outside=lent).twins["prices"].table["b"].to_pylist() == [1, 2, 1]
            continue
        with pytest.raises(Invalid, match="offers, whose keys are invented"):
            make([prices], 10, outside=lent)


def run(*words: object) -> Result:
    return CliRunner().invoke(command(), ["twin", "build", *map(str, words)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    units = {"unit_id": [1, 2, 3], "label": ["kilogram", "litre", "piece"]}
    people = {"member_id": list(range(50)), "email": [f"m{n}@real.example" for n in range(50)]}
    pq.write_table(pa.table(units), folder / "units.parquet")
    pq.write_table(pa.table(people), folder / "members.parquet")
    return folder


def test_a_stand_alone_build_keeps_the_tables_that_are_named(source: Path, tmp_path: Path) -> None:
    made = run("--from", source, "--out", tmp_path / "twin", "--verbatim", "units", "--json")
    assert made.exit_code == 0, made.output
    assert pq.read_table(tmp_path / "twin" / "units.parquet")["label"].to_pylist()[0] == "kilogram"
    told = {
        one["dataset"]: one for one in json.loads((tmp_path / "twin" / "twin.json").read_text())["tables"]
    }
    assert told["units"]["verbatim"] and "nobody certified" in told["units"]["privacy"]["real"]
    assert not told["members"]["verbatim"]
    shown = run("--from", source, "--out", tmp_path / "twin", "--verbatim", "units")
    assert "units: Its rows are the real ones" in " ".join(shown.output.split())


@pytest.mark.parametrize(
    ("table", "said"), [("members", "cannot be kept verbatim"), ("uints", "There is no table uints")]
)
def test_people_and_misspelt_tables_are_refused(source: Path, tmp_path: Path, table: str, said: str) -> None:
    refused = run("--from", source, "--out", tmp_path / "twin", "--verbatim", table, "--json")
    told = json.loads(refused.stderr)
    assert refused.exit_code == 1 and said in told["message"] and told["next_step"]
    assert not (tmp_path / "twin").exists()


def test_verbatim_goes_with_from() -> None:
    assert run("sales", "--verbatim", "units").exit_code == 2


def certified(acting: Any, source: Path, terms: TwinTerms) -> None:
    """Import units and certify them with a contract that says so of their twin."""
    path = odcs.path_of("units")
    with acting("steward.sales") as ctx:
        data.import_source(ctx, str(source))
        content = definitions.read(ctx, path) or b""
        said = odcs.update(parse(content, path), replace(load(content, path), twin=terms))
        definitions.write(ctx, path, odcs.render(said), "Say what its twin is.")
    with acting("steward.sales") as ctx:
        wanted = {"owner": "steward.sales", "deputy": "steward.hr", "purposes": ["sales-reporting"]}
        data.propose(ctx, "units", wanted | {"readers": ["sales"], "expires": "2099-01-01"})
    with acting("steward.hr") as ctx:
        data.certify(ctx, "units")


def test_what_two_people_certified_is_told_by_report_page_and_manifest(
    instance: Instance, acting: Any, source: Path
) -> None:
    certified(acting, source, TwinTerms(verbatim=True))
    with acting("steward.sales") as ctx:
        made = build(ctx, ["units"])
        told = report(ctx, "units")
    assert told is not None
    (units,) = told.tables
    assert units.verbatim and "two people certified" in units.privacy.real
    manifest = files.manifest_of(instance.settings.home, made.id)
    assert manifest.real == (("units", units.privacy.real),)
    twin = pq.read_table(files.parquet(instance.settings.home, made.id, "units"))
    assert twin["label"].to_pylist() == ["kilogram", "litre", "piece"]


def test_a_contracts_own_k_is_that_of_its_twin(instance: Instance, acting: Any, source: Path) -> None:
    certified(acting, source, TwinTerms(k=33))
    with acting("steward.sales") as ctx:
        made = build(ctx, ["units"])
    assert made.tables[0].k == 33
    gates = dict(files.manifest_of(instance.settings.home, made.id).gates)["units"]
    assert "fewer than 33" in gates[0].limit


def test_the_pages_say_that_rows_are_real_and_why(instance: Instance, acting: Any, source: Path) -> None:
    certified(acting, source, TwinTerms(verbatim=True))
    with acting("steward.sales") as ctx:
        build(ctx, ["units"])
    app = web.build(instance, lambda: [datasets, pages])
    client = Client(app, follow_redirects=False)
    with instance.context(Caller(PEOPLE[0], "cli")) as ctx:
        token = identity.issue_link(ctx, "steward.sales")
    client.get("/sign-in/link", params={"token": token})
    for page in ("/twins/units", "/twins/units/privacy", "/datasets/units"):
        shown = client.get(page)
        assert shown.status_code == 200, page
        assert "two people certified that" in shown.text, page
    assert "a copy of its real rows" in client.get("/datasets/units").text
