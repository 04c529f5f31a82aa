"""Signed checkpoints: the C2SP `tlog-checkpoint` format inside a C2SP `signed-note`, with Ed25519."""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    """The state of the log at one size."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The body that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class Signer:
    """Signs checkpoints in the name of one log."""

    def __init__(self, origin: str, seed: bytes) -> None:
        self.origin = origin
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._key.public_key().public_bytes_raw()
        self._id = _key_id(origin, self._public)

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note."""
        return self.sign_text(checkpoint.text())

    def sign_text(self, text: str) -> str:
        """Lines that are no checkpoint as a signed note."""
        signature = base64.b64encode(self._id + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.origin} {signature}\n"

    def verifier_key(self) -> str:
        """The public key in the `vkey` notation of signed notes: name+hash+key."""
        return f"{self.origin}+{self._id.hex()}+{base64.b64encode(_ED25519 + self._public).decode()}"


def opened(note: str, verifier_key: str) -> Checkpoint | None:
    """The checkpoint in `note`, or None when it is malformed or not signed by `verifier_key`."""
    try:
        name, _, rest = verifier_key.partition("+")
        key = base64.b64decode(rest.partition("+")[2], validate=True)[1:]
        body, _, signatures = note.partition("\n\n")
        text = body + "\n"
        origin, size, root = text.rstrip("\n").split("\n")[:3]
        if origin != name:  # some other text that this key signed
            return None
        for line in signatures.splitlines():
            dash, signer, signature = line.split(" ")
            if dash != "—" or signer != name:
                continue
            raw = base64.b64decode(signature, validate=True)
            if raw[:4] != _key_id(name, key):
                continue
            Ed25519PublicKey.from_public_bytes(key).verify(raw[4:], text.encode())
            return Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except (ValueError, InvalidSignature):
        return None
    return None


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]
