"""Write requirements.txt beside a poetry.lock, for pip install -r and pip install -c, and what all of them pin for the
hints of the runtime.

Usage: python .ci/export_requirements.py py3.11 [py3.12 ...]
Poetry and its export plugin must be on the PATH.
"""

from __future__ import annotations

import json
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

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "numerai_predict/inspection/platform_packages.json"


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


def platform_packages() -> dict[str, dict[str, str]]:
    """Return the pins of every requirements.txt, by Python version; those for Windows only are left out."""
    return {folder.name[2:]: pins_of(folder) for folder in sorted(ROOT.glob("py3.*"))}


def pins_of(folder: Path) -> dict[str, str]:
    """Return the packages of a requirements.txt with their versions."""
    lines = (folder / "requirements.txt").read_text().splitlines()
    pins = [line.partition(" ; ")[0] for line in lines if "==" in line and 'platform_system == "Windows"' not in line]
    return dict(sorted(pin.split("==") for pin in pins))


def main(folders: list[str]) -> None:
    """Write the requirements.txt of each folder, and what all folders pin."""
    for name in folders:
        folder = Path(name)
        markers = declared_markers(folder)
        pins = [rewritten(line, markers) for line in exported_pins(folder)]
        text = HEADER.format(folder=folder.name) + "\n".join(pins) + "\n"
        (folder / "requirements.txt").write_text(text)
    PACKAGES.write_text(json.dumps(platform_packages(), indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
