"""A workbook looked into without trust: to how much it unfolds, whether it says so, what programs it has."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib

from handrail.kernel import Invalid, LimitReached

_MOST_PARTS = 2000
_MOST_UNFOLDED = 256 << 20  # bytes of all parts together
_MOST_RATIO = 120  # a sheet of one repeated number packs to a hundredth
_SMALL = 1 << 20  # bytes that any part may unfold to
_PIECE = 1 << 20
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_PROGRAMS = re.compile(
    r"vbaproject|\.bin$|activex|embeddings/|macrosheets|dialogsheets|externallinks/|ddelink", re.IGNORECASE
)
_SETTINGS = re.compile(r"printersettings/printersettings\d*\.bin$", re.IGNORECASE)
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml$", re.IGNORECASE)
_CELL_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")


def looked_into(name: str, content: bytes) -> int:
    """How many formulas a workbook has; refuses Invalid and LimitReached what must not be opened.

    Each part is unfolded once, piece by piece, and thrown away: what an archive says of itself may be a lie.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            _as_said(name, parts, len(content))
            return sum(_unfolded(name, content, part) for part in parts)
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        ValueError,
        NotImplementedError,
        UnicodeDecodeError,
    ):
        raise Invalid(
            f"The file for {name} is a damaged workbook.", next_step="Save it anew as .xlsx, and give that."
        ) from None


def _as_said(name: str, parts: list[zipfile.ZipInfo], size: int) -> None:
    """By what the archive says of itself."""
    if len(parts) > _MOST_PARTS:
        raise LimitReached(
            f"The file for {name} has {len(parts):,} parts; {_MOST_PARTS:,} are the most.",
            next_step="Save the sheet that is needed alone.",
        )
    names = [part.filename for part in parts]
    inside = all(not one.startswith(("/", "\\")) and ".." not in re.split(r"[\\/]", one) for one in names)
    if len(set(names)) < len(names) or not inside or "[Content_Types].xml" not in names:
        raise Invalid(f"The file for {name} is no proper workbook.", next_step="Save it anew as .xlsx.")
    if any(part.flag_bits & 1 for part in parts):
        raise Invalid(f"The file for {name} is encrypted.", next_step="Take the password out of it.")
    for one in names:
        if _PROGRAMS.search(one) and not _SETTINGS.search(one):
            raise Invalid(
                f"The file for {name} has macros, embedded files or links to other files ({one[:80]}).",
                next_step="Save it as a plain .xlsx without them.",
            )
    if sum(part.compress_size for part in parts) > size:  # parts that lie upon each other
        raise Invalid(f"The file for {name} is no proper workbook.", next_step="Save it anew as .xlsx.")
    if sum(part.file_size for part in parts) > _MOST_UNFOLDED or any(
        _bomb(part, part.file_size) for part in parts
    ):
        raise _too_much(name)


def _unfolded(name: str, content: bytes, part: zipfile.ZipInfo) -> int:
    """Unfold a part as far as it says that it goes, and refuse one that goes on; gives its formulas."""
    signature, *_, names, extra = _LOCAL.unpack_from(content, part.header_offset)
    start = part.header_offset + _LOCAL.size + names + extra
    packed = memoryview(content)[start : start + part.compress_size]
    if signature != b"PK\x03\x04" or len(packed) != part.compress_size:
        raise zipfile.BadZipFile
    if part.compress_type == zipfile.ZIP_STORED:
        if part.file_size != part.compress_size:
            raise zipfile.BadZipFile
        return _formulas(part, bytes(packed))
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile
    unfolding, size, found, before = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0, b""
    left: bytes | memoryview = packed
    while not unfolding.eof:
        piece = unfolding.decompress(left, _PIECE)
        left = unfolding.unconsumed_tail
        size += len(piece)
        if size > part.file_size:
            raise _too_much(name)
        found += _formulas(part, before + piece)
        before = piece[-8:] if b"<" in piece[-8:] and not _CELL_FORMULA.search(piece[-8:]) else b""
        if not piece and not left:
            raise zipfile.BadZipFile
    if size != part.file_size:
        raise zipfile.BadZipFile
    return found


def _formulas(part: zipfile.ZipInfo, piece: bytes) -> int:
    return len(_CELL_FORMULA.findall(piece)) if _SHEET.search(part.filename) else 0


def _bomb(part: zipfile.ZipInfo, size: int) -> bool:
    return size > _SMALL and size > _MOST_RATIO * max(part.compress_size, 1)


def _too_much(name: str) -> LimitReached:
    return LimitReached(
        f"The file for {name} unfolds to more than it may: it looks like a bomb.",
        next_step="Save the sheet that is needed alone, or give the table as Parquet.",
    )
