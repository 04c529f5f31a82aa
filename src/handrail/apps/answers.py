"""What the faces of this room share: a version as JSON, and an upload as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handrail import kit
from handrail.apps import unpack
from handrail.apps.models import Version
from handrail.kernel import LimitReached

if TYPE_CHECKING:
    from fastapi import UploadFile


def version_answer(version: Version) -> dict[str, Any]:
    """A version as JSON, its manifest by digest and text."""
    answer: dict[str, Any] = kit.jsonable(version)
    answer["manifest"] = {"digest": version.manifest.digest, "text": version.manifest.text}
    return answer


def unzipped(file: UploadFile, most: unpack.Limits) -> dict[str, bytes]:
    """The files of an uploaded zip; refuses one that is itself larger than a version may be."""
    if (file.size or 0) > most.size:
        raise LimitReached(
            f"The zip is larger than {most.size // 1024**2} MB.", next_step="Leave out data and packages."
        )
    return unpack.unzip(file.file, most)
