"""Panels: a higher room's facts on a lower room's page."""

from importlib import import_module
from typing import Any

import pytest
from fastapi import Request

from handrail import kit
from handrail.kernel import Context, Instance
from tests.kit.asking import client


@pytest.fixture(autouse=True)
def no_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test registers its own."""
    monkeypatch.setattr(import_module("handrail.kit.panels"), "_registered", {})


def shown(instance: Instance, who: str) -> list[dict[str, str]]:
    def page(ctx: kit.Ctx, request: Request) -> list[dict[str, str]]:
        return [{"title": p.title, "html": str(p.html)} for p in kit.panels(ctx, request, "thing", "subject")]

    answer: list[dict[str, str]] = client(instance, who, page).get("/x").json()
    return answer


def test_panels_come_in_order_and_one_with_nothing_to_show_is_left_out(instance: Instance) -> None:
    @kit.panel("thing", "Second", order=20)
    def second(_: Context, subject: Any) -> tuple[str, dict[str, Any]]:
        return "kit/toasts.html", {"toasts": [{"tone": "good", "text": f"<b>{subject}</b>"}]}

    @kit.panel("thing", "First", order=10)
    def first(_: Context, subject: Any) -> tuple[str, dict[str, Any]]:
        return "kit/toasts.html", {"toasts": []}

    @kit.panel("thing", "Never", order=5)
    def never(_: Context, subject: Any) -> None:
        return None

    found = shown(instance, "maker.sales")
    assert [one["title"] for one in found] == ["First", "Second"]
    assert "&lt;b&gt;subject&lt;/b&gt;" in found[1]["html"]


def test_a_panel_for_a_role_is_shown_to_nobody_else(instance: Instance) -> None:
    @kit.panel("thing", "Queue", roles={"reviewer"})
    def queue(_: Context, subject: Any) -> tuple[str, dict[str, Any]]:
        return "kit/toasts.html", {"toasts": []}

    assert [one["title"] for one in shown(instance, "reviewer.platform")] == ["Queue"]
    assert shown(instance, "maker.sales") == []
