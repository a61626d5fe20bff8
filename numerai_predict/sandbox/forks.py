"""What a template does (template.py): fork a program for each order that comes, and become it in the child."""

import json
import os
import socket
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from numerai_predict.sandbox import linux
from numerai_predict.sandbox.reaper import fork_program
from numerai_predict.sandbox.template import MAX_MESSAGE

DESCRIPTORS = 4  # Of a Birthplace.

# Goes on as the program, below the reaper whose process id it is given.
Program: TypeAlias = Callable[[int], NoReturn]


def fork_on_request(program: Program) -> NoReturn:
    """Say on standard input, a socket, that all is ready, and do what is asked there until it ends. The process has to
    have one thread only, as a fork has no others: locks that they hold would never be free again.
    """
    line = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    linux.prctl(linux.PR_SET_DUMPABLE, 0)  # A model of the same user must not reach into it.
    _say(line, {"threads": len(os.listdir("/proc/self/task"))})
    while True:
        data, descriptors, _, _ = socket.recv_fds(line, MAX_MESSAGE, maxfds=DESCRIPTORS)
        if not data:
            os._exit(0)
        try:
            answer = _carry_out(json.loads(data), descriptors, line, program)
        except OSError as error:
            answer = {"error": str(error)}
        for descriptor in descriptors:
            os.close(descriptor)
        _say(line, answer)


def _carry_out(order: dict[str, Any], descriptors: list[int], line: socket.socket, program: Program) -> dict[str, Any]:
    match order:
        case {"launch": place}:
            if (pid := os.fork()) == 0:
                line.close()
                _become(place, descriptors, program)
            return {"pid": pid}
        case {"wait": pid}:
            _, status, usage = os.wait4(pid, 0)
            return {"status": os.waitstatus_to_exitcode(status), "cpu_s": usage.ru_utime + usage.ru_stime}
    raise OSError("an order that is none")


def _become(place: dict[str, Any], descriptors: list[int], program: Program) -> NoReturn:
    """Begin where an executed program does: with its streams, folder and environment, and in a session of its own."""
    try:
        os.setsid()
        *streams, reports = descriptors
        for target, descriptor in enumerate(streams):
            os.dup2(descriptor, target)
            os.close(descriptor)
        os.chdir(place["folder"])
        os.environ.clear()
        os.environ.update(place["environment"])
        linux.prctl(linux.PR_SET_DUMPABLE, 1)  # Else the files in /proc/self are root's; fork_program sets it anew.
        program(fork_program(reports, place["user"], place["folder"]))
    finally:
        os._exit(1)  # Never back into the loop of the template.


def _say(line: socket.socket, message: dict[str, Any]) -> None:
    try:
        line.sendall(json.dumps(message).encode())
    except OSError:
        os._exit(1)  # The runtime is gone.
