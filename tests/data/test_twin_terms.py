"""What a contract may say of its twin, and what is refused with its line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from open_data_contract_standard.model import Server

from handrail.data import odcs
from handrail.data.compare_contracts import compare_contracts
from handrail.data.load import load, parse
from handrail.data.twin_terms import LEAST_K, TwinTerms
from handrail.kernel import Invalid

FILE = "contracts/regions.odcs.yaml"
PLAIN = """\
version: 1.0.0
kind: DataContract
apiVersion: v3.2.0
id: shop.regions
name: regions
schema:
- name: regions
  properties:
  - name: id
    physicalType: BIGINT
    primaryKey: true
  - name: label
    physicalType: VARCHAR
customProperties:
- property: twin
  value: verbatim
"""
K = PLAIN.replace("value: verbatim", "value:\n    k: 25")


def refused(content: str) -> Invalid:
    with pytest.raises(Invalid) as refusal:
        load(content.encode(), FILE)
    return refusal.value


@pytest.mark.parametrize(
    ("content", "terms"), [(PLAIN, TwinTerms(verbatim=True)), (K, TwinTerms(k=25))], ids=["verbatim", "k"]
)
def test_the_terms_are_read_and_written_back(content: str, terms: TwinTerms) -> None:
    contract = load(content.encode(), FILE)
    assert contract.twin == terms
    again = odcs.render(odcs.update(parse(content.encode(), FILE), contract))
    assert load(again, FILE).twin == terms
    gone = odcs.render(odcs.update(parse(content.encode(), FILE), replace(contract, twin=TwinTerms())))
    assert b"twin" not in gone and load(gone, FILE).twin == TwinTerms()


def test_a_new_contract_says_nothing_of_its_twin() -> None:
    contract = replace(load(PLAIN.encode(), FILE), twin=TwinTerms())
    assert b"twin" not in odcs.render(odcs.document(contract, Server(server="s", type="local"), "table"))


@pytest.mark.parametrize("k", ["9", "0", "-10", "true", "12.5", "many"])
def test_a_k_below_ten_is_refused_with_file_line_and_key(k: str) -> None:
    error = refused(K.replace("k: 25", f"k: {k}"))
    assert error.facts["file"] == FILE and error.facts["line"] == 17
    assert "“k”" in error.message and str(LEAST_K) in error.message and error.next_step


@pytest.mark.parametrize(
    ("written", "hint"),
    [("value: verbatin", "verbatim"), ("value: [verbatim]", "verbatim"), ("value:\n    kk: 25", "“k”")],
)
def test_other_words_are_refused_with_their_line(written: str, hint: str) -> None:
    error = refused(PLAIN.replace("value: verbatim", written))
    assert error.facts["line"] in (16, 17) and hint in error.message + (error.next_step or "")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("VARCHAR\n", "VARCHAR\n    classification: personal\n", "label is personal"),
        ("VARCHAR\n", "VARCHAR\n    classification: restricted\n", "label is sensitive"),
        ("VARCHAR\n", meaning := "VARCHAR\n    customProperties:\n    - {property: semantic, value: email}\n",
         "label is email"),
        ("VARCHAR\n", meaning.replace("semantic, value: email", "mask, value: {kind: hash}"), "is masked"),
        ("verbatim\n", "verbatim\n- property: entityKey\n  value: id\n", "known by id"),
        ("verbatim\n", "verbatim\n- property: rowFilters\n  value:\n  - sql: id < 9\n", "not everybody"),
    ],
    ids=["personal", "sensitive", "meaning", "mask", "entity", "filter"],
)  # fmt: skip
def test_what_is_about_somebody_or_not_for_everybody_is_never_verbatim(old: str, new: str, why: str) -> None:
    content = PLAIN.replace(old, new)
    error = refused(content)
    line = content.splitlines().index("  value: verbatim") + 1
    assert why in error.message and error.facts["line"] == line


def test_a_change_of_the_terms_is_told_of() -> None:
    before, after = load(K.encode(), FILE), load(PLAIN.encode(), FILE)
    (change,) = compare_contracts(before, after)
    assert "copy of its real rows" in change.text and not change.breaking
