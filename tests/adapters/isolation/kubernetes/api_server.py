"""An API server over real TLS that knows one story: what it is asked, in which words, and what it says to that.

A story is a file in `exchanges/`: requests with their answers, each good for one request unless it says `often`. A
request that no line of the story has is refused, noted, and fails the test. In a story `<job>` is the name that the
Job was given, `<any>` any value, and {"file": NAME} the content of another file there. A watch is lines with pauses:
until the app has ended, or until its Job was deleted.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from tests.adapters.isolation.kubernetes.node import Node

STORIES = Path(__file__).with_name("exchanges")
TOKEN = "a-token-that-nobody-may-see"
_PATIENCE = 30.0


class Story:
    """What was written down, what of it was asked, and what was asked that it does not have."""

    def __init__(self, name: str, node: Node) -> None:
        told = json.loads((STORIES / f"{name}.json").read_text())
        self.exchanges: list[dict[str, Any]] = _whole(told["exchanges"])
        self.node = node
        self.asked: list[tuple[str, str]] = []
        self.unknown: list[str] = []
        self.job = ""
        self._used: set[int] = set()
        self._lock = threading.Lock()

    @property
    def unasked(self) -> list[str]:
        """What the story has and nobody asked."""
        left = [one for at, one in enumerate(self.exchanges) if at not in self._used]
        return [
            f"{one['request']['method']} {one['request']['path']}" for one in left if not one.get("often")
        ]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> dict[str, Any]:
        """The answer to a request, where the story has it."""
        with self._lock:
            self.asked.append((method, path))
            if method == "POST" and path.endswith("/jobs"):
                self.job, self.node.pod = body["metadata"]["name"], body["spec"]["template"]["spec"]
            for at, one in enumerate(self.exchanges):
                if at in self._used or (one.get("after") == "deleted" and not self.node.deleted.is_set()):
                    continue
                wanted = one["request"]
                same = (wanted["method"], self._filled(wanted["path"])) == (method, path)
                if (
                    same
                    and self._fits(wanted.get("query", {}), query)
                    and self._fits(wanted.get("body"), body)
                ):
                    if not one.get("often"):
                        self._used.add(at)
                    found: dict[str, Any] = self._filled(one["response"])
                    return found
            self.unknown.append(f"{method} {path} {query} {json.dumps(body)}")
            said = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "code": 418,
                "message": "not in the story",
            }
            return {"status": 418, "body": said}

    def _fits(self, wanted: Any, given: Any) -> bool:
        if wanted == "<any>":
            return given is not None
        if isinstance(wanted, dict) and isinstance(given, dict):
            return wanted.keys() == given.keys() and all(
                self._fits(wanted[key], given[key]) for key in wanted
            )
        if isinstance(wanted, list) and isinstance(given, list):
            return len(wanted) == len(given) and all(map(self._fits, wanted, given))
        return bool(self._filled(wanted) == given)

    def _filled(self, told: Any) -> Any:
        return json.loads(json.dumps(told).replace("<job>", self.job))


def _whole(told: Any) -> Any:
    if isinstance(told, dict):
        if told.keys() == {"file"}:
            return json.loads((STORIES / told["file"]).read_text())
        return {key: _whole(value) for key, value in told.items()}
    return [_whole(one) for one in told] if isinstance(told, list) else told


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    story: Story

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        where = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            said = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "code": 401,
                "message": "Unauthorized",
            }
            self._say({"status": 401, "body": said})
            return
        found = self.story.answer(self.command, where.path, dict(parse_qsl(where.query)), body)
        if "watch" in found:
            self._watch(found["watch"])
            return
        self._say(found)
        if found["status"] < 300 and self.command == "POST" and where.path.endswith("/secrets"):
            self.story.node.start(body)
        if found["status"] < 300 and self.command == "DELETE":
            self.story.node.delete()

    do_GET = do_POST = do_PATCH = do_DELETE = _do

    def _say(self, found: dict[str, Any]) -> None:
        content = json.dumps(found["body"]).encode()
        self.send_response(found["status"])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _watch(self, lines: list[Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            if pause := line.get("until"):
                event = self.story.node.ended if pause == "the app has ended" else self.story.node.deleted
                event.wait(_PATIENCE)
                continue
            content = json.dumps(line).encode() + b"\n"
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who has left, or does not trust us."""


class _Tls(_Handler):
    context: ssl.SSLContext

    def setup(self) -> None:
        self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()


@contextmanager
def telling(story: Story, folder: Path) -> Iterator[Path]:
    """Serve a story; gives the kubeconfig of who may ask."""
    folder.mkdir(exist_ok=True)
    authority, chain = _certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    handler = type("Handler", (_Tls,), {"story": story, "context": context})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield kubeconfig(folder, f"https://127.0.0.1:{server.server_address[1]}", authority)
        finally:
            server.shutdown()
            thread.join()


def kubeconfig(folder: Path, server: str, authority: Path, **cluster: Any) -> Path:
    """Write a kubeconfig for one cluster and one user with a token."""
    made = {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "handrail"}}],
        "clusters": [{"name": "here", "cluster": {"server": server, "certificate-authority": str(authority), **cluster}}],
        "users": [{"name": "handrail", "user": {"token": TOKEN}}],
    }  # fmt: skip
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(made))
    return file


def _certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and the certificate and key of a server at 127.0.0.1."""
    import ipaddress

    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("authority", "server")}
    for name, key in keys.items():
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(own)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "authority", path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(keys["authority"], SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        pem = built.public_bytes(serialization.Encoding.PEM)
        (folder / f"{name}.pem").write_bytes(pem + (private if name == "server" else b""))
    return folder / "authority.pem", folder / "server.pem"
