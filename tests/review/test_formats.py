"""Findings as text, JSON and SARIF."""

import json

from handrail.review.formats import as_json, as_sarif, as_text
from handrail.review.models import Finding

FINDINGS = (
    Finding("credential-in-code", "blocks", "A credential", "lib/a b.py", 3, 3, "It leaks.", "Delete it.", "Take out"),
    Finding("credential-in-code", "blocks", "A credential", "app.py", 9, 9, "It leaks.", "Delete it.", "Take out"),
    Finding("declared-not-read", "warns", "Too much", "handrail.toml", 8, 7, "Less will do.", "Write:\n[data.x]", "Less"),
)  # fmt: skip


def test_text_says_the_verdict_first_and_each_cure_once() -> None:
    lines = as_text(FINDINGS, ("Imports.",)).splitlines()
    assert lines[0] == "Not ready for production: 2 things block it, 1 more is worth mending."
    assert lines.count("  → Delete it.") == 1
    assert "    [data.x]" in lines
    assert lines[-1] == "Not checked here: Imports."


def test_text_without_findings_is_one_sentence() -> None:
    assert as_text(()) == "Nothing found."


def test_json_holds_everything() -> None:
    shape = json.loads(json.dumps(as_json(FINDINGS)))
    assert shape["blocked"] is True
    assert [one["rule"] for one in shape["findings"]] == [one.rule for one in FINDINGS]
    assert shape["groups"][0] == {"name": "Take out", "severity": "blocks", "findings": 2}


def test_sarif_has_the_shape_that_its_schema_asks_for() -> None:
    log = json.loads(json.dumps(as_sarif(FINDINGS, ("Imports.",))))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["credential-in-code", "declared-not-read"]
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "Imports."
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] <= place["region"]["endLine"]
        assert " " not in place["artifactLocation"]["uri"]
        assert result["message"]["text"]
