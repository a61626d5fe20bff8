"""Warm templates, one for each family of libraries: what models are forked from."""

import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from numerai_predict.inspection import mentioned
from numerai_predict.runner import EXEC_LAUNCHER
from numerai_predict.sandbox import ExecLauncher, ForkLauncher, Launcher, Template, model_environment

# What most models are of; with pandas, NumPy and Arrow it takes a template two seconds to import. Each megabyte that
# imports leave in memory makes a fork slower, so polars and CatBoost's plots are not here: children import them.
BASE = ("lightgbm", "sklearn.ensemble", "sklearn.linear_model", "sklearn.pipeline", "sklearn.preprocessing", "xgboost")
# Those that take seconds have a template of their own, which is made for the first model that mentions one.
FAMILIES = {
    "tensorflow": (*BASE, "tensorflow"),
    "torch": (*BASE, "torch"),
    "base": BASE,
}
MENTIONS = {"tensorflow": "tensorflow", "keras": "tensorflow", "torch": "torch"}
# A family whose template does not come up so often in a row is run without one.
MAX_FAILURES = 3
# Arrow's allocator would have a thread of its own, which a fork does not: https://arrow.apache.org/docs/cpp/env_vars.html
ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}

_NAMED = "The process that %s models are forked from"

_log = logging.getLogger(__name__)


class Templates:
    """The templates of a worker, each started when the first model needs it and again when it has died; all end with
    the block. `data` are the files of the live data, which every template reads once. `parent` is the folder for their
    temporary files (None: the usual one), which are left there if the worker is killed.
    """

    def __init__(self, data: Sequence[Path], cpus: int, parent: Path | None = None) -> None:
        self._data = data
        self._cpus = cpus
        self._parent = parent
        self._templates: dict[str, Template] = {}
        self._failures = dict.fromkeys(FAMILIES, 0)

    def __enter__(self) -> "Templates":
        self._folder = tempfile.TemporaryDirectory(prefix="template-", dir=self._parent, ignore_cleanup_errors=True)
        return self

    def __exit__(self, *error: object) -> None:
        for template in self._templates.values():
            template.close()
        self._folder.cleanup()

    def launcher_for(self, model: Path) -> Launcher:
        """What forks the model from the template of its libraries; where there is none, what executes it."""
        template = self._template(family_of(model))
        return ForkLauncher(template, self._helpers()) if template else self.fresh()

    def fresh(self) -> ExecLauncher:
        """What executes a model anew, as in a run of its own."""
        return ExecLauncher(EXEC_LAUNCHER.argv, self._helpers())

    def _helpers(self) -> Sequence[int]:
        return [template.pid for template in self._templates.values() if template.is_alive]

    def _template(self, family: str) -> Template | None:
        template = self._templates.get(family)
        if template and not template.is_alive:
            _log.warning("%s has ended, and is started again", _NAMED % family)
            self._templates.pop(family).close()
            template = None
        if template is None and self._failures[family] < MAX_FAILURES:
            template = self._start(family)
        return template

    def _start(self, family: str) -> Template | None:
        order = json.dumps({"libraries": FAMILIES[family], "data": [*map(str, self._data)]})
        environment = model_environment(os.environ, self._cpus, Path(self._folder.name), "model")
        try:
            template = Template([*EXEC_LAUNCHER.argv, "template", order], {**environment, **ONE_THREAD})
        except OSError as error:
            self._failures[family] += 1
            _log.warning("%s does not come up: %s", _NAMED % family, error)
            return None
        self._failures[family] = 0
        self._templates[family] = template
        return template


def family_of(model: Path) -> str:
    """The family of libraries that the model belongs to, as far as its file shows at a glance."""
    try:
        found = {MENTIONS[name] for name in mentioned(model, MENTIONS)}
    except OSError:  # The run says why.
        found = set()
    return next(family for family in FAMILIES if family in found or family == "base")
