"""Write requirements.txt beside a poetry.lock, for pip install -r and pip install -c.

Usage: python .ci/export_requirements.py py3.11 [py3.12 ...]
Poetry and its export plugin must be on the PATH.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import tomllib

HEADER = """\
# Made from {folder}/poetry.lock by .ci/export_requirements.py. Do not edit.
# A few packages at these versions:
#   pip install -c {folder}/requirements.txt pandas lightgbm
# Everything (without --no-deps some packages bring the GPU build of tensorflow along):
#   pip install --no-deps -r {folder}/requirements.txt
# PyPI's torch wants CUDA on Linux; the CPU-only torch comes with
#   --extra-index-url https://download.pytorch.org/whl/cpu
"""


def exported_pins(folder: Path) -> list[str]:
    """Return the lock's pins as Poetry exports them, the torch group included."""
    # The constraints format has no extras in brackets, which pip refuses there.
    command = ["poetry", "export", "--directory", str(folder)]
    command += ["--format", "constraints.txt", "--with", "torch"]
    command += ["--without-hashes", "--without-urls"]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return result.stdout.splitlines()


def declared_markers(folder: Path) -> dict[str, str]:
    """Return the environment marker of each direct dependency that has one."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    markers = {}
    for dependency in project["dependencies"]:
        pin, _, marker = dependency.partition(";")
        if marker:
            name = re.split(r"[^\w.-]", pin)[0]
            markers[name] = marker.strip().replace("'", '"')
    return markers


def rewritten(line: str, markers: dict[str, str]) -> str:
    """Return one exported pin as pip users on Linux and macOS need it."""
    pin, _, marker = line.partition(" ; ")
    name, _, version = pin.partition("==")
    # Others require tensorflow without a marker, which would put it beside
    # tensorflow-cpu; the marker in pyproject.toml has the say.
    marker = markers.get(name, marker)
    # macOS has no +cpu build of torch.
    pin = f"{name}=={version.partition('+')[0]}"
    return f"{pin} ; {marker}" if marker else pin


def main(folders: list[str]) -> None:
    """Write the requirements.txt of each folder."""
    for name in folders:
        folder = Path(name)
        markers = declared_markers(folder)
        pins = [rewritten(line, markers) for line in exported_pins(folder)]
        text = HEADER.format(folder=folder.name) + "\n".join(pins) + "\n"
        (folder / "requirements.txt").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
