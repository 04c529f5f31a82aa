"""Whether a file is what it says: by its content, never by its name, and without falling for a bomb.

Nothing of it is interpreted here beyond what tells types apart; the app reads it, in its sandbox. A file that
would be something else there than here is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from dataclasses import dataclass
from itertools import islice

from handrail.kernel import Invalid, LimitReached
from handrail.kernel.inputs import DeclaredInput
from handrail.runtime.check_archive import looked_into

_FORMULA = re.compile(r"^[=@]|^[+-](?![\d.,])")
_MOST_ROWS = 200  # of a CSV that are looked at to tell that it is one
_BEGINNINGS = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff",
    "pdf": b"%PDF-",
    "parquet": b"PAR1",
    "arrow": b"ARROW1\0\0",
}
_NAMED = {
    "parquet": "a Parquet file", "arrow": "an Arrow file", "pdf": "a PDF", "png": "a PNG picture",
    "jpeg": "a JPEG picture", "xlsx": "an Excel workbook", "json": "JSON", "csv": "a table as CSV",
    "text": "text", "zip": "an archive", "ole": "an old or an encrypted Office file",
    "binary": "bytes of no known kind", "html": "a web page", "empty": "empty",
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """A file as somebody gives it to a run."""

    file: str
    content: bytes


@dataclass(frozen=True)
class Checked:
    """What a given file is, and what its readers should know about it, in a sentence or nothing."""

    type: str
    note: str = ""


def check_input(name: str, declared: DeclaredInput, given: Given, most: int) -> Checked:
    """What the file is, if it is of a declared type; `most` is the size that the instance allows, in MB.

    Refuses Invalid a file that is something else or is broken, LimitReached one that is too large or unfolds
    to too much; each says what the file is instead.
    """
    limit = min(declared.max_mb or most, most)
    if len(given.content) > limit << 20:
        raise LimitReached(
            f"The file for {name} has {len(given.content):,} bytes; it may have {limit} MB.",
            next_step="Give a smaller file, or the same table as Parquet.",
        )
    found = kind_of(given.content)
    if found in ("text", "csv", "json", "html"):
        found = _as_declared(found, declared, given.content)
    if found not in declared.types:
        raise Invalid(
            f"The file for {name}, {given.file[:80]!r}, is {_NAMED[found]}, by its content.",
            next_step=f"The app takes {' or '.join(_NAMED[one] for one in declared.types)}.",
        )
    return Checked(found, _note(name, found, given))


def kind_of(content: bytes) -> str:
    """What these bytes are, by themselves: a type of input, or another word for what they are."""
    if not content.strip():
        return "empty"
    for kind, beginning in _BEGINNINGS.items():
        if content.startswith(beginning):
            return kind if kind != "parquet" or content.endswith(b"PAR1") else "binary"
    if content.startswith(b"PK\x03\x04"):
        return "xlsx" if b"xl/workbook.xml" in content else "zip"
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        return "ole"
    text = _text(content)
    if text is None:
        return "binary"
    if re.match(r"\s*<(!doctype html|html|\?xml|script|svg)\b", text, re.IGNORECASE):
        return "html"
    if text.lstrip()[:1] in "[{" and _is_json(text):
        return "json"
    return "csv" if _cut(text) else "text"


def _as_declared(found: str, declared: DeclaredInput, content: bytes) -> str:
    """Any text is text, and JSON of one value may look like a CSV of one cell: what was declared decides."""
    if found in declared.types:
        return found
    text = _text(content) or ""
    if "json" in declared.types and _is_json(text):
        return "json"
    if "csv" in declared.types and found == "text" and _cut(text, least=1):
        return "csv"
    return "text" if "text" in declared.types else found


def _text(content: bytes) -> str | None:
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        return None
    return None if re.search("[\x00-\x08\x0e-\x1f\x7f]", text) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _cut(text: str, least: int = 2) -> str:
    """What separates the cells, where the first rows have the same number of them, at least so many."""
    for cut in ",;\t|":
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=cut)
        try:
            widths = {len(row) for row in islice(rows, _MOST_ROWS) if row}
        except csv.Error:
            continue
        if len(widths) == 1 and min(widths) >= least:
            return cut
    return ""


def _note(name: str, kind: str, given: Given) -> str:
    if kind == "xlsx":
        formulas = looked_into(name, given.content)
        if formulas:
            said = "1 cell is a formula" if formulas == 1 else f"{formulas:,} cells are formulas"
            return f"{said}: the app gets the values that were last computed and saved."
    if kind == "csv":
        text = _text(given.content) or ""
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_cut(text, least=1) or ",")
        try:
            found = sum(bool(_FORMULA.match(cell)) for row in rows for cell in row)
        except csv.Error:
            raise Invalid(
                f"The file for {name} is no proper CSV: a cell in it has no end.", next_step="Save it anew."
            ) from None
        if found:
            said = "1 cell begins" if found == 1 else f"{found:,} cells begin"
            return f"{said} like a formula: the app gets text."
    return ""
