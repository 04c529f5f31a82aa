"""`handrail.toml` is read strictly, and a mistake is answered with its line, its key and the way out."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel.errors import Invalid
from handrail.kernel.manifest import Manifest
from handrail.kernel.schedule import Schedule, Unattended, wrong_with_cron
from tests.cases import cases

VELOCITY = """\
[app]
name = "regional-velocity"
kind = "job"                     # job | web | static
entrypoint = "app.py"
purpose = "sales-reporting"
says = "Weekly sales velocity by region and product line"

[data.sales_orders]
columns = ["order_date", "region", "product_line", "net_amount"]

[data.products]

[metrics]
use = ["revenue"]

[schedule]
cron = "0 6 * * MON"
timezone = "Europe/Berlin"
"""


def test_the_documented_manifest_reads_as_written():
    manifest = Manifest.parse(VELOCITY)
    assert (manifest.name, manifest.kind, manifest.entrypoint) == ("regional-velocity", "job", "app.py")
    assert manifest.purpose == "sales-reporting"
    assert manifest.says == "Weekly sales velocity by region and product line"
    assert dict(manifest.datasets) == {
        "sales_orders": ("order_date", "region", "product_line", "net_amount"),
        "products": (),
    }
    assert manifest.metrics == ("revenue",)
    assert manifest.schedule == Schedule("0 6 * * MON", "Europe/Berlin")
    assert manifest.text == VELOCITY
    assert hash(manifest) == hash(Manifest.parse(VELOCITY))


def test_a_layer_is_report_unless_another_is_named_which_is_then_part_of_the_digest():
    plain = Manifest.parse(VELOCITY)
    named = Manifest.parse(VELOCITY.replace("[data.sales", 'layer = "report"\n[data.sales', 1))
    other = Manifest.parse(VELOCITY.replace("[data.sales", 'layer = "dashboard"\n[data.sales', 1))
    assert (plain.layer, named.layer, other.layer) == ("report", "report", "dashboard")
    assert plain.digest == named.digest != other.digest


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ("says =", 'layer = "dashbord"\nsays =', 6, "app.layer", "Did you mean 'dashboard'?"),
        ("entrypoint =", "entrypiont =", 4, "app.entrypiont", "Did you mean 'entrypoint'?"),
        ("columns =", "colums =", 9, "data.sales_orders.colums", "Did you mean 'columns'?"),
        ("[metrics]", "[metric]", 13, "metric", "Did you mean 'metrics'?"),
        ('kind = "job"', 'kind = "jobs"', 3, "app.kind", "Did you mean 'job'?"),
        ('"regional-velocity"', '"Regional Velocity"', 2, "app.name", "lower-case"),
        ('"regional-velocity"', '"../etc"', 2, "app.name", "lower-case"),
        ('"app.py"', '"../app.py"', 4, "app.entrypoint", "app.py"),
        ('"app.py"', '"/app.py"', 4, "app.entrypoint", "app.py"),
        ('"app.py"', '"a//b.py"', 4, "app.entrypoint", "app.py"),
        ('purpose = "sales-reporting"\n', "", 1, "app.purpose", "Add purpose"),
        ('"0 6 * * MON"', '"0 26 * * MON"', 17, "schedule.cron", "minute, hour"),
        ('"0 6 * * MON"', '"every monday"', 17, "schedule.cron", "minute, hour"),
        ('"Europe/Berlin"', '"Europe/Atlantis"', 18, "schedule.timezone", "Europe/Berlin"),
        ('use = ["revenue"]', 'use = "revenue"', 14, "metrics.use", 'use = ["…"'),
        ('use = ["revenue"]', 'use = ["a", "a"]', 14, "metrics.use", "once"),
        ("timezone =", 'catch_up = "all"\ntimezone =', 18, "schedule.catch_up", "Known here: latest, skip"),
        ("timezone =", 'overlap = "queued"\ntimezone =', 18, "schedule.overlap", "Did you mean 'queue'?"),
        ("timezone =", 'retry_on = "app"\ntimezone =', 18, "schedule.retry_on", "platform, any"),
        ("timezone =", "retries = 11\ntimezone =", 18, "schedule.retries", "retries = 3"),
        ("timezone =", "retries = true\ntimezone =", 18, "schedule.retries", "retries = 3"),
        ("[data.products]", "[data.Products]", 11, "data.Products", "catalog"),
        ("[data.products]", "[data]\nproducts = 3", 12, "data.products", "[data.products]"),
    ],
)
def test_a_mistake_names_its_line_its_key_and_the_way_out(old, new, line, key, says):
    with pytest.raises(Invalid) as refused:
        Manifest.parse(VELOCITY.replace(old, new, 1))
    assert refused.value.facts == {"line": line, "key": key}
    assert f"handrail.toml line {line}: " in refused.value.message
    assert says in refused.value.next_step


@pytest.mark.parametrize("text", ["[app", 'name = "x"\nname = "y"', "app = 1", "", "[app]\nname = 1", "\x00"])
def test_text_that_is_no_manifest_is_refused_in_a_sentence(text):
    with pytest.raises(Invalid) as refused:
        Manifest.parse(text)
    assert "handrail.toml line" in refused.value.message and refused.value.next_step


def test_a_manifest_of_a_million_characters_is_refused_before_it_is_parsed():
    with pytest.raises(Invalid, match="are the most"):
        Manifest.parse("#" * 1_000_000)


def test_comments_and_order_do_not_change_the_digest_but_a_column_does():
    reordered = VELOCITY.replace('"order_date", "region"', '"region", "order_date"').replace(
        "# job | web", "# "
    )
    smaller = VELOCITY.replace('"order_date", ', "")
    assert Manifest.parse(reordered).digest == Manifest.parse(VELOCITY).digest
    assert Manifest.parse(smaller).digest != Manifest.parse(VELOCITY).digest
    assert Manifest.parse(VELOCITY).digest.startswith("sha256:")


def test_what_is_done_about_moments_is_part_of_the_digest_only_where_it_is_not_the_usual():
    said = 'catch_up = "latest"\noverlap = "skip"\nretries = 0\nretry_on = "platform"\n'
    usual = Manifest.parse(VELOCITY + said)
    assert usual.unattended == Manifest.parse(VELOCITY).unattended == Unattended()
    assert usual.digest == Manifest.parse(VELOCITY).digest
    careful = Manifest.parse(
        VELOCITY + 'catch_up = "skip"\noverlap = "queue"\nretries = 2\nretry_on = "any"\n'
    )
    assert careful.unattended == Unattended("skip", "queue", 2, "any")
    assert careful.digest != usual.digest


def test_a_rendered_manifest_parses_even_when_the_sentence_has_quotes():
    text = Manifest.render("my-report", says='She said "hello \\ world"', purpose="staffing")
    manifest = Manifest.parse(text)
    assert manifest.name == "my-report" and manifest.says == 'She said "hello \\ world"'
    with pytest.raises(Invalid):
        Manifest.render("My Report")


GOOD = """* * * * *|*/5 0-6,12 1,15 JAN-MAR 1-5|0 6 * * MON|59 23 31 12 7|0 0 * * sun|1-50/7 * * * *"""
BAD = """|* * * *|* * * * * *|60 * * * *|* 24 * * *|* * 0 * *|* * * 13 *|* * * * 8|*/0 * * * *|5-1 * * * *|\
*-5 * * * *|a * * * *|1,,2 * * * *|1 * * * MON-|@daily|٣ * * * *"""


@pytest.mark.parametrize("line", GOOD.split("|"))
def test_cron_lines_that_every_cron_reads_are_good(line):
    assert wrong_with_cron(line) is None


@pytest.mark.parametrize("line", [*BAD.split("|"), "1 " * 300])
def test_cron_lines_that_name_no_moment_are_told_why(line):
    assert wrong_with_cron(line)


@settings(max_examples=cases(200), deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_either_a_manifest_or_a_refusal(text):
    try:
        Manifest.parse(text)
    except Invalid as refusal:
        assert refusal.message and refusal.next_step


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)


@settings(max_examples=cases(100), deadline=None)
@given(words.filter(str.strip))
def test_what_is_rendered_reads_back(says):
    text = Manifest.render("app-one", says=says)
    assert Manifest.parse(text).says == tomllib.loads(text)["app"]["says"].strip()


CALLS = '\n[connectors.crm]\nreads = ["GET /customers/{id}"]\nwrites = ["POST /tickets"]\n'


def test_the_calls_of_an_app_are_declared_by_connector_and_part_of_what_is_approved():
    plain, calling = Manifest.parse(VELOCITY), Manifest.parse(VELOCITY + CALLS)
    crm = calling.connectors["crm"]
    assert [*crm.reads] == ["GET /customers/{id}"]
    assert [*crm.writes] == ["POST /tickets"]
    assert plain.digest != calling.digest
    assert calling.digest == Manifest.parse(VELOCITY + CALLS.replace("{id}", "{customer}")).digest
    moved = CALLS.replace('reads = ["GET /customers/{id}"]\nwrites = [', 'writes = ["GET /customers/{id}", ')
    assert calling.digest != Manifest.parse(VELOCITY + moved).digest
    assert hash(calling) == hash(Manifest.parse(VELOCITY + CALLS))


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ("[connectors.crm]", "[connectors.CRM]", 20, "connectors.CRM", "is no connector"),
        ("reads =", "read =", 21, "connectors.crm.read", "unknown key"),
        ("GET /cust", "get /cust", 21, "connectors.crm.reads", "no method"),
        ("POST /tickets", "POST /../tickets", 22, "connectors.crm.writes", "neither a plain part"),
        ("POST /tickets", "GET /customers/{other}", 20, "connectors.crm", "listed twice"),
        ('"GET /customers/{id}"', "3", 21, "connectors.crm.reads", "list of names"),
        (CALLS, "\n[connectors.crm]\n", 20, "connectors.crm", "names no call"),
        (CALLS, "\n[connectors]\ncrm = 1\n", 21, "connectors.crm", "table of its own"),
    ],
)
def test_a_mistake_in_the_calls_is_answered_with_its_line(old: str, new: str, line: int, key: str, says: str):
    with pytest.raises(Invalid, match=says) as refused:
        Manifest.parse(VELOCITY + CALLS.replace(old, new, 1))
    assert (refused.value.facts["line"], refused.value.facts["key"]) == (line, key)


def test_how_long_runs_are_kept_is_part_of_the_digest_only_where_it_is_said():
    plain, short = (
        Manifest.parse(VELOCITY.replace("[app]\n", f"[app]\n{says}", 1)) for says in ("", "keep_days = 7\n")
    )
    assert (plain.keep_days, short.keep_days) == (0, 7)
    assert plain.digest == Manifest.parse(VELOCITY).digest != short.digest


@pytest.mark.parametrize("value", ["0", "-1", "36501", "7.5", "true", '"7"'])
def test_a_number_of_days_that_is_none_is_answered_with_its_line(value: str):
    with pytest.raises(Invalid, match="whole number of days") as refused:
        Manifest.parse(VELOCITY.replace("[app]\n", f"[app]\nkeep_days = {value}\n", 1))
    assert refused.value.facts["key"] == "app.keep_days"
