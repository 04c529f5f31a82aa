"""Which packages may be added: those of the layers, and what packages.toml says."""

import pytest

from handrail.kernel import Invalid
from handrail.runtime.approved import parse
from handrail.runtime.layer import packages


def test_without_a_file_the_packages_of_the_layers_are_approved_in_their_versions() -> None:
    found = parse(None)
    assert found.holds("polars", packages("data")["polars"])
    assert found.holds("streamlit", packages("dashboard")["streamlit"])
    assert not found.holds("polars", "0.1")
    assert not found.holds("seaborn", "0.13.2")


def test_a_file_adds_packages_and_may_leave_those_of_the_layers_out() -> None:
    found = parse(b'curated = false\n[packages]\n"Ruamel.YAML" = ">=0.18"\nhumanize = ""\n')
    assert found.holds("ruamel-yaml", "0.18.1")
    assert not found.holds("ruamel-yaml", "0.17")
    assert found.holds("humanize", "4")
    assert not found.holds("humanize", "not-a-version")
    assert not found.holds("polars", packages("data")["polars"])


def test_the_digest_moves_with_what_is_approved_and_not_with_how_it_is_written() -> None:
    one = parse(b'[packages]\na = ">=1,<2"\nb = ""\n')
    assert one.digest == parse(b'# said\n[packages]\nb = ""\nA = "<2, >=1"\n').digest
    assert one.digest != parse(b'[packages]\na = ">=1,<3"\nb = ""\n').digest


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[package]\n", "unknown key 'package'"),
        (b"curated = 1\n", "curated is true or false"),
        (b"[packages]\na = 1\n", "versions of a"),
        (b"[packages]\na = 'newest'\n", "versions of a"),
        (b"packages = ['a']\n", "[packages] a table"),
        (b"[packages", "not TOML"),
        (b"\xff", "not TOML"),
    ],
)
def test_a_file_that_says_something_else_approves_nothing(text: bytes, says: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(text)
    assert says in refusal.value.message
    assert "definitions/packages.toml" in refusal.value.message
