"""An answer that leaves while it is made, and breaks off for everybody to see when it cannot be finished."""

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Send

from handrail.kernel import Refusal

log = structlog.get_logger("handrail.web")


class Streamed(StreamingResponse):
    """A StreamingResponse whose content may be refused in the middle.

    It is then left without the chunk that ends it, so that every HTTP client fails rather than take half an
    answer for the whole.
    """

    async def stream_response(self, send: Send) -> None:
        """Send the pieces; a refusal among them ends the connection."""
        try:
            await super().stream_response(send)
        except Refusal as refusal:
            log.warning("answer.broken_off", code=refusal.code)
