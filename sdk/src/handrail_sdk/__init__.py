"""What app code imports: governed data, metrics and outputs, the same wherever the app runs.

There is no credential to keep and no address to know: Handrail answers as the person the app runs for. In a
notebook, `connect` asks with a personal token; what it gives works in an app as well.
"""

from handrail_sdk.answer import Answer
from handrail_sdk.calls import Me, ThisRun, me, metric, metric_arrow, query, query_arrow, this_run
from handrail_sdk.client import Client, connect
from handrail_sdk.connectors import Connector, Reply, connector
from handrail_sdk.given import Input, input
from handrail_sdk.outputs import html, markdown, save, show, table, text
from handrail_sdk.refused import Refused

__all__ = [
    "Answer",
    "Client",
    "Connector",
    "Input",
    "Me",
    "Refused",
    "Reply",
    "ThisRun",
    "connect",
    "connector",
    "html",
    "input",
    "markdown",
    "me",
    "metric",
    "metric_arrow",
    "query",
    "query_arrow",
    "save",
    "show",
    "table",
    "text",
    "this_run",
]
