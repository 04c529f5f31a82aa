"""Exports that anybody can verify without Handrail, and every way of doctoring one found by the verifier."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.kernel import Instance, Invalid, NotAllowed, NotFound, NotReady, identity, storage, trail
from handrail.kernel.audit import Chosen, recent, verifier
from handrail.server import application, command
from tests.cases import cases
from tests.conftest import Acting
from tests.kernel.test_audit import edit, fill
from tests.web import Client

Lines = list[bytes]


@pytest.fixture
def exported(instance: Instance, acting: Acting, tmp_path: Path) -> Path:
    """An export of things done, written to a file; the log is larger than one stored subtree."""
    fill(acting, 300)
    file = tmp_path / "trail.jsonl"
    with acting("compliance") as ctx:
        storage.write_pieces(file, trail.export(ctx))
    return file


def verdict(instance: Instance, file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What the verifier says; a proof begins so, anything else does not."""
    status = verifier.main([str(file), "--key", instance.log.verifier_key, *more])
    said = capsys.readouterr()
    assert (status == 0) == said.out.startswith("Proved: ") == (not said.err)
    return said.out or said.err


def test_the_verifier_is_one_file_that_needs_nothing_but_python(
    instance: Instance, exported: Path, tmp_path: Path
) -> None:
    program = tmp_path / "verify_audit.py"
    program.write_text(trail.verifier())
    command = [sys.executable, "-I", "-S", str(program), str(exported), "--key", instance.log.verifier_key]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("Proved: 3") and "(all)" in found.stdout
    exported.write_bytes(exported.read_bytes().replace(b"thing.done", b"thing.deny", 1))
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "its bytes do not hash to its leaf" in found.stderr


def in_line(number: int, change: Callable[[dict[str, object]], None]) -> Callable[[Lines], Lines]:
    """Doctor one line as an object."""

    def doctored(lines: Lines) -> Lines:
        found = json.loads(lines[number])
        change(found)
        return [*lines[:number], json.dumps(found).encode() + b"\n", *lines[number + 1 :]]

    return doctored


def flipped(text: str) -> str:
    """Base64 of the same bytes with one bit changed."""
    raw = bytearray(base64.b64decode(text))
    raw[5] ^= 4
    return base64.b64encode(raw).decode()


def with_(name: str, change: Callable[[str], object]) -> Callable[[dict[str, object]], None]:
    def changed(found: dict[str, object]) -> None:
        found[name] = change(found[name])  # type: ignore[arg-type]

    return changed


def other_root(note: str) -> str:
    root = note.split("\n")[2]
    return note.replace(root, flipped(root))


def other_signature(note: str) -> str:
    signature = note.rstrip("\n").rpartition(" ")[2]
    return note.replace(signature, flipped(signature))


DOCTORED: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "an entry": (in_line(50, with_("entry", lambda text: text.replace("done", "undo"))), "line 51"),
    "a leaf": (in_line(50, with_("leaf", flipped)), "line 51: its bytes do not hash to its leaf"),
    "a proof": (
        in_line(50, with_("proof", lambda path: [flipped(path[0]), *path[1:]])),
        "line 51: its proof does not lead to the signed root",
    ),
    "a shorter proof": (in_line(50, with_("proof", lambda path: path[:-1])), "line 51: its proof"),
    "a longer proof": (in_line(50, with_("proof", lambda path: [*path, path[0]])), "line 51: its proof"),
    "an index": (in_line(50, with_("index", lambda index: int(index) + 1)), "line 51: its proof"),
    "an index that is none": (in_line(50, with_("index", str)), "line 51: it has no index"),
    "the size": (in_line(0, with_("checkpoint", lambda n: n.replace("\n3", "\n2", 1))), "not signed"),
    "the root": (in_line(0, with_("checkpoint", other_root)), "it is not signed by this key"),
    "the checkpoint's signature": (in_line(0, with_("checkpoint", other_signature)), "not signed"),
    "no checkpoint": (in_line(0, with_("checkpoint", lambda _: None)), "it is not signed by this key"),
    "what was chosen": (in_line(0, with_("chosen", lambda _: {"person": "lead"})), "not those that were"),
    "a line less": (lambda lines: [*lines[:9], *lines[10:]], "entries are here, and the seal is of"),
    "a line twice": (lambda lines: [*lines[:9], lines[8], *lines[9:]], "line 10: it stands after entry"),
    "two lines swapped": (
        lambda lines: [*lines[:8], lines[9], lines[8], *lines[10:]],
        "lines were moved or repeated",
    ),
    "a line of rubbish": (lambda lines: [*lines[:9], b"rubbish\n", *lines[9:]], "line 10: it is not"),
    "no seal": (lambda lines: lines[:-1], "the file ends without its seal, so it was cut off"),
    "cut in the middle of a line": (lambda lines: [*lines[:20], lines[20][:40]], "line 21: it is not"),
    "cut in the seal": (lambda lines: [*lines[:-1], lines[-1][:-30]], "it is not an object"),
    "more after the seal": (lambda lines: [*lines, lines[9]], "more stands after the seal"),
    "a checkpoint as the seal": (
        lambda lines: [*lines[:-1], json.dumps({"seal": json.loads(lines[0])["checkpoint"]}).encode()],
        "the seal is of handrail",
    ),
    "the seal's signature": (in_line(-1, with_("seal", other_signature)), "it is not signed by this key"),
    "the seal's number": (
        in_line(-1, with_("seal", lambda note: note.replace("entries 3", "entries 2"))),
        "not",
    ),
    "an entry on the seal's line": (
        lambda lines: [*lines[:-1], json.dumps({**json.loads(lines[-2]), **json.loads(lines[-1])}).encode()],
        "it is not an object of seal and nothing else",
    ),
    "a word on the seal's line": (in_line(-1, lambda found: found.update(note="void")), "and nothing else"),
    "a seal before the seal": (
        lambda lines: [*lines[:-1], lines[-1].replace(b"{", b'{"seal":"none",', 1)],
        "it names something twice",
    ),
    "a list of seals": (
        lambda lines: [*lines[:-1], json.dumps([*json.loads(lines[-1]).items()] * 2).encode()],
        "it is not an object of JSON and nothing else",
    ),
    "a line after the seal's signature": (
        in_line(-1, with_("seal", lambda note: f"{note}void\n")),
        "more stands beside the seal's signature",
    ),
    "a line before the seal's signature": (
        in_line(-1, with_("seal", lambda note: note.replace("\n\n", "\n\nvoid\n"))),
        "more stands beside the seal's signature",
    ),
    "a signature beside the seal's": (
        in_line(-1, with_("seal", lambda note: f"{note}\u2014 other AAAA\n")),
        "more stands beside the seal's signature",
    ),
    "an entry that says two things": (
        lambda lines: [*lines[:50], lines[50].replace(b"{", b'{"index":49,', 1), *lines[51:]],
        "line 51: it names something twice",
    ),
    "a checkpoint before the checkpoint": (
        lambda lines: [lines[0].replace(b"{", b'{"checkpoint":"none",', 1), *lines[1:]],
        "it names something twice",
    ),
    "a choice within the choice": (
        lambda lines: [lines[0].replace(b'"chosen":{', b'"chosen":{"verb":"","verb":""'), *lines[1:]],
        "it names something twice",
    ),
    "a word in the first line": (
        in_line(0, lambda found: found.update(note="void")),
        "it is not an object of format, key, checkpoint, chosen and nothing else",
    ),
    "nothing": (lambda _: [], "it is not an object of JSON"),
    "only the first line": (lambda lines: lines[:1], "the file ends without its seal"),
    "something else": (lambda _: [b"{}\n"], "it is neither an export nor a proof"),
}


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_export_is_not_proved(
    instance: Instance, exported: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    doctor, sentence = DOCTORED[name]
    assert "Proved" in verdict(instance, exported, capsys)
    exported.write_bytes(b"".join(doctor(exported.read_bytes().splitlines(keepends=True))))
    assert sentence in verdict(instance, exported, capsys)


@settings(max_examples=cases(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_can_be_flipped(
    instance: Instance, exported: Path, capsys: pytest.CaptureFixture[str], place: float, bit: int
) -> None:
    whole = exported.read_bytes()
    changed = bytearray(whole)
    changed[int(place * len(whole))] ^= 1 << bit
    exported.write_bytes(changed)
    assert verdict(instance, exported, capsys).startswith("Not proved")
    exported.write_bytes(whole)


def test_lines_sealed_for_one_choice_do_not_pass_for_another(
    instance: Instance, acting: Acting, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = tmp_path / "part.jsonl"
    with acting("compliance") as ctx:
        storage.write_pieces(part, trail.export(ctx, Chosen(verb="thing.", subject="thing:7")))
    assert "1 entries (subject thing:7, verb thing.)" in verdict(instance, part, capsys)
    lines = part.read_bytes().splitlines(keepends=True)
    whole = exported.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([whole[0], *lines[1:]]))
    assert verdict(instance, part, capsys).startswith("Not proved")


def test_an_export_is_of_a_person_a_time_or_a_subject(instance: Instance, acting: Acting) -> None:
    fill(acting, 5)

    def chosen(choice: Chosen) -> list[dict[str, object]]:
        with acting("compliance") as ctx:
            lines = list(trail.export(ctx, choice))
        return [json.loads(json.loads(line)["entry"]) for line in lines[1:-1]]

    assert {one["person"] for one in chosen(Chosen(person="admin"))} == {"admin"}
    at = datetime.fromisoformat(str(chosen(Chosen(subject="thing:3"))[0]["at"]))
    later = at + timedelta(microseconds=1)
    assert [one["subject"] for one in chosen(Chosen(start=at, end=later))] == ["thing:3"]
    assert [one["subject"] for one in chosen(Chosen(verb="thing.", start=later))] == ["thing:4"]
    assert len(chosen(Chosen(verb="thing.done", end=at))) == 3


def test_an_export_is_on_the_trail_and_only_for_those_who_may_see_it(
    instance: Instance, acting: Acting
) -> None:
    fill(acting, 1)
    with acting("compliance") as ctx:
        list(trail.export(ctx, Chosen(person="lead")))
        [entry] = recent(ctx.db, verb="trail.exported")
    assert (entry.person, entry.facts["chosen"]) == ("compliance", {"person": "lead"})
    for ask in (trail.export, trail.checkpoint, lambda ctx: trail.consistency(ctx, "1")):
        with pytest.raises(NotAllowed), acting("maker.sales") as ctx:
            ask(ctx)


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "trail.jsonl"
    file.write_text("older")

    def broken() -> object:
        yield b"a beginning"
        raise NotReady("The disk is full.", next_step="Make room.")

    with pytest.raises(NotReady):
        storage.write_pieces(file, broken())  # type: ignore[arg-type]
    assert [one.name for one in tmp_path.iterdir()] == ["trail.jsonl"] and file.read_text() == "older"


def test_a_trail_with_a_hole_is_not_exported_as_if_it_had_none(
    instance: Instance, acting: Acting, tmp_path: Path
) -> None:
    fill(acting, 300)
    edit(instance, "DELETE FROM audit_entries WHERE seq = 70")
    with pytest.raises(NotReady, match="missing"), acting("compliance") as ctx:
        storage.write_pieces(tmp_path / "trail.jsonl", trail.export(ctx))


def test_a_kept_checkpoint_is_proved_to_be_the_beginning_of_the_log(
    instance: Instance, acting: Acting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(acting, 10)
    kept, proof = tmp_path / "kept", tmp_path / "consistency.json"
    with acting("compliance") as ctx:
        kept.write_text(trail.checkpoint(ctx))
    fill(acting, 300)
    with acting("compliance") as ctx:
        document = trail.consistency(ctx, kept.read_text())
        assert trail.consistency(ctx, str(document["old_size"])) == document

    def said(**changed: object) -> str:
        proof.write_text(json.dumps({**document, **changed}))
        return verdict(instance, proof, capsys, "--old", str(kept))

    assert "is the beginning of the one of" in said()
    path = document["proof"]
    for wrong in ([], path[:-1], [*path, path[0]], [flipped(path[0]), *path[1:]], path[::-1]):
        assert said(proof=wrong).startswith("Not proved")
    assert said(checkpoint=other_root(document["checkpoint"])).startswith("Not proved")
    assert said(checkpoint=kept.read_text()).startswith("Not proved")
    kept.write_text(other_root(kept.read_text()))
    assert "it is not signed by this key" in said()


def test_a_log_that_was_written_anew_does_not_prove_to_continue_the_kept_one(
    instance: Instance, acting: Acting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(acting, 10)
    with acting("compliance") as ctx:
        old = trail.checkpoint(ctx)
    size = int(old.split("\n")[1])
    forged = instance.log.signed(other_root(old).partition("\n\n")[0] + "\n")  # the same size, another log
    fill(acting, 10)
    kept, proof = tmp_path / "kept", tmp_path / "consistency.json"
    kept.write_text(forged)
    with acting("compliance") as ctx:
        proof.write_text(json.dumps(trail.consistency(ctx, str(size))))
    assert "is not the beginning" in verdict(instance, proof, capsys, "--old", str(kept))


def test_consistency_with_what_was_never_signed_is_refused(instance: Instance, acting: Acting) -> None:
    fill(acting, 3)
    for old, refusal in (("rubbish", Invalid), ("0", NotFound), ("999999", NotFound)):
        with pytest.raises(refusal), acting("compliance") as ctx:
            trail.consistency(ctx, old)


@settings(max_examples=cases(25), deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=80), bit=st.integers(0, 511))
def test_the_verifiers_own_signatures_are_those_of_the_library(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key.sign(message)
    assert verifier.is_signed(public, message, signature)
    wrong = bytearray(signature)
    wrong[bit // 8] ^= 1 << bit % 8
    assert not verifier.is_signed(public, message, bytes(wrong))
    assert not verifier.is_signed(public, message + b"!", signature)
    larger = int.from_bytes(signature[32:], "little") + verifier.ORDER  # the same point, written otherwise
    assert not verifier.is_signed(public, message, signature[:32] + larger.to_bytes(32, "little"))


def test_the_verifier_reads_the_note_that_the_reference_implementation_gives_as_its_example() -> None:
    # golang.org/x/mod/sumdb/note, the example of the package's documentation.
    key = verifier.key_of("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    note = f"{text}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    assert verifier.opened(note, key) == text
    with pytest.raises(verifier.Bad):
        verifier.opened(note.replace("problem,", "problem."), key)


def test_an_auditor_gets_everything_by_command(instance: Instance, acting: Acting, tmp_path: Path) -> None:
    fill(acting, 20)

    def ran(*arguments: str) -> str:
        about = () if arguments == ("audit", "verifier") else ("--home", str(instance.settings.home))
        who = ("--as", "compliance") if about else ()
        answer = CliRunner().invoke(command(), [*arguments, *about, *who])
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    kept, file, proof = tmp_path / "kept", tmp_path / "trail.jsonl", tmp_path / "consistency.json"
    program = tmp_path / "verify_audit.py"
    program.write_text(ran("audit", "verifier"))
    kept.write_text(ran("audit", "checkpoint"))
    fill(acting, 5)
    ran("audit", "export", str(file), "--verb", "thing.")
    proof.write_text(ran("audit", "consistency", str(kept)))
    key = ran("audit", "key").strip()
    for arguments in ([str(file)], [str(proof), "--old", str(kept)]):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), "--key", key, *arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    lines = ran("audit", "export", "--start", "2020-01-01", "--end", "2020-01-02").splitlines()
    assert len(lines) == 2 and "seal" in lines[1]


def test_an_auditor_gets_everything_by_rest(instance: Instance, acting: Acting, tmp_path: Path) -> None:
    fill(acting, 20)
    with acting("compliance") as ctx:
        token = identity.issue_token(ctx, "audit")[1]
    client = Client(application(instance), headers={"Authorization": f"Bearer {token}"})
    old = client.get("/api/v1/audit/checkpoint").text
    fill(acting, 5)
    program, file, proof = tmp_path / "verify.py", tmp_path / "trail.jsonl", tmp_path / "consistency.json"
    program.write_text(client.get("/api/v1/audit/verifier.py").text)
    file.write_bytes(client.get("/api/v1/audit/export", params={"person": "admin"}).content)
    proof.write_bytes(client.post("/api/v1/audit/consistency", json={"checkpoint": old}).content)
    (tmp_path / "old").write_text(old)
    key = client.get("/api/v1/audit/key").text
    for arguments in ([str(file)], [str(proof), "--old", str(tmp_path / "old")]):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), "--key", key, *arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    refused = client.post("/api/v1/audit/consistency", json={"checkpoint": "rubbish"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


def test_a_trail_with_many_faults_is_told_in_a_few_sentences(instance: Instance, acting: Acting) -> None:
    fill(acting, 60)
    edit(instance, "UPDATE audit_entries SET person = 'lead' WHERE seq >= 20")
    answer = CliRunner().invoke(
        command(), ["audit", "verify", "--home", str(instance.settings.home), "--as", "compliance"]
    )
    assert answer.exit_code == 1
    said = answer.stderr
    assert said.count("columns differ") == 3 and "more" in said
