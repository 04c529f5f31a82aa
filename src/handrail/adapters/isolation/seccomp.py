"""The system call filter of every sandbox, assembled here as classic BPF for the machine that we run on.

Layout after seccomp(2): check the architecture, refuse numbers that nobody has looked at, refuse the listed
calls, look at the arguments of four more, allow the rest. Numbers are those of Linux's syscall tables.
"""

import platform
import struct
from dataclasses import dataclass

from handrail.kernel import NotReady

_ALLOW = 0x7FFF0000
_KILL = 0x80000000  # the whole process
_ERRNO = 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_SET, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

# The first call number that nobody here has looked at (Linux 6.18): it and all later ones "do not exist".
_UNKNOWN_FROM = 468
_AF_UNIX = 1
# Namespaces that clone(2) could make; CLONE_NEWTIME does not fit into its flags.
_NEW_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

# Calls from 424 on have the same number on every architecture.
_COMMON = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447,
    "process_mrelease": 448, "statmount": 457, "listmount": 458, "lsm_get_self_attr": 459,
    "lsm_set_self_attr": 460, "lsm_list_modules": 461, "open_tree_attr": 467,
}  # fmt: skip
_X86_64 = {
    "ptrace": 101, "syslog": 103, "uselib": 134, "personality": 135, "ustat": 136, "sysfs": 139,
    "vhangup": 153, "modify_ldt": 154, "pivot_root": 155, "_sysctl": 156, "adjtimex": 159, "chroot": 161,
    "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168,
    "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173,
    "create_module": 174, "init_module": 175, "delete_module": 176, "quotactl": 179, "nfsservctl": 180,
    "lookup_dcookie": 212, "clock_settime": 227, "kexec_load": 246, "add_key": 248, "request_key": 249,
    "keyctl": 250, "migrate_pages": 256, "unshare": 272, "vmsplice": 278, "move_pages": 279,
    "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
    "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312,
    "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
}  # fmt: skip
_AARCH64 = {
    "lookup_dcookie": 18, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42, "chroot": 51,
    "vhangup": 58, "quotactl": 60, "vmsplice": 75, "acct": 89, "personality": 92, "unshare": 97,
    "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116,
    "ptrace": 117, "reboot": 142, "sethostname": 161, "setdomainname": 162, "settimeofday": 170,
    "adjtimex": 171, "add_key": 217, "request_key": 218, "keyctl": 219, "swapon": 224, "swapoff": 225,
    "migrate_pages": 238, "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262,
    "name_to_handle_at": 264, "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268,
    "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280,
    "userfaultfd": 282, "kexec_file_load": 294,
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """What differs between architectures: the audit number and the numbers of the calls used below."""

    audit: int
    refused: dict[str, int]
    clone: int
    ioctl: int
    socket: int
    socketpair: int


MACHINES = {
    "x86_64": Machine(0xC000003E, _X86_64 | _COMMON, clone=56, ioctl=16, socket=41, socketpair=53),
    "aarch64": Machine(0xC00000B7, _AARCH64 | _COMMON, clone=220, ioctl=29, socket=198, socketpair=199),
}
_CLONE3 = 435


def program(machine: str = "") -> bytes:
    """The filter as an array of `struct sock_filter`; refuses a machine whose calls are not known here."""
    name = machine or platform.machine()
    if name not in MACHINES:
        raise NotReady(
            f"There is no system call filter for {name} machines, so nothing may run here.",
            next_step=f"Run Handrail on one of: {', '.join(MACHINES)}.",
        )
    this = MACHINES[name]
    code = [
        _load(_ARCHITECTURE), (_JUMP_EQUAL, 1, 0, this.audit), _return(_KILL),
        _load(_NUMBER), (_JUMP_GREATER, 0, 1, _UNKNOWN_FROM - 1), _return(_ERRNO | _ENOSYS),
    ]  # fmt: skip
    # glibc falls back to clone(2), whose flags can be looked at here; those of clone3 lie in memory.
    code += [(_JUMP_EQUAL, 0, 1, _CLONE3), _return(_ERRNO | _ENOSYS)]
    for number in sorted(this.refused.values()):
        code += [(_JUMP_EQUAL, 0, 1, number), _return(_ERRNO | _EPERM)]
    code += _look(this.clone, 0, [(_JUMP_SET, 0, 1, _NEW_NAMESPACES), _return(_ERRNO | _EPERM)])
    for request in (_TIOCSTI, _TIOCLINUX):
        code += _look(this.ioctl, 1, [(_JUMP_EQUAL, 0, 1, request), _return(_ERRNO | _EPERM)])
    for call in (this.socket, this.socketpair):  # vsock and netlink know no network namespace worth the name
        code += _look(call, 0, [(_JUMP_EQUAL, 1, 0, _AF_UNIX), _return(_ERRNO | _EAFNOSUPPORT)])
    code.append(_return(_ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _load(offset: int) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, offset)


def _return(value: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, value)


def _look(
    number: int, argument: int, test: list[tuple[int, int, int, int]]
) -> list[tuple[int, int, int, int]]:
    """For one call only: load the low half of an argument, test it, and load the call number again."""
    body = [_load(_ARGUMENTS + 8 * argument), *test, _load(_NUMBER)]
    return [(_JUMP_EQUAL, 0, len(body), number), *body]
