"""Runs as Jobs, each before an API server that knows one story (`exchanges/`) and lets no other request pass.

The driver, its client, TLS, the relay and the program that becomes the app are the real ones; the stories were
written after Kubernetes' published schema, as no API server was to be had.
"""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.adapters.isolation.kubernetes import Kubernetes, attempt, following
from handrail.adapters.isolation.kubernetes.ready import process
from handrail.kernel import Conflict, Invalid, LimitReached, NotReady, Refusal, Upstream
from handrail.kernel.sandbox import Outcome, Sandbox
from handrail_sdk import wire
from tests.adapters.isolation.kubernetes.api_server import TOKEN, Story, kubeconfig, telling
from tests.adapters.isolation.kubernetes.conftest import LIMITS, Cluster, layer_in, settings_for
from tests.adapters.isolation.kubernetes.node import Node

Tells = Callable[..., Cluster]


def test_a_run_is_a_job_that_ends_and_is_gone(tells: Tells) -> None:
    there = tells("ends_well")
    outcome, printed = there.run("print('made in a pod')")
    assert (outcome.ended, outcome.code, printed) == ("exited", 0, "made in a pod\n")
    assert there.node.deleted.is_set()


def test_what_an_app_prints_is_in_no_log_of_its_machine(tells: Tells) -> None:
    there = tells("ends_well")
    _, printed = there.run("import sys; print('a figure'); print('another', file=sys.stderr)")
    assert sorted(printed.splitlines()) == ["a figure", "another"]
    assert there.node.said == b""


def test_an_app_asks_at_its_door_and_is_answered(tells: Tells) -> None:
    asked: list[object] = []

    def door(ours: socket.socket) -> None:
        asked.append(wire.receive_message(ours))
        wire.send_message(ours, {"stream": True})
        wire.send_content(ours, [b"x" * 1_000_000] * 3)
        with pytest.raises(wire.Closed):  # the run has ended, and so has its end
            wire.receive_message(ours)

    there = tells("ends_well")
    code = (
        "import json, os, socket, struct\n"
        "door = socket.socket(fileno=int(os.environ['HANDRAIL_FD']))\n"
        "said = json.dumps({'verb': 'me'}).encode()\n"
        "door.sendall(struct.pack('>I', len(said)) + said)\n"
        "whole = b''\n"
        "while len(whole) < 3_000_000: whole += door.recv(1 << 16)\n"
        "print('answered')\n"
    )
    _, printed = there.run(code, door=door)
    assert asked == [{"verb": "me"}]
    assert printed == "answered\n"


def test_an_app_finds_the_environment_that_any_sandbox_has_and_nothing_of_the_pod(tells: Tells) -> None:
    there = tells("ends_well")
    _, printed = there.run(
        "import json, os; print(json.dumps(dict(os.environ)))\nprint(open('/proc/self/environ').read())"
    )
    found = json.loads(printed.splitlines()[0])
    assert found.pop("HANDRAIL_FD")
    assert found == {
        "PATH": "/usr/bin", "HOME": "/work", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC",
        "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "/sdk:/layer",
    }  # fmt: skip
    assert "the image" not in printed
    assert "KUBERNETES" not in printed


def test_the_network_of_a_pod_is_not_its_apps(tells: Tells) -> None:
    there = tells("ends_well")
    code = (
        "import socket\n"
        "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):\n"
        "    try: socket.socket(family, socket.SOCK_DGRAM); print('open', family)\n"
        "    except OSError as error: print(error.strerror)\n"
    )
    _, printed = there.run(code)
    assert "open" not in printed
    assert printed.count("\n") == 4


def test_an_app_does_not_reach_the_relay_again_that_it_came_by(tells: Tells) -> None:
    there = tells("ends_well")
    code = (
        "import os, socket, time\n"
        "for _ in range(200):\n"
        "    if not os.path.exists('/handrail/way/socket'): break\n"
        "    time.sleep(0.05)\n"
        "again = socket.socket(socket.AF_UNIX)\n"
        "try: again.connect('/handrail/way/socket'); print('connected')\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    _, printed = there.run(code)
    assert printed == "FileNotFoundError\n"


def test_each_process_of_an_app_has_the_limits_that_it_has_elsewhere(tells: Tells) -> None:
    there = tells("ends_well")
    code = (
        "import resource as r\n"
        "for name in ('NPROC', 'NOFILE', 'FSIZE', 'CORE', 'MEMLOCK', 'CPU'):\n"
        "    print(name, *r.getrlimit(getattr(r, 'RLIMIT_' + name)))\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith(('NoNewPrivs', 'Seccomp:'))])\n"
    )
    _, printed = there.run(code)
    assert printed.splitlines() == [
        "NPROC 24 24", "NOFILE 256 256", f"FSIZE {8 << 20} {8 << 20}", "CORE 0 0", f"MEMLOCK {1 << 20} {1 << 20}",
        "CPU 40 40", "['1', '2']",
    ]  # fmt: skip


def test_an_app_writes_to_its_own_folders_and_sees_no_secret_of_its_relay(tells: Tells) -> None:
    there = tells("ends_well")
    code = (
        "import os\n"
        "for place in ('/app', '/sdk', '/layer', '/handrail/way', '/handrail/enter', '/', '/work', '/tmp', '/dev/shm'):\n"
        "    try: open(place + '/x', 'w').close(); print('wrote', place)\n"
        "    except OSError: pass\n"
        "print(sorted(os.listdir('/handrail')), sorted(os.listdir('/handrail/enter')), os.getuid() > 0)\n"
    )
    _, printed = there.run(code)
    *wrote, seen = printed.splitlines()
    assert wrote == ["wrote /work", "wrote /tmp", "wrote /dev/shm"]
    assert seen == "['enter', 'way'] ['enter.json', 'enter.py', 'filter'] True"


def test_an_app_inherits_its_door_and_nothing_else(tells: Tells) -> None:
    there = tells("ends_well")
    _, printed = there.run(
        "import os\nprint([n for n in range(3, 200) if os.path.exists(f'/proc/self/fd/{n}')], os.environ['HANDRAIL_FD'], repr(os.read(0, 9)))"
    )
    held, door, read = printed.strip().replace("[", "").replace("]", "").split(" ")
    assert held == door
    assert read == "b''"


@pytest.mark.parametrize(
    ("story", "ended", "code", "said"),
    [
        ("ends_with_an_error", "exited", 3, ""),
        ("is_killed_for_memory", "memory", 137, ""),
        ("is_ended_by_a_signal", "signal", 11, ""),
        ("is_evicted", "lost", 0, "Evicted: The node was low on resource: memory."),
        ("is_disrupted", "lost", 0, "EvictionByEvictionAPI: Eviction API: evicting"),
        ("misses_its_deadline", "timeout", 0, ""),
        ("is_deleted_by_somebody", "lost", 0, "its pod was deleted by somebody else than Handrail"),
        ("watches_what_is_too_old", "exited", 0, ""),
        ("loses_the_api_server", "exited", 0, ""),
        ("finds_its_name_taken", "exited", 0, ""),
        ("cannot_be_deleted", "exited", 0, ""),
    ],
)
def test_a_pod_ends_in_many_ways_and_each_is_told(
    tells: Tells, story: str, ended: str, code: int, said: str
) -> None:
    outcome, printed = tells(story).run("print('it ran')")
    assert (outcome.ended, outcome.code, outcome.detail) == (ended, code, said)
    assert printed == "it ran\n"


def test_a_pod_without_an_image_is_told_at_once(tells: Tells) -> None:
    there = tells("has_no_image")
    there.node.idle = True
    outcome, _ = there.run("print('it ran')")
    assert outcome.ended == "unstarted"
    assert outcome.detail.startswith("relay: ImagePullBackOff Back-off pulling image")


def test_a_pod_that_no_machine_takes_is_given_up_after_a_while(tells: Tells) -> None:
    there = tells("finds_no_machine", start_seconds=2)
    # The deadline that the Job has is in its recording.
    for one in there.story.exchanges:
        if one["request"]["path"].endswith("/jobs") and one["request"]["method"] == "POST":
            one["request"]["body"]["spec"]["activeDeadlineSeconds"] = 52
            one["request"]["body"]["spec"]["template"]["spec"]["activeDeadlineSeconds"] = 52
    there.node.idle = True
    outcome, _ = there.run("print('it ran')")
    assert outcome.ended == "unstarted"
    assert (
        outcome.detail
        == "no machine of the cluster takes it: 0/3 nodes are available: 3 Insufficient memory."
    )


@pytest.mark.parametrize(
    ("story", "kind", "said"),
    [
        ("has_no_room_for_a_job", LimitReached, "exceeded quota"),
        ("may_not_start_jobs", NotReady, "Handrail may not start a Job"),
        ("finds_every_name_taken", Conflict, "already exists"),
        ("api_server_is_busy", Upstream, "429"),
        ("is_not_taken", NotReady, "Required value"),
        ("may_not_make_a_secret", NotReady, "may not make the Secret"),
        ("has_no_runtime_class", NotReady, 'runtimeclasses.node.k8s.io "gvisor" not found'),
        ("has_a_runtime_class_that_is_no_wall", NotReady, "shares the kernel"),
    ],
)
def test_what_kubernetes_refuses_is_refused_with_what_to_do(
    tells: Tells, story: str, kind: type[Refusal], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused:
        tells(story).run("print('it ran')")
    assert refused.value.next_step


def test_a_quota_that_leaves_a_job_without_a_pod_is_told_as_a_quota(
    tells: Tells, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tells("has_no_room_for_a_pod")
    monkeypatch.setattr(attempt, "_HINDERED", 0.2)
    there.node.idle = True
    with pytest.raises(LimitReached, match="exceeded quota"):
        there.run("print('it ran')")


def _ended(tells: Tells, code: str, stop: threading.Event | None = None, **limits: object) -> Outcome:
    there = tells("runs_until_it_is_ended")
    begun = time.monotonic()
    outcome, _ = there.run(code, stop, **limits)
    assert there.node.deleted.is_set()
    assert time.monotonic() - begun < 60  # its code would go on for longer
    return outcome


def test_what_is_stopped_is_deleted(tells: Tells) -> None:
    stop = threading.Event()
    threading.Timer(1.5, stop.set).start()
    assert _ended(tells, "import time; time.sleep(90)", stop).ended == "stopped"


def test_what_takes_too_long_is_deleted(tells: Tells, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tests.adapters.isolation.kubernetes.api_server.Story._fits", _any_deadline(Story._fits)
    )
    assert _ended(tells, "import time; time.sleep(90)", seconds=1).ended == "timeout"


def _any_deadline(fits: Callable[..., bool]) -> Callable[..., bool]:
    """Jobs of other limits have other deadlines, which their own test looks at."""

    def compared(story: Story, wanted: object, given: object) -> bool:
        both = isinstance(wanted, dict) and isinstance(given, dict)
        if both and "activeDeadlineSeconds" in wanted and "activeDeadlineSeconds" in given:  # type: ignore[operator]
            wanted = {**wanted, "activeDeadlineSeconds": given["activeDeadlineSeconds"]}  # type: ignore[dict-item, index]
        return fits(story, wanted, given)

    return compared


def test_what_prints_too_much_is_deleted_and_no_more_of_it_is_kept(tells: Tells) -> None:
    printed = bytearray()
    there = tells("runs_until_it_is_ended")
    outcome, told = there.run("while True: print('x' * 1000)", printed=10_000)
    printed.extend(told.encode())
    assert outcome.ended == "output"
    assert len(printed) == 10_000


def test_what_dead_processes_left_is_ended_at_the_start_and_nothing_of_living_ones(tells: Tells) -> None:
    there = tells("is_swept")
    for one in there.story.exchanges:
        one["response"] = json.loads(json.dumps(one["response"]).replace("<living>", process()))
    there.driver.check()
    deleted = [path for method, path in there.story.asked if method == "DELETE"]
    assert [path.rpartition("/")[2] for path in deleted] == ["handrail-of-the-dead"]


def test_a_web_app_is_refused_with_where_it_can_be(tells: Tells, tmp_path: Path) -> None:
    driver = Kubernetes(settings_for(tmp_path, tmp_path / "none", tmp_path), "here")
    with socket.socket(socket.AF_UNIX) as listener:
        sandbox = Sandbox(("python",), {}, layer_in(tmp_path), LIMITS, listener=listener)
        with pytest.raises(NotReady, match="Web apps do not run on Kubernetes") as refused:
            driver.run(sandbox, lambda _: None, threading.Event())
    assert "bubblewrap" in refused.value.next_step


def test_bad_file_names_are_refused_before_anything_is_started(tells: Tells) -> None:
    there = tells("is_swept")
    for one in there.story.exchanges:
        one["response"] = json.loads(json.dumps(one["response"]).replace("<living>", process()))
    sandbox = Sandbox((there.layer.python,), {"../app.py": b""}, there.layer, LIMITS)
    with pytest.raises(Invalid):
        there.driver.run(sandbox, lambda _: None, threading.Event())


def test_the_token_is_told_to_the_api_server_and_to_nobody_else(
    tells: Tells, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    there = tells("ends_well")
    _, printed = there.run("print(1)")
    out, err = capfd.readouterr()
    told = f"{caplog.text} {out} {err} {printed} {there.driver.walls} {there.driver.identity()}"
    assert TOKEN not in told
    with pytest.raises(NotReady) as refused:
        tells("may_not_start_jobs").run("print(1)")
    assert TOKEN not in f"{refused.value.message} {refused.value.next_step} {refused.value.__cause__!r}"


def _alone(tmp_path: Path, **cluster: object) -> tuple[Kubernetes, Story]:
    """A driver and a story of which nothing may be asked."""
    story = Story("ends_well", Node(Path("/usr/bin/python3"), tmp_path))
    return Kubernetes(
        settings_for(tmp_path, tmp_path / "api" / "kubeconfig", Path("/usr/bin/python3")), "x"
    ), story


def test_a_certificate_that_the_kubeconfig_does_not_name_is_not_trusted(tmp_path: Path) -> None:
    driver, story = _alone(tmp_path)
    with telling(story, tmp_path / "api") as file, telling(story, tmp_path / "other"):
        told = file.read_text()
        file.write_text(
            told.replace(str(tmp_path / "api" / "authority.pem"), str(tmp_path / "other" / "authority.pem"))
        )
        with pytest.raises(Upstream, match="does not trust"):
            driver.check()
    assert story.asked == []
    story.node.close()


@pytest.mark.parametrize("cluster", [{"server": "http://127.0.0.1:1"}, {"insecure-skip-tls-verify": True}])
def test_no_api_server_is_asked_without_tls_that_is_verified(
    tmp_path: Path, cluster: dict[str, object]
) -> None:
    driver, story = _alone(tmp_path)
    (tmp_path / "api").mkdir()
    authority = tmp_path / "authority.pem"
    authority.write_text("")
    told = {"server": "https://127.0.0.1:1", **cluster}
    kubeconfig(tmp_path / "api", str(told.pop("server")), authority, **told)
    with pytest.raises(NotReady, match="over TLS alone"):
        driver.check()
    story.node.close()


def test_an_api_server_that_is_away_is_said_so(tmp_path: Path) -> None:
    driver, story = _alone(tmp_path)
    with telling(story, tmp_path / "api"):
        pass
    with pytest.raises(Upstream, match="is not reached"):
        driver.check()
    story.node.close()


def test_who_is_not_known_is_said_so(tmp_path: Path) -> None:
    driver, story = _alone(tmp_path)
    with telling(story, tmp_path / "api") as file:
        file.write_text(file.read_text().replace(TOKEN, "another-token"))
        with pytest.raises(NotReady, match="does not know who Handrail is"):
            driver.check()
    story.node.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("runtime_class", ""), ("namespace", ""), ("image", "python:3.11"), ("image", "python@sha256:abc"),
        ("claim", ""), ("python", "python3"), ("millicores", 0), ("start_seconds", 0),
    ],
)  # fmt: skip
def test_nothing_is_asked_before_all_is_set(tmp_path: Path, name: str, value: object) -> None:
    settings = settings_for(tmp_path, tmp_path / "none", Path("/usr/bin/python3"))
    changed = replace(settings.kubernetes, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(NotReady, match=f"kubernetes.{name}"):
        Kubernetes(replace(settings, kubernetes=changed), "x").check()


def test_root_is_no_user_of_a_pod(tells: Tells) -> None:
    there = tells("is_swept")
    for one in there.story.exchanges:
        one["response"] = json.loads(json.dumps(one["response"]).replace("<living>", process()))
    runtime = replace(there.settings.runtime, uid=0)
    driver = Kubernetes(replace(there.settings, runtime=runtime), "x")
    sandbox = Sandbox((there.layer.python,), {}, there.layer, LIMITS)
    with pytest.raises(NotReady, match="as root"):
        driver.run(sandbox, lambda _: None, threading.Event())
    driver.close()


def test_its_walls_say_how_it_was_tested(tmp_path: Path) -> None:
    driver = Kubernetes(settings_for(tmp_path, tmp_path / "none", tmp_path), "here")
    assert driver.walls["tested"] == "against written API exchanges only, never on a live cluster"


def test_what_a_diagnosis_rests_on_is_another_with_another_class(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, tmp_path / "none", tmp_path)
    other = replace(settings, kubernetes=replace(settings.kubernetes, runtime_class="kata"))
    assert Kubernetes(settings, "x").identity() == Kubernetes(settings, "x").identity()
    assert Kubernetes(settings, "x").identity() != Kubernetes(other, "x").identity()


def test_nothing_waits_there(tmp_path: Path) -> None:
    driver = Kubernetes(settings_for(tmp_path, tmp_path / "none", tmp_path), "here")
    with pytest.raises(NotReady):
        driver.park(Sandbox((), {}, layer_in(tmp_path), LIMITS), listens=False, stop=threading.Event())
    assert not driver.keep_parked(3, 1 << 30, 60, threading.Event())
    assert driver.waiting() == (0, 0)


@pytest.mark.parametrize("story", ["ends_well", "has_no_room_for_a_pod"])
def test_nobody_watches_any_more_once_a_run_is_over(
    tells: Tells, monkeypatch: pytest.MonkeyPatch, story: str
) -> None:
    there = tells(story)
    if story != "ends_well":
        monkeypatch.setattr(attempt, "_HINDERED", 0.2)
        there.node.idle = True
    with suppress(LimitReached):
        there.run("print(1)")
    watching = [thread for thread in threading.enumerate() if thread.name == f"pod {there.story.job}"]
    for thread in watching:
        thread.join(following._WATCHED)
        assert not thread.is_alive()
