"""What ruff adds, whatever the app's files are called and whatever they ask of it."""

from handrail.review.lint import lint


def test_an_undefined_name_is_found_where_it_stands() -> None:
    found = lint({"lib/work.py": b"def f():\n    return totl\n"})
    assert [(one.rule, one.file, one.line, one.severity) for one in found] == [
        ("ruff-F821", "lib/work.py", 2, "warns")
    ]


def test_the_app_cannot_silence_the_linter() -> None:
    files = {
        "app.py": b"print(totl)  # noqa\n",
        "ruff.toml": b'lint.ignore = ["F821"]\n',
        "pyproject.toml": b'[tool.ruff]\nexclude = ["*"]\n',
    }
    assert [one.rule for one in lint(files)] == ["ruff-F821"]


def test_a_path_that_points_elsewhere_is_only_a_name() -> None:
    found = lint({"../../escape.py": b"print(totl)\n", "/etc/cron.d/x.py": b"x = 1\n"})
    assert [one.file for one in found] == ["../../escape.py"]


def test_matters_of_taste_and_broken_files_are_not_its_business() -> None:
    assert lint({"app.py": b"import os\nl = 1\nx=1;y=2\n", "bad.py": b"def f(:\n", "note.txt": b"totl"}) == ()
