"""A real git client clones and fetches an app with a personal token, and only as far as its person may."""

import os
import subprocess

import pytest

from handrail import apps
from handrail.kernel import trail

NOTES = "refs/notes/prompts"


def git(*arguments, cwd=None):
    """Run git as on a fresh machine; gives what it printed and whether it went well."""
    bare = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *map(str, arguments)],
        cwd=cwd,
        env=bare,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr, done.returncode == 0


def address(url, token, name="hello"):
    return f"{url.replace('http://', f'http://x:{token}@')}/git/{name}.git"


@pytest.fixture
def pushed(push):
    push(why="The team asked for it", prompts="say hello politely")
    return push(code="print('good morning')\n", why="More polite", prompts="more polite please")


@pytest.mark.parametrize("person", ["maker.sales", "reviewer.platform", "support.oncall"])
def test_owners_reviewers_and_support_clone_the_history_and_fetch_the_prompts(
    pushed, url, token, tmp_path, person
):
    where = address(url, token(person))
    assert git("clone", where, tmp_path / "hello")[1]
    assert (tmp_path / "hello/app.py").read_text() == "print('good morning')\n"
    log, _ = git("log", "--format=%an <%ae>|%s|%D", cwd=tmp_path / "hello")
    assert (
        "Mara Sales <maker.sales@meridian.example>|More polite|HEAD -> main, tag: v2" in log.splitlines()[0]
    )
    assert log.splitlines()[1].startswith(
        "Mara Sales <maker.sales@meridian.example>|The team asked for it|tag: v1"
    )
    assert git("fetch", "origin", f"{NOTES}:{NOTES}", cwd=tmp_path / "hello")[1]
    assert "more polite please" in git("log", "--notes=prompts", cwd=tmp_path / "hello")[0]


def test_a_later_push_is_fetched(pushed, push, url, token, tmp_path):
    assert git("clone", address(url, token("maker.sales")), tmp_path / "hello")[1]
    push(code="print('good night')\n", why="Late shift")
    assert git("pull", "--ff-only", cwd=tmp_path / "hello")[1]
    assert (tmp_path / "hello/app.py").read_text() == "print('good night')\n"


def test_compliance_clones_the_code_and_there_are_no_prompts_in_it(pushed, url, token, tmp_path):
    where = address(url, token("compliance"))
    refs, done = git("ls-remote", where)
    assert done and "refs/heads/main" in refs and "notes" not in refs
    assert git("clone", "--mirror", where, tmp_path / "hello")[1]
    assert "polite please" not in git("log", "--all", "--notes=*", cwd=tmp_path / "hello")[0]


@pytest.mark.parametrize("person", ["viewer.emea", "maker.ops"])
def test_those_whom_it_does_not_concern_find_no_repository(pushed, url, token, tmp_path, person):
    said, done = git("clone", address(url, token(person)), tmp_path / "hello")
    assert not done and "not found" in said


def test_a_viewer_with_whom_it_is_shared_does_not_get_the_code(pushed, acting, url, token, tmp_path):
    with acting("maker.sales") as ctx:
        apps.share(ctx, "hello", people=["viewer.emea"])
    said, done = git("clone", address(url, token("viewer.emea")), tmp_path / "hello")
    assert not done and "403" in said and "The code of hello is for its owners" in said


@pytest.mark.parametrize("secret", ["", "wrong", "hr_" + "x" * 43])
def test_without_a_good_token_there_is_nothing(pushed, url, tmp_path, secret):
    where = address(url, secret) if secret else f"{url}/git/hello.git"
    said, done = git("clone", where, tmp_path / "hello")
    assert not done and "hello politely" not in said
    assert any(word in said for word in ("Authentication failed", "could not read Username"))


def test_a_token_for_something_else_does_not_clone_and_one_for_cloning_does(pushed, url, token, tmp_path):
    assert not git("clone", address(url, token("maker.sales", ["push"])), tmp_path / "a")[1]
    assert git("clone", address(url, token("maker.sales", ["clone"])), tmp_path / "b")[1]


def test_git_push_is_refused_with_the_way_that_works(pushed, url, token, tmp_path):
    assert git("clone", address(url, token("maker.sales")), tmp_path / "hello")[1]
    (tmp_path / "hello/app.py").write_text("print('sneaked in')\n")
    who = ("-c", "user.name=Me", "-c", "user.email=me@example.org")
    assert git(*who, "commit", "-am", "sneak", cwd=tmp_path / "hello")[1]
    said, done = git("push", cwd=tmp_path / "hello")
    assert not done and "handrail push --why" in said


def test_what_is_no_git_request_is_refused(pushed, url, token):
    def curl(*arguments):
        command = ["curl", "-s", "-u", f"x:{token('maker.sales')}", "-w", "\n%{http_code}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert curl(f"{url}/git/hello.git/info/refs").endswith("422")
    assert curl("-d", "garbage", f"{url}/git/hello.git/git-upload-pack").endswith("422")
    assert curl("-d", "x", f"{url}/git/hello.git/git-receive-pack").endswith("403")

    done = subprocess.run(
        ["curl", "-s", "-m", "10", "-u", f"x:{token('maker.sales')}", "-o", "/dev/null", "-w", "%{http_code}",
         "-H", "Transfer-Encoding: chunked", "-T", "/dev/zero", "-X", "POST", f"{url}/git/hello.git/git-upload-pack"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("403")


def test_each_clone_stands_on_the_trail(pushed, acting, url, token, tmp_path):
    git("clone", address(url, token("reviewer.platform")), tmp_path / "hello")
    with acting("compliance") as ctx:
        found = trail.entries(ctx, person="reviewer.platform", verb="app.cloned")
    assert found and found[0].via == "git" and found[0].subject == "app:hello"
