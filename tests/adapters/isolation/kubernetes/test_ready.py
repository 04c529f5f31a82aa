"""What a process finds out before its first Job."""

import ipaddress
import os
import re
from pathlib import Path

import pytest

from handrail.adapters.isolation.kubernetes.ready import machine, own_address, process
from handrail.adapters.isolation.watching import started
from handrail.kernel import NotReady


@pytest.mark.parametrize(
    ("wanted", "address"),
    [
        ("10.0.0.7:8446", ("10.0.0.7", 8446)), ("[fd00::7]:8446", ("fd00::7", 8446)),
        ("", ("127.0.0.1", 9)), (":8446", ("127.0.0.1", 8446)),
    ],
)  # fmt: skip
def test_pods_are_told_the_address_of_the_settings_or_that_towards_the_api_server(
    wanted: str, address: tuple[str, int]
) -> None:
    assert own_address(wanted, ("127.0.0.1", 6443), 9) == address
    assert ipaddress.ip_address(address[0])


@pytest.mark.parametrize(
    "wanted", ["handrail.example.com:8446", "handrail:8446", "10.0.0.7:web", "10.0.0:8446"]
)
def test_a_name_is_no_address_for_who_looks_up_none(wanted: str) -> None:
    with pytest.raises(NotReady, match="where Handrail is"):
        own_address(wanted, ("127.0.0.1", 6443), 9)


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    number, _, birth = process().partition("-")
    assert int(number) == os.getpid()
    assert started(int(number)) == birth != ""


def test_two_machines_of_one_name_do_not_look_for_each_others_processes(tmp_path: Path) -> None:
    """The sweep would take the runs of the other one for those of processes that are gone, and end them."""
    boots = [tmp_path / name for name in ("one", "other")]
    for boot in boots:
        boot.write_text(f"{boot.name}\n")
    one, other = map(machine, boots)
    assert one != other
    assert machine(boots[0]) == one
    assert machine() == machine() not in (one, other)
    assert re.fullmatch("[0-9a-f]{16}", one)
