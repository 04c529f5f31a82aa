"""Attacks over sockets; an app that people come to has a loopback of its own, and nothing beyond it."""

import os
import socket
import struct
from pathlib import Path

from handrail.runtime.probes.attempts import CANARY, attack, attacks, connects, has_socket

_HOSTED: bool = CANARY["hosted"]

attacks.append(("connects to a service of the host", connects(socket.AF_INET, ("127.0.0.1", CANARY["port"]))))
attacks += [
    ("connects to an abstract socket of the host", connects(socket.AF_UNIX, "\0" + CANARY["abstract"])),
    ("connects to a socket file of the host", connects(socket.AF_UNIX, CANARY["socket"])),
    ("connects to a socket file through /proc", connects(socket.AF_UNIX, f"/proc/1/root{CANARY['socket']}")),
    ("sends a datagram to a name server", connects(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM)),
    ("reaches the service of a cloud that tells its keys", connects(socket.AF_INET, ("169.254.169.254", 80))),
]
for name, family, kind in (
    ("netlink", 16, 3), ("packet", 17, 3), ("vsock", 40, 1), ("raw IPv4", 2, 3), ("raw IPv6", 10, 3),
    ("SCTP", 2, 5), ("kernel crypto", 38, 5), ("key management", 15, 3), ("CAN", 29, 3), ("TIPC", 30, 5),
    ("Bluetooth", 31, 3), ("XDP", 44, 3),
):  # fmt: skip
    attacks.append((f"makes a {name} socket", has_socket(family, kind)))
if not _HOSTED:
    for name, family, kind in (("IPv4", 2, 1), ("IPv6", 10, 1), ("UDP", 2, 2)):
        attacks.append((f"makes a {name} socket", has_socket(family, kind)))


@attack("reads a descriptor of Handrail over its door")
def _passed() -> object:
    door = socket.socket(fileno=os.dup(int(os.environ["HANDRAIL_FD"])))
    credentials = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, _, _ = struct.unpack("iII", credentials)
    return Path(f"/proc/{pid}/environ").read_bytes() if pid > 4 else None


@attack("finds an interface beyond its own loopback")
def _interfaces() -> object:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return [line.split(":")[0].strip() for line in lines if line.split(":")[0].strip() != "lo"] or None


@attack("finds a way out in its routes")
def _routes() -> object:
    return Path("/proc/net/route").read_text().splitlines()[1:] or None


@attack("sees connections of the host")
def _connections() -> object:
    wanted = f":{CANARY['port']:04X} "
    return [line for line in Path("/proc/net/tcp").read_text().splitlines() if wanted in line] or None
