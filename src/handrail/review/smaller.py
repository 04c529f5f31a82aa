"""The words with which a reviewer asks for a smaller manifest, ready to send."""

from __future__ import annotations

from collections.abc import Iterable

from handrail.review.models import Finding

ASKED = ("declared-not-read", "undeclared-columns", "undeclared-dataset", "undeclared-metric")


def smaller_reason(findings: Iterable[Finding]) -> str:
    """What to tell the maker so that the app declares and reads only what it needs, or ""."""
    return "\n\n".join(f"{one.because}\n{one.fix}" for one in findings if one.rule in ASKED)
