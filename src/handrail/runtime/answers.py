"""Bytes that an app chose, as answers that no browser will run."""

import csv
import io
from dataclasses import replace
from urllib.parse import quote

from fastapi import Response

from handrail.runtime.handed_over import table_of
from handrail.runtime.models import Output

# An app chose these bytes: a browser shows them as the picture they claim to be, or keeps them in a file.
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


def downloaded(output: Output, content: bytes) -> Response:
    """An output as an answer that no browser will run, whatever is in it."""
    kind = "inline" if output.kind == "image" else "attachment"
    plain = output.name.encode("ascii", "replace").decode().replace("?", "_")
    named = f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(output.name)}"
    media = output.media if output.kind in ("image", "table") else "application/octet-stream"
    return Response(content, media_type=media, headers={**SAFE, "Content-Disposition": named})


def as_csv(output: Output, content: bytes) -> Response:
    """A table for a spreadsheet. Text that a spreadsheet would take for a formula gets an apostrophe."""
    table = table_of(content)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in (table["columns"], *table["rows"]):
        writer.writerow([_harmless(cell) for cell in row])
    name = output.name.removesuffix(".json") + ".csv"
    return downloaded(replace(output, kind="file", name=name), text.getvalue().encode("utf-8-sig"))


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
