"""Outputs: what the people see who open a run of this app."""

import io
import sys
from pathlib import Path
from typing import Any

from handrail_sdk.refused import Refused
from handrail_sdk.transport import connected


def show(thing: Any, title: str = "") -> None:
    """Show a table (a pandas DataFrame or Series, an Arrow table, a list of dicts) or a matplotlib figure."""
    if hasattr(thing, "savefig"):
        connected().deliver("image", _file_name(title, "chart", ".png"), title, picture(thing))
        return
    connected().deliver("table", _file_name(title, "table", ".arrow"), title, _arrow(thing))


def text(content: object, title: str = "") -> None:
    """Show plain text."""
    connected().deliver("text", _file_name(title, "text", ".txt"), title, str(content).encode())


def markdown(content: str, title: str = "") -> None:
    """Show Markdown."""
    connected().deliver("markdown", _file_name(title, "text", ".md"), title, content.encode())


def save(name: str, content: bytes | str | Path) -> None:
    """Offer a file for download: its content as bytes, or the path of a file that the app has written."""
    data = content if isinstance(content, bytes) else Path(content).read_bytes()
    connected().deliver("file", name, "", data)


def picture(figure: Any) -> bytes:
    """A matplotlib figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144, bbox_inches="tight")
    return buffer.getvalue()


def _arrow(thing: Any) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - text outputs need no pyarrow

    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(thing, pandas.Series):
        thing = thing.to_frame()
    if pandas is not None and isinstance(thing, pandas.DataFrame):
        named = any(name is not None for name in thing.index.names)
        thing = thing.reset_index() if named else thing
        thing = pa.Table.from_pandas(thing.rename(columns=str), preserve_index=False)
    elif isinstance(thing, list) and all(isinstance(row, dict) for row in thing):
        thing = pa.Table.from_pylist(thing)
    if not isinstance(thing, pa.Table):
        raise Refused(
            f"show() takes a table or a figure, not {type(thing).__name__}.",
            "Use text() for text and save() for files.",
            "invalid",
        )
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, thing.schema) as writer:
        writer.write_table(thing)
    return buffer.getvalue()


def _file_name(title: str, otherwise: str, ending: str) -> str:
    plain = "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
    return (plain[:60] or otherwise) + ending
