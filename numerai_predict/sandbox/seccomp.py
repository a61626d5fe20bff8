"""A system call filter: no network, no way around it, and nothing done to the runtime.

The filter is a program for the kernel's small interpreter, see https://man7.org/linux/man-pages/man2/seccomp.2.html and
https://docs.kernel.org/userspace-api/seccomp_filter.html. `NUMBERS` and `_rules` say what it does, the rest is how.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Collection
from typing import NamedTuple

from numerai_predict.sandbox import linux

# In the order of the columns of NUMBERS: https://github.com/torvalds/linux/blob/master/include/uapi/linux/audit.h
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

NUMBERS = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "prlimit64": (302, 261),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "clone": (56, 220),
    "clone3": (435, 435),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
}
# What stays when its processes end, and belongs to none of them. Libraries share memory through /dev/shm.
SYSTEM_V = (
    "shmget",
    "shmat",
    "shmctl",
    "semget",
    "semop",
    "semtimedop",
    "semctl",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
)
QUEUES = ("mq_open", "mq_unlink")
# Nobody has looked at the calls from here on (the first is open_tree_attr, of Linux 6.15): a program that meets an
# older kernel does without. x32's are higher still: 512 to 547, or with the bit 0x40000000.
FIRST_UNKNOWN = 467

# What the filter returns to the kernel.
ALLOW = 0x7FFF0000
_ERROR = 0x00050000
DENY = _ERROR | errno.EPERM
MISSING = _ERROR | errno.ENOSYS
UNREACHABLE = _ERROR | errno.ENETUNREACH

_AF_UNIX = 1
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15
_FIOSETOWN, _SIOCSPGRP = 0x8901, 0x8902
_PRIO_PROCESS, _PRIO_PGRP, _PRIO_USER = 0, 1, 2
_IOPRIO_PROCESS, _IOPRIO_PGRP, _IOPRIO_USER = 1, 2, 3
_CLONE_PARENT = 0x00008000
_CLONE_NAMESPACES = 0x7E020000

# https://docs.kernel.org/networking/filter.html
_LOAD, _SKIP, _RETURN = 0x20, 0x05, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
# Offsets in struct seccomp_data.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_SECCOMP = (317, 277)
_SET_MODE_FILTER = 1
_MODE_FILTER = 2
_TSYNC, _SPEC_ALLOW = 1, 4


class Match(NamedTuple):
    """Whether an argument of the call (counted from 0) is one of the values, or has any of their bits."""

    argument: int
    values: Collection[int]
    test: int = _EQUAL


class Rule(NamedTuple):
    """What becomes of a call: `exception` if all of `matches` hold for any of the `cases`, else `verdict`."""

    verdict: int
    exception: int = ALLOW
    cases: tuple[tuple[Match, ...], ...] = ()


def forbid(processes: Collection[int]) -> None:
    """Deny this process, all its threads and all that it starts the network and attacks on `processes`.

    For good. Unix sockets stay; so does all that it does to itself and to what it starts. It must lead a session of
    its own, or signals to its own group would reach them. Raises OSError where the kernel takes no filter.
    """
    # Without it only root may install a filter, as setuid programs would be confused by it.
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no system call filter for {machine}")
    protected = {1, *processes, *(thread for process in processes for thread in _threads(process))}
    program = assemble(protected, {1, *map(os.getpgid, processes)} - {0})
    _install(program, _SECCOMP[list(ARCHITECTURES).index(machine)])


def assemble(protected: Collection[int], groups: Collection[int]) -> bytes:
    """The filter that keeps the `protected` processes (or threads) and process groups from harm."""
    rules = _rules(protected, groups)
    program = [_instruction(_LOAD, _ARCHITECTURE)]
    for column, architecture in enumerate(ARCHITECTURES.values()):
        section = [
            _instruction(_LOAD, _NUMBER),
            _instruction(_AT_LEAST, FIRST_UNKNOWN, otherwise=1),
            _instruction(_RETURN, MISSING),
        ]
        for name, rule in rules.items():
            body = _body(rule)
            section += [_instruction(_EQUAL, NUMBERS[name][column], otherwise=len(body)), *body]
        section.append(_instruction(_RETURN, ALLOW))
        # A section is longer than the 255 instructions that a comparison can jump over.
        program += [_instruction(_EQUAL, architecture, then=1), _instruction(_SKIP, len(section)), *section]
    # Any other architecture, such as i386, which 64-bit code reaches with "int 0x80".
    program.append(_instruction(_RETURN, MISSING))
    return b"".join(program)


def _rules(protected: Collection[int], groups: Collection[int]) -> dict[str, Rule]:
    on_protected = Rule(ALLOW, DENY, ((Match(0, protected),),))
    # To -1 is to everyone. The number of any thread of a process stands for the whole process.
    signal = Rule(ALLOW, DENY, ((Match(0, {*protected, *(-group for group in groups), -1}),),))
    unix_only = Rule(UNREACHABLE, ALLOW, ((Match(0, [_AF_UNIX]),),))
    # What is not mentioned below is denied altogether.
    rules = dict.fromkeys(NUMBERS, Rule(DENY))
    rules |= dict.fromkeys(("socket", "socketpair"), unix_only)
    rules |= dict.fromkeys(("io_uring_setup", "io_uring_enter", "io_uring_register"), Rule(MISSING))
    rules |= dict.fromkeys(("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"), signal)
    # As a kernel that is built without them says; programs have another way then.
    rules |= dict.fromkeys((*SYSTEM_V, *QUEUES), Rule(MISSING))
    # The owner of a file gets signals from the kernel, any that F_SETSIG names: fcntl(2).
    rules["fcntl"] = Rule(ALLOW, DENY, ((Match(1, [_F_SETOWN, _F_SETSIG, _F_SETOWN_EX]),),))
    rules["ioctl"] = Rule(ALLOW, DENY, ((Match(1, [_FIOSETOWN, _SIOCSPGRP]),),))
    rules |= dict.fromkeys(("prlimit64", "sched_setaffinity", "sched_setattr"), on_protected)
    rules |= dict.fromkeys(("sched_setparam", "sched_setscheduler"), on_protected)
    rules["setpriority"] = _on_whom(_PRIO_PROCESS, protected, _PRIO_PGRP, groups, _PRIO_USER)
    rules["ioprio_set"] = _on_whom(_IOPRIO_PROCESS, protected, _IOPRIO_PGRP, groups, _IOPRIO_USER)
    # CLONE_PARENT would make a process that does not descend from us.
    rules["clone"] = Rule(ALLOW, DENY, ((Match(0, [_CLONE_NAMESPACES | _CLONE_PARENT], _ANY_BIT),),))
    # Its flags are in memory, where a filter cannot look. The C library falls back to clone.
    rules["clone3"] = Rule(MISSING)
    return rules


def _on_whom(process: int, processes: Collection[int], group: int, groups: Collection[int], user: int) -> Rule:
    """For calls whose first argument says what the second one numbers; the user's processes include the parent."""
    cases = (
        (Match(0, [process]), Match(1, processes)),
        (Match(0, [group]), Match(1, groups)),
        (Match(0, [user]),),
    )
    return Rule(ALLOW, DENY, cases)


def _threads(process: int) -> set[int]:
    return {int(name) for name in os.listdir(f"/proc/{process}/task")}


def _instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """One struct sock_filter. A comparison skips `then` or `otherwise` instructions, as its outcome is."""
    return struct.pack("=HBBI", code, then, otherwise, value & 0xFFFFFFFF)


def _body(rule: Rule) -> list[bytes]:
    """The instructions for one call; they always end in a return, as the call's number is no longer loaded."""
    body = []
    for case in rule.cases:
        steps = [_instruction(_RETURN, rule.exception)]
        for match in reversed(case):
            steps = _comparison(match, len(steps)) + steps
        body += steps
    return [*body, _instruction(_RETURN, rule.verdict)]


def _comparison(match: Match, rest: int) -> list[bytes]:
    """Go on if the argument matches, else skip the `rest` of the case too."""
    # The kernel takes all these arguments as 32-bit numbers: the low half, which comes first, is what counts.
    steps = [_instruction(_LOAD, _ARGUMENTS + 8 * match.argument)]
    for left, value in zip(reversed(range(len(match.values))), match.values, strict=True):
        steps.append(_instruction(match.test, value, then=left, otherwise=0 if left else rest))
    return steps


def _install(program: bytes, number: int) -> None:
    instructions = ctypes.create_string_buffer(program, len(program))
    filter_program = struct.pack("@HP", len(program) // len(_instruction(0, 0)), ctypes.addressof(instructions))
    # SPEC_ALLOW keeps kernels before 5.16 from slowing down all that the process computes.
    for flags in (_TSYNC | _SPEC_ALLOW, _TSYNC):
        try:
            if thread := linux.syscall(number, _SET_MODE_FILTER, flags, filter_program):
                raise OSError(errno.EBUSY, f"thread {thread} has a filter of its own")
            return
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EINVAL):
                raise
    linux.prctl(linux.PR_SET_SECCOMP, _MODE_FILTER, filter_program)
