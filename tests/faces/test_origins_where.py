"""Which app a Host header belongs to, however it is written, and where nothing is."""

from dataclasses import replace

import pytest

from handrail.faces.origins.where import Place, astray, place_of
from handrail.settings import ServerSettings

LOCAL = ServerSettings()
PUBLIC = replace(LOCAL, apps_domain="apps.example.com", public_url="https://handrail.example.com")


@pytest.mark.parametrize(
    "host",
    ["regions.apps.example.com", "REGIONS.apps.Example.com", "regions.apps.example.com.", "regions.apps.example.com:443",
     "regions.apps.example.com.:443", "regions.apps.example.com:"],
)  # fmt: skip
def test_a_name_is_the_same_app_however_it_is_written(host: str) -> None:
    assert place_of(PUBLIC, host) == Place("regions", "production") and not astray(PUBLIC, host)


@pytest.mark.parametrize(
    "host",
    ["apps.example.com", "a.b.apps.example.com", "a_b.apps.example.com", "xn--regins-c5a.apps.example.com:443",
     "-.apps.example.com", ".apps.example.com", "sandbox--.apps.example.com", "www.regions.apps.example.com."],
)  # fmt: skip
def test_where_any_app_may_set_cookies_and_none_is_nothing_is(host: str) -> None:
    assert place_of(PUBLIC, host) is None and astray(PUBLIC, host)


@pytest.mark.parametrize(
    "host", ["handrail.example.com", "127.0.0.1:8400", "[::1]:8400", "", "notapps.example.com"]
)
def test_handrail_is_at_every_other_name(host: str) -> None:
    assert place_of(PUBLIC, host) is None and not astray(PUBLIC, host)


@pytest.mark.parametrize("host", ["localhost:8400", "127.0.0.1:8400", "[::1]:8400", "a.b.localhost"])
def test_on_one_machine_handrail_is_at_localhost_too(host: str) -> None:
    assert place_of(LOCAL, host) is None and not astray(LOCAL, host)


def test_handrail_stays_where_it_says_it_is_even_among_its_apps() -> None:
    among = replace(PUBLIC, public_url="https://apps.example.com")
    assert not astray(among, "apps.example.com") and astray(among, "a.b.apps.example.com")
