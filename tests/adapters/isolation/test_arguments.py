"""What bwrap is told, and which names code files may have."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.adapters.isolation.arguments import arguments, checked_names
from handrail.kernel import Invalid
from handrail.kernel.sandbox import Layer, Limits
from tests.cases import cases


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/.", "a\nb", "a\0b", "a\\b", "x" * 300]
)
def test_a_name_that_is_no_plain_relative_path_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        checked_names(["app.py", name])


def test_a_file_cannot_be_a_folder_as_well() -> None:
    with pytest.raises(Invalid):
        checked_names(["a", "a/b"])


def test_too_many_files_are_refused() -> None:
    with pytest.raises(Invalid, match="can carry"):
        checked_names(f"{n}.py" for n in range(5000))


@settings(max_examples=cases(300), deadline=None)
@given(st.text(alphabet="a./\\\0~ é-", max_size=12))
def test_whatever_name_is_accepted_lies_below_the_code_folder(name: str) -> None:
    try:
        (accepted,) = checked_names([name])
    except Invalid:
        return
    path = PurePosixPath("/app", accepted)
    assert str(path) == f"/app/{accepted}"
    assert ".." not in path.parts
    assert path.parts[:2] == ("/", "app")


def test_every_wall_is_named_and_nothing_of_the_host_is_bound_writable() -> None:
    made = arguments(Layer("d", "/usr/bin/python3", {"/layer": Path("/var")}), Limits(), {"app.py": 9}, 7, 8)
    for wall in (
        "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup", "--disable-userns", "--new-session", "--die-with-parent", "--seccomp",
    ):  # fmt: skip
        assert wall in made
    assert "--bind" not in made
    assert "--dev-bind" not in made
    assert made[made.index("--cap-drop") + 1] == "ALL"
    closed = [made[at + 1] for at, word in enumerate(made) if word == "--remount-ro"]
    assert {"/app", "/", "/dev"} <= set(closed)
