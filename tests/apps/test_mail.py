"""Mail holds a link and no data, goes to nobody who may no longer open what it links to, and waits for its server."""

import datetime as dt
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handrail import apps
from handrail.apps import mail_store
from handrail.apps.mail import check
from handrail.kernel import SYSTEM, Instance, Invalid, Schedule, identity, trail
from handrail.settings import MailSettings, ServerSettings
from tests.apps.postbox import Postbox, postbox
from tests.apps.scheduling import Clock, put_into_production, settle, share_orders
from tests.conftest import Acting

DAILY = Schedule.parse("0 6 * * *", "Europe/Berlin")
ADDRESS = "https://handrail.example"


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as opened:
        yield opened


@pytest.fixture
def instance(instance: Instance, box: Postbox) -> Instance:
    """With a mail server, and hands to its clock."""
    instance.clock = Clock()
    use(instance, MailSettings("127.0.0.1", box.port, "none", sender="reports@handrail.example"))
    return instance


def use(instance: Instance, mail: MailSettings, address: str = ADDRESS) -> None:
    instance.settings = replace(instance.settings, mail=mail, server=ServerSettings(public_url=address))


def come(instance: Instance) -> None:
    instance.clock.put(DAILY.after(instance.clock.now(), 1)[0] + dt.timedelta(seconds=1))
    settle(instance)


def waiting(instance: Instance) -> list[tuple[str, str]]:
    with instance.context(SYSTEM) as ctx:
        rows = ctx.db.execute(mail_store.mails.select()).all()
    return sorted((row.person, row.state) for row in rows)


def test_a_subscriber_gets_a_link_and_no_data(
    instance: Instance, acting: Acting, box: Postbox, orders: str
) -> None:
    share_orders(instance)
    with acting("viewer.apac") as ctx:
        apps.subscribe(ctx, "orders")
    come(instance)
    assert apps.send_what_waits(instance) == 1
    assert apps.send_what_waits(instance) == 0
    (mail,) = box.mails
    assert box.to == [str(mail["To"].addresses[0].addr_spec)]
    assert mail["From"].addresses[0].addr_spec == "reports@handrail.example"
    assert mail["Subject"] == "orders has new results for you"
    body = mail.get_content()
    assert f"{ADDRESS}/open/orders" in body
    for secret in ("APAC", "1000", "EMEA", "900"):
        assert secret not in mail.as_string().replace(mail["Message-ID"], "")
    with acting("compliance") as ctx:
        (sent,) = [entry for entry in trail.entries(ctx) if entry.verb == "mail.sent"]
    assert (sent.subject, sent.facts["for_person"]) == ("app:orders", "viewer.apac")


def test_nobody_gets_mail_for_what_they_may_no_longer_open(
    instance: Instance, acting: Acting, box: Postbox, orders: str
) -> None:
    """Attack: the app is taken back, the account closed, or the subscription ended while the mail waits."""
    share_orders(instance)
    for person in ("viewer.apac", "viewer.emea"):
        with acting(person) as ctx:
            apps.subscribe(ctx, "orders")
    come(instance)
    assert len(waiting(instance)) == 2
    with acting("viewer.emea") as ctx:
        apps.unsubscribe(ctx, "orders")
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "viewer.apac"), active=False))
    assert apps.send_what_waits(instance) == 0
    with acting("viewer.emea") as ctx:
        apps.subscribe(ctx, "orders")
    come(instance)
    with acting("maker.sales") as ctx:
        apps.unshare(ctx, "orders", groups=["sales"])
    assert apps.send_what_waits(instance) == 0
    assert box.mails == []
    assert {state for _, state in waiting(instance)} == {"dropped"}


def test_owners_hear_of_a_failure_without_a_word_of_what_the_app_said(
    instance: Instance, acting: Acting, box: Postbox
) -> None:
    put_into_production(instance, code="raise ValueError('Ms Smith owes 900')\n")
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    come(instance)
    assert apps.send_what_waits(instance) == 2
    assert {mail["Subject"] for mail in box.mails} == {"A scheduled run of hello failed"}
    assert not any("Smith" in mail.as_string() for mail in box.mails)
    assert all(f"{ADDRESS}/apps/hello" in mail.get_content() for mail in box.mails)


def test_those_who_can_take_it_over_hear_that_a_schedule_is_paused(
    instance: Instance, acting: Acting, box: Postbox
) -> None:
    put_into_production(instance)
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "maker.sales"), active=False))
    apps.claim_what_is_due(instance)
    assert apps.send_what_waits(instance) == 1  # and not whoever left
    with instance.context(SYSTEM) as ctx:
        assert box.to == [identity.found(ctx, "maker.ops").email]
    assert box.mails[0]["Subject"] == "The schedule of hello is paused"


def test_mail_waits_for_its_server_and_leaves_once(instance: Instance, acting: Acting, box: Postbox) -> None:
    put_into_production(instance, code="raise SystemExit(1)\n")
    come(instance)
    box.answers = {"MAIL": "451 later"}
    assert apps.send_what_waits(instance) == 0
    box.answers = {}
    assert apps.send_what_waits(instance) == 0  # not before its time
    instance.clock.shift += dt.timedelta(minutes=2)
    assert apps.send_what_waits(instance) == 1
    instance.clock.shift += dt.timedelta(days=1)
    assert apps.send_what_waits(instance) == 0
    assert len(box.mails) == 1


@pytest.mark.parametrize(("answer", "tries"), [("550 nobody here", 1), ("450 later", 8)])
def test_mail_that_cannot_be_delivered_is_given_up_and_the_trail_says_so(
    instance: Instance, acting: Acting, box: Postbox, answer: str, tries: int
) -> None:
    put_into_production(instance, code="raise SystemExit(1)\n")
    come(instance)
    box.answers = {"RCPT": answer}
    for _ in range(tries):
        assert waiting(instance) == [("maker.sales", "waiting")]
        assert apps.send_what_waits(instance) == 0
        instance.clock.shift += dt.timedelta(hours=1, seconds=1)
    assert waiting(instance) == [("maker.sales", "failed")]
    with acting("compliance") as ctx:
        assert [entry.facts["for_person"] for entry in trail.entries(ctx) if entry.verb == "mail.failed"] == [
            "maker.sales"
        ]


def test_a_server_that_died_while_sending_leaves_the_mail_to_another(
    instance: Instance, acting: Acting, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_into_production(instance, code="raise SystemExit(1)\n")
    come(instance)
    with instance.context(SYSTEM) as ctx:  # it had taken the mail, and is gone
        assert mail_store.take_next(ctx, dt.timedelta(minutes=2))
    assert apps.send_what_waits(instance) == 0
    instance.clock.shift += dt.timedelta(minutes=3)
    assert apps.send_what_waits(instance) == 1


def test_a_password_travels_encrypted_to_a_server_that_proves_who_it_is(
    instance: Instance, acting: Acting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "400", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(certificate, key)
    put_into_production(instance, code="raise SystemExit(1)\n")
    come(instance)
    (instance.settings.home / "mail.password").write_text("s3cret\n")
    with postbox(there) as box:
        use(
            instance,
            MailSettings(
                "localhost", box.port, "starttls", "handrail", "", "mail.password", "r@handrail.example"
            ),
        )
        assert apps.send_what_waits(instance) == 0  # nobody vouches for that certificate
        assert box.signed_in == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        instance.clock.shift += dt.timedelta(minutes=2)
        assert apps.send_what_waits(instance) == 1
        assert box.signed_in == [("handrail", "s3cret")]
        assert box.encrypted == [True]


@pytest.mark.parametrize(
    ("changes", "address", "says"),
    [
        ({"tls": "ssl"}, ADDRESS, "mail.tls"),
        ({"sender": "Handrail"}, ADDRESS, "mail.sender"),
        ({}, "", "public_url"),
        ({"password_env": "A", "password_file": "b"}, ADDRESS, "two passwords"),
        ({"tls": "none", "user": "me", "password_env": "A"}, ADDRESS, "could read"),
        ({"user": "me", "password_env": "NOT_THERE_AT_ALL"}, ADDRESS, "NOT_THERE_AT_ALL"),
        ({"user": "me", "password_file": "nothing.txt"}, ADDRESS, "cannot be read"),
    ],
)
def test_settings_by_which_no_mail_could_be_sent_end_the_start(
    instance: Instance, changes: dict[str, str], address: str, says: str
) -> None:
    usual = MailSettings("smtp.example", sender="reports@handrail.example")
    use(instance, replace(usual, **changes), address)
    with pytest.raises(Invalid, match=says) as refused:
        check(instance.settings)
    assert refused.value.next_step
    with pytest.raises(Invalid):
        apps.Scheduler(instance)


def test_where_no_mail_is_set_up_none_waits(instance: Instance) -> None:
    use(instance, MailSettings())
    put_into_production(instance, code="raise SystemExit(1)\n")
    come(instance)
    assert waiting(instance) == []
