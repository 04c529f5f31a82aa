"""Settings: what is written is what holds, and what is misspelt is refused."""

from pathlib import Path

import pytest

from handrail import settings


def write(home: Path, text: str) -> Path:
    (home / "handrail.toml").write_text(text)
    return home


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert settings.load(write(tmp_path, "")) == settings.Settings(home=tmp_path)


def test_the_file_of_a_new_instance_means_the_defaults_too_and_names_every_setting(tmp_path: Path) -> None:
    assert settings.load(write(tmp_path, settings.render())) == settings.Settings(home=tmp_path)
    uncommented = settings.render().replace("# ", "", 1).replace("\n# ", "\n")
    uncommented = "\n".join(line for line in uncommented.splitlines() if not line.startswith("Settings of"))
    assert settings.load(write(tmp_path, uncommented)) == settings.Settings(home=tmp_path)


def test_a_value_that_is_written_holds(tmp_path: Path) -> None:
    assert settings.load(write(tmp_path, "[runtime]\nseconds = 7\n")).runtime.seconds == 7


@pytest.mark.parametrize(
    ("text", "message", "next_step"),
    [
        ("[runtime]\nsecond = 7\n", "unknown key runtime.second", "Did you mean seconds?"),
        ("[runtme]\n", "unknown section [runtme]", "Did you mean runtime?"),
        ("runtime = 3\n", "runtime must be a section", "[runtime]"),
        ("[runtime]\nseconds = 'x'\n", "runtime.seconds is str", "type int"),
        ("[runtime]\nseconds = true\n", "runtime.seconds is bool", "type int"),
        ("[runtime]\nseconds = -1\n", "runtime.seconds is negative", "zero or more"),
        ("[runtime\n", "not valid TOML", "Correct that line"),
        ("[runtime]\nisolation = 'docker'\n", "runtime.isolation is “docker”", "bubblewrap, kubernetes"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path: Path, text: str, message: str, next_step: str) -> None:
    with pytest.raises(settings.SettingsError) as refused:
        settings.load(write(tmp_path, text))
    assert message in refused.value.message
    assert next_step in refused.value.next_step


def test_a_directory_that_is_no_instance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(settings.SettingsError, match="not a Handrail instance"):
        settings.load(tmp_path)


def test_an_engine_is_a_section_of_its_own(tmp_path: Path) -> None:
    text = '[engines.warehouse]\nkind = "postgres"\nurl_env = "WAREHOUSE_URL"\nconnections = 3\n'
    engines = settings.load(write(tmp_path, text)).engines
    assert engines == {
        "warehouse": settings.EngineSettings("postgres", url_env="WAREHOUSE_URL", connections=3)
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[engines.w]\nkind = "oracle"\nurl = "x"\n', "kind is “oracle”"),
        ('[engines.w]\nkind = "postgres"\n', "exactly one of url, url_env and url_file"),
        ('[engines.w]\nkind = "postgres"\nurl = "x"\nurl_env = "Y"\n', "exactly one of"),
        ('[engines.w]\nkind = "postgres"\nurl = "postgresql://u:secret@h/d"\n', "holds a password"),
        ('[engines.w]\nkind = "postgres"\nurl = "host=h password=secret"\n', "holds a password"),
        ('[engines.w]\nkind = "spark"\nurl = "sc://h/;token=secret"\n', "holds a password"),
        ('[engines."A B"]\nkind = "spark"\nurl = "sc://h"\n', "is not an engine"),
        ('[engines.w]\nkind = "spark"\nurls = "sc://h"\n', "unknown key engines.w.urls"),
        ("[engines]\nw = 3\n", "is not an engine"),
    ],
)
def test_an_engine_that_is_not_as_it_must_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(write(tmp_path, text))
    assert message in caught.value.message and caught.value.next_step
    assert "secret" not in caught.value.message
