"""Another app, which lives while a sandbox is attacked: leaves canaries where apps write, listen and run."""

import json
import socket
import sys
import time
from pathlib import Path

told = json.loads(Path("/app/canary.json").read_text())
name = told["name"]
for place in ("/work", "/tmp", "/dev/shm"):  # noqa: S108 - the sandbox's own
    Path(place, name).write_text(name)
abstract = socket.socket(socket.AF_UNIX)
abstract.bind(f"\0{name}")
abstract.listen()
ports = [socket.create_server(("127.0.0.1", port)) for port in (8501, 7860, 8050) if told["hosted"]]
sys.stdout.write("ready\n")
sys.stdout.flush()
time.sleep(600)
