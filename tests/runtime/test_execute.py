"""Executing a run: everything an app may do to itself ends as a run with its reason in words."""

import threading
from dataclasses import replace

import pytest

from handrail import runtime
from handrail.kernel import Instance, NotFound, identity, trail
from handrail.runtime import Run, RunFinished, store
from tests.conftest import Acting
from tests.runtime.conftest import Start


def log_of(acting: Acting, run: Run) -> str:
    with acting(run.person) as ctx:
        return runtime.log(ctx, run.id)


def test_an_app_that_ends_well_has_succeeded(ended: Start, acting: Acting) -> None:
    run = ended("print('hello')")
    assert (run.state, run.ended, run.exit_code, run.reason) == ("succeeded", "exited", 0, "")
    assert log_of(acting, run) == "hello\n"


def test_an_exception_is_the_reason_and_its_traceback_begins_in_the_app(ended: Start, acting: Acting) -> None:
    run = ended("def f():\n    return {}['region']\nf()")
    assert (run.state, run.exit_code) == ("failed", 1)
    assert run.reason == "It ended with exit code 1: KeyError: 'region'"
    log = log_of(acting, run)
    assert log.splitlines()[1] == '  File "/app/app.py", line 3, in <module>'
    assert "runpy" not in log


@pytest.mark.parametrize(
    ("code", "how", "words"),
    [
        ("raise SystemExit('no orders')", "exited", "exit code 1: no orders"),
        ("import os; os._exit(9)", "exited", "exit code 9"),
        ("import seaborn", "exited", "ModuleNotFoundError: No module named 'seaborn'"),
        ("import os; os.kill(os.getpid(), 9)", "signal", "signal 9 (SIGKILL)"),
        ("import ctypes; ctypes.string_at(0)", "signal", "signal 11 (SIGSEGV)"),
        ("while True: pass", "timeout", "longer than 2 seconds"),
        ("while True: print('x' * 100_000)", "output", "more than 1 MB"),
        ("x = []\nwhile True: x.append(bytearray(1 << 24))", "memory", "more than the 200 MB of memory"),
        (
            "import os, time\nwhile True:\n  if os.fork() == 0: time.sleep(9)",
            "processes",
            "more than the 20 processes",
        ),
    ],
)
def test_whatever_an_app_does_to_itself_is_a_failed_run_with_its_reason(
    small: Instance, start: Start, code: str, how: str, words: str
) -> None:
    if how == "timeout":
        small.settings = replace(small.settings, runtime=replace(small.settings.runtime, seconds=2))
    run = runtime.execute(small, start(code).id)
    assert (run.state, run.ended) == ("failed", how)
    assert words in run.reason
    assert run.next_step


def test_one_gigabyte_of_output_is_not_kept(small: Instance, start: Start, acting: Acting) -> None:
    run = runtime.execute(small, start("for _ in range(1024): print('x' * (1 << 20))").id)
    assert run.ended == "output"
    assert len(log_of(acting, run)) == 1 << 20


def test_an_uncaught_refusal_is_the_reason_with_its_next_step(ended: Start, acting: Acting) -> None:
    run = ended("import handrail_sdk as h\nh.save('x', b'1' * (65 << 20))")
    assert (run.state, run.ended) == ("failed", "refused")
    assert "may hand over" in run.reason
    assert run.next_step
    assert "/sdk/" not in log_of(acting, run)


def test_what_an_app_hands_over_is_kept_in_order(ended: Start, acting: Acting) -> None:
    run = ended(
        "import handrail_sdk as h\n"
        "h.text('one', title='First')\nh.show([{'a': 1, 'b': None}], title='Second')\nh.save('x.csv', b'3')\n"
        "open('report.txt', 'w').write('four')\nimport os; os.symlink('/proc/self/environ', 'link.txt')\n"
    )
    with acting("maker.sales") as ctx:
        found = [
            (one.kind, one.name, runtime.output(ctx, run.id, one.n)[1])
            for one in runtime.outputs(ctx, run.id)
        ]
    assert found == [
        ("text", "first.txt", b"one"),
        ("table", "second.json", b'{"columns": ["a", "b"], "rows": [[1, null]], "total": 1}'),
        ("file", "x.csv", b"3"),
        ("file", "report.txt", b"four"),
    ]


def test_figures_left_open_become_pictures(ended: Start, acting: Acting) -> None:
    run = ended("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('Sales')\nplt.show()")
    with acting("maker.sales") as ctx:
        (one,) = runtime.outputs(ctx, run.id)
        assert (one.kind, one.media, one.title) == ("image", "image/png", "Sales")
        assert runtime.output(ctx, run.id, 1)[1].startswith(b"\x89PNG")
        assert runtime.log(ctx, run.id) == ""


def test_a_figure_that_was_shown_is_not_handed_over_twice(ended: Start, acting: Acting) -> None:
    code = "import matplotlib.pyplot as plt\nfrom handrail_sdk import show\nf, a = plt.subplots()\nshow(f, 'Once')"
    run = ended(code)
    with acting("maker.sales") as ctx:
        assert [one.title for one in runtime.outputs(ctx, run.id)] == ["Once"]


def test_a_run_of_somebody_who_left_does_not_run_as_that_person(
    instance: Instance, start: Start, acting: Acting
) -> None:
    run = start("print('ran')")
    with acting("admin") as ctx:
        identity.change_person(ctx, replace(identity.found(ctx, "maker.sales"), active=False))
    over = runtime.execute(instance, run.id)
    assert over.state == "failed"
    assert over.ended == "refused"
    assert "no longer active" in over.reason
    with acting("maker.sales") as ctx:
        assert store.find_log(ctx, run.id) == b""


def test_the_end_of_a_run_is_an_event_and_stands_on_the_trail(
    instance: Instance, start: Start, acting: Acting
) -> None:
    heard: list[RunFinished] = []
    instance.subscriptions.add(RunFinished, lambda _ctx, event: heard.append(event))
    run = runtime.execute(instance, start("import handrail_sdk as h\nh.me()\nraise SystemExit(3)").id)
    assert [(event.run, event.state, event.ended) for event in heard] == [(run.id, "failed", "exited")]
    with acting("compliance") as ctx:
        (entry,) = trail.entries(ctx, verb="run.finished")
    assert entry.facts["for_person"] == "maker.sales"
    assert (entry.facts["state"], entry.facts["questions"]) == ("failed", 1)


def test_a_run_is_executed_once_however_many_try(instance: Instance, start: Start, acting: Acting) -> None:
    run = start("import time; time.sleep(0.3); print('once')")
    threads = [threading.Thread(target=runtime.execute, args=(instance, run.id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log_of(acting, run) == "once\n"


def test_a_run_that_does_not_exist_is_refused(instance: Instance) -> None:
    with pytest.raises(NotFound):
        runtime.execute(instance, "run_nothing")


def test_code_cannot_tell_the_sandbox_from_production(small: Instance, start: Start, acting: Acting) -> None:
    code = (
        "import os, sys, handrail_sdk as h\n"
        "told = {**os.environ, 'HANDRAIL_FD': ''}\n"  # the next number that the server had free, whatever it runs
        "print(sorted(told.items()), sys.argv, os.getcwd(), h.me())\n"
        "print(sorted(os.listdir('/app')), os.uname().nodename, dir(h))"
    )
    logs = {
        log_of(acting, runtime.execute(small, start(code, environment=e).id))
        for e in ("sandbox", "production")
    }
    assert len(logs) == 1 and "['app.py'" in min(logs)
