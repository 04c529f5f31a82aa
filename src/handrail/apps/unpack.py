"""Turn a zip or a folder that came from outside into files, path to content, or say why it is not one.

Nothing is written to disk. A zip's directory is read by the standard library, its contents by our own few
lines, because only then is what an entry declares held against what is really in it.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from handrail.apps import paths
from handrail.kernel import Invalid, LimitReached
from handrail.kernel.manifest import FILENAME

MOST_EXPANSION = 200  # times; text and CSV stay below 100, bombs begin at 1,000
ALWAYS_FINE = 1024 * 1024  # bytes that an entry may expand to whatever its ratio
ENTRY = struct.Struct("<4s5H3I2H")  # local file header, APPNOTE.TXT 4.3.7
END = struct.Struct("<4s4H2IH")  # end of central directory, APPNOTE.TXT 4.3.16
LEFTOVERS = ("__pycache__", "__MACOSX", ".DS_Store", "Thumbs.db")  # what systems and tools leave behind
WORKSHOP = (".git", ".venv", "venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".idea")


@dataclass(frozen=True)
class Limits:
    """The most that one version may hold."""

    files: int
    size: int  # bytes, unpacked

    def check(self, files: int, size: int) -> None:
        """Refuse LimitReached beyond either."""
        if files > self.files:
            raise LimitReached(
                f"There are {files:,} files or more; a version has at most {self.files:,}.",
                next_step="Leave out data, caches and installed packages.",
            )
        if size > self.size:
            raise LimitReached(
                f"The files are larger than {self.size // 1024**2} MB together.",
                next_step="Leave out data and installed packages; data comes from the catalog.",
            )


def unzip(stream: BinaryIO, limits: Limits) -> dict[str, bytes]:
    """The files of a zip.

    Refuses Invalid for anything but plain files (links, devices, encrypted or oddly packed entries), for
    names that climb, collide or belong to git, and for entries that hold something else than they declare;
    LimitReached for too many or too much, before anything is unpacked.
    """
    try:
        _count(stream, limits)
        with zipfile.ZipFile(stream) as archive:
            entries = [entry for entry in archive.infolist() if not _leftover(entry.orig_filename)]
            limits.check(len(entries), sum(entry.file_size for entry in entries))
            for entry in entries:
                _check_entry(entry)
            plain = [entry for entry in entries if not entry.orig_filename.endswith("/")]
            paths.check(entry.orig_filename for entry in plain)
            return rooted({entry.orig_filename: _content(stream, entry) for entry in plain})
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise Invalid("This is not a zip file, or it is damaged.", next_step="Pack it again.") from error


def folder(top: Path, limits: Limits) -> dict[str, bytes]:
    """The files of a folder on disk, without what tools leave behind; refuses links and other non-files."""
    found: dict[str, bytes] = {}
    size = 0
    for path in _walk(top):
        limits.check(len(found) + 1, size)
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Invalid(f"{path} is not a plain file.", next_step="Leave it out.")
            content = file.read(limits.size - size + 1)
        size += len(content)
        limits.check(len(found) + 1, size)
        found[path.relative_to(top).as_posix()] = content
    paths.check(found)
    return dict(sorted(found.items()))


def uploaded(parts: Iterable[tuple[str, BinaryIO]], limits: Limits) -> dict[str, bytes]:
    """The files of a folder that a browser sends part by part, under the folder's own name."""
    found: dict[str, bytes] = {}
    size = 0
    for name, stream in parts:
        if _leftover(name) or any(part in WORKSHOP for part in PurePosixPath(name).parts):
            continue
        if name in found:
            raise Invalid(f"{name[:80]!r} came twice.", next_step="Choose the folder again.")
        found[name] = stream.read(limits.size - size + 1)
        size += len(found[name])
        limits.check(len(found), size)
    paths.check(found)
    return rooted(found)


def rooted(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files in path order, without the one folder that zips and browsers put around them."""
    tops = {path.partition("/")[0] for path in files}
    if FILENAME not in files and len(tops) == 1:
        (top,) = tops
        if f"{top}/{FILENAME}" in files:
            files = {path.partition("/")[2]: content for path, content in files.items()}
    return dict(sorted(files.items()))


def _count(stream: BinaryIO, limits: Limits) -> None:
    """Refuse a directory of too many entries from the 22 bytes that count them, before it is read."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, length - END.size - 0xFFFF))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END.size > len(tail):
        raise zipfile.BadZipFile
    end = END.unpack_from(tail, at)
    entries, directory_size = end[4], end[5]
    limits.check(entries, 0)
    # The count may lie, the size of what is read may not: an entry with its name needs 46 bytes and more.
    limits.check(directory_size // (46 + 2 * paths.LONGEST_PATH), 0)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name, mode = entry.orig_filename, entry.external_attr >> 16
    because = None
    if entry.flag_bits & (0x1 | 0x40 | 0x2000):
        because = "is encrypted"
    elif stat.S_ISLNK(mode):
        because = "is a link"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        because = "is a device or a pipe"
    elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        because = "is packed in a way that not every system reads"
    elif entry.file_size > max(ALWAYS_FINE, MOST_EXPANSION * entry.compress_size):
        because = f"unpacks to more than {MOST_EXPANSION} times its size"
    elif name.endswith("/"):
        because = paths.wrong_with_path(name.rstrip("/"))
    if because:
        raise Invalid(f"{name[:80]!r} in the zip {because}.", next_step="Pack plain files only, without it.")


def _content(stream: BinaryIO, entry: zipfile.ZipInfo) -> bytes:
    """What is really in an entry; BadZipFile when that is not what the directory says."""
    stream.seek(entry.header_offset)
    header = ENTRY.unpack(stream.read(ENTRY.size))
    name, extra = header[9], header[10]
    raw_name = stream.read(name)
    stream.seek(extra, os.SEEK_CUR)
    packed = stream.read(entry.compress_size)
    if entry.compress_type == zipfile.ZIP_STORED:
        content, whole = packed, True
    else:
        unpacker = zlib.decompressobj(wbits=-15)
        content = unpacker.decompress(packed, entry.file_size + 1)
        whole = unpacker.eof and not unpacker.unused_data
    encoding = "utf-8" if entry.flag_bits & 0x800 else "cp437"
    if (
        header[0] != b"PK\x03\x04"
        or raw_name.decode(encoding) != entry.orig_filename
        or not whole
        or len(content) != entry.file_size
        or zlib.crc32(content) != entry.CRC
    ):
        raise zipfile.BadZipFile
    return content


def _leftover(name: str) -> bool:
    return any(part in LEFTOVERS for part in name.split("/")) or name.endswith(".pyc")


def _walk(top: Path) -> Iterator[Path]:
    """Files below `top` in a settled order, links refused and never followed."""
    try:
        entries = sorted(os.scandir(top), key=lambda entry: entry.name)
    except NotADirectoryError as error:
        raise Invalid(f"{top} is not a folder.", next_step="Name the folder that holds it.") from error
    except FileNotFoundError as error:
        raise Invalid(f"There is no folder {top}.", next_step="`handrail new DIR` makes one.") from error
    for entry in entries:
        if _leftover(entry.name) or entry.name in WORKSHOP:
            continue
        if entry.is_symlink():
            raise Invalid(f"{entry.path} is a link.", next_step="Put the file itself there.")
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)
