"""What app code imports: governed data, metrics and outputs, the same wherever the app runs.

There is no credential to keep and no address to know: Handrail answers as the person the app runs for. In a
notebook, `connect` asks with a personal token; what it gives works in an app as well.

What is behind a name is loaded when an app asks for it: a run starts with as little as it uses.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # to whoever runs this; `typing` takes as long to load as all that an empty run needs
if TYPE_CHECKING:
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

_WHERE = {
    name: module
    for module, names in {
        "answer": "Answer",
        "calls": "Me ThisRun me metric metric_arrow query query_arrow this_run",
        "client": "Client connect",
        "connectors": "Connector Reply connector",
        "given": "Input input",
        "outputs": "html markdown save show table text",
        "refused": "Refused",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    found = globals()[name] = getattr(import_module(f"handrail_sdk.{_WHERE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
