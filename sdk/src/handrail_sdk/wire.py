"""Frames on the app's socket: four bytes of length, big-endian, then that many bytes.

A request is one frame of JSON. The answer is one frame of JSON; when it says `stream`, frames of content
follow, an empty frame ends them, and a last frame of JSON says whether all of it came.
"""

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

LARGEST_MESSAGE = 1 << 20
LARGEST_CHUNK = 1 << 20
_LENGTH = struct.Struct(">I")


class Broken(Exception):
    """The other side sent what is not a frame."""


class Closed(Broken):
    """The other side closed the socket."""


def send_frame(connection: socket.socket, content: bytes) -> None:
    """Send one frame."""
    try:
        connection.sendall(_LENGTH.pack(len(content)) + content)
    except OSError as error:
        raise Closed("the connection was closed") from error


def receive_frame(connection: socket.socket, largest: int) -> bytes:
    """Receive one frame; refuses one that says it is longer than `largest` before reading any of it."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > largest:
        raise Broken(f"a frame of {length} bytes, where {largest} are the most")
    return _exactly(connection, length)


def send_message(connection: socket.socket, message: dict[str, Any]) -> None:
    """Send one JSON message."""
    send_frame(connection, json.dumps(message).encode())


def receive_message(connection: socket.socket) -> dict[str, Any]:
    """Receive one JSON message; refuses anything that is not an object."""
    try:
        message = json.loads(receive_frame(connection, LARGEST_MESSAGE))
    except (ValueError, RecursionError) as error:
        raise Broken("a message that is not JSON") from error
    if not isinstance(message, dict):
        raise Broken("a message that is not a JSON object")
    return message


def send_content(connection: socket.socket, chunks: Iterator[bytes]) -> None:
    """Send content as frames, with an empty one to end it."""
    for chunk in chunks:
        if chunk:
            send_frame(connection, chunk)
    send_frame(connection, b"")


def receive_content(connection: socket.socket) -> Iterator[bytes]:
    """Receive content until the empty frame that ends it."""
    while chunk := receive_frame(connection, LARGEST_CHUNK):
        yield chunk


def in_chunks(content: bytes) -> Iterator[bytes]:
    """Content cut to frames."""
    view = memoryview(content)
    return (bytes(view[start : start + LARGEST_CHUNK]) for start in range(0, len(content), LARGEST_CHUNK))


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        try:
            chunk = connection.recv(min(count - len(received), 1 << 16))
        except OSError as error:
            raise Closed("the connection was closed") from error
        if not chunk:
            raise Closed("the connection was closed")
        received += chunk
    return bytes(received)
