"""What passes between a browser and a hosted app: nobody says whom an app answers, and no cookie of an app's
sends anybody away.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.faces.origins.headers import cookie_of, to_app, to_browser

SAID = {"handrail-person": "viewer.emea", "handrail-viewer": "word"}


def heard(*headers: tuple[bytes, bytes]) -> dict[str, str]:
    """What an app written for WSGI hears: there `-` and `_` in a name are one, and repeats are joined."""
    found: dict[str, str] = {}
    for name, value in to_app(list(headers), SAID):
        key = name.upper().replace("-", "_")
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


@pytest.mark.parametrize(
    "name", [b"handrail-person", b"handrail_person", b"handrail_viewer", b"handrail-any"]
)
def test_nobody_but_us_says_whom_an_app_answers_however_the_name_is_written(name: bytes) -> None:
    found = heard((b"accept", b"*/*"), (name, b"admin"))
    assert found == {"ACCEPT": "*/*", "HANDRAIL_PERSON": "viewer.emea", "HANDRAIL_VIEWER": "word"}


@pytest.mark.parametrize("name", [b"x_forwarded_proto", b"x-forwarded-host", b"Forwarded".lower()])
def test_nobody_but_us_says_what_was_asked_for(name: bytes) -> None:
    assert heard((name, b"evil")) == heard()


def test_a_length_beside_a_body_of_untold_length_is_not_passed_on() -> None:
    both = (b"content-length", b"4"), (b"transfer-encoding", b"chunked")
    assert "CONTENT_LENGTH" not in heard(*both) and "CONTENT_LENGTH" not in heard(*reversed(both))
    assert heard(both[0])["CONTENT_LENGTH"] == "4"


@pytest.mark.parametrize("odd", [b'prefs={"a": 1}', b"[]=x", b"=x", b"x", b"a b=c", b"\xff=\xe9", b'a="b'])
def test_no_odd_cookie_hides_a_visit_and_each_reaches_the_app_as_it_was_set(odd: bytes) -> None:
    sent = [(b"cookie", odd + b"; __Host-handrail_visit=secret; last=1")]
    assert cookie_of(sent, secure=True) == "secret"
    assert heard(*sent)["COOKIE"] == f"{odd.decode('latin-1')}; last=1"


@given(st.lists(st.binary(max_size=20)))
def test_no_cookies_raise_and_ours_never_pass(others: list[bytes]) -> None:
    sent = [(b"cookie", b";".join([*others, b"handrail_visit=secret"]))]
    assert "handrail_visit" not in heard(*sent).get("COOKIE", "").lower().replace("=handrail_visit", "")
    assert cookie_of(sent, secure=False)


def kept(cookie: bytes) -> list[bytes]:
    """What a browser hears of a cookie that an app sets."""
    return [value for key, value in to_browser([(b"Set-Cookie", cookie)], "", True) if key == b"set-cookie"]


@pytest.mark.parametrize("name", [b"handrail_visit", b"__Host-handrail_visit", b"__host-HANDRAIL_visit"])
@pytest.mark.parametrize("before", [b"", b"=", b" = ", b"\t="], ids=["named", "nameless", "spaced", "tab"])
def test_an_app_sets_no_cookie_by_our_name(name: bytes, before: bytes) -> None:
    assert not kept(before + name + b"=x")


def test_what_an_app_says_about_our_cookie_in_one_of_its_own_is_kept() -> None:
    assert kept(b"note=handrail_visit=x; Path=/") == [b"note=handrail_visit=x; Path=/"]
