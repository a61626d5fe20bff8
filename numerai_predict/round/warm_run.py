"""Runs a model from a template; where that may have been what failed, once more as a run of its own."""

import dataclasses
import logging
from pathlib import Path

from numerai_predict.faults import Code
from numerai_predict.report import LaunchPart, RunReport
from numerai_predict.round.templates import Templates
from numerai_predict.runner import RunContext, RunRequest, run_model
from numerai_predict.sandbox import ForkLauncher

# A deadlock in a fork computes nothing: a lock that it waits for was held by a thread of the template, or by one that
# the library expects and a fork does not have.
HUNG_SHARE = 0.1

_log = logging.getLogger(__name__)


def run_warm(request: RunRequest, context: RunContext, templates: Templates) -> RunReport:
    """Run the model in a fork of a template, as run_model does, and execute it anew if it crashed or hung there, as
    libraries may that were not made for forks, or if the template is gone. The report's `runtime.launch` says which.
    """
    launcher = templates.launcher_for(Path(request.model))
    if not isinstance(launcher, ForkLauncher):
        return _executed(request, context, templates, "there is no template of its libraries")
    report = run_model(request, dataclasses.replace(context, launcher=launcher))
    if not (why := _why_again(report, launcher)):
        report.runtime.launch = LaunchPart("fork")
        return report
    _log.warning("The model is run once more, in a process that is executed anew: %s", why)
    return _executed(request, context, templates, why)


def _executed(request: RunRequest, context: RunContext, templates: Templates, why: str) -> RunReport:
    report = run_model(request, dataclasses.replace(context, launcher=templates.fresh()))
    report.runtime.launch = LaunchPart("exec", why)
    return report


def _why_again(report: RunReport, launcher: ForkLauncher) -> str:
    """Why the way in which the run ended may be the fork's and not the model's; empty if it is not."""
    code = report.fault.code if report.fault else ""
    if code == Code.MODEL_CRASHED.label:
        return "in a fork it crashed"
    if code == Code.TIMEOUT.label and report.usage and report.usage.cpu_s < HUNG_SHARE * report.usage.wall_s:
        return "in a fork it hung"
    if code and not launcher.template.is_alive:
        return "the process that it was forked from has ended"
    return ""
