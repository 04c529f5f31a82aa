"""What everything so far left behind: a trail that proves itself."""

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from handrail.kernel.trail import verify
from handrail.server import open_instance
from handrail_demo import seed
from handrail_demo.tour.acts import ask, rows
from handrail_demo.tour.stage import Stage
from handrail_demo.tour.steps import Chapter, Missed, must

chapter: Chapter[Stage] = Chapter("compliance")


@chapter.step("looks for the refusals of this tour", expected="each stands on the trail, with who and why")
def _(stage: Stage) -> str:
    entries = stage.rest("compliance", "GET", "/api/v1/audit?verb=request.refused&limit=500").done()
    people = sorted({entry["person"] for entry in entries})
    return must(len(entries) >= 10, f"{len(entries)} refusals of {len(people)} people")


@chapter.step("asks who saw a customer", expected="the viewer who was shown that row, and nobody else")
def _(stage: Stage) -> str:
    sql = "SELECT customer_id FROM customers ORDER BY customer_id LIMIT 1"
    [(customer,)] = rows(ask(stage, "viewer.apac", {"sql": sql}))
    asked = {"about": "customer", "entity": str(customer)}
    found = stage.rest("compliance", "POST", "/api/v1/who-saw", asked).done()
    people = sorted({one["person"] for one in found if one["certain"]})
    return must(people == ["viewer.apac"], f"customer {customer}: {', '.join(people)}")


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
        opened = open_instance(copy)
        try:
            with opened.context(seed.acting(opened, "compliance")) as ctx:
                verified = verify(ctx)
        finally:
            opened.close()
    return must(
        not verified.ok, verified.problems[0] if verified.problems else "the flipped byte went unseen"
    )


def _beside_the_trail(_folder: str, names: list[str]) -> set[str]:
    return {
        name for name in names if name.startswith("handrail.db") or name in ("source", "extracts", "twins")
    }
