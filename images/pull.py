"""Print what a pull fetches where another image is there already, layer by layer, as a Markdown table.

Usage: python images/pull.py OLD NEW [NEW ...], references in a registry, such as 127.0.0.1:5000/image:tag. SKOPEO names
the client with its flags.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

SKOPEO = shlex.split(os.environ.get("SKOPEO", "skopeo"))


@dataclass(frozen=True)
class Layer:
    """A layer as it lies in the registry: the part of the image, and how large it is, compressed."""

    name: str
    digest: str
    size: int


def fetched_by_digest(old: list[Layer], new: list[Layer]) -> list[Layer]:
    """What an engine fetches that keeps layers by their own digest, as containerd does."""
    there = {layer.digest for layer in old}
    return [layer for layer in new if layer.digest not in there]


def fetched_by_chain(old: list[Layer], new: list[Layer]) -> list[Layer]:
    """What an engine fetches that knows a layer only on top of those below it, as Docker's own store does.

    https://github.com/moby/moby/blob/v27.0.3/distribution/xfer/download.go
    """
    same = 0
    while same < min(len(old), len(new)) and old[same].digest == new[same].digest:
        same += 1
    return new[same:]


ENGINES = {"containerd": fetched_by_digest, "Docker's own store": fetched_by_chain}


def skopeo(*words: str) -> dict[str, Any]:
    """What `skopeo inspect` prints."""
    found: dict[str, Any] = json.loads(
        subprocess.run([*SKOPEO, "inspect", *words], check=True, stdout=subprocess.PIPE).stdout
    )
    return found


def layers_of(reference: str) -> list[Layer]:
    """The layers of an image, from the lowest."""
    manifest = skopeo("--raw", f"docker://{reference}")
    if "manifests" in manifest:  # One for each platform, and what attests to them.
        (digest,) = [m["digest"] for m in manifest["manifests"] if m["platform"]["architecture"] == "amd64"]
        manifest = skopeo("--raw", f"docker://{re.sub(r':[^:/]+$', '', reference)}@{digest}")
    history = skopeo("--config", f"docker://{reference}")["history"]
    steps = [step["created_by"] for step in history if not step.get("empty_layer")]
    return [
        Layer(name_of(step), layer["digest"], layer["size"])
        for step, layer in zip(steps, manifest["layers"], strict=True)
    ]


def name_of(step: str) -> str:
    """The part of the image that a step of the Dockerfile makes."""
    copied = re.match(r"COPY /built/(\w+)", step)
    if copied:
        return copied[1]
    return "runtime" if "predict" in step else "system"


def print_table(old: list[Layer], new: dict[str, list[Layer]]) -> None:
    """A row for each part and a column for each new image, in compressed MB; then what is fetched in all."""
    print(f"| MB, compressed | there | {' | '.join(new)} |")
    print(f"|---|---:|{'---:|' * len(new)}")
    for part in dict.fromkeys(layer.name for layer in old):
        moved = ([layer for layer in fetched_by_digest(old, layers) if layer.name == part] for layers in new.values())
        cells = [megabytes(layers) if layers else "–" for layers in moved]
        print(f"| {part} | {megabytes([layer for layer in old if layer.name == part])} | {' | '.join(cells)} |")
    for engine, fetched in ENGINES.items():
        cells = [megabytes(fetched(old, layers)) for layers in new.values()]
        print(f"| **fetched, {engine}** | {megabytes(old)} | {' | '.join(cells)} |")


def megabytes(layers: list[Layer]) -> str:
    """The sum, with a decimal where it is small."""
    total = sum(layer.size for layer in layers) / 1e6
    return f"{total:,.0f}" if total >= 10 else f"{total:.1f}"


if __name__ == "__main__":
    first, *others = sys.argv[1:]
    print_table(layers_of(first), {each.rpartition(":")[2]: layers_of(each) for each in others})
