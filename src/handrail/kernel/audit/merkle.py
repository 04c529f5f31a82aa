"""The Merkle tree of RFC 6962, section 2: leaves, roots, inclusion and consistency proofs. Pure."""

import hashlib
from collections.abc import Callable, Sequence

# Gives the root of the perfect subtree number `index` at `level`, which covers the leaves
# index * 2**level up to (index + 1) * 2**level.
Nodes = Callable[[int, int], bytes]

EMPTY = hashlib.sha256(b"").digest()


def leaf(entry: bytes) -> bytes:
    """The hash of one entry: the prefix 0x00 keeps a leaf from passing for a node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def extend(
    frontier: Sequence[bytes], size: int, leaf_hash: bytes
) -> tuple[list[bytes], list[tuple[int, int, bytes]]]:
    """Add a leaf to a tree of `size` leaves that is given by its perfect subtrees, largest first.

    Returns the new frontier and every perfect subtree that this leaf completed, as (level, index, hash).
    """
    subtrees = list(frontier)
    finished = [(0, size, leaf_hash)]
    current, level, rest = leaf_hash, 0, size
    while rest & 1:
        current = node(subtrees.pop(), current)
        level, rest = level + 1, rest >> 1
        finished.append((level, rest, current))
    subtrees.append(current)
    return subtrees, finished


def fold(frontier: Sequence[bytes]) -> bytes:
    """The root of the tree whose perfect subtrees, largest first, are `frontier`."""
    if not frontier:
        return EMPTY
    root = frontier[-1]
    for subtree in reversed(frontier[:-1]):
        root = node(subtree, root)
    return root


def root(start: int, end: int, nodes: Nodes) -> bytes:
    """MTH(D[start:end]) of RFC 6962, where `start` is a multiple of the tree's split."""
    if start == end:
        return EMPTY
    size = end - start
    if size & (size - 1) == 0 and start % size == 0:
        level = size.bit_length() - 1
        return nodes(level, start >> level)
    split = _split(size)
    return node(root(start, start + split, nodes), root(start + split, end, nodes))


def inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, section 2.1.1: the audit path, from the leaf up."""
    if not 0 <= index < size:
        raise ValueError("the entry lies outside the tree")
    return _path(index, 0, size, nodes)


def _path(index: int, start: int, end: int, nodes: Nodes) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, nodes), root(middle, end, nodes)]
    return [*_path(index, middle, end, nodes), root(start, middle, nodes)]


def consistency(old: int, size: int, nodes: Nodes) -> list[bytes]:
    """PROOF(old, D[size]) of RFC 6962, section 2.1.2."""
    if not 0 < old <= size:
        raise ValueError("the old tree must be a beginning of the new one")
    return _subproof(old, 0, size, True, nodes)


def _subproof(old: int, start: int, end: int, known: bool, nodes: Nodes) -> list[bytes]:
    size = end - start
    if old == size:
        return [] if known else [root(start, end, nodes)]
    split = _split(size)
    middle = start + split
    if old <= split:
        return [*_subproof(old, start, middle, known, nodes), root(middle, end, nodes)]
    return [*_subproof(old - split, middle, end, False, nodes), root(start, middle, nodes)]


def includes(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether `path` proves the leaf at `index` under the root `expected` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, current = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            current = node(sibling, current)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            current = node(current, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and current == expected


def extends(old: int, size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows the old tree to be a beginning of the new (RFC 9162, section 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    position, last = old - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            first, second = node(sibling, first), node(sibling, second)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            second = node(second, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
