"""Contract files: what is written is read back, and what is not understood is refused with its line."""

import datetime
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_data_contract_standard.model import OpenDataContractStandard, Server

from handrail.data import odcs
from handrail.data.load import load, parse
from handrail.data.models import Column, CombinedLink, Contract, Mask, RowFilter
from handrail.kernel import Invalid, Refusal, definitions
from tests.cases import cases

FILE = "contracts/orders.odcs.yaml"
GOOD = """\
# Kept by the sales stewards.
version: 1.0.0
kind: DataContract
apiVersion: v3.2.0
id: shop.orders
name: orders
schema:
- name: orders
  physicalName: Orders
  properties:
  - name: id
    logicalType: integer
    physicalType: BIGINT
    primaryKey: true
  - name: region
    logicalType: string
    physicalType: VARCHAR
    classification: personal
    customProperties:
    - property: mask
      value:
        kind: hash
        unlessGroups: [privacy]
team:
  members:
  - username: steward.sales
    role: owner
roles:
- role: sales
  access: read
customProperties:
- property: purposes
  value: [sales-reporting]
- property: rowFilters
  value:
  - sql: region = viewer.region
- property: expires
  value: 2027-06-30
"""


def test_a_contract_is_read_from_the_standards_own_fields() -> None:
    contract = load(GOOD.encode(), FILE)
    assert (contract.name, contract.owner, contract.deputy) == ("orders", "steward.sales", None)
    assert contract.readers == ("sales",)
    assert contract.purposes == ("sales-reporting",)
    assert contract.row_filters == (RowFilter("region = viewer.region"),)
    assert contract.expires == datetime.date(2027, 6, 30)
    assert contract.columns[0].primary_key
    assert contract.columns[1].mask == Mask("hash", ("privacy",))
    assert contract.digest == definitions.digest(GOOD.encode())


@pytest.mark.parametrize(
    ("old", "new", "line", "hint"),
    [
        ("apiVersion:", "apiversion:", 4, "apiVersion"),
        ("    primaryKey: true", "    primarykey: true", 14, "primaryKey"),
        ("property: rowFilters", "property: rowFilter", 34, "rowFilters"),
        ("property: mask", "property: masks", 20, "mask"),
        ("unlessGroups:", "unlessGroup:", 23, "unlessGroups"),
        ("  - sql: region", "  - sqll: region", 36, "line 36"),
        ("classification: personal", "classification: persnal", 18, "personal"),
        ("kind: hash", "kind: hsh", 22, "line 22"),
        ("version: 1.0.0", "version: 1.0", 2, "line 2"),
        ("value: 2027-06-30", "value: next year", 38, "line 38"),
        ("name: region", "name: ID", 15, "line 15"),
        ("- role: sales", "- rolle: sales", 29, "role"),
        ("  - username:", "  - user name:", 26, "username"),
        ("name: orders\nschema", "name: oders\nschema", 6, "line 6"),
    ],
)
def test_a_typo_is_refused_with_its_line_and_the_nearest_key(
    old: str, new: str, line: int, hint: str
) -> None:
    assert old in GOOD
    with pytest.raises(Invalid) as refused:
        load(GOOD.replace(old, new).encode(), FILE)
    assert refused.value.message.startswith(f"{FILE}, line {line}:")
    assert hint in refused.value.next_step


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"a: [",
        b"a: 1\na: 2",
        b"a: &x 1\nb: *x",
        b"a: 1\n---\nb: 2",
        b"[" * 5000,
        b"? [1]\n: 2",
        b"!!python/object/apply:os.getcwd []",
        b"- just\n- a list",
        b"nothing",
        b"x" * (9 << 20),
    ],
)
def test_what_is_no_plain_contract_is_refused_and_never_crashes(content: bytes) -> None:
    with pytest.raises(Invalid):
        load(content, FILE)


def test_a_small_file_cannot_unfold_into_a_huge_one() -> None:
    laughs = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in itertools.pairwise("abcdefghijklmnopqrstuvwxyz")
    )
    with pytest.raises(Invalid, match="line 1: anchors and aliases"):
        load(laughs.encode(), FILE)


LINKED = GOOD.replace(
    "  properties:\n  - name: id",
    """\
  relationships:
  - type: foreignKey
    from: [orders.id, orders.region]
    to: [stock.product, stock.region]
  properties:
  - name: id""",
)


def test_columns_that_point_somewhere_together_are_read_from_the_tables_relationships() -> None:
    contract = load(LINKED.encode(), FILE)
    assert contract.combined == (CombinedLink(("id", "region"), "stock", ("product", "region")),)
    assert contract.columns[0].references is None
    assert (contract.pointed_at("region"), contract.pointed_at("nothing")) == (("stock",), ())


def test_a_relationship_of_the_table_with_one_column_is_that_columns_own() -> None:
    one = LINKED.replace("[orders.id, orders.region]", "orders.id").replace(
        "[stock.product, stock.region]", "stock.product"
    )
    contract = load(one.encode(), FILE)
    assert (contract.columns[0].references, contract.combined) == (("stock", "product"), ())
    written = odcs.render(odcs.update(parse(one.encode(), FILE), contract))
    assert replace(load(written, FILE), digest="") == replace(contract, digest="")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("type: foreignKey", "type: foreignkey", 11, "foreignkey"),
        ("    to: [stock.product, stock.region]\n", "", 11, "needs “from” and “to”"),
        ("to: [stock.product, stock.region]", "to: stock.product", 13, "both one column, or both a list"),
        ("to: [stock.product, stock.region]", "to: [stock.product]", 13, "“from” has 2 columns and “to” 1"),
        ("stock.region", "stock", 13, "“stock” must be written dataset.column"),
        ("stock.region", "shops.region", 13, "several datasets: shops, stock"),
        ("stock.region", "stock.product", 13, "“to” names a column twice"),
        ("orders.region", "orders.id", 12, "“from” names a column twice"),
        ("orders.region", "lines.region", 12, "“from” names lines"),
        ("orders.region", "orders.regoin", 12, "unknown key “regoin”"),
        ("[stock.product, stock.region]", "[orders.id, orders.region]", 13, "would point at itself"),
        ("    to: [stock", "    two: [stock", 13, "unknown key “two”"),
    ],
)
def test_a_link_that_does_not_fit_is_refused_with_its_line(old: str, new: str, line: int, said: str) -> None:
    assert LINKED.count(old) == 1
    with pytest.raises(Invalid) as refused:
        load(LINKED.replace(old, new).encode(), FILE)
    assert refused.value.message.startswith(f"{FILE}, line {line}:")
    assert said in refused.value.message


def test_a_link_is_not_said_twice_in_another_order() -> None:
    again = "  - from: [orders.region, orders.id]\n    to: [stock.region, stock.product]\n  properties:"
    with pytest.raises(Invalid, match=r"line 14: .* is said twice"):
        load(LINKED.replace("  properties:", again).encode(), FILE)


def test_a_link_stays_as_somebody_wrote_it_while_it_says_the_same() -> None:
    noted = LINKED.replace(
        "stock.region]", "stock.region]\n    id: by-stock\n    customProperties:\n"
        "    - {property: note, value: old, vendor: other}"
    ).encode()  # fmt: skip
    contract = load(noted, FILE)
    (kept,) = (odcs.update(parse(noted, FILE), contract).schema_ or [])[0].relationships or []
    assert (kept.id, (kept.customProperties or [])[0].vendor) == ("by-stock", "other")
    without = odcs.update(parse(noted, FILE), replace(contract, combined=()))
    assert (without.schema_ or [])[0].relationships is None


def test_another_tools_custom_properties_are_left_alone() -> None:
    other = GOOD + "- property: cost\n  value: 7\n  vendor: atlan\n"
    assert load(other.encode(), FILE).purposes == ("sales-reporting",)


def test_a_rewritten_file_keeps_its_opening_comment_and_everything_not_changed() -> None:
    content = GOOD.replace("id: shop.orders", "id: shop.orders\ntenant: us\ntags: [a]").encode()
    contract = replace(load(content, FILE), deputy="steward.hr")
    written = odcs.render(odcs.update(parse(content, FILE), contract), odcs.header_of(content))
    assert written.startswith(b"# Kept by the sales stewards.\n")
    document = parse(written, FILE)
    assert (document.tenant, document.tags) == ("us", ["a"])
    assert replace(load(written, FILE), digest="") == replace(contract, digest="")


_word = st.text("abcdefghijklmnop -._0123456789éß😀\"'#:{}[]&*!|>%@`\\\t,", min_size=1, max_size=12)
_words = st.lists(_word.map(str.strip).filter(bool), max_size=3, unique=True).map(tuple)
_masks = st.builds(Mask, st.sampled_from(["null", "hash", "partial"]), _words)
_fitting = {
    "BIGINT": st.builds(Mask, st.just("bucket"), _words, width=st.integers(1, 10**6)),
    "DATE": st.builds(Mask, st.just("truncate"), _words, to=st.sampled_from(["month", "year"])),
    "BOOLEAN": st.builds(Mask, st.sampled_from(["null", "hash"]), _words),
}
_types = st.sampled_from(["BIGINT", "VARCHAR", "DECIMAL(12,2)", "DATE", "TIMESTAMP", "BLOB", "BOOLEAN"])
_columns = st.lists(
    st.builds(
        Column,
        name=_word,
        type=_types,
        required=st.booleans(),
        unique=st.booleans(),
        primary_key=st.booleans(),
        classification=st.sampled_from(["personal", "sensitive", None]),
        semantic=st.none() | _word,
        mask=st.none() | _masks,
        references=st.none() | st.tuples(st.just("other"), _word),
        description=st.just("") | _word,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda column: column.name.lower(),
).flatmap(
    lambda columns: st.tuples(
        *(
            st.builds(lambda c, m: replace(c, mask=m), st.just(column), _fitting[column.type] | st.none())
            if column.type in _fitting
            else st.just(column)
            for column in columns
        )
    )
)
_names = st.lists(_word, min_size=2, max_size=4, unique=True)


def _links(columns: list[str]) -> st.SearchStrategy[tuple[CombinedLink, ...]]:
    """At most one link of several of the columns, for which there must be two."""
    if len(columns) < 2:
        return st.just(())
    made = st.builds(
        lambda own, targets: CombinedLink(tuple(own[: len(targets)]), "other", tuple(targets[: len(own)])),
        st.permutations(columns),
        _names,
    )
    return st.lists(made, max_size=1).map(tuple)


_contracts = st.builds(
    Contract,
    name=st.just("orders"),
    version=st.just("1.0.0"),
    digest=st.just(""),
    description=st.just("") | _word,
    owner=st.none() | _word,
    deputy=st.none() | _word,
    purposes=_words,
    readers=_words,
    columns=_columns,
    row_filters=st.lists(st.builds(RowFilter, _word.filter(str.strip), _words), max_size=2).map(tuple),
    entity_key=st.none(),
    subject=st.none() | _word,
    expires=st.none() | st.dates(),
    source=_word,
    physical_name=_word,
    rows=st.none() | st.integers(0, 10**9),
).flatmap(
    lambda contract: st.builds(
        lambda links: replace(contract, combined=links), _links([column.name for column in contract.columns])
    )
)


@given(contract=_contracts)
@settings(max_examples=cases(120), deadline=None)
def test_every_contract_comes_back_from_its_file_as_it_was(contract: Contract) -> None:
    document = odcs.document(contract, Server(server=contract.source, type="custom"), "table")
    written = odcs.render(document)
    read = load(written, FILE)
    assert replace(read, digest="") == contract
    # Writing what was read changes nothing: proposing without a change leaves the file alone.
    assert odcs.render(odcs.update(parse(written, FILE), read)) == written


@given(contract=_contracts, other=_contracts)
@settings(max_examples=cases(60), deadline=None)
def test_a_contract_written_over_another_is_wholly_the_new_one(contract: Contract, other: Contract) -> None:
    first = odcs.document(other, Server(server=contract.source, type="custom"), "table")
    table = (first.schema_ or [])[0]
    named = first.model_copy(
        update={"schema_": [table.model_copy(update={"physicalName": contract.physical_name})]}
    )
    assert replace(load(odcs.render(odcs.update(named, contract)), FILE), digest="") == contract


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=cases(150), deadline=None)
def test_no_bytes_crash_the_loader(content: bytes) -> None:
    try:
        load(content, FILE)
    except Refusal as refusal:
        assert refusal.next_step
    else:
        raise AssertionError("random bytes made a contract")


def test_the_documents_we_write_fit_the_standards_model() -> None:
    document = OpenDataContractStandard.from_string(GOOD)
    assert document.name == "orders"
