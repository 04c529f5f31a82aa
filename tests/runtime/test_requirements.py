"""A list of packages is names and versions; whatever else a file could smuggle in is refused where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel import Invalid
from handrail.runtime.requirements import requirements


def asked(text: str, file: str = "requirements.txt") -> list[str]:
    return [str(one) for one in requirements({file: text.encode()})]


def test_a_plain_list_is_read_with_comments_blank_lines_and_any_spelling_of_names() -> None:
    text = "\ufeff# what we need\r\n\r\nPandas >= 2 , <4   # tables\r\nRuamel_YAML\r\nhandrail-sdk\r\n"
    assert asked(text) == ["pandas<4,>=2", "ruamel-yaml"]


def test_a_project_names_its_packages_under_dependencies() -> None:
    text = '[project]\nname = "x"\ndependencies = ["pandas>=2", "tidy"]\n[project.optional-dependencies]\nx = ["y"]\n'
    assert asked(text, "pyproject.toml") == ["pandas>=2", "tidy"]
    assert asked("[tool.ruff]\nline-length = 100\n", "pyproject.toml") == []


def test_an_app_without_either_file_asks_for_nothing() -> None:
    assert requirements({"app.py": b"import pandas"}) == ()


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example/simple", "-i https://evil.example", "--extra-index-url=https://e.example",
        "-r other.txt", "-c other.txt", "-e .", "--editable ./x", "-f ./wheels", "--no-binary :all:", "--pre",
        "tidy @ https://evil.example/tidy.whl", "tidy@file:///etc/passwd", "git+https://evil.example/tidy.git",
        "https://evil.example/tidy.whl", "./tidy.whl", "../tidy", "/tmp/tidy.whl", "tidy.whl ./", ".",
        "tidy; sys_platform == 'linux'", "tidy ; python_version > '3'", "tidy[all]", "tidy[]==1[x]", "tidy===1.0",
        "tidy==1.0+local", "tidy --hash=sha256:00", "tidy \\", "tidy==1.0 other", "${TIDY}", "tidy==$VERSION",
        "tïdy", "tidy==1.0\x00", "tidy\u2028-e .", "%(x)s",
    ],
)  # fmt: skip
def test_what_is_more_than_a_name_with_versions_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(Invalid, match=r"^requirements\.txt line 2: ") as refusal:
        asked(f"pandas\n{line}\n")
    assert "one package a line" in refusal.value.next_step


@pytest.mark.parametrize(
    "text",
    [
        '[project]\ndynamic = ["dependencies"]\n',
        '[project]\ndependencies = "tidy"\n',
        '[project]\ndependencies = ["tidy @ file:///x"]\n',
        '[project]\ndependencies = ["tidy"]\n[tool.uv.sources]\ntidy = {path = "x"}\n',
        '[tool.poetry.dependencies]\ntidy = "^1"\n',
        "[project",
    ],
)
def test_a_project_that_would_get_packages_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match=r"pyproject\.toml"):
        asked(text, "pyproject.toml")


def test_two_lists_a_name_twice_and_a_file_that_is_no_text_are_refused() -> None:
    with pytest.raises(Invalid, match="Both"):
        requirements({"requirements.txt": b"a", "pyproject.toml": b'[project]\ndependencies = ["b"]\n'})
    with pytest.raises(Invalid, match="names ruamel-yaml twice"):
        asked("ruamel.yaml\nRuamel_Yaml>1\n")
    with pytest.raises(Invalid, match="not UTF-8"):
        requirements({"requirements.txt": b"\xff\xfe"})
    with pytest.raises(Invalid, match="are the most"):
        asked("\n".join(f"package{n}" for n in range(201)))
    with pytest.raises(Invalid, match="are the most"):
        asked("# " + "x" * 70_000)


@given(st.text(max_size=200))
def test_whatever_is_written_is_a_list_of_names_with_versions_or_refused(text: str) -> None:
    try:
        found = requirements({"requirements.txt": text.encode("utf-8", "surrogatepass")})
    except Invalid:
        return
    for one in found:
        assert one.url is None and one.marker is None and not one.extras
        assert str(one).isascii() and "\n" not in str(one) and not str(one).startswith(("-", ".", "/"))
