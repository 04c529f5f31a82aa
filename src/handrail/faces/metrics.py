"""What a monitoring system reads at /metrics, in the text format of Prometheus.

No series is about one app or person: their number would grow without end, and who used what is not for
everybody who watches a machine. Those figures stand on the app's page.
"""

from collections.abc import Iterator

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from handrail import kit, runtime

router = kit.pages()
_RUN = ("environment", "state", "ended")
ADDRESS = "/metrics/-/prometheus"  # no metric is called so


class Monitors:
    """ASGI middleware: people find their metrics at /metrics, and a monitoring system finds its own there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lead a request for `/metrics` that takes text and no page to where it means."""
        if scope["type"] == "http" and scope["path"] == "/metrics":
            accepted = Headers(scope=scope).get("accept", "")
            if "text/html" not in accepted and ("openmetrics" in accepted or "text/plain" in accepted):
                scope = {**scope, "path": ADDRESS, "raw_path": ADDRESS.encode()}
        await self._app(scope, receive, send)


@router.get(ADDRESS, response_class=Response)
def metrics_page(ctx: kit.Ctx, request: Request) -> Response:
    """Counts of this instance and this server; for support, leads and admins, by a personal token."""
    # Not before somebody watches: it looks for the machine's processes when it is loaded.
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric  # noqa: PLC0415
    from prometheus_client.exposition import CONTENT_TYPE_LATEST  # noqa: PLC0415

    counted = runtime.counted(ctx)
    awake = request.app.state.hosts.awake()

    class Instance:
        """Answers when the registry asks, from what was counted above."""

        def collect(self) -> Iterator[Metric]:
            """Every series."""
            runs = CounterMetricFamily("handrail_runs", "Runs that are over.", labels=_RUN)
            seconds = CounterMetricFamily("handrail_run_seconds", "How long they ran.", labels=_RUN)
            for one in counted.over:
                labels = (one.environment, one.state, one.ended)
                runs.add_metric(labels, one.runs)
                seconds.add_metric(labels, one.seconds)
            yield from (runs, seconds)
            for name, said, value in (
                ("handrail_runs_waiting", "Runs in the queue.", counted.waiting),
                ("handrail_runs_going", "Runs that go on.", counted.going),
                ("handrail_queue_oldest_seconds", "How long the first of the queue waits.", counted.oldest),
                ("handrail_parked", "Sandboxes of this server that wait for a run.", counted.parked),
                ("handrail_parked_bytes", "Memory that those hold.", counted.parked_bytes),
                ("handrail_hosted_awake", "Hosted apps that are awake on this server.", len(awake)),
                (
                    "handrail_hosted_requests",
                    "Their requests at this moment.",
                    sum(one.requests for one in awake),
                ),
            ):
                yield GaugeMetricFamily(name, said, value=value)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Instance())
    ProcessCollector(registry=registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
