"""A second launcher: forks programs from a process that has imported their libraries already."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

ROOT = str(Path(__file__).resolve().parents[1])
sys.path[:1] = [ROOT]  # Of a script, its folder: `tests` has modules that a model must not find.

from numerai_predict.sandbox import Birthplace  # noqa: E402

MAX_ORDER = 1 << 16


class ForkLauncher:
    """Starts programs of the model's process, one after the other; ends with `close`."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._template = subprocess.Popen([sys.executable, __file__], stdin=theirs.fileno(), start_new_session=True)

    def launch(self, place: Birthplace) -> "ForkedChild":
        """Fork one."""
        order = {"folder": str(place.folder), "user": place.user, "environment": dict(place.environment)}
        descriptors = [place.channel, place.stdout, place.stderr, place.reports]
        return ForkedChild(self, self.ask({"launch": order}, descriptors))

    def ask(self, order: dict[str, Any], descriptors: list[int]) -> Any:
        """What the template answers."""
        socket.send_fds(self._line, [json.dumps(order).encode()], descriptors)
        return json.loads(self._line.recv(MAX_ORDER))

    def close(self) -> None:
        """End the template, and with it what is left of its programs."""
        self._line.close()
        self._template.wait()


class ForkedChild:
    """A child of the template."""

    def __init__(self, launcher: ForkLauncher, pid: int) -> None:
        self._launcher = launcher
        self.pid = pid

    def wait(self) -> tuple[int, float]:
        """Wait for its end."""
        status, cpu_s = self._launcher.ask({"wait": self.pid}, [])
        return status, cpu_s


def serve_orders() -> NoReturn:
    """The template: import what models need, then fork and wait as it is asked to."""
    import lightgbm  # noqa: F401
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import numerai_predict.child.checks
    import numerai_predict.child.main  # noqa: F401

    line = socket.socket(fileno=os.dup(0))
    while True:
        data, descriptors, _, _ = socket.recv_fds(line, MAX_ORDER, maxfds=4)
        if not data:
            os._exit(0)
        match json.loads(data):
            case {"launch": order}:
                pid = os.fork()
                if pid == 0:
                    line.close()
                    become(order, descriptors)
                for descriptor in descriptors:
                    os.close(descriptor)
                line.sendall(json.dumps(pid).encode())
            case {"wait": pid}:
                _, status, usage = os.wait4(pid, 0)
                answer = [os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime]
                line.sendall(json.dumps(answer).encode())


def become(order: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """The program: begin where the order says, then go on as an executed one does."""
    from numerai_predict.child import main
    from numerai_predict.sandbox import ChildChannel, fork_program

    os.setsid()
    *streams, reports = descriptors
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    reaper = fork_program(reports, order["user"], order["folder"])
    sys.path.remove(ROOT)
    main.serve(ChildChannel.from_stdin(), reaper)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve_orders()
