"""Finding a control group that we may use, on trees as the kernel shows them."""

import os
from pathlib import Path

from handrail.adapters.isolation import cgroups


def place(root: Path, path: str, controllers: str = "", subtree: str = "", procs: str = "") -> Path:
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(subtree)
    (folder / "cgroup.procs").write_text(procs)
    return folder


def test_in_a_user_session_the_slice_that_hands_out_both_controllers_is_used(tmp_path: Path) -> None:
    slice_ = place(tmp_path, "user.slice/app.slice", "memory pids cpu", "memory pids")
    place(tmp_path, "user.slice/app.slice/term.scope", "memory pids", "", "1\n2\n")
    found = cgroups.find(tmp_path, "0::/user.slice/app.slice/term.scope\n")
    assert found == cgroups.Groups(slice_, slice_, 2)


def test_a_delegated_service_makes_room_for_itself_first(tmp_path: Path) -> None:
    own = place(tmp_path, "system.slice/handrail.service", "memory pids", "", f"{os.getpid()}\n")
    (tmp_path / "system.slice").chmod(0o555)
    found = cgroups.find(tmp_path, "0::/system.slice/handrail.service\n")
    assert found == cgroups.Groups(own, own, 2)
    assert (own / "server" / "cgroup.procs").read_text() == str(os.getpid())
    assert (own / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_a_group_that_others_live_in_is_left_as_it_is(tmp_path: Path) -> None:
    place(tmp_path, "shared.scope", "memory pids", "", f"{os.getpid()}\n1\n")
    assert cgroups.find(tmp_path, "0::/shared.scope\n") is None


def test_version_2_without_the_controllers_does_not_count(tmp_path: Path) -> None:
    place(tmp_path, "x", "cpu", "cpu", f"{os.getpid()}\n")
    assert cgroups.find(tmp_path, "0::/x\n") is None


def test_version_1_is_used_in_our_own_group_of_each_hierarchy(tmp_path: Path) -> None:
    memory, pids = place(tmp_path, "memory/own"), place(tmp_path, "pids")
    found = cgroups.find(tmp_path, "8:pids:/\n4:memory:/own\n0::/\n")
    assert found == cgroups.Groups(memory, pids, 1)


def test_where_there_is_no_control_group_there_is_none(tmp_path: Path) -> None:
    assert cgroups.find(tmp_path, "0::/\n") is None


def test_a_group_of_version_2_gets_its_limits_of_memory_and_processes(tmp_path: Path) -> None:
    folder = place(tmp_path, "s", "memory pids", "memory pids")
    new = cgroups.Groups(folder, folder, 2).make(1000, 5)
    assert (new.memory / "memory.max").read_text() == "1000"
    assert (new.pids / "pids.max").read_text() == "5"


def test_a_count_of_killed_processes_is_read_in_both_versions(tmp_path: Path) -> None:
    folder = place(tmp_path, "g")
    (folder / "memory.events").write_text("low 0\nmax 3\noom 1\noom_kill 1\n")
    (folder / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    (folder / "pids.events").write_text("max 2\n")
    assert cgroups.Group(folder, folder, 2).out_of_memory()
    assert not cgroups.Group(folder, folder, 1).out_of_memory()
    assert cgroups.Group(folder, folder, 1).out_of_processes()
