"""Whether Kubernetes would take a manifest, without one that runs."""

import importlib.util
import unittest
from typing import Any

needs_validator = unittest.skipUnless(
    importlib.util.find_spec("kubernetes_validate"), "kubernetes-validate is not installed"
)


def check_valid(case: unittest.TestCase, manifest: dict[str, Any], oldest: str) -> None:
    """The manifest is valid in the oldest version that it is for ("1.31") and in the newest that is known."""
    import kubernetes_validate

    for version in (oldest, kubernetes_validate.latest_version()):
        with case.subTest(version):
            kubernetes_validate.validate(manifest, version, strict=True)
