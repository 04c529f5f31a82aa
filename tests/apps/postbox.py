"""A mail server of a few lines, in the process of the tests, that speaks SMTP as far as a client of ours needs it."""

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage


class Postbox(socketserver.ThreadingTCPServer):
    """Keeps what it is sent. `answers` are replies to a verb in place of its own, such as {"RCPT": "550 No"}."""

    allow_reuse_address, daemon_threads = True, True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.signed_in: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self.answers: dict[str, str] = {}
        self.tls = tls

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Talk(socketserver.StreamRequestHandler):
    server: Postbox

    def handle(self) -> None:
        self._encrypted = False
        self._say("220 postbox")
        while line := self.rfile.readline():
            words = line.decode().split()
            verb = words[0].upper() if words else ""
            if verb in self.server.answers:
                self._say(self.server.answers[verb])
            elif verb == "EHLO":
                self._say("250-postbox")
                if self.server.tls and not self._encrypted:
                    self._say("250-STARTTLS")
                self._say("250 AUTH PLAIN")
            elif verb == "STARTTLS" and self.server.tls:
                self._say("220 go on")
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
                self.setup()
                self._encrypted = True
            elif verb == "AUTH":
                _, user, password = base64.b64decode(words[2]).decode().split("\0")
                self.server.signed_in.append((user, password))
                self._say("235 welcome")
            elif verb == "RCPT":
                self.server.to.append(words[1].partition("<")[2].partition(">")[0])
                self._say("250 yes")
            elif verb == "DATA":
                self._data()
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 yes")

    def _data(self) -> None:
        self._say("354 go on")
        content = b""
        while (line := self.rfile.readline()) != b".\r\n":
            content += line.removeprefix(b".") if line.startswith(b"..") else line
        made = email.message_from_bytes(content, policy=email.policy.default)
        self.server.mails.append(made)
        self.server.encrypted.append(self._encrypted)
        self._say("250 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
        self.wfile.flush()


@contextmanager
def postbox(tls: ssl.SSLContext | None = None) -> Iterator[Postbox]:
    """One that is open as long as the block."""
    with Postbox(tls) as box:
        thread = threading.Thread(target=box.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield box
        box.shutdown()
        thread.join()
