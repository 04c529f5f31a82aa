"""What everything so far left behind: a trail that proves itself."""

import json
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from handrail_demo.tour.stage import Stage, handrail
from handrail_demo.tour.steps import Chapter, Missed, must

chapter: Chapter[Stage] = Chapter("compliance")


@chapter.step("looks for the refusals of this tour", expected="each stands on the trail, with who and why")
def _(stage: Stage) -> str:
    entries = stage.rest("compliance", "GET", "/api/v1/audit?verb=request.refused&limit=500").done()
    people = sorted({entry["person"] for entry in entries})
    return must(len(entries) >= 10, f"{len(entries)} refusals of {len(people)} people")


@chapter.step("verifies the trail", expected="whole, entry by entry, against what was signed")
def _(stage: Stage) -> str:
    done = stage.cli("audit", "verify", "--as", "compliance", "--json")
    if done.returncode:
        raise Missed(done.stderr.strip())
    found = json.loads(done.stdout)
    return must(found["ok"], f"{found['size']:,} entries, root {found['root'][:16]}")


@chapter.step("one byte of a copy is flipped", expected="found", refuses=True)
def _(stage: Stage) -> str:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(stage.home, copy, ignore=_beside_the_trail)
        live, target = (sqlite3.connect(home / "handrail.db") for home in (stage.home, copy))
        with closing(live), closing(target):
            live.backup(target)
            found = "SELECT seq, body FROM audit_entries WHERE verb = 'dataset.certified' LIMIT 1"
            [(seq, body)] = target.execute(found).fetchall()
            flipped = bytes([*body[:20], body[20] ^ 1, *body[21:]])
            target.execute("UPDATE audit_entries SET body = ? WHERE seq = ?", (flipped, seq))
            target.commit()
        done = subprocess.run(
            [handrail(), "audit", "verify", "--home", str(copy), "--as", "compliance", "--json"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    if done.returncode != 1:
        raise Missed(f"exit {done.returncode}: the flipped byte went unseen")
    return str(json.loads(done.stderr)["message"])


def _beside_the_trail(_folder: str, names: list[str]) -> set[str]:
    return {
        name for name in names if name.startswith("handrail.db") or name in ("source", "extracts", "twins")
    }
