"""Attacks on the kernel: system calls that no app needs, and commands of devices and processes."""

import ctypes
import fcntl
import os
import pty
import termios
from pathlib import Path

from handrail.runtime.probes.attempts import attack, attacks, calls, libc

_MACHINE = os.uname().machine
# By name: the number on x86_64, on aarch64, and arguments that do no harm where the call is let through.
_CALLS: dict[str, tuple[int | None, int | None, tuple[int, ...]]] = {
    "ptrace": (101, 117, (16, 0, 0, 0)),
    "process_vm_readv": (310, 270, (1, 0, 0, 0, 0, 0)),
    "process_vm_writev": (311, 271, (1, 0, 0, 0, 0, 0)),
    "process_madvise": (440, 440, (-1, 0, 0, 0, 0)),
    "pidfd_getfd": (438, 438, (-1, 0, 0)),
    "kcmp": (312, 272, (1, 1, 0, 0, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "umount2": (166, 39, (0, 0)),
    "move_mount": (429, 429, (-1, 0, -1, 0, 0)),
    "open_tree": (428, 428, (0, 0, 0)),
    "fsopen": (430, 430, (0, 0)),
    "fsmount": (432, 432, (-1, 0, 0)),
    "mount_setattr": (442, 442, (-1, 0, 0, 0, 0)),
    "pivot_root": (155, 41, (0, 0)),
    "chroot": (161, 51, (0,)),
    "unshare": (272, 97, (0x10000000,)),
    "unshare for time": (272, 97, (0x00000080,)),
    "setns": (308, 268, (0, 0)),
    "clone into a new user namespace": (56, 220, (0x10000011, 0, 0, 0, 0)),
    "clone into a new network": (56, 220, (0x40000011, 0, 0, 0, 0)),
    "clone3": (435, 435, (0, 0)),
    "keyctl": (250, 219, (0, -1, 0, 0, 0)),
    "add_key": (248, 217, (0, 0, 0, 0, 0)),
    "request_key": (249, 218, (0, 0, 0, 0)),
    "bpf": (321, 280, (0, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "io_uring_setup": (425, 425, (1, 0)),
    "io_uring_enter": (426, 426, (-1, 0, 0, 0, 0, 0)),
    "io_uring_register": (427, 427, (-1, 0, 0, 0)),
    "userfaultfd": (323, 282, (0,)),
    "fanotify_init": (300, 262, (0, 0)),
    "name_to_handle_at": (303, 264, (-1, 0, 0, 0, 0)),
    "open_by_handle_at": (304, 265, (0, 0, 0)),
    "memfd_secret": (447, 447, (0,)),
    "vmsplice": (278, 75, (-1, 0, 0, 0)),
    "splice": (275, 76, (-1, 0, -1, 0, 0, 0)),
    "seccomp": (317, 277, (2, 0, 0)),
    "personality without random addresses": (135, 92, (0x0040000,)),
    "modify_ldt": (154, None, (0, 0, 0)),
    "kexec_load": (246, 104, (0, 0, 0, 0)),
    "kexec_file_load": (320, 294, (-1, -1, 0, 0, 0)),
    "init_module": (175, 105, (0, 0, 0)),
    "finit_module": (313, 273, (-1, 0, 0)),
    "delete_module": (176, 106, (0, 0)),
    "syslog": (103, 116, (10, 0, 0)),
    "swapon": (167, 224, (0, 0)),
    "iopl": (172, None, (3,)),
    "ioperm": (173, None, (0, 1, 1)),
    "settimeofday": (164, 170, (0, 0)),
    "clock_settime": (227, 112, (0, 0)),
    "sethostname": (170, 161, (0, 0)),
    "setdomainname": (171, 162, (0, 0)),
    "quotactl": (179, 60, (0, 0, 0, 0)),
    "migrate_pages": (256, 238, (0, 0, 0, 0)),
    "shmget": (29, 194, (0, 4096, 0o1600)),
    "mq_open": (240, 180, (0, 0, 0, 0)),
    "io_setup": (206, 0, (1, 0)),
    "sync, which waits for the disks of all": (162, 81, ()),
    "a call of tomorrow": (900, 900, ()),
    "a call of the x32 table": (0x40000000 | 101, None, (0, 0, 0, 0)),
}
for name, (x86_64, aarch64, arguments) in _CALLS.items():
    number = {"x86_64": x86_64, "aarch64": aarch64}.get(_MACHINE)
    if number is not None:
        attacks.append((f"calls {name}", calls(number, *arguments)))

for name, option, value in (
    ("keeps its rights over a change of user", 8, 1),
    ("puts up a filter of its own", 22, 2),
    ("lets any process trace it", 0x59616D61, -1),
    ("changes what its processes look like in memory", 35, 0),
):

    @attack(f"{name} (prctl)")
    def _prctl(option: int = option, value: int = value) -> object:
        if libc.prctl(option, ctypes.c_long(value), 0, 0, 0) < 0 and ctypes.get_errno() == 1:
            return None
        return f"prctl {option} was let through"


@attack("pushes keys into the terminal that Handrail was started from")
def _terminal() -> object:
    with Path("/dev/tty").open("wb") as terminal:
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")
    return "a key"


for name, request in (("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541C)):

    @attack(f"gives the command {name} to a terminal of its own")
    def _order(request: int = request) -> object:
        ours, theirs = pty.openpty()
        try:
            fcntl.ioctl(theirs, request, b"x")
        finally:
            os.close(ours)
            os.close(theirs)
        return "the terminal took it"


@attack("reads where the kernel's own code lies")
def _kernel_addresses() -> object:
    with Path("/proc/kallsyms").open() as symbols:
        return [
            line for line in (symbols.readline() for _ in range(20)) if line and int(line.split()[0], 16)
        ] or None
