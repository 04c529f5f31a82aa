"""What a manifest says about the files that a run is given."""

import pytest

from handrail.kernel import Invalid, Manifest
from handrail.kernel.inputs import DeclaredInput

PLAIN = Manifest.render("tried")


def declared(text: str, kind: str = "job") -> Manifest:
    return Manifest.parse(Manifest.render("tried", kind=kind) + "\n" + text)


def test_an_input_has_types_a_size_and_a_sentence() -> None:
    found = declared('[inputs.targets]\ntypes = ["csv", "xlsx"]\nmax_mb = 5\nsays = "By region"\n[inputs.logo]\ntypes = ["png"]\nrequired = false')  # fmt: skip
    assert found.inputs == {
        "targets": DeclaredInput(("csv", "xlsx"), True, 5, "By region"),
        "logo": DeclaredInput(("png",), False),
    }


def test_an_approval_is_bound_to_what_is_given_and_not_to_the_words_about_it() -> None:
    one = declared('[inputs.a]\ntypes = ["csv"]').digest
    assert one != Manifest.parse(PLAIN).digest
    assert one != declared('[inputs.a]\ntypes = ["csv", "xlsx"]').digest
    assert one == declared('[inputs.a]\ntypes = ["csv"]\nsays = "x"').digest


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ('[inputs.a]\ntypes = ["exe"]', "job", "no type 'exe'"),
        ("[inputs.a]\ntypes = []", "job", "has a type"),
        ('[inputs.A]\ntypes = ["csv"]', "job", "no name of an input"),
        ('inputs.a = "csv"', "job", "table of its own"),
        ('[inputs.a]\ntypes = ["csv"]\nrequired = 1', "job", "true or false"),
        ('[inputs.a]\ntypes = ["csv"]\nmax_mb = -1', "job", "whole number"),
        ('[inputs.a]\ntypes = ["csv"]\nsize = 1', "job", "unknown key 'size'"),
        ('[inputs.a]\ntypes = ["csv"]', "web", "only jobs"),
        ('[inputs.a]\ntypes = ["csv"]\n[schedule]\ncron = "0 6 * * *"\ntimezone = "UTC"', "job", "by itself"),
        ("".join(f'[inputs.a{n}]\ntypes = ["csv"]\n' for n in range(11)), "job", "10 inputs"),
    ],
)
def test_what_nobody_could_give_is_refused_with_its_line(text: str, kind: str, said: str) -> None:
    if text.startswith("inputs.a"):
        with pytest.raises(Invalid, match=said):
            Manifest.parse(text + "\n" + PLAIN)
        return
    with pytest.raises(Invalid, match=said) as refused:
        declared(text, kind)
    assert "line" in refused.value.message
