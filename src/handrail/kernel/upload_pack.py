"""The server's half of `git clone` and `git fetch` over HTTP, for one repository, read-only."""

import io
import zlib
from collections.abc import Callable
from typing import IO

from dulwich.errors import GitProtocolError, HangupException
from dulwich.protocol import CAPABILITY_FILTER, ReceivableProtocol
from dulwich.server import Backend, UploadPackHandler

from handrail.kernel.errors import Invalid
from handrail.kernel.git import Repository

ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
REQUEST = "application/x-git-upload-pack-request"
RESULT = "application/x-git-upload-pack-result"
LARGEST_REQUEST = 1024 * 1024  # bytes of wants and haves, unpacked


def advertise(repository: Repository, out: IO[bytes]) -> None:
    """Write which refs there are (protocol version 0, which every git client since 1.6.6 reads)."""
    handler = _handler(repository, io.BytesIO(), out, advertise_refs=True)
    handler.proto.write_pkt_line(b"# service=git-upload-pack\n")
    handler.proto.write_pkt_line(None)
    handler.handle()


def upload_pack(repository: Repository, request: bytes, out: IO[bytes]) -> None:
    """Answer one round of wants and haves, with the pack when the client said `done`.

    Refuses Invalid for a request that is not the protocol; what was written to `out` by then is to be thrown
    away.
    """
    try:
        _handler(repository, io.BytesIO(request), out, advertise_refs=False).handle()
    # Whatever a broken or hostile client sends surfaces in dulwich as one of these.
    except (GitProtocolError, HangupException, ValueError, KeyError, AssertionError) as error:
        raise Invalid(
            "The request is not one that git sends.", next_step="Use `git clone` or `git fetch`."
        ) from error


def unzip(body: bytes) -> bytes:
    """A gzipped request body; refuses Invalid when it is not gzip or larger than a negotiation can be."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, LARGEST_REQUEST + 1)
    except zlib.error as error:
        raise Invalid("The request body is not gzip.", next_step="Use a git client.") from error
    if len(plain) > LARGEST_REQUEST:
        raise Invalid("The request is too large.", next_step="Clone afresh instead of fetching.")
    return plain


class _OneRepository(Backend):
    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def open_repository(self, path: str) -> Repository:  # type: ignore[override]
        return self.repository


class _ReadOnly(UploadPackHandler):
    def capabilities(self) -> list[bytes]:
        """Dulwich's, without partial clones: a filter is an expression that a client sends us to evaluate."""
        return [capability for capability in super().capabilities() if capability != CAPABILITY_FILTER]


def _handler(
    repository: Repository, source: io.BytesIO, out: IO[bytes], *, advertise_refs: bool
) -> UploadPackHandler:
    write: Callable[[bytes], int] = out.write
    return _ReadOnly(
        _OneRepository(repository),
        [repository.name],
        ReceivableProtocol(source.read, write),
        stateless_rpc=True,
        advertise_refs=advertise_refs,
    )
