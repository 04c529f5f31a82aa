"""What is kept: by a key that names everything, and by a file that nothing touched."""

import os
import time
from pathlib import Path

from handrail.kernel.access import Policies, Resource
from handrail.kernel.kept import Files, Kept
from handrail.kernel.people import Caller, Person

OLD = 1_700_000_000


def settled(file: Path) -> None:
    """Wait until an edit of this file can no longer be taken for the one before."""
    while time.time_ns() - file.stat().st_ctime_ns <= 2_100_000_000:
        time.sleep(0.1)


def test_the_values_used_last_stay_and_the_others_go() -> None:
    kept: Kept[str, int] = Kept(2)
    kept.put("a", 1), kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)
    kept.put("heavy", 4, weight=3)
    assert kept.get("heavy") is None


def test_what_could_not_be_made_is_tried_again() -> None:
    kept: Kept[str, int] = Kept(2)
    tries = iter([ValueError, 7])

    def make() -> int:
        found = next(tries)
        if isinstance(found, int):
            return found
        raise found

    try:
        kept.made("a", make)
    except ValueError:
        assert kept.made("a", make) == 7


def test_a_file_that_is_edited_is_read_anew_however_its_times_are_set(tmp_path: Path) -> None:
    file, files = tmp_path / "contract", Files()
    file.write_bytes(b"one")
    os.utime(file, (OLD, OLD))
    settled(file)
    first = files.read(file)
    assert first == b"one"
    assert files.read(file) is first  # kept: the same object
    file.write_bytes(b"two")  # the same inode and size
    os.utime(file, (OLD, OLD))  # and the same time, as somebody would set it who wants it overlooked
    assert files.read(file) == b"two"
    file.unlink()
    assert files.read(file) is None


def test_every_edit_of_many_in_one_moment_is_seen(tmp_path: Path) -> None:
    file, files = tmp_path / "contract", Files()
    for number in range(1000, 2000):  # all of one size, several in one tick of the file system's clock
        file.write_bytes(b"%d" % number)
        assert files.read(file) == b"%d" % number


def test_a_decision_is_not_taken_for_that_of_somebody_who_looks_alike() -> None:
    rules, trail = Policies.load([], {}), Resource("Instance", "trail")

    def allowed(*roles: str) -> bool:
        person = Person("p", "P", "", frozenset(roles))
        return rules.decide(Caller(person, "web"), "see-trail", trail, {}).allowed

    assert allowed("compliance")
    assert not allowed()
    assert not allowed("comp", "liance")
    assert allowed("compliance")
