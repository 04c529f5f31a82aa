"""A connection to ask by: from a notebook over HTTPS, in an app over its socket; the code is the same."""

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from handrail_sdk.answer import Answer, Listed, read_table
from handrail_sdk.calls import Me, metric_asked, plain
from handrail_sdk.refused import Refused
from handrail_sdk.transport import Transport, connected


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    purpose: str | None = None,
    environment: Literal["production", "sandbox"] = "production",
) -> "Client":
    """Connect to Handrail; `url` and `token` are HANDRAIL_URL and HANDRAIL_TOKEN where they are not given.

    `purpose` is what questions are for that say nothing else. In an app all of these are known from its run,
    and what is given is not looked at: a cell of a notebook moves into an app as it is. Raises Refused where
    there is no way, and for an address that would show the token.
    """
    if "HANDRAIL_FD" in os.environ:
        return Client(connected())
    url, token = url or os.environ.get("HANDRAIL_URL"), token or os.environ.get("HANDRAIL_TOKEN")
    if not url or not token:
        raise Refused(
            "There is no server to ask.",
            "Say connect(url, token=…), or set HANDRAIL_URL and HANDRAIL_TOKEN.",
            "not_ready",
        )
    # Not before it is needed: it loads TLS, for which a sandbox has no use.
    from handrail_sdk.https import HttpsTransport  # noqa: PLC0415

    return Client(HttpsTransport(url, token, environment, purpose))


class Client:
    """Asks, and gives answers with what is known about them. Whatever is refused is raised as Refused."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def query(
        self,
        sql: str,
        /,
        *,
        purpose: str | None = None,
        params: Mapping[str, object] | None = None,
        **named: object,
    ) -> Answer:
        """The rows of a SELECT that you may see; `$name` takes the keyword, or the one in `params`."""
        values = {key: plain(value) for key, value in {**(params or {}), **named}.items()}
        return self._ask({"sql": sql, "params": values}, purpose)

    def metric(
        self,
        name: str,
        by: Sequence[str] | str = (),
        where: Mapping[str, object] | None = None,
        grain: str | None = None,
        start: object = None,
        end: object = None,
        order: Sequence[str] | str = (),
        limit: int | None = None,
        currency: str | None = None,
        *,
        purpose: str | None = None,
    ) -> Answer:
        """A metric, by dimensions and per `grain` (day to year, fiscal_quarter …)."""
        asked = metric_asked(name, by, where, grain, start, end, order, limit, currency)
        return self._ask({"metric": asked}, purpose)

    def datasets(self) -> Listed:
        """Every dataset with its contract and state."""
        return Listed(self._transport.ask("datasets", {})[0]["found"])

    def metrics(self) -> Listed:
        """Every metric, what it means and what it can be cut by."""
        return Listed(self._transport.ask("metrics", {})[0]["found"])

    def me(self) -> Me:
        """The person who asks."""
        answer, _ = self._transport.ask("me", {})
        return Me(answer["id"], answer["name"], answer["email"])

    def _ask(self, arguments: dict[str, object], purpose: str | None) -> Answer:
        answer, content = self._transport.ask("query", arguments, purpose)
        return Answer(read_table(content, marked=bool(answer.get("marked"))))
