"""What a model file is and what its pickle contains, found without loading it; and what a loaded model takes."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.inspection.arity import count_arguments, optional_second_argument
    from numerai_predict.inspection.file_type import COMPRESSED, TAR_SUFFIXES, PickleFacts, look, sha256
    from numerai_predict.inspection.findings import THIS_PYTHON, Difference, Findings, Module
    from numerai_predict.inspection.inspect import inspect_pickle, open_pickle
    from numerai_predict.inspection.installed import is_here, is_namespace, is_package_of_its_own, version_of
    from numerai_predict.inspection.mentions import mentioned
    from numerai_predict.inspection.packages import module_of, platform_version
    from numerai_predict.inspection.preflight import (
        IMAGES,
        before_loading,
        doubts,
        expected,
        named_in_main,
        named_in_nested_pickle,
        other_pythons,
    )
    from numerai_predict.inspection.remedies import for_another_version, for_missing, lacking

__all__ = [
    "COMPRESSED",
    "IMAGES",
    "TAR_SUFFIXES",
    "THIS_PYTHON",
    "Difference",
    "Findings",
    "Module",
    "PickleFacts",
    "before_loading",
    "count_arguments",
    "doubts",
    "expected",
    "for_another_version",
    "for_missing",
    "inspect_pickle",
    "is_here",
    "is_namespace",
    "is_package_of_its_own",
    "lacking",
    "look",
    "mentioned",
    "module_of",
    "named_in_main",
    "named_in_nested_pickle",
    "open_pickle",
    "optional_second_argument",
    "other_pythons",
    "platform_version",
    "sha256",
    "version_of",
]

__getattr__ = on_demand(
    __name__,
    {
        "arity": "count_arguments optional_second_argument",
        "file_type": "COMPRESSED TAR_SUFFIXES PickleFacts look sha256",
        "findings": "THIS_PYTHON Difference Findings Module",
        "inspect": "inspect_pickle open_pickle",
        "installed": "is_here is_namespace is_package_of_its_own version_of",
        "mentions": "mentioned",
        "packages": "module_of platform_version",
        "preflight": ("IMAGES before_loading doubts expected named_in_main named_in_nested_pickle other_pythons"),
        "remedies": "for_another_version for_missing lacking",
    },
)
