"""`git clone` and `git fetch` of an app's history over HTTP, read-only; the password is a personal token."""

import tempfile
from collections.abc import Iterator
from typing import IO, Annotated

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse

from handrail import kit
from handrail.apps.clone import clone, readable
from handrail.kernel import Invalid, LimitReached, NotAllowed, upload_pack

router = kit.pages("/git/{name}.git")
IN_MEMORY = 4 * 1024 * 1024  # bytes of an answer before it goes to a temporary file
PIECE = 64 * 1024
NOT_KEPT = {"Cache-Control": "no-store"}


async def negotiation(request: Request) -> bytes:
    """The request body, unpacked; refused once it is larger than any negotiation."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > upload_pack.LARGEST_REQUEST:
            raise LimitReached("The request is too large.", next_step="Clone afresh instead of fetching.")
    zipped = request.headers.get("content-encoding") == "gzip"
    return upload_pack.unzip(bytes(body)) if zipped else bytes(body)


@router.get("/info/refs")
def info_refs(name: str, ctx: kit.Ctx, service: str = "") -> StreamingResponse:
    """Which refs there are, for `git clone` and `git fetch`."""
    if service == "git-receive-pack":
        raise _read_only()
    if service != "git-upload-pack":
        raise Invalid("This needs a git client that speaks smart HTTP.", next_step="Update git.")
    out = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it is sent
    upload_pack.advertise(readable(ctx, name), out)
    return _answer(out, upload_pack.ADVERTISEMENT)


@router.post("/git-upload-pack")
def git_upload_pack(
    name: str, body: Annotated[bytes, Depends(negotiation)], ctx: kit.Ctx
) -> StreamingResponse:
    """One round of a fetch, with the pack at its end."""
    out = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it is sent
    upload_pack.upload_pack(clone(ctx, name), body, out)
    return _answer(out, upload_pack.RESULT)


@router.post("/git-receive-pack")
def git_receive_pack(name: str) -> None:
    """Refused: a push needs its why and its prompts."""
    raise _read_only()


def _read_only() -> NotAllowed:
    return NotAllowed(
        "Apps are not pushed by git, because a version needs its why and its prompts.",
        next_step='Use: handrail push --why "…" --prompts FILE',
    )


def _answer(out: IO[bytes], media: str) -> StreamingResponse:
    out.seek(0)

    def pieces() -> Iterator[bytes]:
        with out:
            while piece := out.read(PIECE):
                yield piece

    return StreamingResponse(pieces(), media_type=media, headers=NOT_KEPT)
