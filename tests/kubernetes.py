"""Whether Kubernetes would take a manifest, without one that runs."""

import importlib.util
import unittest
from pathlib import Path
from typing import Any, ClassVar

import yaml

from numerai_predict.cli import arguments

needs_validator = unittest.skipUnless(
    importlib.util.find_spec("kubernetes_validate"), "kubernetes-validate is not installed"
)


class CronJobCase(unittest.TestCase):
    """Tests of a CronJob with one container, whose manifest is in `file`; valid from Kubernetes 1.31 on."""

    file: ClassVar[Path]

    def setUp(self) -> None:
        super().setUp()
        self.manifest = yaml.safe_load(self.file.read_text())
        self.job = self.manifest["spec"]["jobTemplate"]["spec"]
        self.pod = self.job["template"]["spec"]
        (self.container,) = self.pod["containers"]

    @needs_validator
    def test_manifest_is_what_kubernetes_takes(self) -> None:
        check_valid(self, self.manifest, "1.31")


def check_valid(case: unittest.TestCase, manifest: dict[str, Any], oldest: str) -> None:
    """The manifest is valid in the oldest version that it is for ("1.31") and in the newest that is known."""
    import kubernetes_validate

    for version in (oldest, kubernetes_validate.latest_version()):
        with case.subTest(version):
            kubernetes_validate.validate(manifest, version, strict=True)


def check_no_privilege(case: unittest.TestCase, pod: dict[str, Any]) -> None:
    """The only container is an ordinary user's, on files that cannot be written to, and may not ask Kubernetes."""
    case.assertIs(False, pod["automountServiceAccountToken"])
    context = pod["securityContext"]
    case.assertEqual((True, "RuntimeDefault"), (context["runAsNonRoot"], context["seccompProfile"]["type"]))
    (container,) = pod["containers"]
    case.assertEqual(
        {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        container["securityContext"],
    )


def check_temporary_folder(case: unittest.TestCase, pod: dict[str, Any]) -> None:
    """It is on disk, and larger than what a model may write."""
    (container,) = pod["containers"]
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    (tmp,) = [volume for volume in pod["volumes"] if volume["name"] == mounted["/tmp"]]
    case.assertEqual(["sizeLimit"], [*tmp["emptyDir"]], "files in memory would count as the model's memory")
    case.assertGreater(arguments.size(tmp["emptyDir"]["sizeLimit"] + "B"), 4 << 30)
