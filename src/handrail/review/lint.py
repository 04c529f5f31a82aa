"""Mistakes that ruff finds and our own rules do not: undefined names, formats that do not match."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from handrail.review.models import Finding
from handrail.review.source import LARGEST, is_python, not_reviewed

# Rules whose every hit is a wrong result or a crash, never a matter of taste.
RULES = "F821,F823,F632,F50,F52,F702,F704,F706,B015,B023,B909,PLE,PLW0177"
SETTINGS = ("--isolated", "--no-cache", "--ignore-noqa", "--preview", "--exit-zero", "--target-version=py311")
MOST = 50  # findings that are passed on
PATIENCE = 30  # seconds


def lint(files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Run ruff over the Python files in one process; when it does not answer, the app is not reviewed.

    The files are written under names of our own, so that a path in the app cannot point anywhere, and neither
    settings nor `noqa` comments of the app are obeyed.
    """
    names = [file for file, content in files.items() if is_python(file) and len(content) <= LARGEST]
    if not names:
        return ()
    with tempfile.TemporaryDirectory(prefix="handrail-lint-") as folder:
        for at, name in enumerate(names):
            (Path(folder) / f"f{at}.py").write_bytes(files[name])
        command = [find_ruff_bin(), "check", *SETTINGS, "--output-format=json", f"--select={RULES}", "."]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE, check=False)
            hits = json.loads(done.stdout) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError):
            hits = None
    if hits is None:
        return (not_reviewed(names[0], 1, "the linter did not answer"),)
    found = []
    for hit in hits[:MOST]:
        if hit.get("code") in (None, "invalid-syntax"):
            continue  # not Python: check() says so itself
        file = names[int(Path(hit["filename"]).stem[1:])]
        found.append(_finding(file, hit))
    return tuple(found)


def _finding(file: str, hit: Mapping[str, object]) -> Finding:
    start, end, message = hit["location"], hit["end_location"], str(hit["message"])
    return Finding(
        rule=f"ruff-{hit['code']}",
        severity="warns",
        title="A mistake in the code",
        file=file,
        line=start["row"] if isinstance(start, dict) else 1,
        end_line=end["row"] if isinstance(end, dict) else 1,
        because=f"{message}. This line fails or gives a wrong result when it is reached.",
        fix="Correct the line; an assistant will do it when shown this message.",
        group="Correct plain mistakes",
    )
