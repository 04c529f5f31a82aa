"""What has the shape of a secret or an identifier never reaches the store of prompts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.apps.redact import is_card, is_iban, redact
from tests.cases import cases

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    ("text", "secret", "kind"),
    [
        ("use sk-proj-abcdefGHIJKL0123456789 please", "sk-proj-abcdefGHIJKL0123456789", "token"),
        ("key sk-ant-api03-abcdEFGH0123_-xyz99 here", "sk-ant-api03-abcdEFGH0123_-xyz99", "token"),
        ("ghp_" + "a1B2" * 9, "ghp_" + "a1B2" * 9, "token"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "AKIA" + "IOSFODNN7EXAMPLE", "token"),
        ("hr_" + "Ab0-_" * 8, "hr_" + "Ab0-_" * 8, "token"),
        (f"Authorization: Bearer {JWT}", JWT, "token"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA==", "token"),
        ('password = "hunter2!"', "hunter2!", "secret"),
        ("my password is Winter2026", "Winter2026", "secret"),
        ("DB_PASSWORD: 'tr0ub4dor&3'", "tr0ub4dor&3", "secret"),
        ('{"api_key": "0123456789abcdef"}', "0123456789abcdef", "secret"),
        ("SECRET_KEY='x y z'", "x y z", "secret"),
        ("postgresql://app:pa$$w0rd@db.internal/x", "pa$$w0rd", "password"),
        ("mail ada.lovelace+x@example.co.uk about it", "ada.lovelace+x@example.co.uk", "email"),
        ("pay to DE89 3704 0044 0532 0130 00 today", "DE89 3704 0044 0532 0130 00", "iban"),
        ("pay to GB82WEST12345698765432 today", "GB82WEST12345698765432", "iban"),
        ("card 4111 1111 1111 1111, exp", "4111 1111 1111 1111", "card"),
        ("ssn 536-22-1234.", "536-22-1234", "ssn"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\n\nMIIEabc\n-----END RSA PRIVATE KEY-----\nthanks",
            "MIIEabc",
            "private key",
        ),
    ],
)
def test_a_secret_is_taken_out_and_its_kind_is_said(text, secret, kind):
    redacted = redact(text)
    assert secret not in redacted.text
    assert f"[redacted: {kind}]" in redacted.text
    assert redacted.taken == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "Group net_amount by region for 2025-11-01 to 2026-01-31, please.",
        "Add a token bucket; the password column is not needed.",
        "order 12345678901234567890 and SKU AB12 3456 7890",
        "card 1234 5678 9012 3456 is a made-up number",
        "see https://example.org/a?b=c and version 1.2.3.4",
    ],
)
def test_ordinary_requests_stay_as_they_are(text):
    assert redact(text) == redact(redact(text).text)
    assert redact(text).text == text


def test_what_stands_around_a_secret_stays():
    assert redact("set API_KEY=abcdef123456 in env").text == "set API_KEY=[redacted: secret] in env"
    assert redact("a@b.io, c@d.io").text == "[redacted: email], [redacted: email]"
    assert redact("a@b.io, c@d.io").taken == {"email": 2}


def test_checksums_tell_numbers_from_identifiers():
    assert is_iban("DE89370400440532013000") and not is_iban("DE88370400440532013000")
    assert is_card("4111111111111111") and not is_card("4111111111111112")


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "a" * 64,
        "password=",
        "eyJ" + "a" * 50,
        "A1 ",
        "1-",
        "x.",
        "://a:",
    ],
)
def test_a_text_made_to_be_slow_is_read_once(piece):
    # Not a timing test: a pattern that backtracks quadratically would not come back within the suite.
    whole = piece * (200_000 // len(piece))
    assert 0 < len(redact(whole).text) <= len(whole)


@settings(max_examples=cases(200), deadline=None)
@given(st.text(max_size=400))
def test_redacting_twice_takes_nothing_more(text):
    once = redact(text).text
    assert redact(once).text == once


def test_a_secret_is_found_however_long_its_name_begins():
    assert redact("a-" * 100 + "secret=abcdef12").text.endswith("secret=[redacted: secret]")
