"""A run and the files that somebody gives it: checked, read by the app, and nobody else's."""

import pytest
import sqlalchemy as sa

from handrail import runtime
from handrail.kernel import Instance, Invalid, LimitReached, Manifest, NotAllowed, NotFound
from handrail.runtime import Given, Run, inputs_store
from tests.conftest import Acting

TAKES = '\n[inputs.targets]\ntypes = ["csv", "xlsx"]\nmax_mb = 1\n[inputs.notes]\ntypes = ["text"]\nrequired = false\n'
MANIFEST = Manifest.parse(Manifest.render("tried") + TAKES)
READS = """
import handrail_sdk as h
given = h.input('targets')
print(given.name, given.file, given.type, given.path.read_bytes() == given.content)
print(given.frame().to_dict('records'))
print(h.input('notes'))
try:
    h.input('others')
except h.Refused as refused:
    print(refused)
"""
CSV = Given("../Targets 2026.csv", b"region,code\nEMEA,007\nAPAC,=1+1\n")


def started(acting: Acting, given: dict[str, Given], code: str = READS, person: str = "maker.sales") -> Run:
    with acting(person) as ctx:
        environment = "sandbox" if person == "maker.sales" else "production"
        return runtime.start(
            ctx,
            "tried",
            "c0ffee",
            {"app.py": code.encode()},
            MANIFEST,
            environment,
            inputs=given,  # type: ignore[arg-type]
        )


def test_an_app_reads_what_it_was_given_as_it_stands_there(instance: Instance, acting: Acting) -> None:
    run = runtime.execute(instance, started(acting, {"targets": CSV}).id)
    with acting("maker.sales") as ctx:
        lines = runtime.log(ctx, run.id).splitlines()
        [given] = runtime.inputs(ctx, run.id)
        assert runtime.outputs(ctx, run.id) == ()  # what was given is not handed over by itself
    assert lines[0] == "targets Targets 2026.csv csv True"
    assert lines[1] == "[{'region': 'EMEA', 'code': '007'}, {'region': 'APAC', 'code': '=1+1'}]"
    assert lines[2] == "None"
    assert "declares no input 'others'" in lines[3]
    assert (given.type, given.size) == ("csv", len(CSV.content)) and "1 cell begins like" in given.note


def test_formulas_of_a_workbook_come_as_values(instance: Instance, acting: Acting) -> None:
    make = (
        "import openpyxl, io, handrail_sdk as h\n"
        "b = openpyxl.Workbook(); s = b.active; s.append(['a', 'b']); s.append([1, '=A2+1'])\n"
        "x = io.BytesIO(); b.save(x); h.save('book.xlsx', x.getvalue(), as_it_is=True)"
    )
    made = runtime.execute(instance, started(acting, {"targets": CSV}, make).id)
    with acting("maker.sales") as ctx:
        book = runtime.output(ctx, made.id, 1)[1]
    run = runtime.execute(
        instance,
        started(
            acting,
            {"targets": Given("b.xlsx", book)},
            "import handrail_sdk as h\nprint(h.input('targets').table().to_pylist())",
        ).id,
    )
    with acting("maker.sales") as ctx:
        assert runtime.log(ctx, run.id) == "[{'a': 1, 'b': None}]\n"
        assert "1 cell is a formula" in runtime.inputs(ctx, run.id)[0].note


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs a file for targets"),
        ({"targets": CSV, "other": CSV}, "takes no file 'other'"),
        ({"targets": Given("x.csv", b"MZ\x90\0")}, "no known kind"),
        ({"targets": Given("x.csv", b"a,b\n1,2\n" * 200_000)}, "may have 1 MB"),
    ],
)
def test_what_the_manifest_does_not_take_starts_no_run(
    acting: Acting, given: dict[str, Given], said: str
) -> None:
    with pytest.raises((Invalid, LimitReached), match=said):
        started(acting, given)
    with acting("maker.sales") as ctx:
        assert runtime.runs(ctx, "tried") == ()


def test_nobody_else_sees_or_uses_what_somebody_gave(acting: Acting, owned: None) -> None:
    run = started(acting, {"targets": CSV}, person="viewer.emea")
    for person, refusal in (("viewer.apac", NotFound), ("maker.sales", NotAllowed)):
        for look in (runtime.inputs, runtime.given_again):
            with acting(person) as ctx, pytest.raises(refusal):
                look(ctx, run.id)
    with acting("viewer.emea") as ctx:
        assert runtime.given_again(ctx, run.id) == {"targets": Given("Targets 2026.csv", CSV.content)}


def test_the_owner_sees_that_a_sandbox_run_was_given_a_file_and_runs_nothing_on_it(
    acting: Acting, owned: None
) -> None:
    with acting("reviewer.platform") as ctx:
        files = {"app.py": READS.encode()}
        run = runtime.start(ctx, "tried", "c0ffee", files, MANIFEST, "sandbox", inputs={"targets": CSV})
    with acting("maker.sales") as ctx:
        assert [one.name for one in runtime.inputs(ctx, run.id)] == ["targets"]
    with acting("maker.sales") as ctx, pytest.raises(NotAllowed, match="given by reviewer"):
        runtime.given_again(ctx, run.id)


def test_a_file_that_is_not_what_was_given_is_not_read(instance: Instance, acting: Acting) -> None:
    run = started(acting, {"targets": CSV})
    with instance.engine.begin() as db:
        db.execute(sa.update(inputs_store.inputs).values(content=b"region,code\nEMEA,1\n"))
    run = runtime.execute(instance, run.id)
    assert run.state == "failed" and "not what was given" in run.reason
