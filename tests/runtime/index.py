"""A package index on the loopback, as PEP 503 has it, with small wheels that are written here."""

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Index:
    """Serves whatever was put into it; `asked` are the addresses that somebody asked for, with who said so."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.told: dict[str, str] = {}  # a hash that the index tells of a file instead of the real one
        self.asked: list[str] = []
        self.credentials: set[str] = set()
        self.url = ""

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        files: Mapping[str, bytes] | None = None,
        requires: Sequence[str] = (),
    ) -> None:
        """Offer a wheel; without files it holds one module of its name, with its version."""
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        content = dict(files if files is not None else {f"{module}.py": f"version = {version!r}\n".encode()})
        needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
        content[f"{info}/METADATA"] = (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode()
        )
        content[f"{info}/WHEEL"] = (
            b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        record = "".join(f"{path},{_sha(data)},{len(data)}\n" for path, data in content.items())
        content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path, data in content.items():
                archive.writestr(zipfile.ZipInfo(path), data)  # the same wheel whenever it is made
        self.files.setdefault(name, {})[f"{module}-{version}-py3-none-any.whl"] = packed.getvalue()

    def sdist(self, name: str, code: bytes, version: str = "1.0") -> None:
        """Offer a source distribution that runs this code when it is built, as setup.py and as its own backend."""
        project = b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path, data in {
                "setup.py": code,
                "backend.py": code,
                "pyproject.toml": project,
                "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
            }.items():
                entry = tarfile.TarInfo(f"{name}-{version}/{path}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        self.files.setdefault(name, {})[f"{name}-{version}.tar.gz"] = packed.getvalue()

    def answer(self, path: str) -> bytes | None:
        """What lies at an address."""
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2 and parts[1] in self.files:
            links = (
                f'<a href="/files/{parts[1]}/{file}#sha256={self._hash(file, data)}">{file}</a>'
                for file, data in self.files[parts[1]].items()
            )
            return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        if parts[0] == "files" and len(parts) == 3:
            return self.files.get(parts[1], {}).get(parts[2])
        return None

    def _hash(self, file: str, data: bytes) -> str:
        return self.told.get(file) or hashlib.sha256(data).hexdigest()


def _sha(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@contextmanager
def serving() -> Iterator[Index]:
    """An index that answers until the end."""
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append(self.path)
            index.credentials.add(self.headers.get("Authorization", ""))
            content = index.answer(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", "text/html" if "/simple/" in self.path else "application/zip")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if content and self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
