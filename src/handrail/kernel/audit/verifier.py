#!/usr/bin/env python3
"""Verify an export of a Handrail audit trail without Handrail: one file, Python 3.9 or newer, nothing else.

    handrail audit verifier > verify_audit.py       # once; read it, keep it
    handrail audit key                              # once; note it where the server cannot write

    python3 verify_audit.py --key KEY trail.jsonl                            # of `handrail audit export`
    python3 verify_audit.py --key KEY --old CHECKPOINT-FILE consistency.json # of `handrail audit consistency`

The first proves that each entry lies, at its place and to the byte, in the log that was signed, and that the
export ends where it was sealed, with no line changed, dropped, added or moved. The second proves that the
log of an older checkpoint, which you kept, is the beginning of the newer one. Exit status: 0 proved, 1 not.

Merkle tree of RFC 6962, proofs checked after RFC 9162, 2.1.3.2 and 2.1.4.2; C2SP signed notes and
tlog-checkpoints (https://c2sp.org); Ed25519 after RFC 8032. Needs the memory of one line.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

EXPORT, CONSISTENCY, SEAL = "handrail-audit-export/1", "handrail-audit-consistency/1", "handrail audit export"

Point = Any  # X, Y, Z, T: extended coordinates
Key = Any  # the log's name, and its public key with a byte for its kind before it


class Bad(Exception):
    """What is wrong, as a sentence without its full stop."""


# Ed25519 (RFC 8032, section 5.1). Only public values are handled, so time may depend on them.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(one: Point, two: Point) -> Point:
    """The sum of two points."""
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P, (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    """A point added to itself so many times."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = add(total, point)
        point, number = add(point, point), number >> 1
    return total


def point_of(packed: bytes) -> Point:
    """The point in 32 bytes; None where they are none."""
    number = int.from_bytes(packed, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if len(packed) != 32 or y >= P or (x * x - square) % P or (not x and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is that of the message under the public key."""
    mine, nonce = point_of(public), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or scalar >= ORDER or not mine or not nonce:
        return False
    digest = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little")
    left, right = times(scalar, BASE), add(nonce, times(digest % ORDER, mine))
    return all((left[axis] * right[2] - right[axis] * left[2]) % P == 0 for axis in (0, 1))


def unpacked(text: Any) -> bytes:
    """The bytes of a base64 text, written in the one right way."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raw = b""
    if base64.b64encode(raw).decode() != text:
        raise Bad("something is not base64 in its one right form")
    return raw


def key_of(written: str) -> Key:
    """The name and public key in `name+hash+key`."""
    name, hashed, key = [*written.strip().split("+", 2), "", ""][:3]
    raw = unpacked(key)
    if hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8] != hashed or raw[:1] != b"\x01":
        raise Bad("the key is not one that `handrail audit key` prints, or was mistyped")
    return name, raw


def opened(note: Any, key: Key) -> str:
    """The text of a signed note, when the key has signed it."""
    name, raw = key
    text, _, signatures = str(note).rpartition("\n\n")
    text += "\n"
    for line in signatures.split("\n"):
        words = line.split(" ")
        if len(words) != 3 or words[:2] != ["\u2014", name]:
            continue
        signature = unpacked(words[2])
        mine = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
        if signature[:4] == mine and is_signed(raw[1:], text.encode(), signature[4:]):
            return text
    raise Bad("it is not signed by this key")


def checkpoint_of(note: Any, key: Key) -> tuple[int, bytes]:
    """The size and root that a checkpoint signs."""
    lines = opened(note, key).split("\n")
    if len(lines) < 4 or lines[0] != key[0] or not lines[1].isdecimal() or len(unpacked(lines[2])) != 32:
        raise Bad("it is not a checkpoint of this log")
    return int(lines[1]), unpacked(lines[2])


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def includes(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> bool:
    """Whether the path leads from the leaf at this place to the root."""
    if not 0 <= index < size:
        return False
    last = size - 1
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            leaf = node(sibling, leaf)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            leaf = node(leaf, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and leaf == root


def extends(old: int, new: int, old_root: bytes, new_root: bytes, path: list[bytes]) -> bool:
    """Whether the path shows the older tree to be the beginning of the newer one."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    path = ([old_root] if old & (old - 1) == 0 else []) + path
    if not path:
        return False
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            first, second = node(sibling, first), node(sibling, second)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            second = node(second, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that names nothing twice, which readers would understand in different ways."""
    if len(dict(pairs)) < len(pairs):
        raise Bad("it names something twice")
    return dict(pairs)


def record(line: bytes, *names: str) -> dict[str, Any]:
    """One line as an object; of these names and no others, where any are given."""
    try:
        found = json.loads(line.decode(), object_pairs_hook=once)
    except ValueError:
        raise Bad("it is not an object of JSON") from None
    if not isinstance(found, dict) or (names and {*found} != {*names}):
        raise Bad(f"it is not an object of {', '.join(names) or 'JSON'} and nothing else")
    return found


def check_entry(found: dict[str, Any], after: int, size: int, root: bytes) -> int:
    """The place of an entry, which must come after another one and lie under the root."""
    index, text, proof = found.get("index"), found.get("entry"), found.get("proof")
    if type(index) is not int or not isinstance(text, str) or not isinstance(proof, list):
        raise Bad("it has no index, entry and proof")
    if index <= after:
        raise Bad(f"it stands after entry {after}, so lines were moved or repeated")
    leaf = hashlib.sha256(b"\x00" + text.encode()).digest()
    if unpacked(found.get("leaf")) != leaf:
        raise Bad("its bytes do not hash to its leaf")
    if not includes(index, size, leaf, [unpacked(part) for part in proof], root):
        raise Bad("its proof does not lead to the signed root")
    if record(text.encode()).get("seq") != index:
        raise Bad("it says of itself that it is another entry")
    return index


def check_seal(note: str, key: Key, count: int, digest: bytes) -> None:
    """Refuse a seal that is not about exactly these bytes, or beside which anything unsigned stands."""
    said = opened(note, key).split("\n")
    if note.rpartition("\n\n")[2].split("\n")[1:] != [""]:
        raise Bad("more stands beside the seal's signature")
    if said[:2] != [SEAL, f"entries {count}"]:
        raise Bad(f"{count} entries are here, and the seal is of {' with '.join(said[:2])}")
    if said[2:3] != ["sha256 " + base64.b64encode(digest).decode()]:
        raise Bad("the lines before it are not those that were sealed")


def export(file: BinaryIO, first: bytes, key: Key) -> str:
    """Check every line of an export; gives what was proved, as a sentence."""
    header = record(first, "format", "key", "checkpoint", "chosen")
    size, root = checkpoint_of(header.get("checkpoint"), key)
    digest, count, after, sealed = hashlib.sha256(first), 0, -1, False
    for line in file:
        if sealed:
            raise Bad("more stands after the seal")
        try:
            found = record(line)
            if sealed := "seal" in found:
                check_seal(str(record(line, "seal")["seal"]), key, count, digest.digest())
            else:
                after = check_entry(found, after, size, root)
        except Bad as bad:
            raise Bad(f"line {count + 2}: {bad}") from None
        count += not sealed
        digest.update(line)
    if not sealed:
        raise Bad("the file ends without its seal, so it was cut off")
    chosen = {name: value for name, value in (header.get("chosen") or {}).items() if value}
    if not chosen and count != size:
        raise Bad(f"it says that it is the whole trail, and has {count} of {size} entries")
    what = ", ".join(f"{name} {value}" for name, value in sorted(chosen.items())) or "all"
    return f"{count} entries ({what}) of a log of {size}, as signed by {key[0]}."


def consistency(document: dict[str, Any], old_note: str, key: Key) -> str:
    """Check that a kept checkpoint is the beginning of a newer one; gives what was proved, as a sentence."""
    if not old_note:
        raise Bad("name the checkpoint that you kept with --old")
    old, old_root = checkpoint_of(old_note, key)
    size, root = checkpoint_of(document.get("checkpoint"), key)
    if not extends(old, size, old_root, root, [unpacked(part) for part in document.get("proof") or []]):
        raise Bad(f"the log of {old} entries is not the beginning of the one of {size}")
    return f"the log of {old} entries is the beginning of the one of {size}, as signed by {key[0]}."


def proved(path: Path, key: Key, old: str) -> str:
    """What the file proves."""
    with path.open("rb") as file:
        first = file.readline()
        found = record(first)
        if found.get("format") == EXPORT:
            return export(file, first, key)
        if found.get("format") == CONSISTENCY:
            return consistency(found, old, key)
    raise Bad("it is neither an export nor a proof of consistency")


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, verify, print a verdict, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", required=True, help="the log's public key, kept where no server writes")
    parser.add_argument("--old", type=Path, help="a file with a checkpoint that you kept")
    asked = parser.parse_args(arguments)
    try:
        old = asked.old.read_bytes().decode() if asked.old else ""
        print(f"Proved: {proved(asked.file, key_of(asked.key), old)}")
    except (Bad, OSError, UnicodeDecodeError) as bad:
        print(f"Not proved: {bad}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
