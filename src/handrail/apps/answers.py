"""Versions as JSON: the one noun whose plain shape would hide what people ask for."""

from typing import Any

from handrail import kit
from handrail.apps.models import Version


def version_answer(version: Version) -> dict[str, Any]:
    """A version as JSON, its manifest by digest and text."""
    answer: dict[str, Any] = kit.jsonable(version)
    answer["manifest"] = {"digest": version.manifest.digest, "text": version.manifest.text}
    return answer
