"""Each thing belongs to one host, and only what must move moves when hosts come and go."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from handrail.runtime.rendezvous import order

HOSTS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8, unique=True)
KEYS = st.text(max_size=20)


@given(KEYS, HOSTS, st.randoms(use_true_random=False))
def test_all_who_know_the_same_hosts_agree_whatever_the_order_in_which_they_know_them(
    key: str, hosts: list[str], luck: object
) -> None:
    shuffled = list(hosts)
    luck.shuffle(shuffled)  # type: ignore[attr-defined]
    assert order(key, hosts) == order(key, shuffled)
    assert sorted(order(key, hosts)) == sorted(hosts)


@given(KEYS, HOSTS)
@example("", ["a"])
def test_without_a_host_all_others_come_in_the_same_order(key: str, hosts: list[str]) -> None:
    """So a host that is gone gives away what was its own, each to the next in line, and nothing else moves; and
    one that is added takes what is its own from now on, from whoever had it.
    """
    whole = order(key, hosts)
    for gone in hosts:
        left = [host for host in hosts if host != gone]
        assert order(key, left) == tuple(host for host in whole if host != gone)


@given(st.integers(2, 6), st.text(min_size=1, max_size=6))
def test_each_host_has_about_its_share(count: int, salt: str) -> None:
    keys, hosts = 400, [f"10.0.0.{n}:8444" for n in range(count)]
    shares = Counter(order(f"{salt}{n}", hosts)[0] for n in range(keys))
    fair = keys / count
    # Five standard deviations of a fair choice: one in some million of such shares is outside.
    most = 5 * (keys * (1 / count) * (1 - 1 / count)) ** 0.5
    assert all(abs(shares[host] - fair) < most for host in hosts), shares


def test_where_a_thing_belongs_never_changes_with_a_release() -> None:
    """Hosts of two versions share one database while an instance is upgraded."""
    hosts = ["10.0.0.1:8444", "10.0.0.2:8444", "10.0.0.3:8444"]
    assert [order(key, hosts)[0][7] for key in ("sales", "stock", "people", "claims", "tents")] == list(
        "21121"
    )


def test_nobody_has_anything_where_nobody_is() -> None:
    assert order("sales", []) == ()
