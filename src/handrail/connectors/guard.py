"""Which addresses a connector's host may lead to: what a name comes to is decided when it is connected to."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Where clouds tell a machine its own credentials; those that are link-local are refused as such.
_METADATA = frozenset(
    ipaddress.ip_address(one)
    for one in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_OLD = ipaddress.IPv6Network("::/96")


class Guarded(OSError):
    """An address that nothing is sent to; `str` says why, in our words and without the address."""


def why_not(address: str, *, private: bool, plain_http: bool = False) -> str:
    """Why nothing is sent to an address, as a part of a sentence; "" where something may be.

    Addresses of this network only, link-local ones, and those at which clouds hand out credentials are never
    used; private ones, this machine's own among them, with `private`; and `plain_http` leads to no others.
    """
    every = _meant(ipaddress.ip_address(address.partition("%")[0]))
    if any(one.is_link_local or one in _METADATA for one in every):
        return "it leads to an address at which machines are told their own secrets"
    if any(
        one.is_multicast or one.is_unspecified or (one.is_reserved and not _wrapped(one)) for one in every
    ):
        return "it leads to an address that is no machine's"
    inside = not all(one.is_global for one in every)
    if inside and not private:
        return "it leads to a private address, and its definition does not say private_addresses"
    if plain_http and not inside:
        return "it leads to a public address, where plain http would show everything to everybody on the way"
    return ""


def guarded_socket(found: tuple[Any, ...], *, private: bool, plain_http: bool) -> socket.socket:
    """A socket for exactly this address, as `getaddrinfo` gave it; raises Guarded before anything is sent."""
    family, kind, protocol, _, place = found
    if reason := why_not(str(place[0]), private=private, plain_http=plain_http):
        raise Guarded(reason)
    return socket.socket(family, kind, protocol)


def _meant(address: Address) -> tuple[Address, ...]:
    """The address, and those of IPv4 that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF),)
    if address in _OLD and int(address) > 1:
        return (address, ipaddress.IPv4Address(int(address)))
    inner = [one for one in (address.sixtofour, *(address.teredo or ())) if one]
    return (address, *inner)


def _wrapped(address: Address) -> bool:
    """Loopback and private addresses of version 6 lie within what is reserved."""
    return address.version == 6 and (address.is_loopback or address.is_private)
