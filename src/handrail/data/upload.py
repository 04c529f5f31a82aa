"""Import files that somebody sends: they are kept only while they are read."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from handrail.data.import_source import import_source
from handrail.data.models import ImportReport
from handrail.data.names import UPLOADS
from handrail.kernel import Context, Invalid, LimitReached, Resource, access, storage

_CHUNK = 1 << 20


def import_upload(
    ctx: Context,
    files: Sequence[tuple[str, BinaryIO]],
    name: str | None = None,
    encoding: str | None = None,
) -> ImportReport:
    """Import uploaded files, each a name and its content: one of any kind, or several CSV and Parquet files.

    Refuses what `import_source` refuses, several files without a name for them, a file name twice, and more
    than the setting data.upload_mb.
    """
    access.require(ctx, "import", Resource("Source", name or "new"))
    if not files:
        raise Invalid("No file came.", next_step="Choose a file, or give a path or address instead.")
    if len(files) > 1 and not name:
        raise Invalid("Several files need a name together.", next_step="Give the source a name.")
    folder = ctx.settings.home / UPLOADS / storage.new_id("upload")
    folder = folder / name if name and len(files) > 1 and Path(name).name == name else folder
    folder.mkdir(parents=True)
    try:
        left = ctx.settings.data.upload_mb << 20
        for title, content in files:
            left -= _save(content, _place(folder, title), left)
        location = folder if len(files) > 1 else next(folder.iterdir())
        return import_source(ctx, str(location), name, encoding=encoding)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(folder: Path, title: str) -> Path:
    plain = Path(title.replace("\\", "/")).name.lstrip(".")
    if not plain or "\0" in plain or (folder / plain).exists():
        raise Invalid(
            f"The file name {title!r} cannot be used.", next_step="Rename the file and send it again."
        )
    return folder / plain


def _save(content: BinaryIO, target: Path, limit: int) -> int:
    written = 0
    with target.open("xb") as out:
        while chunk := content.read(_CHUNK):
            written += len(chunk)
            if written > limit:
                raise LimitReached(
                    "That is more than one upload may bring.",
                    next_step="Import it on the server with handrail import, or ask an admin to raise "
                    "data.upload_mb.",
                )
            out.write(chunk)
    return written
