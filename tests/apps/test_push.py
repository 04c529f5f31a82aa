"""A push keeps a version with its why and prompts, or says in a sentence why not and keeps nothing."""

import contextlib
import json
import subprocess

import pytest
import sqlalchemy as sa

from handrail import apps
from handrail.kernel import Conflict, Invalid, LimitReached, NotAllowed, NotFound, git, trail
from handrail.kernel.manifest import FILENAME
from tests.apps.conftest import MANIFEST, hello


def stored(instance):
    with instance.engine.connect() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(git.git_objects))


def test_the_first_push_registers_the_app_with_its_maker_as_owner(push, acting):
    version = push()
    with acting("maker.sales") as ctx:
        app = apps.app(ctx, "hello")
        assert (app.owner, app.versions, app.promoted, app.says) == ("maker.sales", 1, None, "Says hello")
        assert apps.versions(ctx, "hello") == (version,)
        assert apps.files(ctx, "hello") == hello()
        verbs = [entry.verb for entry in trail.entries(ctx, person="maker.sales")]
    assert version.n == 1 and version.by == "maker.sales" and version.why == "The team asked for it"
    assert {"app.registered", "app.pushed"} <= set(verbs)


def test_the_next_push_is_the_next_version_and_the_diff_says_what_changed(push, acting):
    push()
    second = push(code="print('bye')\n", why="Polite at the end")
    with acting("maker.sales") as ctx:
        assert [version.n for version in apps.versions(ctx, "hello")] == [2, 1]
        assert [(change.path, change.kind) for change in apps.diff(ctx, "hello", 1, 2)] == [
            ("app.py", "changed")
        ]
        assert apps.version(ctx, "hello").commit == second.commit
        assert apps.files(ctx, "hello", apps.version(ctx, "hello", n=1).commit) == hello()


def test_a_push_of_the_same_files_is_refused_because_nothing_changed(instance, push, acting):
    push()
    before = stored(instance)
    with pytest.raises(Conflict, match="Nothing changed since version 1"):
        push(why="Again")
    assert stored(instance) == before


@pytest.mark.parametrize("person", ["viewer.emea", "reviewer.platform", "admin"])
def test_only_makers_push(push, person):
    with pytest.raises(NotAllowed, match="Only makers push apps"):
        push(person)


def test_another_maker_cannot_push_over_an_app_until_made_co_owner(push, acting):
    push()
    with pytest.raises(NotAllowed, match="belongs to maker"):
        push("maker.ops", code="print('mine now')\n")
    with acting("maker.sales") as ctx:
        apps.add_coowner(ctx, "hello", "maker.ops")
    assert push("maker.ops", code="print('ours')\n").n == 2


@pytest.mark.parametrize(
    ("changes", "says", "next_step"),
    [
        ({"manifest": MANIFEST.replace('"app.py"', '"ap.py"')}, "no such file", "Did you mean 'app.py'?"),
        (
            {"manifest": MANIFEST.replace("sales-reporting", "sales-reports")},
            "not a purpose",
            "sales-reporting",
        ),
        ({"manifest": MANIFEST + "[data.sales_orders]\n"}, "no dataset 'sales_orders'", "Known here"),
        ({"manifest": MANIFEST + '[metrics]\nuse = ["revenue"]\n'}, "no metric 'revenue'", "Known here"),
        (
            {"manifest": MANIFEST.replace("says", "said")},
            "line 6: unknown key 'said'",
            "Did you mean 'says'?",
        ),
        ({"manifest": MANIFEST.replace('"hello"', '"new"')}, "address of Handrail's own", "name"),
        ({"../x.py": b""}, "climbs out", "Rename"),
        ({"a/.git/config": b""}, ".git folder", "Rename"),
        ({"APP.py": b""}, "same name", "Keep one"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_way_out_and_keeps_nothing(
    instance, push, acting, changes, says, next_step
):
    with pytest.raises(Invalid) as refused:
        push(**changes)
    assert says in refused.value.message and next_step in refused.value.next_step
    assert stored(instance) == 0
    with acting("maker.sales") as ctx, pytest.raises(NotFound):
        apps.app(ctx, "hello")


@pytest.mark.parametrize("content", [{}, {"app.py": b""}, {FILENAME: b"\xff\xfe"}])
def test_without_a_readable_manifest_there_is_no_app(push, acting, content):
    with acting("maker.sales") as ctx, pytest.raises(Invalid):
        apps.push(ctx, content, "why", "")


@pytest.mark.parametrize("why", ["", "  \n", "x" * 5000])
def test_a_version_needs_a_why_and_not_a_book(push, acting, why):
    with pytest.raises(Invalid):
        push(why=why)


def test_too_many_or_too_large_files_are_refused(push, acting):
    with pytest.raises(LimitReached, match="at most 2,000"):
        push(**{f"f{number}": b"" for number in range(2000)})
    with pytest.raises(LimitReached, match="larger than 50 MB"):
        push(big=bytes(51 * 1024**2))


def test_secrets_in_why_and_prompts_are_taken_out_before_anything_is_kept(instance, push, acting):
    said = json.dumps(
        [
            {
                "role": "user",
                "content": "connect with postgresql://bob:s3cret-pw@db/x and mail ada@example.org",
            },
            {"role": "assistant", "content": [{"type": "text", "text": "Done, password = 'hunter22'"}]},
        ]
    )
    version = push(why="bob@example.org asked", prompts=said)
    assert version.redacted == {"password": 1, "email": 2, "secret": 1} and version.prompts == 2
    with acting("maker.sales") as ctx:
        kept = apps.prompts(ctx, "hello")
    assert [prompt.role for prompt in kept] == ["maker", "assistant"]
    with instance.engine.connect() as db:
        everything = b"".join(db.scalars(sa.select(git.git_objects.c.content)))
    database = (instance.settings.home / "handrail.db").read_bytes()
    wal = instance.settings.home / "handrail.db-wal"
    for secret in (b"s3cret-pw", b"ada@example.org", b"hunter22", b"bob@example.org"):
        assert secret not in everything
        assert secret not in database + (wal.read_bytes() if wal.exists() else b"")


@pytest.mark.parametrize("person", ["viewer.emea", "maker.ops", "compliance", "lead", "steward.sales"])
def test_for_most_people_prompts_have_no_address(push, acting, person):
    push(prompts="make me a report")
    with acting("maker.sales") as ctx:
        apps.share(ctx, "hello", people=["viewer.emea"])
    with acting(person) as ctx, pytest.raises(NotFound, match="nothing here"):
        apps.prompts(ctx, "hello")


@pytest.mark.parametrize("person", ["maker.sales", "reviewer.platform", "support.oncall"])
def test_owners_reviewers_and_support_read_prompts(push, acting, person):
    push(prompts="make me a report")
    with acting(person) as ctx:
        assert [prompt.text for prompt in apps.prompts(ctx, "hello")] == ["make me a report"]


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ("", []),
        ("make a report", ["make a report"]),
        ("12", ["12"]),
        ("{not json", ["{not json"]),
        ('["a", "b"]', ["a", "b"]),
        ('{"role": "user", "text": "a"}\n{"role": "assistant", "text": "b\\u2028c"}', ["a", "b\u2028c"]),
        ('[{"text": "half \\ud83d"}]', ["half ?"]),
    ],
)
def test_prompts_come_as_text_json_or_json_lines(push, acting, said, texts):
    version = push(prompts=said)
    assert version.prompts == len(texts)
    with acting("maker.sales") as ctx:
        assert [prompt.text for prompt in apps.prompts(ctx, "hello")] == texts


def test_prompts_of_an_unknown_shape_or_beyond_the_limit_are_refused(push, acting):
    with pytest.raises(Invalid, match="shape"):
        push(prompts='[{"what": 1}]')
    with pytest.raises(LimitReached, match="1024 KB"):
        push(prompts="x" * 1024**2 + "y")


def test_an_app_is_not_found_by_those_whom_it_does_not_concern(push, acting):
    push()
    with acting("viewer.emea") as ctx:
        assert apps.apps(ctx) == ()
        for look in (apps.app, apps.versions, apps.files, apps.prompts, apps.clone, apps.gates, apps.open):
            with pytest.raises(NotFound):
                look(ctx, "hello")
        with pytest.raises(NotFound):
            apps.app(ctx, "nonesuch")


def test_those_who_only_use_an_app_do_not_read_its_code(push, acting):
    push()
    with acting("maker.sales") as ctx:
        apps.share(ctx, "hello", groups=["sales"])
    with acting("viewer.emea") as ctx:
        assert [app.name for app in apps.apps(ctx)] == ["hello"]
        for look in (apps.versions, apps.files, apps.clone, apps.gates):
            with pytest.raises(NotAllowed, match="code of hello"):
                look(ctx, "hello")


def test_two_pushes_at_once_keep_one_version_or_both_and_never_half(instance, push, acting):
    push()
    with acting("maker.sales") as one:
        # Both read version 1 as the last; the first to write wins, the other is told.
        last = apps.version(one, "hello")
        push(code="print('quick')\n")
        assert last.n == 1
        with contextlib.suppress(Conflict):
            apps.push(one, hello(code="print('slow')\n"), "Slow", "")
    with acting("maker.sales") as ctx:
        versions = apps.versions(ctx, "hello")
        assert [version.n for version in versions] == list(range(len(versions), 0, -1))
        assert git.Repository(ctx.db, "hello").ref(git.MAIN) == versions[0].commit


def test_the_git_history_is_one_that_git_itself_finds_whole(instance, push, acting, tmp_path):
    for number in range(3):
        push(code=f"print({number})\n", why=f"Number {number}", prompts="p")
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "bare"], check=True)
    with acting("maker.sales") as ctx:
        repository = git.Repository(ctx.db, "hello")
        for sha in repository.object_store:
            made = repository.object_store[sha]
            path = tmp_path / "bare/objects" / sha[:2].decode() / sha[2:].decode()
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(made.as_legacy_object())
        (tmp_path / "bare/refs/heads/main").write_text(repository.ref(git.MAIN) + "\n")
    done = subprocess.run(
        ["git", "-C", tmp_path / "bare", "fsck", "--strict"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
