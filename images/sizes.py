"""Print where the bytes of the images are, as a Markdown table. Needs the images, built, and their base images.

Usage: python images/sizes.py 3.11 [3.12 ...]
"""

import json
import os
import subprocess
import sys

DOCKER = os.environ.get("DOCKER", "docker")
LARGEST = 15
# What the original's environment of 3.11 takes (the platform's pins, bytecode compiled), without its base image.
ORIGINAL = {"unpacked": 9_600, "compressed": 4_900}

# Runs in the image: megabytes of each kind of file and of each folder in site-packages.
COUNT = """
import collections, json, sysconfig
from pathlib import Path

packages = Path(sysconfig.get_path("purelib"))
kinds = dict.fromkeys(["shared libraries", "bytecode", "sources", "other files"], 0)
folders = collections.Counter()
counted = set()
for path in packages.rglob("*"):
    if path.is_file() and not path.is_symlink() and path.stat().st_ino not in counted:
        counted.add(path.stat().st_ino)
        kind = {".pyc": "bytecode", ".py": "sources"}.get(path.suffix, "other files")
        kinds["shared libraries" if ".so" in path.name else kind] += path.stat().st_size / 1e6
        folders[path.relative_to(packages).parts[0].removesuffix(".libs")] += path.stat().st_size / 1e6
print(json.dumps([kinds, folders]))
"""


def unpacked(image: str) -> float:
    """Megabytes of an image's layers on disk."""
    command = [DOCKER, "image", "inspect", "--format", "{{.Size}}", image]
    return int(subprocess.run(command, check=True, capture_output=True).stdout) / 1e6


def compressed(image: str) -> float:
    """Megabytes of `docker save IMAGE | gzip -1`."""
    pipeline = f"{DOCKER} save {image} | gzip -1 | wc -c"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", pipeline], check=True, capture_output=True)
    return int(done.stdout) / 1e6


def columns_of(version: str) -> tuple[dict[str, float], dict[str, float]]:
    """Megabytes of one image without its base: totals and kinds of files, and folders of site-packages."""
    image, base = f"numerai_predict_py_{version.replace('.', '_')}:latest", f"python:{version}-slim"
    command = [DOCKER, "run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", COUNT]
    kinds, folders = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    totals = {name: measure(image) - measure(base) for name, measure in MEASURES.items()}
    return {**totals, **kinds}, folders


MEASURES = {"unpacked": unpacked, "compressed": compressed}


def print_table(versions: list[str]) -> None:
    """One column for each version, in MB."""
    columns = [columns_of(version) for version in versions]
    sizes = [{**totals, **folders} for totals, folders in columns]
    largest = {name: max(size.get(name, 0) for size in sizes) for _, folders in columns for name in folders}
    rows = [*columns[0][0], *sorted(largest, key=lambda name: -largest[name])[:LARGEST]]
    print(f"| MB | {' | '.join(versions)} |")
    print(f"|---|{'---:|' * len(versions)}")
    for row in rows:
        print(f"| {row} | {' | '.join(f'{size[row]:,.0f}' if row in size else '–' for size in sizes)} |")
    if "3.11" in versions:
        ours = sizes[versions.index("3.11")]
        parts = (f"{name} {ours[name] / total:.3f}" for name, total in ORIGINAL.items())
        print(f"\nOf the original's environment for 3.11: {', '.join(parts)}.")


if __name__ == "__main__":
    print_table(sys.argv[1:])
