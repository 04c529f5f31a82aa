"""The system call filter, run on an interpreter of classic BPF written for this test alone."""

import struct
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.adapters.isolation.seccomp import MACHINES, program
from handrail.kernel import NotReady

ROOT = Path(__file__).parents[3]
ALLOW, KILL, EPERM, ENOSYS, EAFNOSUPPORT = 0x7FFF0000, 0x80000000, 0x50001, 0x50026, 0x50061
ENOTTY, EPROTONOSUPPORT = 0x50019, 0x5005D
X86_64 = 0xC000003E


def judged(
    number: int, *arguments: int, audit: int = X86_64, machine: str = "x86_64", loopback: bool = False
) -> int:
    """What the filter says to one system call."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    code = list(struct.iter_unpack("=HBBI", program(machine, loopback=loopback)))
    at, accumulator = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x05:
            at += value
        else:
            tests = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}
            at += if_true if tests[operation] else if_false


def called(name: str, *arguments: int, loopback: bool = False) -> set[int]:
    """What it says to a call by name, on every machine that has it."""
    return {
        judged(this.checked[name], *arguments, audit=this.audit, machine=machine, loopback=loopback)
        for machine, this in MACHINES.items()
        if name in this.checked
    }


def test_ordinary_calls_are_allowed() -> None:
    for number in (0, 1, 9, 59, 202, 257, 302):  # read write mmap execve futex openat prlimit64
        assert judged(number) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_on_the_list_is_allowed_and_nothing_else(machine: str) -> None:
    this = MACHINES[machine]
    wanted = dict.fromkeys(range(1000), ENOSYS)
    wanted |= dict.fromkeys(this.allowed.values(), ALLOW) | dict.fromkeys(this.refused.values(), EPERM)
    said = {n: judged(n, audit=this.audit, machine=machine) for n in wanted if n not in this.checked.values()}
    assert said == {n: verdict for n, verdict in wanted.items() if n in said}
    assert len(this.allowed) > 150


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    "name",
    [
        "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise", "unshare",
        "setns", "mount", "umount2", "move_mount", "open_tree", "fsopen", "mount_setattr", "pivot_root", "chroot",
        "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
        "add_key", "request_key", "keyctl", "personality", "init_module", "finit_module", "kexec_load", "reboot",
        "open_by_handle_at", "name_to_handle_at", "fanotify_init", "memfd_secret", "vmsplice", "splice", "sync",
        "seccomp", "setuid", "setresuid", "capset", "quotactl", "swapon", "syslog", "io_setup", "shmget",
        "mq_open", "sched_setscheduler", "migrate_pages", "settimeofday", "clock_settime", "sethostname",
    ],
)  # fmt: skip
def test_what_reaches_beyond_a_process_is_on_no_list(machine: str, name: str) -> None:
    this = MACHINES[machine]
    assert name in this.refused
    assert judged(this.refused[name], audit=this.audit, machine=machine) == EPERM


def test_calls_of_another_architecture_end_the_process() -> None:
    assert judged(0, audit=0x40000003) == KILL


def test_calls_that_nobody_has_looked_at_do_not_exist() -> None:
    assert judged(467) == judged(1 << 20) == ENOSYS
    assert judged(0x40000000) == ENOSYS  # the x32 table


def test_threads_may_be_made_but_no_namespaces() -> None:
    assert called("clone", 0x3D0F00) == {ALLOW}
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert called("clone", flag | 0x11) == {EPERM}
    assert judged(435) == ENOSYS


def test_a_job_makes_unix_sockets_only() -> None:
    assert called("socket", 1, 1) == called("socketpair", 1, 1) == {ALLOW}
    for family in (2, 10, 16, 17, 40):
        assert called("socket", family, 1) == called("socketpair", family, 1) == {EAFNOSUPPORT}


def test_who_is_listened_to_also_makes_those_of_its_own_loopback_and_no_others() -> None:
    cloexec_and_nonblocking = 0o2000000 | 0o4000
    for family in (2, 10):
        for kind, protocol in ((1, 0), (1, 6), (2, 0), (2, 17), (1 | cloexec_and_nonblocking, 6)):
            assert called("socket", family, kind, protocol, loopback=True) == {ALLOW}
        for kind, protocol in ((3, 0), (3, 1), (5, 0), (10, 0), (1, 132), (1, 262), (2, 136), (2, 115)):
            assert called("socket", family, kind, protocol, loopback=True) == {EPROTONOSUPPORT}
    for family in (16, 17, 40, 0, 3, 31, 38):
        assert called("socket", family, 1, loopback=True) == {EAFNOSUPPORT}
        assert called("socketpair", family, 1, loopback=True) == {EAFNOSUPPORT}
    assert called("socket", 1, 5, loopback=True) == {ALLOW}


def test_the_terminal_cannot_be_typed_into_and_devices_take_no_other_orders() -> None:
    for forbidden in (0x5412, 0x541C, 0xFFFFFFFF_00005412):  # the kernel looks at the low half as well
        assert called("ioctl", 0, forbidden) == {EPERM}
    assert called("ioctl", 0, 0x5401) == called("ioctl", 0, 0x5421) == {ALLOW}
    for order in (0x1261, 0x40049409, 0xAE01, 0x4004667F, 0xC020660B):
        assert called("ioctl", 0, order) == {ENOTTY}


def test_a_process_names_itself_but_changes_nothing_that_protects_it_or_others() -> None:
    assert called("prctl", 15) == called("prctl", 0x53564D41) == {ALLOW}
    for option in (8, 22, 24, 28, 35, 47, 53, 62, 0x59616D61):  # keepcaps seccomp capbset ... ptracer
        assert called("prctl", option) == {EPERM}


def test_pipes_can_be_made_but_no_devices() -> None:
    for kind in (0, 0o100000, 0o010000, 0o140000):
        assert called("mknod", 0, kind | 0o644) == called("mknodat", 0, 0, kind | 0o644) == {ALLOW}
    for kind in (0o020000, 0o060000, 0o040000, 0o120000):
        assert called("mknod", 0, kind | 0o644) == called("mknodat", 0, 0, kind | 0o644) == {EPERM}


@given(
    st.integers(0, 1 << 32), st.lists(st.integers(0, (1 << 64) - 1), min_size=6, max_size=6), st.booleans()
)
def test_whatever_is_called_the_filter_comes_to_a_verdict(
    number: int, arguments: list[int], loopback: bool
) -> None:
    said = judged(number & 0xFFFFFFFF, *arguments, loopback=loopback)
    assert said in (ALLOW, EPERM, ENOSYS, ENOTTY, EAFNOSUPPORT, EPROTONOSUPPORT)
    assert said != ALLOW or number in {
        *MACHINES["x86_64"].allowed.values(),
        *MACHINES["x86_64"].checked.values(),
    }


def test_a_machine_without_a_table_is_refused() -> None:
    with pytest.raises(NotReady, match="riscv64"):
        program("riscv64")


def test_the_tables_are_what_the_list_and_the_kernels_headers_say() -> None:
    headers = ("x86_64-linux-gnu/asm/unistd_64.h", "asm-generic/unistd.h")
    if not all(Path("/usr/include", header).exists() for header in headers):
        pytest.skip("the kernel's headers are not installed")
    subprocess.run([sys.executable, ROOT / "scripts/syscalls", "--check"], check=True)


def test_every_group_of_the_list_says_why() -> None:
    policy = tomllib.loads((ROOT / "scripts/syscalls.toml").read_text(encoding="utf-8"))
    said = [group["why"] for group in (*policy["allowed"].values(), policy["ioctl"], policy["prctl"])]
    assert all(said + list(policy["checked"].values()) + list(policy["absent"].values()))
