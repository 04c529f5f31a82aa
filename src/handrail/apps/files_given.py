"""Files that come with the form that starts a run: a field `input.NAME` for each that is declared."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from handrail.runtime import Given

_FIELD = "input."


async def _files(request: Request) -> dict[str, Given]:
    """Those that somebody chose; a field that was left empty is none."""
    form = await request.form()
    found = {}
    for key, one in form.items():
        if key.startswith(_FIELD) and isinstance(one, UploadFile) and one.filename:
            found[key.removeprefix(_FIELD)] = Given(one.filename, await one.read())
    return found


Files = Annotated[dict[str, Given], Depends(_files)]
"""`def form(files: Files)`: by the names of the manifest."""
