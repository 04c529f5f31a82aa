"""The app's only door: one socket, one run, and the same verbs as every other face.

Who asks is known by the socket: it belongs to a run, and nothing that comes over it can say otherwise. What
comes is written by the app, so each request is read strictly, and a frame that is none ends the conversation.
"""

import json
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, Any, Literal

import pyarrow as pa
import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from handrail import connectors, data
from handrail.faces.hang_up import HangUps
from handrail.kernel import Caller, Context, Instance, Invalid, LimitReached, Refusal, Upstream, identity
from handrail.kernel.ports import Viewers
from handrail.kernel.sandbox import Conversation, Outputs
from handrail_sdk import wire

# An answer is made whole before it is sent, so that an app which reads slowly holds no transaction open.
_IN_MEMORY = 32 << 20
_MOST_REFUSALS = 1000
_HOUR = 3600.0
_hang_ups = HangUps()
_logger = structlog.get_logger(__name__)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Metric(_Strict):
    name: str
    by: list[str] = []
    where: dict[str, Any] = {}
    grain: str | None = None
    start: str | None = None
    end: str | None = None
    order: list[str] = []
    limit: int | None = None
    currency: str | None = None


class _Query(_Strict):
    verb: Literal["query"]
    sql: str | None = None
    params: dict[str, Any] = {}
    metric: _Metric | None = None


class _Me(_Strict):
    verb: Literal["me"]


class _Run(_Strict):
    verb: Literal["run"]


class _Input(_Strict):
    verb: Literal["input"]
    name: str


class _Output(_Strict):
    verb: Literal["output"]
    kind: str
    name: str
    title: str
    size: int = Field(ge=0)


class _Call(_Strict):
    verb: Literal["call"]
    connector: str
    method: str
    path: str
    params: dict[str, Any] = {}
    json_: Any = Field(default=None, alias="json")
    headers: dict[str, str] = {}


_Request = _Query | _Me | _Run | _Input | _Output | _Call
_requests: TypeAdapter[_Request] = TypeAdapter(_Request)


class AppDoor:
    """Fills the `Door` port."""

    def serve(
        self,
        instance: Instance,
        caller: Caller,
        connection: socket.socket,
        outputs: Outputs,
        viewers: Viewers | None = None,
    ) -> Conversation:
        """Answer until the run closes its end; refusals are answers, and are remembered in order."""
        with structlog.contextvars.bound_contextvars(run=caller.run.id if caller.run else ""):
            return _Talk(instance, caller, connection, outputs, viewers).go_on()


class _Talk:
    """One conversation."""

    def __init__(
        self,
        instance: Instance,
        caller: Caller,
        connection: socket.socket,
        outputs: Outputs,
        viewers: Viewers | None,
    ) -> None:
        self._instance = instance
        self._own = self._caller = caller
        self._viewers = viewers
        self._connection = connection
        self._outputs = outputs
        self._questions = 0
        self._refusals: list[Refusal] = []
        self._refused = deque[float](maxlen=_MOST_REFUSALS)  # when, the last of them
        self._reads: dict[str, frozenset[str]] = {}
        self._metrics: set[str] = set()

    def go_on(self) -> Conversation:
        broken = ""
        try:
            while True:
                try:
                    message = wire.receive_message(self._connection)
                except wire.Closed:
                    break
                self._questions += 1
                self._answer(message)
        except wire.Closed:
            pass
        except wire.Broken as error:
            broken = str(error)
        self._connection.close()
        seen = self._reads, frozenset(self._metrics)
        return Conversation(self._questions, tuple(self._refusals), broken, *seen)

    def _answer(self, message: dict[str, Any]) -> None:
        if self._viewers is not None and self._must_rest():
            return
        try:
            self._caller = self._asking(message)
            with self._instance.context(self._caller) as ctx:  # puts a refusal on the trail
                request = self._understood(message)
                # A run may outlast a group or an account: it asks with the rights of each moment.
                self._caller = replace(self._caller, person=identity.found(ctx, self._caller.person.id))
            if isinstance(request, _Output):
                self._take(request)
            elif isinstance(request, _Me):
                self._say(_me(self._caller))
            elif isinstance(request, _Run):
                self._say(self._run())
            elif isinstance(request, _Input):
                self._give(request)
            elif isinstance(request, _Call):
                self._call(request)
            else:
                self._query(request)
        except Refusal as refusal:
            self._refuse(refusal)
        except wire.Broken:
            raise
        except Exception:
            _logger.exception("door.broken")
            self._refuse(
                Upstream("Handrail could not answer this.", next_step="Tell an admin; its log says why.")
            )

    def _asking(self, message: dict[str, Any]) -> Caller:
        """Who asks: the run's person, or whom a hosted app answers, by the word it was given for that."""
        word = message.pop("viewer", "")
        if self._viewers is None:
            return self._caller
        try:
            return self._viewers(str(word))
        except Refusal:
            with self._instance.context(self._own):  # on the trail in nobody else's name
                raise

    def _must_rest(self) -> bool:
        """Whether a hosted app has been refused so often that it is answered no more for a while.

        Each refusal stands on the trail, and an app that goes on for days could fill it; this one does not.
        """
        full = len(self._refused) == self._refused.maxlen
        if not full or time.monotonic() - self._refused[0] >= _HOUR:
            return False
        resting = LimitReached(
            f"{_MOST_REFUSALS:,} questions of this app were refused within an hour.",
            next_step="Mend what it asks, or try again in an hour.",
        )
        self._say({"refusal": resting.answer()})
        return True

    def _understood(self, message: dict[str, Any]) -> _Request:
        most = self._instance.settings.runtime.questions
        if self._viewers is not None:  # it goes on for days, and each of its viewers has limits of their own
            return self._announced(_request(message))
        if self._questions > most + _MOST_REFUSALS:  # each refusal stands on the trail
            raise wire.Broken("more questions than it may ask, without end")
        if self._questions > most:
            raise LimitReached(
                f"A run may ask {most:,} questions.", next_step="Ask for many rows with one query."
            )
        return self._announced(_request(message))

    def _announced(self, request: _Request) -> _Request:
        if isinstance(request, _Output):
            self._outputs.admit(request.kind, request.name, request.title, request.size)
        return request

    def _query(self, request: _Query) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as content:
            with self._instance.context(self._caller) as ctx:
                with _hang_ups.noticed(self._connection, ctx.presence.leave):
                    reads = _write(ctx, request, content)
                self._saw(request, reads)
            content.seek(0)
            self._say({"stream": "arrow"})
            wire.send_content(self._connection, _pieces(content))
            self._say({})

    def _call(self, request: _Call) -> None:
        asked = request.model_dump(exclude={"verb", "json_"})
        with self._instance.context(self._caller) as ctx:
            answer = connectors.call(ctx, connectors.Wanted(**asked, json=request.json_))
        self._say({"stream": "bytes", "status": answer.status, "headers": dict(answer.headers)})
        wire.send_content(self._connection, wire.in_chunks(answer.content))
        self._say({})

    def _run(self) -> dict[str, Any]:
        run = self._caller.run
        assert run is not None  # the socket belongs to one
        with self._instance.context(self._caller) as ctx:
            on = ctx.ports.apps.occasion(ctx, run.id)
        about = {"id": run.id, "environment": run.environment}
        if on is None:
            return {**about, "key": run.id, "moment": None, "attempt": 1}
        return {**about, "key": on.key, "moment": on.moment.isoformat(), "attempt": on.attempt}

    def _give(self, request: _Input) -> None:
        found = self._outputs.given(request.name)
        if found is None:
            self._say({"given": False})
            return
        about, content = found
        self._say({"given": True, **about, "stream": "bytes"})
        wire.send_content(self._connection, wire.in_chunks(content))
        self._say({})

    def _saw(self, request: _Query, reads: Mapping[str, tuple[str, ...]]) -> None:
        for dataset, columns in reads.items():
            self._reads[dataset] = self._reads.get(dataset, frozenset()) | frozenset(columns)
        if request.metric is not None:
            self._metrics.add(request.metric.name)

    def _take(self, announced: _Output) -> None:
        self._say({})
        content = bytearray()
        for piece in wire.receive_content(self._connection):
            content += piece
            if len(content) > announced.size:
                raise wire.Broken("more of an output than it had announced")
        if len(content) != announced.size:
            raise wire.Broken("less of an output than it had announced")
        self._outputs.deliver(announced.kind, announced.name, announced.title, bytes(content))
        self._say({})

    def _say(self, answer: dict[str, Any]) -> None:
        wire.send_message(self._connection, answer)

    def _refuse(self, refusal: Refusal) -> None:
        self._refused.append(time.monotonic())
        if len(self._refusals) < _MOST_REFUSALS:
            self._refusals.append(refusal)
        self._say({"refusal": refusal.answer()})


def _request(message: dict[str, Any]) -> _Request:
    try:
        return _requests.validate_python(message)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Invalid(
            f"Handrail does not understand this request, at {where[:100]}.",
            next_step="Use the calls of handrail_sdk: query, metric, connector, me, input, show, save.",
        ) from None


def _me(caller: Caller) -> dict[str, Any]:
    person = caller.person
    return {"id": person.id, "name": person.name, "email": person.email}


def _write(ctx: Context, request: _Query, content: IO[bytes]) -> Mapping[str, tuple[str, ...]]:
    """Write the whole answer; whatever is refused on the way is refused before a byte has left.

    Gives the columns by dataset that it was made from.
    """
    asked = request.metric
    metric = None
    if asked is not None:
        named = {**asked.model_dump(), "by": tuple(asked.by), "order": tuple(asked.order)}
        metric = data.MetricRequest(**named)
    answer = data.query(ctx, data.Request(sql=request.sql, metric=metric, params=request.params))
    about = {data.ABOUT: json.dumps(data.described(answer))}
    with pa.ipc.new_stream(content, answer.schema.with_metadata(about)) as writer:
        for batch in answer.batches():
            writer.write_batch(batch)
    return answer.columns_read


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(wire.LARGEST_CHUNK):
        yield piece
