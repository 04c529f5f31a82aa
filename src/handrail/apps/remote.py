"""What only this room asks of a server: to take an app's folder, and to say when a run is over."""

import io
import json
import secrets
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from handrail import kit

LOOK_AGAIN = 0.5  # seconds between two looks at a run


def push(remote: kit.Remote, files: Mapping[str, bytes], why: str, prompts: str) -> Any:
    """Send an app as a zip with its why and prompts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    edge = secrets.token_hex(16)
    fields = {"why": why, "prompts": prompts}
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in fields.items()]  # fmt: skip
    head = f'--{edge}\r\nContent-Disposition: form-data; name="app"; filename="app.zip"\r\n\r\n'
    body = b"".join([*parts, head.encode(), packed.getvalue(), f"\r\n--{edge}--\r\n".encode()])
    return json.loads(remote.fetch("POST", "/apps", body, f"multipart/form-data; boundary={edge}"))


def wait(remote: kit.Remote, run_id: str) -> Any:
    """The run, once it is over."""
    while True:
        run = remote.get(f"/runs/{run_id}")
        if run["finished"] is not None:
            return run
        time.sleep(LOOK_AGAIN)
