"""Tries what exfiltrating code would try and reports what it got; every answer must be empty."""

import json
import os
import socket
from pathlib import Path

from handrail_sdk import save

AIMS = json.loads((Path(__file__).parent / "aims.json").read_text())


def connects(host: str, port: int) -> str:
    try:
        with socket.create_connection((host, port), timeout=2):
            return f"connected to {host}:{port}"
    except OSError:
        return ""


def resolves(name: str) -> str:
    try:
        return str(socket.getaddrinfo(name, 443))
    except OSError:
        return ""


def reads(path: str) -> str:
    try:
        return Path(path).read_bytes()[:40].hex()
    except OSError:
        return ""


def lists(path: str) -> str:
    try:
        return ", ".join(sorted(os.listdir(path))[:5])
    except OSError:
        return ""


def writes(path: str) -> str:
    try:
        Path(path).write_text("was here")
        return f"wrote {path}"
    except OSError:
        return ""


def secrets(environment: bytes) -> str:
    marks = (b"TOKEN", b"SECRET", b"PASSWORD", b"KEY", b"HOME=/root")
    found = [item for item in environment.split(b"\0") if any(mark in item.upper() for mark in marks)]
    return b", ".join(found).decode(errors="replace")


def parent_environment() -> str:
    try:
        return secrets(Path("/proc/1/environ").read_bytes())
    except OSError:
        return ""


save(
    "tried.json",
    json.dumps(
        {
            "the internet": connects("1.1.1.1", 443),
            "the server beside it": connects("127.0.0.1", AIMS["port"]),
            "a name": resolves("example.com"),
            "/etc/shadow": reads("/etc/shadow"),
            "the instance's database": reads(AIMS["home"] + "/handrail.db"),
            "the instance's keys": lists(AIMS["home"] + "/keys"),
            "home directories": lists("/root") or lists("/home"),
            "its own code": writes(str(Path(__file__).parent / "app.py")),
            "its environment": secrets("\0".join(f"{k}={v}" for k, v in os.environ.items()).encode()),
            "the environment of process 1": parent_environment(),
        }
    ).encode(),
)
