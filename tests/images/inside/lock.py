"""What the image's lock says that it holds. The host mounts py3.XX at /lock."""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOCK = Path("/lock")
GROUPS = {"main", "torch"} if os.environ["WITH_TORCH"] else {"main"}
# tensorflow-cpu is there in its place.
REPLACED = {"tensorflow"}


@cache
def direct_dependencies() -> frozenset[str]:
    """The distributions that pyproject.toml names for this machine."""
    project = tomllib.loads((LOCK / "pyproject.toml").read_text())
    named = [Requirement(text) for text in project["project"]["dependencies"]]
    found = {package.name for package in named if package.marker is None or package.marker.evaluate()}
    if "torch" in GROUPS:
        found |= set(project["tool"]["poetry"]["group"]["torch"]["dependencies"])
    return frozenset(canonicalize_name(name) for name in found)


def locked_versions() -> dict[str, str]:
    """Every distribution that the lock puts on this machine, with its version."""
    packages = tomllib.loads((LOCK / "poetry.lock").read_text())["package"]
    return {
        canonicalize_name(package["name"]): package["version"]
        for package in packages
        if package["name"] not in REPLACED and any(_holds(package, group) for group in GROUPS & {*package["groups"]})
    }


def _holds(package: dict[str, Any], group: str) -> bool:
    """A package's marker is one for all groups, or one for each."""
    marker = package.get("markers")
    if isinstance(marker, dict):
        marker = marker.get(group)
    return marker is None or Marker(marker).evaluate()
