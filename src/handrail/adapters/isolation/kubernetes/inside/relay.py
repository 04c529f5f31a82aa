"""The trusted program beside an app in its pod: fetches the app's code, and carries what it says to Handrail.

`python -I relay.py FOLDER`, where FOLDER holds `told.json` and `token`. It dials Handrail over TLS, knows it
by the one certificate that it was told, and shows a token that is good for this pod alone. The app sees a
Unix socket, one connection a stream, and once it has taken them nobody connects there any more. Needs the
standard library alone, as it runs in an image that has nothing else.
"""

import hashlib
import json
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_PIECE = 1 << 16
_LARGEST_HEAD = 4096
_PATIENCE = 30  # seconds for one thing that the other side does
_LENGTH = struct.Struct(">IQ")


def main(folder: str) -> int:
    """Fetch, listen, carry; gives 1 where Handrail is not reached, and Kubernetes starts it again."""
    told: dict[str, Any] = json.loads(Path(folder, "told.json").read_text(encoding="utf-8"))
    token = Path(folder, "token").read_text(encoding="ascii")
    try:
        fetch(told, token)
        for thread in listen(told, token):
            thread.join()
    except (OSError, ValueError) as error:
        print(f"The relay does not reach Handrail at {told['address'][0]}: {type(error).__name__}: {error}")
        return 1
    while True:  # whoever ends is started again, and has nothing left to do
        time.sleep(3600)


def dial(told: dict[str, Any], token: str, stream: str) -> ssl.SSLSocket:
    """A connection for one stream. Raises OSError where there is none, or not to Handrail."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=told["certificate"])
    host, port = told["address"]
    plain = socket.create_connection((host, port), timeout=_PATIENCE)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made = context.wrap_socket(plain, server_hostname=told["known_as"])
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    hello = {"token": token, "stream": stream, "python": version}
    made.sendall(json.dumps(hello).encode() + b"\n")
    return made


def fetch(told: dict[str, Any], token: str) -> None:
    """Lay down the app's files; raises ValueError where they are not those of the hash that it was told."""
    code = Path(told["code"])
    whole = hashlib.sha256()
    with dial(told, token, "code") as sender:
        while True:
            length, size = _LENGTH.unpack(_exactly(sender, _LENGTH.size))
            if not length:
                break
            name = _exactly(sender, min(length, _LARGEST_HEAD)).decode()
            content = _exactly(sender, size)
            whole.update(f"{length} {size} {name}".encode() + b"\0" + content)
            target = code / name
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            target.unlink(missing_ok=True)  # of a relay before this one
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
                file.write(content)
    if whole.hexdigest() != told["sha256"]:
        raise ValueError("it sent other code than was asked for")


def listen(told: dict[str, Any], token: str) -> list[threading.Thread]:
    """Wait for the app's side, one connection a stream in their order, and carry each."""
    threads = []
    way = Path(told["way"])
    way.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(way))
        way.chmod(0o666)
        listener.listen(len(told["streams"]))
        for stream in told["streams"]:
            inside, _ = listener.accept()
            outside = dial(told, token, stream)
            thread = threading.Thread(target=carry, args=(outside, inside), daemon=True)
            thread.start()
            threads.append(thread)
    way.unlink(missing_ok=True)
    return threads


def carry(line: ssl.SSLSocket, plain: socket.socket) -> None:
    """Carry bytes both ways until either side has ended; then neither is of use.

    In one thread: OpenSSL lets no two of them use a connection at the same time.
    """
    line.setblocking(False)
    plain.setblocking(True)
    with suppress(OSError):
        while True:
            if not line.pending():
                select.select([line, plain], [], [])
            with suppress(ssl.SSLWantReadError):  # a part of a record, or a word of TLS itself
                if not (piece := line.recv(_PIECE)):
                    break
                plain.sendall(piece)
            if select.select([plain], [], [], 0)[0]:
                if not (piece := plain.recv(_PIECE)):
                    break
                send(line, piece)
    for one in (line, plain):
        hang_up(one)


def send(line: ssl.SSLSocket, content: bytes) -> None:
    """Send all of it over a connection that does not block."""
    view = memoryview(content)
    while view:
        try:
            view = view[line.send(view) :]
        except ssl.SSLWantWriteError:
            select.select([], [line], [])
        except ssl.SSLWantReadError:
            select.select([line], [], [])


def hang_up(one: socket.socket) -> None:
    """End a connection under whoever uses it; by TLS's own way that one would go on to read ciphertext."""
    with suppress(OSError):
        socket.socket.shutdown(one, socket.SHUT_RDWR)


def _exactly(sender: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        if not (piece := sender.recv(min(count - len(received), _PIECE))):
            raise ConnectionResetError("it hung up")
        received += piece
    return bytes(received)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
