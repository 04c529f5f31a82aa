"""Short jobs from a queue, beside as many bare processes."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from handrail import apps, runtime
from handrail.kernel import Instance
from handrail_bench.runtime.bare import Bare
from handrail_bench.runtime.who import AS_MAKER, manifest

_WORK = "total = sum(n * n for n in range(2_000_000))\nprint(total)\n"


def queued(instance: Instance, bare: Bare, count: int, details: dict[str, Any]) -> dict[str, Any]:
    """So many jobs of a quarter of a second, as many at a time as an instance takes: how many were lost, and
    how many times as fast they were done as the same work by bare processes, two at a time.
    """
    with instance.context(AS_MAKER) as ctx:
        version = apps.push(
            ctx, {"handrail.toml": manifest("short", "job", "report"), "app.py": _WORK.encode()}, "x"
        )
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda _: bare.run(_WORK), range(count)):
            pass
    peer = time.perf_counter() - began
    wanted = []
    for _ in range(count):
        with instance.context(AS_MAKER) as ctx:
            wanted.append(apps.run(ctx, "short", version.commit, twin="hostile").id)
    supervisor = runtime.Supervisor(instance)
    began = time.perf_counter()
    supervisor.start()
    try:
        left = list(wanted)  # the queue's order: who waits for the last asks after one at a time
        while left and time.perf_counter() - began < 60 + 20 * peer:
            with instance.context(AS_MAKER) as ctx:
                while left and runtime.run(ctx, left[-1]).over:
                    left.pop()
            time.sleep(0.5)  # asking costs this process time that jobs would have
        ours = time.perf_counter() - began
    finally:
        supervisor.stop()
    with instance.context(AS_MAKER) as ctx:
        ended = [runtime.run(ctx, one).state for one in wanted]
    details["jobs_seconds"] = [round(ours, 2), round(peer, 2)]
    return {"jobs_lost": count - ended.count("succeeded"), "jobs_throughput_ratio": peer / ours}
