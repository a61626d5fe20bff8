"""Inspect a pickle in a process of its own, with limits that end it if the inspector does not keep to its own.

Usage: python limited.py FILE MEMORY_BYTES CPU_SECONDS DEADLINE_SECONDS
Prints the CPU seconds that it took, its highest memory in bytes, and what was found, as JSON.
"""

import functools
import json
import re
import resource
import sys
import time
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from numerai_predict.inspection import inspect, stub_unpickler


def main(path: str, memory_bytes: int, cpu_s: int, deadline_s: float) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    start = time.process_time()
    in_short = functools.partial(stub_unpickler.trace, deadline_s=deadline_s)
    with open(path, "rb") as file, mock.patch.object(inspect, "trace", in_short):
        findings = inspect.inspect_pickle(file, "model.pkl")
    took = time.process_time() - start
    found = {"complete": findings.complete, "error_kind": findings.error_kind, "parameters": findings.parameters}
    print(json.dumps({"seconds": took, "peak_bytes": peak_bytes(), **found}))


def peak_bytes() -> int:
    """Of this program alone: what resource.getrusage counts begins with the process that started it."""
    match = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
