"""Whether there may be processes that nobody has looked at yet."""

from pathlib import Path

from numerai_predict.sandbox.kernel_file import KernelFile

LOADAVG = Path("/proc/loadavg")


class Births:
    """Notes when somebody looks at all processes, and says whether any may have been born since, in our PID namespace:
    whether the last number that the kernel has given moved (https://man7.org/linux/man-pages/man5/proc_loadavg.5.html).
    `newborn` is a process that was just born.
    """

    def __init__(self, newborn: int, loadavg: Path = LOADAVG) -> None:
        self._file = KernelFile(loadavg)
        self._noted = (0, 0)
        # macOS has no such file, gVisor counts nothing, and lxcfs may be seconds late.
        self._counts = self._last_pid() >= newborn

    def note_look(self) -> None:
        """A look begins."""
        self._noted = (self._noted[1], self._last_pid())

    def may_be_unseen(self) -> bool:
        """Whether another look may find more. Two have to have begun since the last birth, as a process has its number
        a moment before it can be seen.
        """
        return not self._counts or {self._last_pid()} != {*self._noted}

    def close(self) -> None:
        """Close the file; what follows opens it again."""
        self._file.close()

    def _last_pid(self) -> int:
        fields = self._file.read().split()
        return int(fields[-1]) if fields else 0
