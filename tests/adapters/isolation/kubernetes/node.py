"""What a machine of the cluster does for a pod: it starts the containers that the Job asks for, with its volumes.

Both programs really run, each as its own user, in a mount namespace of exactly the mounts of its container: a path that
the pod does not mount is not there, and what it mounts read-only cannot be written. What only a runtime can do (a kernel
of its own, network policies, the memory of a pod) is not done here.
"""

import base64
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_IMAGE = (
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
    "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev",
)  # fmt: skip


class Node:
    """Starts a Job's containers when its secret is there, and ends them with the Job."""

    def __init__(self, python: Path, layers: Path) -> None:
        self._python, self._layers = python, layers
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="handrail-node-"))
        self._folder.chmod(0o755)
        self.pod: dict[str, Any] = {}
        self.ended, self.deleted = threading.Event(), threading.Event()
        self.code: int | None = None
        self.said = b""  # to the machine's own log, by app and relay
        self.idle = False  # whether no pod is to be started

    def start(self, secret: dict[str, Any]) -> None:
        """Lay down the volumes, and start both containers."""
        if self.idle:
            return
        for volume in self.pod["volumes"]:
            place = self._folder / volume["name"]
            place.mkdir()
            place.chmod(0o777 if "emptyDir" in volume else 0o755)
            for item in volume.get("secret", {}).get("items", ()):
                (place / item["path"]).write_bytes(base64.b64decode(secret["data"][item["key"]]))
        self._start(self.pod["initContainers"][0])
        app = self._start(self.pod["containers"][0])
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

    def _start(self, container: dict[str, Any]) -> subprocess.Popen[bytes]:
        user = str(container["securityContext"]["runAsUser"])
        becoming = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--")
        image = [*_IMAGE]
        if not self._python.is_relative_to("/usr"):
            image += ["--ro-bind", str(self._python.parents[1]), str(self._python.parents[1])]
        words = (
            *(becoming if os.geteuid() == 0 else ()), "bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc",
            "--uid", user, "--gid", user, "--die-with-parent", *image, *self._mounts(container),
            "--chdir", container.get("workingDir", "/"), "--remount-ro", "/",
            "--setenv", "FROM", "the image", "--setenv", "KUBERNETES_SERVICE_HOST", "10.0.0.1", *container["command"],
        )  # fmt: skip
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin"},
        )
        self._processes.append(process)
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _mounts(self, container: dict[str, Any]) -> Iterator[str]:
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        for mount in container["volumeMounts"]:
            claimed = "persistentVolumeClaim" in volumes[mount["name"]]
            source = self._layers / mount["subPath"] if claimed else self._folder / mount["name"]
            yield from ("--ro-bind" if mount["readOnly"] else "--bind", str(source), mount["mountPath"])

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.said += line

    def _wait_for(self, app: subprocess.Popen[bytes]) -> None:
        self.code = app.wait()
        self.ended.set()
