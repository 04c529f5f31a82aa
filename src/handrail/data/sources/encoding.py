"""Say how a text file is encoded, and turn what is certain into UTF-8."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path
from typing import IO

from handrail.kernel import Invalid

_CHUNK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_OFFERED = ("latin-1", "windows-1252", "utf-16")


def as_utf8(path: Path, scratch: Path, encoding: str | None) -> tuple[Path, str]:
    """A UTF-8 file with the same text, and a note ('' when the file already was UTF-8).

    A byte order mark decides; otherwise the file must be UTF-8, or `encoding` must name what it is.
    Anything else is refused with the line of the first byte that is not UTF-8.
    """
    with _open(path) as file:
        start = file.read(4)
    if encoding is None:
        encoding = next((name for bom, name in _BOMS if start.startswith(bom)), None)
    if encoding is None:
        _refuse_unless_utf8(path)
        if path.suffix.lower() != ".gz":
            return path, ""
        encoding = "utf-8"
    target = scratch / f"{path.name}.utf8"
    _convert(path, target, encoding)
    said = "" if encoding.startswith("utf-8") else f"Converted from {encoding.upper()} to UTF-8."
    return target, said


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _refuse_unless_utf8(path: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with _open(path) as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                raise Invalid(
                    f"{path.name} has NUL bytes, so it is not a plain text CSV file (perhaps UTF-16).",
                    next_step="If it is UTF-16, import it again with --encoding utf-16.",
                )
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise _not_utf8(path, line, error.object[error.start]) from error
            line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, line, error.object[error.start]) from error


def _not_utf8(path: Path, line: int, byte: int) -> Invalid:
    return Invalid(
        f"{path.name} is not UTF-8: line {line} has the byte 0x{byte:02x}. It looks like Latin-1 or "
        "Windows-1252, but that cannot be told for certain.",
        next_step=f"Import it again with --encoding ({', '.join(_OFFERED)}), or save it as UTF-8.",
        file=path.name,
        line=line,
    )


def _convert(path: Path, target: Path, encoding: str) -> None:
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError as error:
        raise Invalid(
            f'"{encoding}" is not an encoding that Handrail knows.',
            next_step=f"Use one of {', '.join(_OFFERED)}.",
        ) from error
    line = 1
    with _open(path) as source, target.open("wb") as out:
        while True:
            chunk = source.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                raise Invalid(
                    f"{path.name} is not {encoding}: it stops making sense near line {line}.",
                    next_step=f"Use another encoding ({', '.join(_OFFERED)}), or save the file as UTF-8.",
                ) from error
            line += text.count("\n")
            out.write(text.encode())
            if not chunk:
                return
