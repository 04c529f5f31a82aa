"""The list of a layer's fonts comes to where matplotlib looks for it, and whatever is wrong with it hinders no app."""

from pathlib import Path

import pytest

from handrail_sdk import fonts


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "own"))
    layers = tmp_path / "fonts"
    layers.mkdir()
    (layers / "fontlist-v3.json").write_text("{}")
    return layers


def test_a_copy_lies_where_it_may_be_written_to(there: Path) -> None:
    fonts.known(str(there))
    copy = there.parent / "own" / "fontlist-v3.json"
    assert copy.read_text() == "{}" and not copy.is_symlink()


def test_what_is_there_already_stays(there: Path) -> None:
    fonts.known(str(there))
    copy = there.parent / "own" / "fontlist-v3.json"
    copy.write_text("changed by matplotlib")
    fonts.known(str(there))
    assert copy.read_text() == "changed by matplotlib"


def test_without_a_list_or_a_place_for_it_nothing_happens(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fonts.known(str(there / "missing"))
    assert not (there.parent / "own").exists()
    (there.parent / "own").write_text("a file where the folder would be")
    fonts.known(str(there))
    monkeypatch.delenv("MPLCONFIGDIR")
    fonts.known(str(there))
