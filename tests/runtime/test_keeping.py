"""How long a run is kept: whatever the settings, manifests, contracts and needs are, the rules hold."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from handrail.runtime.keeping import Keep, Limit, Need, Terms, keeping

ENDED = datetime(2026, 1, 1, tzinfo=UTC)
BEGAN = ENDED - timedelta(days=3)
DAYS = st.integers(0, 1000)
TERMS = st.builds(Terms, DAYS, DAYS, DAYS)
LIMITS = st.lists(
    st.builds(Limit, st.timedeltas(timedelta(0), timedelta(900)), st.just("a contract")), max_size=3
)
NEEDS = st.lists(
    st.builds(Need, st.sampled_from(["outputs", "record"]), st.just("something needs it")), max_size=3
)
HOLD = Need("hold", "support keeps it")


def day(keep: Keep) -> float:
    return float("inf") if keep.until is None else (keep.until - ENDED) / timedelta(days=1)


def test_without_anything_else_the_settings_say_it_all() -> None:
    found = keeping(BEGAN, ENDED, Terms(90, 30, 730), 0, (), ())
    assert [(one.part, day(one), one.needed) for one in found] == [
        ("outputs", 90, ""), ("inputs", 30, ""), ("record", 730, ""),
    ]  # fmt: skip
    assert found[0].because == "what a run shows is kept for 90 days"


def test_a_manifest_shortens_and_never_lengthens() -> None:
    terms = Terms(90, 30, 730)
    assert [day(one) for one in keeping(BEGAN, ENDED, terms, 7, (), ())] == [7, 7, 730]
    assert [day(one) for one in keeping(BEGAN, ENDED, terms, 365, (), ())] == [90, 30, 730]


def test_what_is_needed_is_kept_as_long_as_its_record_and_says_why() -> None:
    outputs, inputs, record = keeping(
        BEGAN, ENDED, Terms(90, 30, 730), 0, (), [Need("outputs", "it is the last")]
    )
    assert (day(outputs), outputs.needed) == (730, "it is the last")
    assert (day(inputs), day(record)) == (30, 730)


def test_a_contract_lets_nothing_that_needs_a_run_keep_what_it_read() -> None:
    contract = Limit(timedelta(days=10), "the contract of orders lets what it holds be kept for 10 days")
    outputs, *_ = keeping(
        BEGAN, ENDED, Terms(90, 30, 730), 0, [contract], [Need("outputs", "it is the last")]
    )
    assert (day(outputs), outputs.because) == (7, contract.because)


def test_a_contract_counts_from_when_a_run_may_have_read_and_all_else_from_its_end() -> None:
    contract = Limit(timedelta(days=2), "the contract of orders lets what it holds be kept for 2 days")
    outputs, inputs, record = keeping(BEGAN, ENDED, Terms(90, 30, 730), 7, [contract], ())
    assert (day(outputs), day(inputs), day(record)) == (-1, 7, 730), "it went on for longer than that"
    assert outputs.due(ENDED)


def test_a_gate_keeps_the_record_alone() -> None:
    found = keeping(BEGAN, ENDED, Terms(90, 30, 730), 0, (), [Need("record", "a gate rests on it")])
    assert [day(one) for one in found] == [90, 30, float("inf")]


@given(TERMS, DAYS, LIMITS, NEEDS)
def test_what_a_person_holds_is_kept_whatever_else_says(
    terms: Terms, own: int, limits: list[Limit], needs: list[Need]
) -> None:
    held = keeping(BEGAN, ENDED, terms, own, limits, [*needs, HOLD])
    assert {(one.until, one.because) for one in held} == {(None, HOLD.because)}


@given(TERMS, DAYS, LIMITS, NEEDS)
def test_nothing_is_kept_longer_than_manifest_contracts_and_record_allow(
    terms: Terms, own: int, limits: list[Limit], needs: list[Need]
) -> None:
    outputs, inputs, record = keeping(BEGAN, ENDED, terms, own, limits, needs)
    for part in (outputs, inputs):
        assert day(part) <= (terms.record or float("inf"))
        assert day(part) <= (own or float("inf"))
    for limit in limits:
        assert outputs.until is not None and outputs.until <= BEGAN + limit.age
    assert day(inputs) <= (terms.inputs or float("inf"))
    assert day(record) in (terms.record or float("inf"), float("inf"))


@given(TERMS, DAYS, LIMITS, NEEDS)
def test_what_needs_a_run_never_shortens_and_the_settings_alone_are_the_most_without_it(
    terms: Terms, own: int, limits: list[Limit], needs: list[Need]
) -> None:
    plain = keeping(BEGAN, ENDED, terms, own, limits, ())
    needed = keeping(BEGAN, ENDED, terms, own, limits, needs)
    assert all(day(with_) >= day(without) for with_, without in zip(needed, plain, strict=True))
    assert day(plain[0]) <= (terms.outputs or float("inf"))
    if not any(need.kind == "outputs" for need in needs):
        assert needed[:2] == plain[:2]
    if not any(need.kind == "record" for need in needs):
        assert needed[2] == plain[2]


@given(TERMS, DAYS, LIMITS, NEEDS, st.timedeltas(timedelta(0), timedelta(2000)))
def test_a_part_is_due_from_its_moment_on_and_not_before(
    terms: Terms, own: int, limits: list[Limit], needs: list[Need], later: timedelta
) -> None:
    for keep in keeping(BEGAN, ENDED, terms, own, limits, needs):
        assert keep.due(ENDED + later) == (keep.until is not None and keep.until <= ENDED + later)
