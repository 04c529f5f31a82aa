"""An answer that another server gives, as if it were made here: the same rows, and the same refusals."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from handrail import kit
from handrail.data import formats
from handrail.data.answer import Answer, Budget
from handrail.kernel import Upstream

_ACCEPT = 'application/vnd.apache.arrow.stream; codecs="zstd", application/problem+json'


def fetch_answer(remote: kit.Remote, asked: Mapping[str, Any]) -> Answer:
    """Ask a server by `POST /query`; the rows come while they are taken, and closing ends the question there.

    Raises what the server refuses, before the first row or among them, and Upstream for an answer that broke
    off without a word. The server counts and limits; here nothing is.
    """
    rows = _Rows(remote, orjson.dumps(asked))
    about = rows.about
    return Answer(
        id=about["query"],
        environment=about["environment"],
        columns_read={},
        masked={name: tuple(columns) for name, columns in about["masked"].items()},
        as_of=datetime.fromisoformat(about["as_of"]) if about["as_of"] else None,
        certified=about.get("certified"),
        ties_to=about.get("ties_to"),
        _rows=rows,
        _budget=Budget(sys.maxsize, sys.maxsize >> 20),
        _recorded=lambda: None,
        _closing=lambda _rows, _size, _ended: None,
        currency=about.get("currency"),
        rates=about.get("rates"),
        no_row=tuple(about.get("no_row", ())),
    )


class _Rows:
    """The batches of an Arrow stream over HTTP."""

    def __init__(self, remote: kit.Remote, body: bytes) -> None:
        self._open = ExitStack()
        content = self._open.enter_context(remote.opened("POST", "/query", body, accept=_ACCEPT))
        self._reader = pa.ipc.open_stream(pa.PythonFile(content, mode="r"))
        self.about: dict[str, Any] = orjson.loads(self._reader.schema.metadata[formats.ABOUT])
        self.schema = self._reader.schema.remove_metadata()

    def batches(self) -> Iterator[pa.RecordBatch]:
        said: dict[str, Any] = {}
        try:
            while True:
                batch, about = self._reader.read_next_batch_with_custom_metadata()
                if about and formats.ABOUT in about:
                    said = orjson.loads(about[formats.ABOUT])
                else:
                    yield batch.replace_schema_metadata(None)
        except StopIteration:
            pass
        except (http.client.HTTPException, OSError, pa.ArrowException):
            said = said or {"complete": False}
        if "refusal" in said:
            raise kit.remote.refusal_of(said["refusal"])
        if not said.get("complete"):
            raise Upstream(
                "The server broke its answer off.", next_step="Ask again; the trail there says why."
            )

    def close(self) -> None:
        self._open.close()
