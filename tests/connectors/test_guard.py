"""No spelling of an address gets past the guard."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.connectors.guard import why_not

METADATA = "169.254.169.254"


@pytest.mark.parametrize(
    "address",
    [
        METADATA,
        f"::ffff:{METADATA}",
        "64:ff9b::a9fe:a9fe",
        "::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1%eth0",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
    ],
)
def test_where_secrets_are_told_is_never_called(address: str) -> None:
    assert "their own secrets" in why_not(address, private=True, plain_http=True)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"])
def test_no_machines_address_is_called(address: str) -> None:
    assert why_not(address, private=True)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"],
)
def test_inside_is_called_with_a_word_alone(address: str) -> None:
    assert "private address" in why_not(address, private=False)
    assert why_not(address, private=True) == ""
    assert why_not(address, private=True, plain_http=True) == ""


def test_outside_is_called_by_https_alone() -> None:
    for address in ("93.184.216.34", "2606:2800:220:1::1"):
        assert why_not(address, private=False) == ""
        assert "public address" in why_not(address, private=True, plain_http=True)


@given(st.ip_addresses(v=4))
def test_an_address_of_version_4_is_the_same_however_it_is_written_in_version_6(
    address: ipaddress.IPv4Address,
) -> None:
    refused = bool(why_not(str(address), private=False))
    for written in (f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))):
        assert bool(why_not(written, private=False)) == refused


@given(st.ip_addresses(v=6))
def test_whatever_is_called_is_global(address: ipaddress.IPv6Address) -> None:
    if not why_not(str(address), private=False):
        assert address.is_global or address.ipv4_mapped or address in ipaddress.ip_network("64:ff9b::/96")
