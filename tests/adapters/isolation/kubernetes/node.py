"""What a machine of the cluster does for a pod, without containers: both its programs really run, each as its own
user, in folders instead of volumes.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any


class Node:
    """Starts a pod's programs when its secret is there, and ends them with its Job."""

    def __init__(self, python: Path, users: tuple[int, int] = (52_001, 52_002)) -> None:
        self._python, self._users = python, users
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="handrail-node-"))
        self._folder.chmod(0o755)
        self.ended, self.deleted = threading.Event(), threading.Event()
        self.code: int | None = None
        self.said = b""  # to the machine's own log, by app and relay
        self.idle = False  # whether no pod is to be started

    def start(self, secret: dict[str, Any]) -> None:
        """Lay down what the two containers see of the secret, and start both."""
        if self.idle:
            return
        data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
        for folder in ("app", "work", "way", "relay", "enter"):
            (self._folder / folder).mkdir()
            (self._folder / folder).chmod(0o777)
        told, entering = json.loads(data["told.json"]), json.loads(data["enter.json"])
        told["code"] = str(self._folder / "app")
        told["way"] = entering["way"] = str(self._folder / "way" / "socket")
        entering["work"] = str(self._folder / "work")
        entering["command"] = [word.replace("/app/", f"{self._folder}/app/") for word in entering["command"]]
        parts = {
            "relay": {"relay.py": data["relay.py"], "token": data["token"], "told.json": json.dumps(told).encode()},
            "enter": {
                "enter.py": data["enter.py"], "filter": data["filter"], "enter.json": json.dumps(entering).encode(),
            },
        }  # fmt: skip
        for container, files in parts.items():
            for name, content in files.items():
                (self._folder / container / name).write_bytes(content)
        self._start("relay", self._users[1])
        app = self._start("enter", self._users[0])
        threading.Thread(target=self._wait_for, args=(app,), daemon=True).start()

    def delete(self) -> None:
        """End both, as the end of a Job does."""
        self.deleted.set()
        for process in self._processes:
            process.kill()

    def close(self) -> None:
        """Leave nothing."""
        self.delete()
        for process in self._processes:
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, name: str, user: int) -> subprocess.Popen[bytes]:
        folder = self._folder / name
        whom: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
        process = subprocess.Popen(
            [self._python, "-I", "-B", folder / f"{name}.py", folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"FROM": "the image", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, **whom,
        )  # fmt: skip
        self._processes.append(process)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.said += line

    def _wait_for(self, app: subprocess.Popen[bytes]) -> None:
        self.code = app.wait()
        self.ended.set()
