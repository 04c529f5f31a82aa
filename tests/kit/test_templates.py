"""What holds for every template of the house."""

import re
from pathlib import Path

import pytest

import handrail
from handrail.kit.icons import known

TEMPLATES = sorted(Path(handrail.__file__).parent.rglob("templates/**/*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_template_has_what_the_content_security_policy_refuses(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert "|safe" not in text.replace(" ", ""), "unescaped value"
    text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", text, flags=re.DOTALL)
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "inline script"
    assert not re.search(r"<style\b|\sstyle=", text), "inline style"
    assert not re.search(r"\son[a-z]+\s*=", text), "inline handler"
    assert not re.search(r"(?:src|href)=[\"']?https?://", text), "something from another host"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_icon_that_a_template_names_exists(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    named = re.findall(r"""\bicon(?:_name)?[=(]["']([a-z0-9-]+)["']""", text)
    assert [name for name in named if not known(name)] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_form_that_writes_is_a_post(template: Path) -> None:
    for form in re.findall(r"<form\b[^>]*>", template.read_text(encoding="utf-8")):
        method = re.search(r"method=[\"']([a-z{} ]+)[\"']", form)
        assert method, form
